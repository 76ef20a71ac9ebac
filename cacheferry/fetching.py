"""`cacheferry pull`: which caches are wanted, and bringing them into the work tree."""

import io
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from cacheferry import reporting
from cacheferry.core import atomic, entries
from cacheferry.core.blobs import blob_of_file, blob_of_pointer
from cacheferry.core.errors import (
    CacheferryError,
    Held,
    ObjectMissing,
    ReadOnly,
    StoreDenied,
    StoreUnavailable,
)
from cacheferry.core.files import content_of, is_cache_file, is_replaceable, is_symlinked
from cacheferry.core.git import GitFailed
from cacheferry.core.indexstat import Seen
from cacheferry.core.materialise import Failed, InTheWay, Item, Materialiser, UnsafeCache
from cacheferry.core.oid import hash_file
from cacheferry.core.pickles import scan_stream
from cacheferry.core.pointer import Pointer, parse
from cacheferry.core.repository import Repository
from cacheferry.core.store import Progress, no_progress
from cacheferry.core.verdict import GitSide, Verdict, disk_verdicts
from cacheferry.session import Session
from daemon import adopt, branches, busy, forward, memory, ready, remote


class Wanted(NamedTuple):
    """A cache to put into the work tree; its bytes come from `blob` where it is plain Git's."""

    path: str
    pointer: Pointer
    blob: str


class Failure(NamedTuple):
    """A cache that could not be brought, and why."""

    wanted: Wanted
    error: CacheferryError

    @property
    def is_the_store(self) -> bool:
        """True where it is the store that does not answer or refuses, not the object."""
        return isinstance(self.error, StoreUnavailable | StoreDenied)


def move_on(session: Session) -> list[str]:
    """Fetches, and moves HEAD on through commits that hold caches alone; the caches that arrived.

    Where the repository is busy or follows no upstream there is nothing to fetch. Raises
    RemoteUnreachable, and a StoreError where HEAD stays as the store cannot be read.
    """
    try:
        branch = branches.current(session.repository)
        remote.fetch(session.repository, branch)
        branch = branches.current(session.repository)
        if busy.reason(session.repository) or branch.upstream in (None, branch.head):
            return []
        bringer = materialiser(session)
        try:
            moved = forward.through_cache_commits(
                session.repository, session.config, branch, None if session.plain_git else bringer
            )
        finally:
            bringer.close()
        return moved or []
    except Held:
        return []


def settle_conflicts(session: Session, progress: Progress = no_progress) -> list[Failure]:
    """Puts the published versions where a conflict was lost here; the losers' objects are kept."""
    conflicts = memory.conflicts(session.repository)
    if not conflicts:
        return []
    side, wanted, over = session.git_side(), [], set()
    for path, kept in conflicts.items():
        if path in side.upstream and _is_version(session, path, side.upstream[path]):
            over.add(path)  # a plain `git pull` has settled it
            continue
        pointer = side.pointer(side.upstream, path)
        if session.plain_git and path in side.upstream:
            pointer = Pointer("", 0)
        if pointer and session.storage.path(kept["oid"]).exists():
            _keep_newer(session, path, kept["oid"])
            wanted.append(Wanted(path, pointer, side.upstream[path]))
    failures = bring(session, wanted, progress)
    failed = {failure.wanted.path for failure in failures}
    memory.forget_kept(session.repository, over | {one.path for one in wanted} - failed)
    return failures


def _keep_newer(session: Session, path: str, kept: str) -> None:
    """What has been written over the loser of a conflict since is kept like the loser itself."""
    file = session.repository.root / path
    if not is_cache_file(session.repository, path) or content_of(file).pointer:
        return
    if hash_file(file)[0] != kept:
        oid = session.storage.take_in(file).oid
        where = session.storage.path(oid)
        reporting.warn(f"cacheferry: hint: {path}: yours is kept as {oid} in {where}")


def wanted(
    session: Session, side: GitSide, everything: bool, selected: Callable[[str], bool]
) -> tuple[list[Wanted], list[Verdict]]:
    """What is not in the work tree and should be, and the verdicts on what stays away."""
    bring, stay = [], []
    for one in disk_verdicts(session.repository, session.config, side):
        if not selected(one.path) or not _is_absent(session, side, one):
            continue
        target = _target(side, one.path)
        if target and (everything or one.needed):
            bring.append(target)
        else:
            stay.append(one)
    return bring, stay


def materialiser(session: Session) -> Materialiser:
    """A Materialiser on the session's store."""
    return Materialiser(session.repository, session.storage, session.reader, session.config.allow)


def bring(session: Session, items: list[Wanted], progress: Progress = no_progress) -> list[Failure]:
    """Puts each into the work tree; one that fails does not stop the others.

    `progress` is called from several threads.
    """
    failed = (_bring_blobs if session.plain_git else _bring_objects)(session, items, progress)
    return [Failure(one, _foreseen(failed[one.path])) for one in items if one.path in failed]


