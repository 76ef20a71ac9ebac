"""Has a file stopped changing, and is nobody writing it?"""

import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from cacheferry.core.types import StrPath


class Signature(NamedTuple):
    """What of a file's metadata changes when its bytes do."""

    size: int
    mtime_ns: int
    inode: int
    device: int


def signature(file: StrPath) -> Signature | None:
    """The file's signature now; None where it is not there."""
    try:
        stat = os.stat(file, follow_symlinks=False)
    except OSError:
        return None
    return Signature(stat.st_size, stat.st_mtime_ns, stat.st_ino, stat.st_dev)


class Settler:
    """Remembers since when each file has been at rest; clocks in seconds."""

    def __init__(
        self,
        settle: float,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._settle = settle
        self._monotonic = monotonic
        self._wall = wall
        self._seen: dict[str, tuple[Signature, float]] = {}

    def wait(self, path: str, now: Signature) -> float:
        """Seconds until the file has settled; 0 or less when it has.

        A file is at rest since it was first seen so, or since its mtime where that is past.
        """
        seen = self._seen.get(path)
        if seen is None or seen[0] != now:
            age = self._wall() - now.mtime_ns / 1e9
            since = self._monotonic() - max(0.0, min(age, self._settle + 1))
            self._seen[path] = (now, since)
        return self._settle - (self._monotonic() - self._seen[path][1])

    def keep_only(self, paths: Iterable[str]) -> None:
        """Forgets files that are gone."""
        alive = set(paths)
        self._seen = {path: seen for path, seen in self._seen.items() if path in alive}


def being_written(files: Iterable[Path]) -> set[Path]:
    """Those of the files that a process has open for writing, as far as this system can tell."""
    wanted = set(files)
    if not wanted:
        return set()
    if sys.platform == "win32":
        return {file for file in wanted if _shared_on_windows(file)}
    return _open_on_linux(wanted) if os.path.isdir("/proc/self/fd") else set()


def _open_on_linux(wanted: set[Path]) -> set[Path]:
    keys = {(s.device, s.inode): f for f in wanted if (s := signature(f)) is not None}
    found: set[Path] = set()
    for process in os.listdir("/proc"):
        if process.isdigit() and process != str(os.getpid()):
            found.update(_written_by(process, keys))
    return found


def _written_by(process: str, keys: dict[tuple[int, int], Path]) -> Iterable[Path]:
    try:
        descriptors = os.listdir(f"/proc/{process}/fd")
    except OSError:
        return  # another user's, or gone
    for descriptor in descriptors:
        try:
            stat = os.stat(f"/proc/{process}/fd/{descriptor}")
            file = keys.get((stat.st_dev, stat.st_ino))
            if file is not None and _for_writing(process, descriptor):
                yield file
        except OSError:
            continue


def _for_writing(process: str, descriptor: str) -> bool:
    with open(f"/proc/{process}/fdinfo/{descriptor}", encoding="ascii") as info:
        flags = next(line for line in info if line.startswith("flags:"))
    return int(flags.split()[1], 8) & os.O_ACCMODE != os.O_RDONLY


def _shared_on_windows(file: Path) -> bool:
    """Opening for reading while sharing nothing fails where anybody else holds the file."""
    if sys.platform != "win32":
        return False
    import ctypes

    generic_read, open_existing, invalid = 0x80000000, 3, ctypes.c_void_p(-1).value
    create = ctypes.windll.kernel32.CreateFileW
    create.restype = ctypes.c_void_p
    handle = create(str(file), generic_read, 0, None, open_existing, 0, None)
    if handle == invalid:
        sharing_violation = 32
        return bool(ctypes.windll.kernel32.GetLastError() == sharing_violation)
    ctypes.windll.kernel32.CloseHandle(ctypes.c_void_p(handle))
    return False
