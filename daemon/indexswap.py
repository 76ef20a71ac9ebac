"""Replaces the user's index by one of ours, holding `index.lock` for two system calls.

The new index is made in a file of its own; `index.lock` is then that very file under a second
name (a hard link), held for the instant between the link and the rename. A lock that a killed
process leaves behind is known as ours by its being that file.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import filelock

from cacheferry.core.git import Git
from cacheferry.core.indexstat import NotUnderstood, Seen, with_stats
from cacheferry.core.repository import Repository
from daemon.commits import NO_HOOKS, index_info


class NewIndex(NamedTuple):
    """An index that waits to take the place of one with the signature `replaces`."""

    file: Path
    place: Path
    lock: Path
    replaces: tuple[int, int, int] | None

    def swap(self) -> bool:
        """Takes the index's place; False where somebody holds it or has changed it meanwhile."""
        taken = swapped = False
        try:
            taken = _take(self.file, self.lock)
            if taken and _signature(self.place) == self.replaces:
                os.replace(self.lock, self.place)
                swapped = True
            return swapped
        finally:  # whatever ends us here, no lock stays
            if not swapped and (taken or _same_file(self.file, self.lock)):
                with suppress(OSError):
                    os.unlink(self.lock)


@contextmanager
def made(
    repository: Repository, entries: Mapping[str, str | None], seen: Mapping[str, Seen]
) -> Iterator[NewIndex]:
    """The user's index with `entries` (path to blob; None removes) put in; one at a time.

    Git looks at entries that are not in `seen` when it is asked next.
    """
    with _copied(repository) as new:
        _put_in(repository, new.file, entries)
        with suppress(NotUnderstood):
            _note(new.file, seen)
        _flush(new.file)
        yield new


@contextmanager
def noted(repository: Repository, seen: Mapping[str, Seen]) -> Iterator[NewIndex]:
    """The user's index with nothing changed but the stat fields of `seen`; one at a time.

    An index that only git can write gets these entries afresh, for git to look at.
    """
    with _copied(repository) as new:
        try:
            _note(new.file, seen)
        except NotUnderstood:
            _put_in(repository, new.file, {path: one.blob for path, one in seen.items()})
        _flush(new.file)
        yield new


def remove_own_leftovers(repository: Repository) -> None:
    """Removes a lock and temporary files of a cacheferry that was killed."""
    made, lock = _new_index(repository), _lock(repository)
    with suppress(filelock.Timeout), _turn(repository, timeout=0):
        with suppress(OSError):
            # Git's own lock is empty as long as git works out what to write.
            if os.path.samefile(made, lock) or made.read_bytes() == lock.read_bytes() != b"":
                os.unlink(lock)
        for left in repository.state_dir.glob("index.*"):
            with suppress(OSError):
                left.unlink()


@contextmanager
def _copied(repository: Repository) -> Iterator[NewIndex]:
    file, index = _new_index(repository), repository.index_file
    with _turn(repository, timeout=30):
        new = NewIndex(file, index, _lock(repository), _signature(index))
        try:
            with suppress(FileNotFoundError):
                # With its time: git takes an entry as young as its index for possibly changed.
                shutil.copy2(index, file)
            yield new
        finally:
            with suppress(OSError):
                file.unlink()


def _put_in(repository: Repository, file: Path, entries: Mapping[str, str | None]) -> None:
    git = Git(repository.root, {"GIT_INDEX_FILE": os.fspath(file)}, [NO_HOOKS])
    left_out = _left_out(repository, git, entries)
    git.run("update-index", "-z", "--index-info", data=index_info(entries))
    if left_out:  # new entries are in the work tree, as git sees it, and these are not
        data = "\0".join(left_out).encode("utf-8", "surrogateescape")
        git.run("update-index", "-z", "--skip-worktree", "--stdin", data=data)


def _left_out(repository: Repository, git: Git, entries: Mapping[str, str | None]) -> list[str]:
    """Those of the entries that stay and that a sparse checkout keeps out of the work tree."""
    places = {path.rpartition("/")[0] or path for path in entries}
    listed = git.records("ls-files", "-t", "-z", "--", *(f":(literal){one}" for one in places))
    skipped = [line[2:] for line in listed if line.startswith("S ")]
    return [
        path
        for path in skipped
        if entries.get(path) and not os.path.lexists(repository.root / path)
    ]


def _note(file: Path, seen: Mapping[str, Seen]) -> None:
    """Writes stat fields; the index keeps its time, which says of other entries what is young."""
    with suppress(FileNotFoundError):
        time = os.stat(file).st_mtime_ns
        file.write_bytes(with_stats(file.read_bytes(), seen, time // 10**9))
        os.utime(file, ns=(time, time))


def _flush(file: Path) -> None:
    with open(file, "rb+") as stream:
        os.fsync(stream.fileno())


@contextmanager
def _turn(repository: Repository, timeout: float) -> Iterator[None]:
    repository.state_dir.mkdir(exist_ok=True)
    lock = filelock.FileLock(repository.state_dir / "swap.lock")
    with lock.acquire(timeout=timeout, poll_interval=0.01):
        yield


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


def _same_file(one: Path, other: Path) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def _signature(index: Path) -> tuple[int, int, int] | None:
    try:
        stat = os.stat(index)
    except FileNotFoundError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _new_index(repository: Repository) -> Path:
    return repository.state_dir / "index.new"


def _lock(repository: Repository) -> Path:
    return repository.git_dir / "index.lock"
