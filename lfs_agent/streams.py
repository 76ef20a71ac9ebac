"""Bytes on their way between a file and a store, hashed as they pass."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

from cacheferry.core.errors import ObjectCorrupt
from cacheferry.core.store import Progress, damaged
from cacheferry.core.together import beside
from lfs_agent.files import creating, open_source, source_pieces, write_all

_LARGE = 1 << 20
"""Bytes from which hashing and writing at the same time pay for the thread."""


def verified_pieces(oid: str, source: Path, progress: Progress) -> Iterator[bytes]:
    """The file's bytes, 1 MiB at most at a time; the last ones only if all of them hash to oid.

    So a receiver that was told the size never has the whole of a wrong object. Raises
    ObjectCorrupt instead of giving the last piece, CacheferryError where the file is unreadable.
    """
    digest = hashlib.sha256()
    with open_source(source) as stream:
        held = b""
        for piece in source_pieces(stream, source):
            digest.update(piece)
            if held:
                yield held
                progress(len(held))
            held = bytes(piece)
    if digest.hexdigest() != oid:
        raise ObjectCorrupt(f"{source} does not hash to its oid {oid}; not stored")
    if held:
        yield held
        progress(len(held))


def size_of(source: Path) -> int:
    """The size in bytes of a file to upload. Raises CacheferryError for anything but a file."""
    with open_source(source) as stream:
        return os.fstat(stream.fileno()).st_size


def receive(
    oid: str, store: str, target: Path, data: Iterable[bytes | memoryview], progress: Progress
) -> None:
    """Writes what a store sends to a new file; `store` is its address, for messages.

    Raises ObjectCorrupt where the bytes do not hash to oid, and whatever `data` raises; nothing
    is left at target then.
    """
    digest = hashlib.sha256()
    with creating(target) as copy:
        for piece in data:
            if len(piece) < _LARGE:
                digest.update(piece)
                write_all(copy, memoryview(piece))
            else:
                with beside(partial(digest.update, piece)):
                    write_all(copy, memoryview(piece))
            progress(len(piece))
        if digest.hexdigest() != oid:
            raise damaged(oid, store)


def is_whole(oid: str, data: Iterator[bytes], progress: Progress) -> bool:
    """True where what a store sends hashes to oid; `data` is closed."""
    digest = hashlib.sha256()
    with closing(data):  # type: ignore[type-var]
        for piece in data:
            digest.update(piece)
            progress(len(piece))
    return digest.hexdigest() == oid
