"""Is the repository in the middle of something? Then the daemon waits, and says of what."""

import os
from collections.abc import Iterator
from functools import cache

import psutil

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
_WRITING = frozenset(
    "add am apply checkout cherry-pick clean commit merge mv pull rebase reset restore revert rm "
    "stash switch update-index update-ref".split()
)
_OPTIONS_WITH_VALUE = ("-C", "-c", "--git-dir", "--work-tree", "--namespace", "--exec-path")


def reason(repository: Repository) -> str | None:
    """Why nothing may be written here now, in the contract's words; None where it may."""
    for trace, name in _TRACES:
        if os.path.lexists(repository.git_dir / trace):
            return name
    if os.path.lexists(repository.git_dir / "sequencer"):
        return _sequence(repository)
    if os.path.lexists(repository.git_dir / "index.lock"):
        return "index.lock"
    return running_command(repository)


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
    for process in psutil.process_iter(["name"]):
        if (process.info["name"] or "").removesuffix(".exe") != "git":
            continue
        if process.pid in _ancestors():
            continue  # we run in one of its hooks, so that it waits for us
        try:
            command = _subcommand(process.cmdline())
            if command in _WRITING and _is_in(repository, process.cwd()):
                yield command
        except (psutil.Error, OSError):
            continue  # it has ended meanwhile, or is another user's


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
