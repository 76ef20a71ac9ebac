"""The usual case, decided without importing anything: a folder, plainly named, accepted.

`cacheferry.core.chosen` decides; this answers only where its answer is plain, and is silent
everywhere else (tests/agent/test_usual.py holds the two together). It exists because git-lfs
waits for each agent's start: importing pathlib, typing and subprocess takes three times as long
as starting Python.
"""

import os
import sys


class Found:
    """A folder store and the repository's LFS storage, both absolute."""

    def __init__(self, store: str, lfs_storage: str) -> None:
        self.store = store
        self.lfs_storage = lfs_storage


_begun: "_Questions | None" = None


def begin() -> None:
    """Starts the git that `find` waits for, while the agent is still being imported."""
    global _begun
    if sys.platform != "win32":
        try:
            _begun = _Questions()
        except (OSError, ValueError):
            _begun = None


def find(operation: str) -> Found | None:
    """Where objects go, or None: ask `cacheferry.core.chosen`."""
    global _begun
    if sys.platform == "win32":
        return None  # it has no posix_spawn
    try:
        asked, _begun = _begun or _Questions(), None
        return _find(operation, asked)
    except (OSError, ValueError):
        return None


def work_folder() -> str:
    """A folder of the work tree. git-lfs runs in its root, except where only GIT_DIR is set."""
    git_dir = os.environ.get("GIT_DIR", "")
    if "GIT_WORK_TREE" in os.environ or not os.path.isabs(git_dir) or _leads_to(git_dir):
        return os.getcwd()
    if os.path.basename(git_dir) == ".git":
        return os.path.dirname(git_dir)
    try:
        with open(os.path.join(git_dir, "gitdir"), "rb") as linked_worktree:
            return os.path.dirname(os.fsdecode(linked_worktree.read().strip()))
    except OSError:
        return os.getcwd()


def _leads_to(git_dir: str) -> bool:
    """True in the root of a work tree whose git folder lies elsewhere, by whatever name."""
    try:
        with open(".git", "rb") as link:
            kind, _, place = os.fsdecode(link.read().strip()).partition(": ")
    except OSError:
        return False
    return kind == "gitdir" and os.path.realpath(place) == os.path.realpath(git_dir)


def _find(operation: str, asked: "_Questions") -> Found | None:
    settings = asked.settings()
    places = asked.places(settings)
    if settings is None or places is None or "lfs.storage" in settings:
        return None
    root, common = places
    own = os.environ.get("CACHEFERRY_STORE") or settings.get("cacheferry.store")
    named = own or _named_by_file(root)
    if not named or not _is_plain(named):
        return None
    store = os.path.realpath(os.path.join(root, named))
    if operation == "upload" and not own and not _is_accepted(store, common):
        return None
    return Found(store, os.path.join(os.path.normpath(common), "lfs"))


def _is_accepted(store: str, common: str) -> bool:
    from cacheferry.core.trust import accepted_for

    return accepted_for(common) == store


class _Questions:
    """What git is asked, as far as it has to be: each process takes as long as all of our own."""

    def __init__(self) -> None:
        self._folder = work_folder()
        self._settings = _Git(self._folder, "config", "-z", "--get-regexp", _KEYS)
        self._plain = _is_plain_clone(self._folder)
        self._places = None if self._plain else self._ask_places()

    def settings(self) -> dict[str, str] | None:
        """The last value of each key; None where git does not answer."""
        told = self._settings.answer(1)
        if told is None:
            return None
        records = (record.partition("\n") for record in told.split("\0") if record)
        return {key: value for key, _, value in records}

    def places(self, settings: dict[str, str] | None) -> tuple[str, str] | None:
        """The work tree's root and the folder that all linked worktrees share."""
        if self._plain and settings and _are_plain(settings):
            return os.path.realpath(self._folder), os.path.join(self._folder, ".git")
        found = (self._places or self._ask_places()).answer()
        if found is None:
            return None
        root, common = found.rstrip("\n").split("\n")
        return root, os.path.join(self._folder, common)

    def _ask_places(self) -> "_Git":
        return _Git(self._folder, "rev-parse", "--show-toplevel", "--git-common-dir")


_KEYS = r"^(cacheferry\.store|lfs\.storage|core\.(bare|worktree|repositoryformatversion))$"


def _are_plain(settings: dict[str, str]) -> bool:
    # A repository that git does not trust, as it is another's, has none of its own settings here.
    its_own = "core.repositoryformatversion" in settings
    return its_own and "core.worktree" not in settings and settings.get("core.bare") == "false"


def _is_plain_clone(folder: str) -> bool:
    """True where `.git` is the git folder itself, and the environment names no other."""
    git = os.path.join(folder, ".git")
    named = os.environ.get("GIT_DIR", git)
    others = ("GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_CONFIG")
    return (
        os.path.isfile(os.path.join(git, "HEAD"))
        and not os.path.islink(git)
        and os.path.normpath(os.path.join(os.getcwd(), named)) == os.path.normpath(git)
        and not any(name in os.environ for name in others)
    )


def _named_by_file(root: str) -> str | None:
    path = os.path.join(root, "cacheferry.yaml")
    if os.path.islink(path):
        return None  # it may lead out of the repository, or to a device that never ends
    from cacheferry.core.storeline import plain_store_line  # while git still works

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
