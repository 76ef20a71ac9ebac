"""Moves the user's branch and index on to a commit of ours, beside whatever else is staged.

The new index is made in a file of its own; `index.lock` is then that very file under a second
name (a hard link), held for the instant between the link and the rename. A lock that a killed
process leaves behind is known as ours by its being that file.
"""

import os
import random
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from cacheferry.core.errors import Held
from cacheferry.core.git import Git
from cacheferry.core.repository import Repository
from daemon import busy
from daemon.commits import NO_HOOKS, index_info

_TRIES = 40


def adopt(
    repository: Repository, ref: str, old: str, new: str, entries: Mapping[str, str | None]
) -> None:
    """Puts `entries` (path to blob; None removes) into the index and moves `ref` from old to new.

    Index first, ref second: a death between them leaves the entries staged, which the next pass
    completes. Raises Held where the repository is busy or `ref` is no longer at `old`.
    """
    for attempt in range(_TRIES):
        if why := busy.reason(repository):
            _pause(attempt)
        elif _head_is(repository, ref, old) and (
            not entries or _swap_index(repository, index_info(entries))
        ):
            return _move_ref(repository, ref, old, new)
    raise Held(why or "index.lock")


def refresh(repository: Repository, entries: Mapping[str, str | None]) -> bool:
    """Makes git look at these paths anew; False where its index is in use, and stays as it is.

    Git takes a file for changed where the size differs from what it noted at checkout, which is
    the pointer's. Entries put in afresh bear no size, and are compared by content.
    """
    if not entries:
        return True
    for attempt in range(_TRIES):
        if _swap_index(repository, index_info(entries)):
            return True
        _pause(attempt)
    return False


def remove_own_leftovers(repository: Repository) -> None:
    """Removes the lock and the temporary files of cacheferry processes that no longer run."""
    for left in repository.state_dir.glob("index.*-*"):
        pid = left.name.rpartition("-")[2]
        if pid.isdigit() and int(pid) != os.getpid() and psutil.pid_exists(int(pid)):
            continue
        lock = _lock(repository)
        with suppress(OSError):
            if os.path.samefile(left, lock) or left.read_bytes() == lock.read_bytes():
                os.unlink(lock)
        with suppress(OSError):
            left.unlink()


def _swap_index(repository: Repository, changes: bytes) -> bool:
    """One try; False where the user's git was quicker."""
    made, index, lock = _new_index(repository), repository.index_file, _lock(repository)
    before = _signature(index)
    with suppress(FileNotFoundError):
        shutil.copyfile(index, made)
    git = Git(repository.root, {"GIT_INDEX_FILE": os.fspath(made)}, [NO_HOOKS])
    git.run("update-index", "-z", "--index-info", data=changes)
    _sync_file(made)
    if busy.running_command(repository):
        return False
    with _uninterrupted():
        swapped = _take(made, lock) and _replace(lock, index, before)
    with suppress(OSError):
        made.unlink()
    return swapped


def _replace(lock: Path, index: Path, before: tuple[int, int, int] | None) -> bool:
    if _signature(index) != before:
        os.unlink(lock)
        return False
    os.replace(lock, index)
    return True


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """No signal ends us while we hold a lock that the user's git would fail at."""
    if not hasattr(signal, "pthread_sigmask"):
        yield  # Windows: a terminated process leaves the lock to the next pass
        return
    ending = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ending)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _move_ref(repository: Repository, ref: str, old: str, new: str) -> None:
    git = Git(repository.root, config=[NO_HOOKS])
    done = git.call("update-ref", "-m", "cacheferry: publish caches", ref, new, old)
    if done.returncode != 0:
        raise Held("the branch has moved meanwhile")


def _head_is(repository: Repository, ref: str, commit: str) -> bool:
    here = repository.git.ask("rev-parse", "HEAD", "--symbolic-full-name", "HEAD")
    if here != f"{commit}\n{ref}":
        raise Held("the branch has moved meanwhile")
    return True


def _take(made: Path, lock: Path) -> bool:
    """Makes `made` the lock in one step that fails where somebody holds it."""
    try:
        os.link(made, lock)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        return _take_by_copy(made, lock)
    return True


def _take_by_copy(made: Path, lock: Path) -> bool:
    try:
        with open(lock, "xb") as target, open(made, "rb") as source:
            shutil.copyfileobj(source, target)
            target.flush()
            os.fsync(target.fileno())
    except FileExistsError:
        return False
    return True


def _signature(index: Path) -> tuple[int, int, int] | None:
    try:
        stat = os.stat(index)
    except FileNotFoundError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _sync_file(path: Path) -> None:
    with open(path, "rb+") as stream:
        os.fsync(stream.fileno())


def _new_index(repository: Repository) -> Path:
    return repository.state_dir / f"index.new-{os.getpid()}"


def _lock(repository: Repository) -> Path:
    return repository.git_dir / "index.lock"


def _pause(attempt: int) -> None:
    time.sleep(random.uniform(0.005, 0.02) * min(attempt + 1, 5))
