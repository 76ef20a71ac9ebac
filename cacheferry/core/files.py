"""What lies on disk: which tracked files there are, and what one of them holds (contract 5)."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cacheferry.core.config import Config
from cacheferry.core.pointer import MAX_BYTES, Pointer, parse
from cacheferry.core.repository import Repository
from cacheferry.core.types import StrPath

_MARKERS = (b"<<<<<<< ", b"=======\n", b">>>>>>> ")


class Content(NamedTuple):
    """What a file holds: `content` and `safety` as in contract 5; `pointer` where it is one."""

    content: str
    safety: str
    pointer: Pointer | None = None
    refused: tuple[str, ...] = ()


MISSING = Content("missing", "unscanned")


def tracked_files(repository: Repository, config: Config) -> Iterator[str]:
    """Paths of the regular files that a track glob matches, sorted within a folder.

    Symlinks, what lies behind one, and other repositories inside this one are left out.
    """
    for folder in config.folders():
        if not _behind_symlink(repository.root, folder):
            yield from _walk(repository.root, folder, config)


def is_cache_file(repository: Repository, path: str) -> bool:
    """True for a regular file that is no symlink and is not reached through one."""
    try:
        mode = os.lstat(os.path.join(repository.root, path)).st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) and not _behind_symlink(repository.root, os.path.dirname(path))


def is_symlinked(repository: Repository, path: str) -> bool:
    """True where a symlink lies at the path or on the way to it."""
    file = os.path.join(repository.root, path)
    return os.path.islink(file) or _behind_symlink(repository.root, os.path.dirname(path))


def is_replaceable(repository: Repository, path: str) -> bool:
    """True where a cache may be put: nothing or a cache lies there, behind no symlink."""
    if not os.path.lexists(os.path.join(repository.root, path)):
        return not _behind_symlink(repository.root, os.path.dirname(path))
    return is_cache_file(repository, path)


def content_of(file: StrPath, allow: tuple[str, ...] = ()) -> Content:
    """Looks into a file without unpickling it. Raises OSError where it cannot be read."""
    try:
        with open(file, "rb") as stream:
            head = stream.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return MISSING
    if found := parse(head):
        return Content("pointer", "unscanned", found)
    if has_markers(head):
        return Content("conflict", "unscanned")
    from cacheferry.core.pickles import scan

    scanned = scan(file, allow)
    return Content(scanned.content, scanned.safety, None, scanned.refused)


def has_markers(head: bytes) -> bool:
    """True for text that a merge has left its markers in."""
    if head.startswith(b"\x80"):
        return False  # a pickle, which may well hold a text with markers
    return head.startswith(_MARKERS[0]) or all(b"\n" + mark in b"\n" + head for mark in _MARKERS)


def _walk(root: Path, folder: str, config: Config) -> Iterator[str]:
    try:
        with os.scandir(root / folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    for entry in entries:
        path = f"{folder}/{entry.name}" if folder else entry.name
        if entry.is_dir(follow_symlinks=False):
            if entry.name != ".git" and not os.path.lexists(os.path.join(entry.path, ".git")):
                yield from _walk(root, path, config)
        elif entry.is_file(follow_symlinks=False) and config.is_tracked(path):
            yield path


def _behind_symlink(root: Path, folder: str) -> bool:
    place = os.fspath(root)  # as text: this is asked for every cache
    for segment in folder.split("/") if folder else ():
        place = os.path.join(place, segment)
        if os.path.islink(place):
            return True
    return False
