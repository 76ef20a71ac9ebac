"""Whole files only: every write is a temporary file, fsync, rename, fsync of the folder."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import contextmanager, suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from typing import BinaryIO

    from cacheferry.core.types import StrPath

PREFIX = ".cacheferry-"
"""Temporary files of ours begin with this, so that sweeping finds them and patterns do not."""

_MANY = 16

_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


@contextmanager
def replacing(path: StrPath, mode: int | None = None) -> Iterator[BinaryIO]:
    """A stream whose bytes are at `path`, durably, when the block ends well.

    Where the block raises, `path` is as it was and no temporary file is left. `mode` is the
    file's permission; by default a new file's, following the umask. The folder must exist.
    """
    # Not with tempfile: importing it would cost the agent and the hooks 10 ms a start.
    folder = os.path.dirname(os.path.abspath(path))
    name = os.path.join(folder, f"{PREFIX}{os.urandom(8).hex()}")
    descriptor = os.open(name, _NEW, 0o666 if mode is None else 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        if mode is not None:
            os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
    sync_folder(folder)


def write(path: StrPath, data: bytes, mode: int | None = None) -> None:
    """Puts `data` at `path` as `replacing` does."""
    with replacing(path, mode) as stream:
        stream.write(data)


def sync_folder(folder: StrPath) -> None:
    """Makes a rename in the folder durable; Windows has no counterpart and needs none."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems have no such call, and nothing better to offer.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def sync_files(around: StrPath, files: Collection[StrPath]) -> None:
    """Makes the bytes of files on the file system of the folder `around` durable."""
    if not _sync_at_once(around, len(files)):
        for file in files:
            with open(file, "rb+") as stream:
                os.fsync(stream.fileno())


def sync_folders(around: StrPath, folders: Collection[StrPath]) -> None:
    """Makes renames in folders on the file system of the folder `around` durable."""
    if not _sync_at_once(around, len(folders)):
        for folder in folders:
            sync_folder(folder)


def _sync_at_once(folder: StrPath, number: int) -> bool:
    """Makes the folder's whole file system durable; False where that does not pay or cannot be.

    For many files it takes a fifth of the time of an fsync for each; for few, it would only wait
    for what others have written.
    """
    if sys.platform != "linux" or number < _MANY:
        return False
    import ctypes

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        return bool(ctypes.CDLL(None).syncfs(descriptor) == 0)
    except AttributeError:
        return False
    finally:
        os.close(descriptor)


def make_folder(folder: StrPath) -> None:
    """Creates the folder and its parents where they are missing; each new name is made durable."""
    for parent in create_folder(folder):
        sync_folder(parent)


def create_folder(folder: StrPath) -> list[str]:
    """As `make_folder`, but the new names last only once each folder returned has been synced.

    Whoever syncs them after a file in the new folder pays for one write to the disk, not three.
    """
    if os.path.isdir(folder):
        return []
    parent = os.path.dirname(os.path.abspath(folder))
    above = create_folder(parent)
    try:
        os.mkdir(folder)
    except FileExistsError:
        if not os.path.isdir(folder):
            raise
    return [*above, parent]
