"""The usual case, decided without importing anything: a folder, plainly named, accepted.

`cacheferry.core.chosen` decides; this answers only where its answer is plain, and is silent
everywhere else (tests/agent/test_usual.py holds the two together). It exists because git-lfs
waits for each agent's start: importing pathlib, typing and subprocess takes three times as long
as starting Python.
"""

import os
import sys

from cacheferry.core.storeline import plain_store_line
from cacheferry.core.trust import accepted_for


class Found:
    """A folder store and the repository's LFS storage, both absolute."""

    def __init__(self, store: str, lfs_storage: str) -> None:
        self.store = store
        self.lfs_storage = lfs_storage


def find(operation: str) -> Found | None:
    """Where objects go, or None: ask `cacheferry.core.chosen`."""
    if sys.platform == "win32":
        return None  # it has no posix_spawn
    try:
        return _find(operation)
    except (OSError, ValueError):
        return None


def work_folder() -> str:
    """A folder of the work tree. git-lfs runs in its root, except where only GIT_DIR is set."""
    git_dir = os.environ.get("GIT_DIR", "")
    if "GIT_WORK_TREE" in os.environ or not os.path.isabs(git_dir):
        return os.getcwd()
    if os.path.basename(git_dir) == ".git":
        return os.path.dirname(git_dir)
    try:
        with open(os.path.join(git_dir, "gitdir"), "rb") as linked_worktree:
            return os.path.dirname(os.fsdecode(linked_worktree.read().strip()))
    except OSError:
        return os.getcwd()


def _find(operation: str) -> Found | None:
    folder = work_folder()
    places = _Git(folder, "rev-parse", "--show-toplevel", "--git-common-dir")
    settings = _Git(folder, "config", "-z", "--get-regexp", r"^(cacheferry\.store|lfs\.storage)$")
    found, configured = places.answer(), settings.answer(1)
    if found is None or configured is None or "lfs.storage" in configured:
        return None
    root, common = found.rstrip("\n").split("\n")
    common = os.path.join(folder, common)
    own = os.environ.get("CACHEFERRY_STORE") or _last_value(configured)
    named = own or _named_by_file(root)
    if not named or not _is_plain(named):
        return None
    store = os.path.realpath(os.path.join(root, named))
    if operation == "upload" and not own and accepted_for(common) != store:
        return None
    return Found(store, os.path.join(os.path.normpath(common), "lfs"))


def _last_value(records: str) -> str:
    return records.rstrip("\0").rpartition("\0")[2].partition("\n")[2]


def _named_by_file(root: str) -> str | None:
    path = os.path.join(root, "cacheferry.yaml")
    if os.path.islink(path):
        return None  # it may lead out of the repository, or to a device that never ends
    with open(path, "rb") as file:
        return plain_store_line(file.read())


def _is_plain(store: str) -> bool:
    return (
        store.isprintable()
        and store == store.strip()
        and store not in ("lfs", "git")
        and "://" not in store
        and not store.startswith(("~", "//"))
    )


class _Git:
    """A running git, so that two can run at once; `subprocess` takes 15 ms to import."""

    _output: int
    _process: int

    def __init__(self, folder: str, *words: str) -> None:
        if sys.platform == "win32":
            raise NotImplementedError
        reading, writing = os.pipe()
        null = os.open(os.devnull, os.O_RDWR)
        self._output = reading
        try:
            self._process = os.posix_spawnp(
                "git",
                ["git", "-C", folder, *words],
                os.environ,
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, null, 0),
                    (os.POSIX_SPAWN_DUP2, writing, 1),
                    (os.POSIX_SPAWN_DUP2, null, 2),
                ],
            )
        finally:
            os.close(writing)
            os.close(null)

    def answer(self, nothing: int = 0) -> str | None:
        """What git printed; None where its status is neither 0 nor the one for `nothing`."""
        with open(self._output, "rb", buffering=0) as output:
            text = output.read()
        status = os.waitstatus_to_exitcode(os.waitpid(self._process, 0)[1])
        return os.fsdecode(text) if status in (0, nothing) else None
