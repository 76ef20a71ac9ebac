"""Whole files only: every write is a temporary file, fsync, rename, fsync of the folder."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

PREFIX = ".cacheferry-"
"""Temporary files of ours begin with this, so that sweeping finds them and patterns do not."""

_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


@contextmanager
def replacing(path: Path, mode: int | None = None) -> Iterator[BinaryIO]:
    """A stream whose bytes are at `path`, durably, when the block ends well.

    Where the block raises, `path` is as it was and no temporary file is left. `mode` is the
    file's permission; by default a new file's, following the umask. The folder must exist.
    """
    # Not with tempfile: importing it would cost the agent and the hooks 10 ms a start.
    name = path.parent / f"{PREFIX}{os.urandom(8).hex()}"
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
    sync_folder(path.parent)


def write(path: Path, data: bytes, mode: int | None = None) -> None:
    """Puts `data` at `path` as `replacing` does."""
    with replacing(path, mode) as stream:
        stream.write(data)


def sync_folder(folder: Path) -> None:
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


def make_folder(folder: Path) -> None:
    """Creates the folder and its parents where they are missing; each new name is made durable."""
    for parent in create_folder(folder):
        sync_folder(parent)


def create_folder(folder: Path) -> list[Path]:
    """As `make_folder`, but the new names last only once each folder returned has been synced.

    Whoever syncs them after a file in the new folder pays for one write to the disk, not three.
    """
    if folder.is_dir():
        return []
    above = create_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    return [*above, folder.parent]
