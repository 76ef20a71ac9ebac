"""Moves HEAD on through commits of others that hold nothing but caches.

Nothing that the user could be working on is in such commits; where one holds anything else, or a
cache here differs from what it replaces, HEAD stays and the user's own `git pull` decides.
"""

import os
from contextlib import suppress
from typing import NamedTuple

from cacheferry.core import atomic, attributes, entries
from cacheferry.core.config import Config
from cacheferry.core.errors import StoreError
from cacheferry.core.files import content_of, is_cache_file
from cacheferry.core.freshness import Judge, read_from_disk
from cacheferry.core.materialise import Materialiser, UnsafeCache
from cacheferry.core.oid import hash_file
from cacheferry.core.pointer import Pointer
from cacheferry.core.repository import Repository
from daemon import adopt
from daemon.branches import Branch


class Change(NamedTuple):
    """One cache that the upstream has changed; None where it is not there before or after."""

    path: str
    before: Pointer | None
    after: Pointer | None
    old_blob: str | None
    blob: str | None


def through_cache_commits(
    repository: Repository, config: Config, branch: Branch, bringer: Materialiser
) -> list[str] | None:
    """Fast-forwards to the upstream where it adds caches alone; the paths, or None.

    Files first, index second, ref third, so that a death in between leaves files that equal what
    the upstream has. Needed caches arrive as bytes, others as pointers.
    """
    assert branch.upstream is not None
    if repository.git.ask("merge-base", branch.head, branch.upstream) != branch.head:
        return None
    changes = _changes(repository, config, branch.head, branch.upstream)
    if changes is None:
        return None
    staged = entries.index(repository.git, config)
    if not all(_may_replace(repository, staged, one) for one in changes):
        return None
    judge = Judge(config, read_from_disk(repository))
    for one in changes:
        _bring(repository, judge, bringer, one)
    new = {one.path: one.blob for one in changes}
    adopt.adopt(repository, branch.ref, branch.head, branch.upstream, new)
    return [one.path for one in changes]


def extend_attributes(repository: Repository, lines: list[str]) -> bool:
    """Appends our missing lines to the work tree's `.gitattributes`, beside the user's own edits.

    True where the user has nothing of the file staged, so that the index may follow.
    """
    file = repository.root / attributes.FILE
    staged = repository.git.call("diff", "--cached", "--quiet", "--", attributes.FILE)
    text = file.read_bytes() if file.exists() else b""
    wanted = attributes.extended(text, lines)
    if wanted != text and not file.is_symlink():
        atomic.write(file, wanted)
    return staged.returncode == 0


def _changes(repository: Repository, config: Config, old: str, new: str) -> list[Change] | None:
    """What differs between two commits; None where anything but pointers does."""
    git = repository.git
    fields = git.records("diff-tree", "-r", "-z", "--no-renames", old, new)
    raw = [(fields[i][1:].split(" "), fields[i + 1]) for i in range(0, len(fields), 2)]
    if any(_is_foreign(meta, path, config) for meta, path in raw):
        return None
    blobs = {blob for meta, _ in raw for blob in meta[2:4] if blob.strip("0")}
    known = entries.pointers(git, blobs)
    if blobs - known.keys():
        return None
    return [_change(path, meta[2], meta[3], known) for meta, path in raw]


def _change(path: str, old: str, new: str, known: dict[str, Pointer]) -> Change:
    there = {blob: blob if blob.strip("0") else None for blob in (old, new)}
    return Change(path, known.get(old), known.get(new), there[old], there[new])


def _is_foreign(meta: list[str], path: str, config: Config) -> bool:
    modes = {mode for mode in meta[:2] if mode.strip("0")}
    return not config.is_tracked(path) or not modes <= set(entries.REGULAR)


def _may_replace(
    repository: Repository, index: dict[str, entries.IndexEntry], change: Change
) -> bool:
    """True where the file and its index entry are as the old commit or the new one has them."""
    file = repository.root / change.path
    entry = index.get(change.path)
    staged = entry.blob if entry else None
    if (entry and entry.stage) or staged not in (change.old_blob, change.blob):
        return False
    if not os.path.lexists(file):
        return True
    if not is_cache_file(repository, change.path):
        return False
    content = content_of(file)
    held = content.pointer or Pointer(*hash_file(file))
    return held in (change.before, change.after)


def _bring(repository: Repository, judge: Judge, bringer: Materialiser, change: Change) -> None:
    file = repository.root / change.path
    if change.after is None:
        with suppress(FileNotFoundError):
            file.unlink()
        return
    if file.exists() and content_of(file).pointer is None and hash_file(file) == change.after:
        return
    needed = judge.freshness(change.path).freshness in ("universal", "fresh")
    try:
        if needed:
            return bringer.materialise(change.path, change.after)
    except (StoreError, UnsafeCache):
        pass  # the pointer says what is missing, and `status` and the hooks name it
    bringer.write_pointer(change.path, change.after)
