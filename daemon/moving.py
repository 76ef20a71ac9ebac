"""Moves a branch in two steps: what takes time first, then the move itself in an instant."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cacheferry.core.errors import Held
from cacheferry.core.git import Git
from cacheferry.core.repository import Repository
from daemon.busy import InPassing
from daemon.commits import NO_HOOKS

# The user's git waits 0.1 s for a locked ref, and flushing a disk's cache can take as long; the
# rename's own place in the journal flushes it before it counts.
_SOON_ON_DISK = "core.fsyncMethod=writeout-only"


@contextmanager
def prepared(repository: Repository, ref: str, old: str, new: str) -> Iterator[Callable[[], None]]:
    """A git that has locked `ref` and waits; calling what comes back moves it from old to new.

    Where it is not called, or we die, `ref` stays. A user's git waits for such a lock by itself.
    Raises InPassing where `ref` is not at `old`, or its lock is held.
    """
    git = Git(repository.root, config=[NO_HOOKS, _SOON_ON_DISK])
    with git.start("update-ref", "-m", "cacheferry: publish caches", "--stdin") as process:
        try:
            told = _tell(process, f"start\nupdate {ref} {new} {old}\nprepare\n", 2)
            if told != b"prepare: ok\n":
                raise InPassing(_why(process, ref))
            yield lambda: _commit(process)
        finally:
            if process.stdin and not process.stdin.closed:
                process.stdin.close()


def _commit(process: subprocess.Popen[bytes]) -> None:
    if _tell(process, "commit\n", 1) != b"commit: ok\n":
        raise Held("the branch could not be moved")


def _tell(process: subprocess.Popen[bytes], words: str, answers: int) -> bytes:
    """The last of so many lines that git answers; b"" where it has ended instead."""
    assert process.stdin and process.stdout
    process.stdin.write(words.encode("utf-8", "surrogateescape"))
    process.stdin.flush()
    return [process.stdout.readline() for _ in range(answers)][-1]


def _why(process: subprocess.Popen[bytes], ref: str) -> str:
    assert process.stderr
    words = process.stderr.read().decode("utf-8", "replace")
    return "the branch has moved meanwhile" if "but expected" in words else f"{ref}.lock"
