"""The state of caches (contract 5): one verdict for each, from disk, configs and Git."""

import os
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from cacheferry.core import entries
from cacheferry.core.blobs import blob_of_file
from cacheferry.core.config import Config
from cacheferry.core.files import MISSING, Content, content_of, is_cache_file, tracked_files
from cacheferry.core.freshness import Freshness, Judge, read_from_disk
from cacheferry.core.oid import hash_file
from cacheferry.core.pointer import Pointer
from cacheferry.core.repository import Repository

_HASHED = ("present", "incomplete", "conflict")


class Verdict(NamedTuple):
    """One cache as contract 5 describes it; `sync` is None where nobody asked Git."""

    path: str
    name: str | None
    size: int | None
    oid: str | None
    freshness: str
    content: str
    safety: str
    sync: str | None
    config_hash: str | None
    expected_hash: str | None
    reason: str | None = None
    refused: tuple[str, ...] = ()
    needed: bool = False

    @property
    def problems(self) -> list[str]:
        """What `cacheferry check` exits 1 for, in the contract's words; empty where all is well."""
        if self.content == "pointer" and not self.needed:
            return []  # it stays away on purpose
        found = [self.freshness] if self.freshness == "stale" else []
        found += [self.safety] if self.safety == "unsafe" else []
        found += ["conflict"] if self.reason == "conflict" != self.content else []
        found += [self.content] if self.content in ("incomplete", "conflict", "missing") else []
        found += ["pointer"] if self.content == "pointer" else []
        return found + (["raw"] if self.sync == "raw" else [])


class GitSide(NamedTuple):
    """What Git holds for tracked paths, and what it says of untracked ones."""

    staged: dict[str, entries.IndexEntry]
    head: dict[str, str]
    upstream: dict[str, str]
    pointers: dict[str, Pointer]
    plain_git: bool = False

    def pointer(self, blobs: Mapping[str, str], path: str) -> Pointer | None:
        """The pointer at a path of one of the trees above."""
        return self.pointers.get(blobs.get(path, ""))

    def staged_pointer(self, path: str) -> Pointer | None:
        """The pointer that the index holds for a path."""
        return self.pointers.get(self.staged[path].blob) if path in self.staged else None


def git_side(
    repository: Repository, config: Config, upstream: str | None, plain_git: bool = False
) -> GitSide:
    """Asks Git once for all tracked paths; `upstream` is the upstream's commit, if there is one."""
    git = repository.git
    index = entries.index(git, config)
    commit = git.ask("rev-parse", "--verify", "-q", "HEAD^{commit}")
    head = entries.tree(git, commit, config) if commit else {}
    theirs = head
    if upstream != commit:
        theirs = entries.tree(git, upstream, config) if upstream else {}
    blobs = {entry.blob for entry in index.values()} | {*head.values(), *theirs.values()}
    return GitSide(index, head, theirs, entries.pointers(git, blobs), plain_git)


def verdicts(
    repository: Repository,
    config: Config,
    side: GitSide,
    reasons: Mapping[str, str] | None = None,
    busy: str | None = None,
) -> list[Verdict]:
    """A verdict for every cache on disk, in the index or in HEAD, sorted by path.

    `reasons` says why a pass held single caches; `busy` why it would hold any of them now.
    """
    paths = _paths(tracked_files(repository, config), side)
    untracked = [p for p in paths if p not in side.staged and p not in side.head]
    ignored = entries.ignored(repository.git, untracked)
    found = []
    for one in disk_verdicts(repository, config, side):
        path = one.path
        if one.content in _HASHED:
            one = _with_oid(repository, one)
        reason = (reasons or {}).get(path) or _own_reason(config, one) or busy
        found.append(_with_sync(repository, side, one, path in ignored, reason))
    return found


def disk_verdicts(repository: Repository, config: Config, side: GitSide) -> list[Verdict]:
    """As `verdicts`, without `sync` and without hashing files: what the hooks have time for."""
    judge = Judge(config, read_from_disk(repository))
    files = set(tracked_files(repository, config))
    return [
        _on_disk(repository, config, judge, side, path, path in files)
        for path in _paths(files, side)
    ]


def verdict_of(repository: Repository, config: Config, path: str) -> Verdict:
    """The verdict of one path on disk; Git is not asked."""
    judge = Judge(config, read_from_disk(repository))
    there = is_cache_file(repository, path)
    one = _on_disk(repository, config, judge, GitSide({}, {}, {}, {}), path, there)
    return _with_oid(repository, one) if one.content in _HASHED else one


def _on_disk(
    repository: Repository, config: Config, judge: Judge, side: GitSide, path: str, there: bool
) -> Verdict:
    file = os.path.join(repository.root, path)
    content = content_of(file, config.allow) if there else MISSING
    if path in side.staged and side.staged[path].stage:
        content = Content("conflict", "unscanned")
    pointer = content.pointer or side.staged_pointer(path) or side.pointer(side.head, path)
    return _verdict(path, content, judge.freshness(path), pointer)


def _paths(files: Iterable[str], side: GitSide) -> list[str]:
    absent = {path for path, entry in side.staged.items() if entry.skipped}
    return sorted({*files, *side.staged, *side.head} - absent)


def _with_oid(repository: Repository, one: Verdict) -> Verdict:
    try:
        oid, size = hash_file(repository.root / one.path)
    except OSError:
        return one
    return one._replace(oid=oid, size=size)


def _verdict(path: str, content: Content, fresh: Freshness, pointer: Pointer | None) -> Verdict:
    return Verdict(
        path=path,
        name=fresh.name,
        size=pointer.size if pointer else None,
        oid=pointer.oid if pointer else None,
        freshness=fresh.freshness,
        content=content.content,
        safety=content.safety,
        sync=None,
        config_hash=fresh.config_hash,
        expected_hash=fresh.expected_hash,
        refused=content.refused,
        needed=fresh.needed,
    )


def _own_reason(config: Config, one: Verdict) -> str | None:
    if one.content in ("incomplete", "conflict"):
        return one.content
    if one.safety == "unsafe":
        return "unsafe"
    return "too large" if (one.size or 0) > config.sync.max_file_size else None


def _with_sync(
    repository: Repository, side: GitSide, one: Verdict, ignored: bool, reason: str | None
) -> Verdict:
    if ignored:
        return one._replace(sync="ignored", reason="ignored")
    if _is_raw(side, one.path):
        return one._replace(sync="raw", reason="a real blob in Git where a pointer should be")
    if _same(repository, side, side.upstream, one):
        return one._replace(sync="published")
    if reason:
        return one._replace(sync="held", reason=reason)
    word = "committed" if _same(repository, side, side.head, one) else "pending"
    return one._replace(sync=word)


def _is_raw(side: GitSide, path: str) -> bool:
    if side.plain_git:
        return False
    entry = side.staged.get(path)
    blob = entry.blob if entry and not entry.stage else side.head.get(path)
    return blob is not None and blob not in side.pointers


def _same(repository: Repository, side: GitSide, tree: Mapping[str, str], one: Verdict) -> bool:
    if one.path not in tree:
        return False
    if not side.plain_git:
        pointer = side.pointer(tree, one.path)
        return pointer is not None and pointer.oid == one.oid
    if one.content == "missing":
        return True
    return tree[one.path] == blob_of_file(repository.root / one.path, len(tree[one.path]))
