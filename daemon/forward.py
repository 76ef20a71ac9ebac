"""Moves HEAD on through commits that hold nothing but caches: others' ones, or our own.

Nothing that the user could be working on is in such commits; where one holds anything else, or a
cache here differs from what it replaces, HEAD stays and the user's own `git pull` decides.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from cacheferry.core import atomic, attributes, entries
from cacheferry.core.blobs import blob_of_file, blob_of_pointer
from cacheferry.core.config import Config
from cacheferry.core.errors import CacheferryError, ObjectCorrupt, ObjectMissing
from cacheferry.core.files import content_of, is_replaceable
from cacheferry.core.freshness import Judge, read_from_disk
from cacheferry.core.git import Git
from cacheferry.core.indexstat import Seen
from cacheferry.core.materialise import InTheWay, Item, Materialiser, UnsafeCache
from cacheferry.core.oid import hash_file
from cacheferry.core.pointer import Pointer
from cacheferry.core.repository import Repository
from daemon import adopt, memory, ready, survey
from daemon.branches import Branch
from daemon.commits import Commit

Merge = Callable[[Mapping[str, str | None]], Commit]
"""Makes the commit that joins HEAD and upstream, from the paths and blobs that HEAD lacks."""


class Change(NamedTuple):
    """One path that the upstream has changed; a blob is None where there is nothing.

    `pointer` is what is there now; None where it is plain Git's, or gone.
    """

    path: str
    old: str | None
    new: str | None
    pointer: Pointer | None


def through_cache_commits(
    repository: Repository,
    config: Config,
    branch: Branch,
    bringer: Materialiser | None,
    merge: Merge | None = None,
) -> list[str] | None:
    """Takes up what the upstream has where that is caches alone; the paths, or None.

    Files first, index second, ref third, so that a death in between leaves files that equal what
    the upstream has. Needed caches arrive as bytes, others as pointers. `bringer` is None where
    caches are ordinary blobs. A HEAD that has commits of its own stays, unless `merge` is given.
    Raises a StoreError where the store cannot be read now; HEAD then stays, as do the caches.
    """
    assert branch.upstream is not None
    base = survey.merge_base(repository, branch)
    if base in (None, branch.upstream) or (base != branch.head and merge is None):
        return None
    lines = [attributes.line(glob, bringer is None) for glob in config.track]
    changes = _changes(repository, config, (base, branch.upstream), lines, bringer is None)
    if changes is None or not _may_all_be_replaced(repository, config, branch, changes):
        return None
    caches = [one for one in changes if one.path != attributes.FILE]
    try:
        _bring_all(
            repository, config, bringer, _wanted(repository, config, caches), len(branch.head)
        )
    except (UnsafeCache, InTheWay):
        return None
    blobs = {one.path: one.new for one in caches}
    ours = next((one.new for one in changes if one.path == attributes.FILE), None)
    commit = Commit(branch.upstream, ours)
    if base != branch.head and merge:
        commit = merge(blobs)
    move_head(repository, branch, commit, blobs, lines, bringer.landed if bringer else {})
    return list(blobs)


def move_head(
    repository: Repository,
    branch: Branch,
    commit: Commit,
    blobs: Mapping[str, str | None],
    lines: list[str],
    seen: Mapping[str, Seen],
) -> None:
    """Puts the user's branch and index on a commit that differs from HEAD by `blobs`.

    Its `.gitattributes`, where new, is HEAD's with our `lines`. Raises Held.
    """
    changed = dict(blobs)
    if commit.attributes and adopt.extend_attributes(repository, lines):
        changed[attributes.FILE] = commit.attributes
    adopt.adopt(repository, branch.ref, branch.head, commit.id, changed, seen)


def _changes(
    repository: Repository,
    config: Config,
    between: tuple[str, str],
    lines: list[str],
    plain_git: bool,
) -> list[Change] | None:
    """What differs between two commits; None where anything but caches and our lines does."""
    git = repository.git
    fields = git.records("diff-tree", "-r", "-z", "--no-renames", *between)
    found = []
    for meta, path in zip(fields[::2], fields[1::2], strict=True):
        modes, (old, new) = meta[1:].split(" ")[:2], map(_there, meta.split(" ")[2:4])
        is_cache = config.is_tracked(path) and {m for m in modes if m.strip("0")} <= _REGULAR
        if not is_cache and not (path == attributes.FILE and _adds_only(git, old, new, lines)):
            return None
        found.append(Change(path, old, new, None))
    if plain_git:
        return found
    blobs = {blob for one in found if one.path != attributes.FILE for blob in one[1:3] if blob}
    known = entries.pointers(git, blobs)
    if blobs - known.keys():
        return None
    return [one._replace(pointer=known.get(one.new or "")) for one in found]


_REGULAR = set(entries.REGULAR)


def _there(blob: str) -> str | None:
    return blob if blob.strip("0") else None


def _adds_only(git: Git, old: str | None, new: str | None, lines: list[str]) -> bool:
    before = git.run("cat-file", "blob", old) if old else b""
    wanted = attributes.extended(before, lines)
    return new is not None and git.run("cat-file", "blob", new) == wanted


def _may_all_be_replaced(
    repository: Repository, config: Config, branch: Branch, changes: list[Change]
) -> bool:
    """True where each cache here is as before the change or after it: on disk, staged, in HEAD."""
    staged = entries.index(repository.git, config)
    head = entries.tree(repository.git, branch.head, config)
    digits = len(branch.head)
    lost = memory.kept_aside(repository)
    for one in changes:
        if one.path == attributes.FILE:
            continue
        if one.path in lost:
            return False  # it stays in sight until the user's pull replaces it
        entry = staged.get(one.path)
        here = {head.get(one.path), entry.blob if entry else None}
        if (entry and entry.stage) or not here <= {one.old, one.new}:
            return False
        if not _may_replace_file(repository, one, digits):
            return False
    return True


def _may_replace_file(repository: Repository, change: Change, digits: int) -> bool:
    file = repository.root / change.path
    if not is_replaceable(repository, change.path):
        return False
    before, versions = ready.signature(file), (change.old, change.new)
    if before is None:
        return True
    known = (
        blob_of_file(file, digits) in versions  # a pointer, or plain Git's
        or blob_of_pointer(Pointer(*hash_file(file)), digits) in versions
    )
    return known and ready.signature(file) == before  # what came while it was hashed stays


def _wanted(repository: Repository, config: Config, changes: list[Change]) -> list[Change]:
    """Those that a sparse checkout does not leave out of the work tree."""
    staged = entries.index(repository.git, config)
    left_out = {path for path, entry in staged.items() if entry.skipped}
    return [
        one
        for one in changes
        if one.path not in left_out or os.path.lexists(repository.root / one.path)
    ]


def _bring_all(
    repository: Repository,
    config: Config,
    bringer: Materialiser | None,
    changes: list[Change],
    digits: int,
) -> None:
    judge = Judge(config, read_from_disk(repository))
    absent: list[Item] = []
    for one in changes:
        if not _may_replace_file(repository, one, digits):
            raise InTheWay(f"{one.path} has been written meanwhile")
        if one.new is None:
            with suppress(FileNotFoundError):
                (repository.root / one.path).unlink()
        elif bringer is None:
            _bring_blob(repository, config, one.path, one.new)
        elif one.pointer and not _holds(repository, one.path, one.pointer):
            free = partial(_may_replace_file, repository, one, digits)
            absent.append(Item(one.path, one.pointer, one.new, free))
    if bringer:
        _bring_objects(judge, bringer, absent)


def _holds(repository: Repository, path: str, pointer: Pointer) -> bool:
    file = repository.root / path
    return file.exists() and content_of(file).pointer is None and hash_file(file) == pointer


def _bring_blob(repository: Repository, config: Config, path: str, blob: str) -> None:
    """Plain Git's bytes, by way of a file of ours. Raises UnsafeCache."""
    file, incoming = repository.root / path, repository.state_dir / "incoming"
    if file.exists() and blob_of_file(file, len(blob)) == blob:
        return
    incoming.parent.mkdir(exist_ok=True)
    incoming.write_bytes(repository.git.run("cat-file", "blob", blob))
    try:
        if content_of(incoming, config.allow).safety == "unsafe":
            raise UnsafeCache(f"{path} is an unsafe pickle")
        atomic.make_folder(file.parent)
        atomic.write(file, incoming.read_bytes())
    finally:
        incoming.unlink()


def _bring_objects(judge: Judge, bringer: Materialiser, absent: list[Item]) -> None:
    needed = {item.path: item for item in absent if judge.freshness(item.path).needed}
    # All of them first: nothing in the work tree changes while the store is away. Nobody would
    # come back for a pointer that has taken the place of a usable cache.
    _raise_more_than_amiss(bringer.fetch(item.pointer for item in needed.values()))
    failed = bringer.materialise(needed.values())
    _raise_more_than_amiss(failed)
    for item in absent:
        if item.path in needed.keys() - failed.keys():
            continue
        # The pointer says what is missing, and `status` and the hooks name it.
        if not item.may_replace():
            raise InTheWay(f"{item.path} has been written meanwhile")
        bringer.write_pointer(item.path, item.pointer)


def _raise_more_than_amiss(failed: Mapping[str, CacheferryError | OSError]) -> None:
    """Raises the first that says more than that a single object is missing, damaged or unsafe."""
    for error in failed.values():
        if not isinstance(error, ObjectMissing | ObjectCorrupt | UnsafeCache):
            raise error
