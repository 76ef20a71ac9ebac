"""Looks at everything a pass decides from: files on disk, HEAD, upstream, merge base."""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

from cacheferry.core import entries
from cacheferry.core.blobs import blob_of_file, blob_of_pointer
from cacheferry.core.config import Config
from cacheferry.core.files import content_of, is_cache_file, tracked_files
from cacheferry.core.indexstat import Seen
from cacheferry.core.lfsstorage import LfsStorage
from cacheferry.core.oid import hash_file
from cacheferry.core.pointer import Pointer
from cacheferry.core.repository import Repository
from daemon import ready
from daemon.branches import Branch
from daemon.memory import Last
from daemon.plan import Sides
from daemon.ready import Settler, Signature

_WRITER_SECONDS = 1.0
"""How often a file that somebody has open for writing is looked at; closing it is news anyway."""


class Found(NamedTuple):
    """A finished file. `version` is the blob that a commit would hold for it."""

    pointer: Pointer
    version: str
    signature: Signature


class Disk(NamedTuple):
    """Finished files, held ones with their reasons, and unsettled ones with seconds to go."""

    found: dict[str, Found]
    held: dict[str, str]
    unsettled: dict[str, float]


class Looker:
    """Looks at the disk; what it has hashed once and has not changed is not hashed again."""

    def __init__(
        self, repository: Repository, config: Config, storage: LfsStorage, plain_git: bool
    ) -> None:
        self._repository = repository
        self._config = config
        self._storage = storage
        self._plain_git = plain_git
        self._settler = Settler(config.sync.settle)
        self._judged: dict[str, tuple[Signature, Found | str]] = {}

    def look(self, is_known: Callable[[str], bool], digits: int) -> Disk:
        """Every tracked file on disk. `is_known` tells paths that Git has some version of already.

        New files are taken into the LFS storage while they are hashed.
        """
        disk = Disk({}, {}, {})
        paths = list(tracked_files(self._repository, self._config))
        self._settler.keep_only(paths)
        settled = {p: s for p in paths if (s := self._settled(p, disk)) is not None}
        fresh = [self._file(p) for p, s in settled.items() if self._is_new(p, s)]
        writing = ready.being_written(fresh)
        for path, now in settled.items():
            if self._file(path) in writing:
                disk.unsettled[path] = max(self._config.sync.settle, _WRITER_SECONDS)
            else:
                self._judge(path, now, disk, is_known(path), digits)
        return disk

    def forget(self, path: str) -> None:
        """The file changed while it was taken: look at it again."""
        self._judged.pop(path, None)

    def _file(self, path: str) -> Path:
        return self._repository.root / path

    def _settled(self, path: str, disk: Disk) -> Signature | None:
        now = ready.signature(self._file(path))
        if now is None:
            return None
        if (wait := self._settler.wait(path, now)) > 0:
            disk.unsettled[path] = wait
            return None
        return now

    def _is_new(self, path: str, now: Signature) -> bool:
        return path not in self._judged or self._judged[path][0] != now

    def _judge(self, path: str, now: Signature, disk: Disk, known: bool, digits: int) -> None:
        if self._is_new(path, now):
            try:
                judged = self._inspect(path, now, known, digits)
            except OSError as error:
                if error.filename != os.fspath(self._file(path)):
                    raise  # our own storage: full, or not writable
                disk.held[path] = f"cannot be read: {error.strerror}"
                return
            if ready.signature(self._file(path)) != now:
                disk.unsettled[path] = self._config.sync.settle
                return
            self._judged[path] = (now, judged)
        verdict = self._judged[path][1]
        if isinstance(verdict, Found):
            disk.found[path] = verdict
        elif verdict:
            disk.held[path] = verdict

    def _inspect(self, path: str, now: Signature, known: bool, digits: int) -> Found | str:
        """What the file is, or why it is held; '' for a pointer, which is no news."""
        if now.size > self._config.sync.max_file_size:
            return "too large"
        content = content_of(self._file(path), self._config.allow)
        if content.content != "present":
            return "" if content.content == "pointer" else content.content
        if content.safety == "unsafe":
            return "unsafe"
        file = self._file(path)
        if self._plain_git:
            return Found(Pointer(*hash_file(file)), blob_of_file(file, digits), now)
        pointer = Pointer(*hash_file(file)) if known else self._storage.take_in(file)
        return Found(pointer, blob_of_pointer(pointer, digits), now)


def sides(repository: Repository, config: Config, branch: Branch, last: Last) -> Sides:
    """Tracked paths and versions in each place that a plan looks at.

    `last` says nothing where the upstream does not contain it: its push never arrived, or the
    upstream has been rewound since.
    """

    @cache
    def tree(commit: str | None) -> dict[str, str]:
        return entries.tree(repository.git, commit, config) if commit else {}

    arrived = _contains(repository, branch.upstream, last.commit)
    base = merge_base(repository, branch)
    versions = last.versions if arrived else {}
    return Sides(tree(branch.head), tree(branch.upstream), tree(base), versions)


def merge_base(repository: Repository, branch: Branch) -> str | None:
    """The newest common ancestor of HEAD and upstream; None where none is known here."""
    if branch.upstream in (None, branch.head):
        return branch.upstream
    return repository.git.ask("merge-base", branch.head, branch.upstream)


def _contains(repository: Repository, commit: str | None, ancestor: str | None) -> bool:
    if commit is None or ancestor is None or commit == ancestor:
        return commit is not None and commit == ancestor
    return repository.git.ask("merge-base", "--is-ancestor", ancestor, commit) is not None


def not_ours(repository: Repository, paths: Mapping[str, object]) -> dict[str, str]:
    """Paths that git ignores, with that as the reason."""
    return dict.fromkeys(entries.ignored(repository.git, paths), "ignored")


def seen(repository: Repository, batch: Mapping[str, Found]) -> dict[str, Seen]:
    """The files that are still those that were looked at."""
    there = {}
    for path, found in batch.items():
        with suppress(OSError):
            stat = os.lstat(repository.root / path)
            if still_there(repository, path, found):
                there[path] = Seen(found.version, stat)
    return there


def still_there(repository: Repository, path: str, found: Found) -> bool:
    """True while the file is the one that was looked at."""
    return is_cache_file(repository, path) and (
        ready.signature(Path(os.fspath(repository.root), path)) == found.signature
    )
