"""Bytes on their way between a file and a store, hashed as they pass."""

from __future__ import annotations

import hashlib
import os
from contextlib import closing

from cacheferry.core.errors import ObjectCorrupt
from cacheferry.core.oid import CHUNK
from cacheferry.core.storebasics import damaged
from lfs_agent.files import creating, open_source, source_pieces, write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from concurrent.futures import Future, ThreadPoolExecutor

    from cacheferry.core.store import Progress
    from cacheferry.core.types import StrPath


class Digest:
    """SHA-256 of pieces, each hashed while its giver already writes it and reads the next one.

    A piece must stay as it is until the next `update` or `hexdigest`.
    """

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._beside: ThreadPoolExecutor | None = None
        self._last: Future[None] | None = None

    def __enter__(self) -> Digest:
        return self

    def __exit__(self, *_: object) -> None:
        if self._beside:
            self._beside.shutdown(wait=False)

    def update(self, piece: bytes | memoryview) -> None:
        """Takes the next piece; returns when the one before has been hashed."""
        self._wait()
        if len(piece) < CHUNK:  # all of a small file: a thread would cost more than it saves
            return self._sha256.update(piece)
        if self._beside is None:
            from concurrent.futures import ThreadPoolExecutor

            self._beside = ThreadPoolExecutor(1)
        self._last = self._beside.submit(self._sha256.update, piece)

    def hexdigest(self) -> str:
        """The digest of all pieces."""
        self._wait()
        return self._sha256.hexdigest()

    def _wait(self) -> None:
        if self._last:
            self._last.result()
            self._last = None


def verified_pieces(oid: str, source: StrPath, progress: Progress) -> Iterator[bytes]:
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


def size_of(source: StrPath) -> int:
    """The size in bytes of a file to upload. Raises CacheferryError for anything but a file."""
    with open_source(source) as stream:
        return os.fstat(stream.fileno()).st_size


def receive(
    oid: str, store: str, target: StrPath, data: Iterable[bytes | memoryview], progress: Progress
) -> None:
    """Writes what a store sends to a new file; `store` is its address, for messages.

    Raises ObjectCorrupt where the bytes do not hash to oid, and whatever `data` raises; nothing
    is left at target then.
    """
    with creating(target) as copy, Digest() as digest:
        for piece in data:
            digest.update(piece)
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