def keep_status_clean(session: Session) -> None:
    """Keeps `git status` from listing caches that are what the index says, bytes for a pointer.

    What the user has staged otherwise stays.
    """
    if session.plain_git:
        return
    git = session.repository.git
    touched = git.records(*_UNFILTERED, "diff-files", "--name-only", "-z")
    if not touched:
        return
    staged = entries.index(git, session.config)
    same: dict[str, Seen] = {}
    for path in touched:
        entry = staged.get(path)
        if entry and not entry.stage and (found := _seen(session.repository, path, entry.blob)):
            same[path] = found
    _note(session.repository, same)


# Git passes what changed in the same second as the index through the filter, which may be gone.
_UNFILTERED = "-c filter.lfs.process= -c filter.lfs.clean= -c filter.lfs.required=false".split()


def _holds(repository: Repository, path: str, blob: str) -> bool:
    """True where the file's bytes are those of the object that the pointer `blob` names."""
    if not is_cache_file(repository, path):
        return False
    return blob_of_pointer(Pointer(*hash_file(repository.root / path)), len(blob)) == blob


def _seen(repository: Repository, path: str, blob: str) -> Seen | None:
    """The file, where its bytes are those of the object that the pointer `blob` names."""
    with suppress(OSError):
        before = os.lstat(repository.root / path)
        holds = _holds(repository, path, blob)
        if holds and os.lstat(repository.root / path).st_mtime_ns == before.st_mtime_ns:
            return Seen(blob, before)
    return None


def _note(repository: Repository, seen: dict[str, Seen]) -> None:
    # An index that only git can write is compared through the filter, and where git-lfs is gone
    # that fails; the caches are here all the same, and `git status` may call them modified.
    with suppress(GitFailed):
        adopt.note(repository, seen)


def _is_version(session: Session, path: str, blob: str) -> bool:
    """True where the file is the version that a commit holds as `blob`: nothing of the user's."""
    if not session.plain_git:
        return _holds(session.repository, path, blob)
    is_cache = is_cache_file(session.repository, path)
    return is_cache and blob_of_file(session.repository.root / path, len(blob)) == blob


def _bring_objects(session: Session, items: list[Wanted], progress: Progress) -> Failed:
    bringer = materialiser(session)
    try:
        return bringer.materialise(
            [Item(*one, partial(_may_replace, session, one.path)) for one in items], progress
        )
    finally:
        bringer.close()
        _note(session.repository, bringer.landed)


def _bring_blobs(session: Session, items: list[Wanted], progress: Progress) -> Failed:
    failed: Failed = {}
    for one in items:
        try:
            _bring_blob(session, one)
        except (UnsafeCache, InTheWay, ObjectMissing, OSError) as error:
            failed[one.path] = error
        progress(one.pointer.size)
    return failed


def _bring_blob(session: Session, one: Wanted) -> None:
    target = session.repository.root / one.path
    data = session.repository.git.run("cat-file", "blob", one.blob)
    if found := parse(data):
        raise ObjectMissing(
            f"object {found.oid} is in the store that this repository had before `store: git`",
            "go back with `cacheferry init --store URL`, then `cacheferry migrate --to git`",
        )
    scanned = scan_stream(io.BytesIO(data), session.config.allow, name=one.path)
    if scanned.safety == "unsafe":
        raise UnsafeCache("unsafe pickle: " + ", ".join(scanned.refused))
    if not _may_replace(session, one.path):
        raise InTheWay("another file has come to lie there; it stays")
    atomic.make_folder(target.parent)
    atomic.write(target, data)


def _foreseen(error: CacheferryError | OSError) -> CacheferryError:
    if isinstance(error, OSError):
        return ReadOnly((error.strerror or str(error)).lower())
    return error


def _may_replace(session: Session, path: str) -> bool:
    """True where nothing lies at the path that is not to be had again."""
    if not is_replaceable(session.repository, path):
        return False
    file = os.path.join(session.repository.root, path)
    before, content = ready.signature(file), content_of(file).content
    is_no_loss = content in ("pointer", "missing", "conflict") or session.storage.has(
        Pointer(*hash_file(file))
    )
    return is_no_loss and ready.signature(file) == before  # what came while it was hashed stays


def _is_absent(session: Session, side: GitSide, one: Verdict) -> bool:
    if one.content == "pointer":
        return True
    if one.content == "missing":
        # What lies at or behind a symlink is the user's, and no cache.
        return not is_symlinked(session.repository, one.path)
    if one.content == "conflict":
        return one.path in side.staged and not side.staged[one.path].stage
    return False


def _target(side: GitSide, path: str) -> Wanted | None:
    """The version that the index (else HEAD, where the user has staged a removal) holds."""
    entry = side.staged.get(path)
    blob = entry.blob if entry and not entry.stage else side.head.get(path)
    if blob is None:
        return None
    if side.plain_git:
        return Wanted(path, Pointer("", 0), blob)
    pointer = side.pointers.get(blob)
    return Wanted(path, pointer, blob) if pointer else None
