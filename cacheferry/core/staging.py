"""A folder for files on their way to their places: swept when its process has been killed."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cacheferry.core import atomic

_PREFIX = f"{atomic.PREFIX}arriving-"


@contextmanager
def staging(parent: Path) -> Iterator[str]:
    """A fresh folder below `parent`, gone with all that is in it when the block ends.

    Those of processes that no longer run are removed first.
    """
    import filelock

    atomic.make_folder(parent)
    _sweep(parent)
    folder = parent / f"{_PREFIX}{os.urandom(6).hex()}"
    # Locked before it is there, so that whoever finds it finds it locked.
    with filelock.FileLock(_lock(folder)):
        folder.mkdir()
        try:
            yield os.fspath(folder)
        finally:
            _remove(folder)


def _sweep(parent: Path) -> None:
    import filelock

    for folder in parent.glob(f"{_PREFIX}*"):
        if folder.is_dir():
            with suppress(filelock.Timeout, OSError), filelock.FileLock(_lock(folder), timeout=0):
                _remove(folder)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        _lock(folder).unlink()


def _lock(folder: Path) -> Path:
    return folder.with_name(folder.name + ".lock")
