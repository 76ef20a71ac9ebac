"""Removes temporary files that a killed process of ours has left behind."""

from __future__ import annotations

import os
import time
from contextlib import suppress

from cacheferry.core.atomic import PREFIX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cacheferry.core.types import StrPath

STALE = 24 * 3600.0
"""Seconds without a write after which nobody is writing the file any more."""

BUDGET = 0.05
"""Seconds that a sweep of a whole store may take; the next process sweeps on elsewhere."""


def sweep_folder(folder: StrPath) -> None:
    """Removes stale temporary files of ours from one folder; what cannot be removed stays."""
    before = time.time() - STALE
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX):
                _remove_if_older(entry, before)


def sweep_store(folder: StrPath, clock: Callable[[], float] = time.monotonic) -> None:
    """Sweeps the folders that hold objects, from a random one on, for BUDGET seconds."""
    end = clock() + BUDGET
    for first in from_anywhere(subfolders(folder)):
        for second in from_anywhere(subfolders(first)):
            if clock() > end:
                return
            sweep_folder(second)


def _remove_if_older(entry: os.DirEntry[str], before: float) -> None:
    with suppress(OSError):
        if entry.is_file(follow_symlinks=False) and entry.stat().st_mtime < before:
            os.unlink(entry.path)


def subfolders(folder: StrPath) -> list[str]:
    """The folders of a store's layout below one; a folder that cannot be read has none."""
    with suppress(OSError), os.scandir(folder) as entries:
        return [e.path for e in entries if len(e.name) == 2 and e.is_dir(follow_symlinks=False)]
    return []


def from_anywhere(folders: list[str]) -> list[str]:
    start = int.from_bytes(os.urandom(4), "big") % len(folders) if folders else 0
    return folders[start:] + folders[:start]
