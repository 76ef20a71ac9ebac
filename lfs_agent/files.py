"""Reads and creates files where anything may lie: FIFOs, devices, folders, symlinks."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager, suppress
from io import FileIO

from cacheferry.core.errors import CacheferryError, ObjectCorrupt
from cacheferry.core.oid import CHUNK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cacheferry.core.types import StrPath

_SMALL = 64 << 10
_BINARY = getattr(os, "O_BINARY", 0)
# A FIFO must not hold the agent until somebody writes to it.
_READ = os.O_RDONLY | _BINARY | getattr(os, "O_NONBLOCK", 0)
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY | getattr(os, "O_NOFOLLOW", 0)


class NotRegular(OSError):
    """The path is a folder, a FIFO or a device."""


def open_regular(path: StrPath) -> FileIO:
    """The file's bytes. Raises OSError, NotRegular for anything but a regular file."""
    try:
        descriptor = os.open(path, _READ)
    except IsADirectoryError as error:
        raise NotRegular(error.errno, "not a regular file") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise NotRegular(0, "not a regular file")
        return FileIO(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def open_source(path: StrPath) -> FileIO:
    """The file to upload. Raises CacheferryError for anything but a readable regular file."""
    try:
        return open_regular(path)
    except (OSError, ValueError) as error:  # ValueError: NUL, or text that no path can hold
        raise unreadable(path, error) from None


def unreadable(path: StrPath, error: Exception) -> CacheferryError:
    """The error for a local file that cannot be read."""
    return CacheferryError(f"cannot read {path}: {_reason(error)}")


@contextmanager
def creating(path: StrPath) -> Iterator[FileIO]:
    """A new file, private to the caller; gone again where the block raises.

    Raises CacheferryError where it cannot be created or written.
    """
    created = False
    try:
        with FileIO(os.open(path, _CREATE, 0o600), "wb") as stream:
            created = True
            yield stream
    except BaseException as error:
        if created:
            with suppress(OSError):
                os.unlink(path)
        if isinstance(error, OSError):
            raise CacheferryError(f"cannot write {path}: {_reason(error)}") from None
        raise


def pieces(stream: FileIO, failed: Callable[[OSError], CacheferryError]) -> Iterator[memoryview]:
    """The rest of a stream, 1 MiB at most at a time; a piece is valid until the one after the next.

    An OSError while reading is raised as what `failed` makes of it.
    """
    # For a small file small ones: to clear 1 MiB takes longer than to read 100 kB.
    length = min(CHUNK, max(_SMALL, os.fstat(stream.fileno()).st_size + 1))
    buffer, other = memoryview(bytearray(length)), memoryview(b"")
    while True:
        try:
            count = stream.readinto(buffer)
        except OSError as error:
            raise failed(error) from None
        if not count:
            return
        yield buffer[:count]
        buffer, other = other or memoryview(bytearray(length)), buffer


def source_pieces(stream: FileIO, source: StrPath) -> Iterator[memoryview]:
    """The pieces of a file to upload, as large as it is now: one that grows has no end.

    Raises ObjectCorrupt where there is more, CacheferryError where it cannot be read.
    """
    rest = os.fstat(stream.fileno()).st_size
    for piece in pieces(stream, lambda error: unreadable(source, error)):
        rest -= len(piece)
        if rest < 0:
            raise ObjectCorrupt(f"{source} grows while it is read; not stored")
        yield piece


def write_all(stream: FileIO, piece: memoryview) -> None:
    """Writes every byte of the piece. Raises OSError."""
    while piece:
        piece = piece[stream.write(piece) :]


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
