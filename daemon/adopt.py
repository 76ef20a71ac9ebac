"""Moves the user's branch and index on to a commit of ours, beside whatever else is staged."""

from collections.abc import Mapping

from cacheferry.core import atomic, attributes
from cacheferry.core.indexstat import Seen
from cacheferry.core.repository import Repository
from daemon import busy, indexswap, moving
from daemon.busy import InPassing

_TRIES = 80


def adopt(
    repository: Repository,
    ref: str,
    old: str,
    new: str,
    entries: Mapping[str, str | None],
    seen: Mapping[str, Seen],
) -> None:
    """Puts `entries` (path to blob; None removes) into the index and moves `ref` from old to new.

    `seen` are those of them that lie in the work tree, so that git need not look.

    Index first, ref second; a death between them leaves the entries staged, which the next pass
    completes. Raises Held where the repository is busy or `ref` is no longer at `old`.
    """
    why = ""
    for _ in range(_TRIES):
        why = busy.reason(repository) or _try(repository, ref, old, new, entries, seen) or ""
        if not why:
            return
        busy.pause()
    busy.refuse(repository)
    raise InPassing(why)


def note(repository: Repository, seen: Mapping[str, Seen]) -> bool:
    """Makes git know these files as they are; False where its index is in use, and stays.

    Git takes a file for changed where it differs from what was noted at checkout, which is the
    pointer's size.
    """
    if not seen:
        return True
    for _ in range(_TRIES):
        with indexswap.noted(repository, seen) as index:
            if not busy.running_command(repository) and index.swap():
                return True
        busy.pause()
    return False


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


def _try(
    repository: Repository,
    ref: str,
    old: str,
    new: str,
    entries: Mapping[str, str | None],
    seen: Mapping[str, Seen],
) -> str | None:
    """One try; why it could not be.

    A user's `git commit` that has read HEAD fails when HEAD moves then. So: prepare all, look
    whether a command runs, and do both moves at once, faster than a git can start and read HEAD.
    """
    _require_head(repository, ref, old)
    with (
        indexswap.made(repository, entries, seen) as index,
        moving.prepared(repository, ref, old, new) as move,
    ):
        if why := busy.running_command(repository):
            return why
        if not index.swap():
            return "index.lock"
        move()
    return None


def _require_head(repository: Repository, ref: str, commit: str) -> None:
    here = repository.git.ask("rev-parse", "HEAD", "--symbolic-full-name", "HEAD")
    if here != f"{commit}\n{ref}":
        raise InPassing("the branch has moved meanwhile")
