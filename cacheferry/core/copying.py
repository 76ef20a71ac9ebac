"""Copies of whole files, as quickly as the system can make them."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

from cacheferry.core import atomic
from cacheferry.core.together import beside
from cacheferry.core.types import StrPath

_LARGE = 64 << 20


@contextmanager
def on_its_way_to_disk(file: StrPath | None, size: int) -> Iterator[None]:
    """Has the system write a large file while the block runs: less to wait for afterwards."""
    if file is None or size < _LARGE:
        yield
        return
    with beside(partial(_sync_if_it_can, file)):
        yield


def _sync_if_it_can(file: StrPath) -> None:
    with suppress(OSError), open(file, "rb+") as stream:  # whoever syncs it next is told why not
        os.fsync(stream.fileno())


def copy_file(source: StrPath, target: StrPath) -> None:
    """A new file like `source`, its mode left out: within the kernel, by sharing, where it can."""
    try:
        with open(source, "rb", buffering=0) as from_, open(target, "xb", buffering=0) as to:
            while os.copy_file_range(from_.fileno(), to.fileno(), 1 << 30):
                pass
    except (AttributeError, OSError):
        shutil.copyfile(source, target)


def put_across(copy: StrPath, target: StrPath) -> None:
    """Puts a copy at a target on another file system, whole or not at all."""
    with open(copy, "rb") as source, atomic.replacing(target, mode_of(copy)) as stream:
        shutil.copyfileobj(source, stream, 1 << 20)


def mode_of(target: StrPath) -> int | None:
    """The permissions of what lies there; None where there is nothing."""
    try:
        return os.stat(target).st_mode & 0o777
    except OSError:
        return None
