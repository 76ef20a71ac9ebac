"""Is the repository in the middle of something? Then the daemon waits, and says of what."""

import os
import random
import sys
import time
from collections.abc import Iterator
from functools import cache

import psutil

from cacheferry.core.errors import Held
from cacheferry.core.repository import Repository

# What each operation leaves in the git folder while it is under way; the first one found names it.
_TRACES = (
    ("rebase-apply/applying", "am"),
    ("rebase-merge", "rebase"),
    ("rebase-apply", "rebase"),
    ("MERGE_HEAD", "merge"),
    ("CHERRY_PICK_HEAD", "cherry-pick"),
    ("REVERT_HEAD", "revert"),
    ("BISECT_LOG", "bisect"),
)
# Commands that write the index, or a ref that we write too.
_WRITING = frozenset(
    "add am apply checkout cherry-pick clean commit fetch merge mv pull push rebase reset restore "
    "revert rm stash switch update-index update-ref".split()
)
_OPTIONS_WITH_VALUE = ("-C", "-c", "--git-dir", "--work-tree", "--namespace", "--exec-path")


class InPassing(Held):
    """Held by what is over in a moment: a lock, a command of the user's, another clone's push."""


def refuse(repository: Repository, patience: float = 0.0) -> None:
    """Raises Held where nothing may be written here now, nor within so many seconds."""
    until = time.monotonic() + patience
    while why := reason(repository):
        passes = why in ("index.lock", "commit editor") or why.startswith("git ")
        if not passes:
            raise Held(why)
        if time.monotonic() >= until:
            raise InPassing(why)
        pause()


def refuse_within_operation(repository: Repository) -> None:
    """Raises Held in a merge, rebase, cherry-pick, revert, bisect or am, which may last."""
    if why := operation(repository):
        raise Held(why)


def pause() -> None:
    """A moment, of another length each time."""
    time.sleep(random.uniform(0.005, 0.03))


def reason(repository: Repository) -> str | None:
    """Why nothing may be written here now, in the contract's words; None where it may."""
    if why := operation(repository):
        return why
    if os.path.lexists(repository.git_dir / "index.lock"):
        return "index.lock"
    return running_command(repository)


def operation(repository: Repository) -> str | None:
    """The operation of several steps that the work tree is in the middle of."""
    for trace, name in _TRACES:
        if os.path.lexists(repository.git_dir / trace):
            return name
    if os.path.lexists(repository.git_dir / "sequencer"):
        return _sequence(repository)
    return None


def running_command(repository: Repository) -> str | None:
    """The user's own git command at work in this work tree: `commit editor`, or its name."""
    running = set(_writing_commands(repository))
    if "commit" in running:
        return "commit editor"
    return f"git {min(running)}" if running else None


def _sequence(repository: Repository) -> str:
    try:
        todo = (repository.git_dir / "sequencer" / "todo").read_text("utf-8", "replace")
    except OSError:
        todo = ""
    return "revert" if todo.startswith("revert") else "cherry-pick"


def _writing_commands(repository: Repository) -> Iterator[str]:
    for pid in _git_processes():
        if pid in _ancestors():
            continue  # we run in one of its hooks, so that it waits for us
        try:
            process = psutil.Process(pid)
            command = _subcommand(process.cmdline())
            ours = process.ppid() == os.getpid()
            if command in _WRITING and not ours and _is_in(repository, process.cwd()):
                yield command
        except (psutil.Error, OSError):
            continue  # it has ended meanwhile, or is another user's


def _git_processes() -> Iterator[int]:
    """Everything that is named git; what starts while we look is looked at last, and not missed."""
    seen: set[int] = set()
    while fresh := set(psutil.pids()) - seen:
        yield from (pid for pid in sorted(fresh) if _name(pid) == "git")
        seen |= fresh


def _name(pid: int) -> str:
    # psutil takes ten times as long, and the user's next command may start meanwhile.
    try:
        if sys.platform == "linux":
            with open(f"/proc/{pid}/comm", "rb", buffering=0) as file:
                return file.read().rstrip().decode("ascii", "replace")
        return psutil.Process(pid).name().removesuffix(".exe")
    except (psutil.Error, OSError):
        return ""


@cache
def _ancestors() -> frozenset[int]:
    try:
        return frozenset(parent.pid for parent in psutil.Process().parents())
    except psutil.Error:
        return frozenset()


def _subcommand(arguments: list[str]) -> str:
    rest = iter(arguments[1:])
    for word in rest:
        if word in _OPTIONS_WITH_VALUE:
            next(rest, None)
        elif not word.startswith("-"):
            return word
    return ""


def _is_in(repository: Repository, folder: str) -> bool:
    places = (os.fspath(repository.root), os.fspath(repository.git_dir))
    return any(folder == place or folder.startswith(place + os.sep) for place in places)
