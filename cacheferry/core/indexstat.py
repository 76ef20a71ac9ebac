"""Writes stat fields into a copy of Git's index, in place: nothing else of it changes.

Git takes a file for unchanged where its stat fields are those of its index entry, and otherwise
compares it through the clean filter, whole. Source: git's Documentation/gitformat-index.txt.
"""

import hashlib
import os
import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

_HEADER = struct.Struct(">4sLL")
_STAT = struct.Struct(">10L")
_CHUNK = struct.Struct(">4sL")
_MODE = 24  # where the mode lies within an entry
_EXTENDED, _STAGES = 0x4000, 0x3000
_REGULAR = (0o100644, 0o100755)
# Extensions without which an index cannot be read, of those that leave entries as they are.
_HARMLESS = (b"sdir",)


class NotUnderstood(Exception):
    """An index of a kind that only git itself should write: a split one, or a newer format."""


class Seen(NamedTuple):
    """A file whose bytes are those of the object that the pointer `blob` names.

    `stat` is the lstat it had when that was found out.
    """

    blob: str
    stat: os.stat_result


def with_stats(index: bytes, seen: Mapping[str, Seen], written: int) -> bytes:
    """The index with the stat fields of `seen`, for paths whose entries hold those blobs.

    `written` is the index's own time in whole seconds. A file as young as that may have changed
    within the same second: its fields become zeros, and git compares it by content. Raises
    NotUnderstood.
    """
    if not seen:
        return index
    hash_size = len(next(iter(seen.values())).blob) // 2
    patched = bytearray(index)
    try:
        for path, start in _entries(index, hash_size):
            one = seen.get(path)
            if one and _is_plain(index, start, one.blob):
                mode = index[start + _MODE : start + _MODE + 4]
                patched[start : start + _STAT.size] = _fields(one.stat, written)
                patched[start + _MODE : start + _MODE + 4] = mode
    except (struct.error, IndexError, ValueError):  # it ends too early
        raise NotUnderstood from None
    _sign(patched, hash_size)
    return bytes(patched)


def _entries(index: bytes, hash_size: int) -> Iterator[tuple[str, int]]:
    """Each entry's path and where it begins."""
    signature, version, number = _HEADER.unpack_from(index)
    if signature != b"DIRC" or version not in (2, 3, 4):
        raise NotUnderstood
    position, path = _HEADER.size, b""
    for _ in range(number):
        start, flags_at = position, position + _STAT.size + hash_size
        name = flags_at + (4 if index[flags_at] & _EXTENDED >> 8 else 2)
        if version == 4:
            cut, name = _varint(index, name)
            end = index.index(b"\0", name)
            path = path[: len(path) - cut] + index[name:end]
            position = end + 1
        else:
            end = index.index(b"\0", name)
            path = index[name:end]
            position = start + (end - start + 8) // 8 * 8
        yield os.fsdecode(path), start
    _require_known_extensions(index, position, len(index) - hash_size)


def _varint(index: bytes, position: int) -> tuple[int, int]:
    """Git's variable-width number, and where it ends."""
    byte = index[position]
    value = byte & 127
    while byte & 128:
        position += 1
        byte = index[position]
        value = ((value + 1) << 7) | (byte & 127)
    return value, position + 1


def _require_known_extensions(index: bytes, position: int, end: int) -> None:
    while position < end:
        name, size = _CHUNK.unpack_from(index, position)
        if not name[:1].isupper() and name not in _HARMLESS:
            raise NotUnderstood
        position += _CHUNK.size + size
    if position != end:
        raise NotUnderstood


def _is_plain(index: bytes, start: int, blob: str) -> bool:
    """True for an entry of a regular file that holds `blob` and is in no conflict."""
    blob_at = start + _STAT.size
    flags_at = blob_at + len(blob) // 2
    (mode,) = struct.unpack_from(">L", index, start + _MODE)
    (flags,) = struct.unpack_from(">H", index, flags_at)
    held = index[blob_at:flags_at].hex()
    return mode in _REGULAR and not flags & _STAGES and held == blob


def _fields(stat: os.stat_result, written: int) -> bytes:
    """What git keeps of a file's stat, its mode left out; zeros where that would say too much."""
    size = stat.st_size & 0xFFFFFFFF
    if stat.st_mtime_ns // 10**9 >= written or not size:
        return bytes(_STAT.size)
    times = (*divmod(stat.st_ctime_ns, 10**9), *divmod(stat.st_mtime_ns, 10**9))
    # Git for Windows knows none of these.
    place = (0, 0) if os.name == "nt" else (stat.st_dev, stat.st_ino)
    owner = (0, 0) if os.name == "nt" else (stat.st_uid, stat.st_gid)
    return _STAT.pack(*(number & 0xFFFFFFFF for number in (*times, *place, 0, *owner, size)))


def _sign(index: bytearray, hash_size: int) -> None:
    """Puts the checksum right; zeros stay, which git leaves there under `index.skipHash`."""
    if any(index[-hash_size:]):
        hasher = hashlib.sha256 if hash_size == 32 else hashlib.sha1
        digest = hasher(memoryview(index)[:-hash_size], usedforsecurity=False)
        index[-hash_size:] = digest.digest()
