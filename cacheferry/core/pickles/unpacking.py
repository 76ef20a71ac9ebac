"""Compressed pickles: gzip, zlib, bzip2, xz, unpacked piece by piece within bounds."""

from collections.abc import Callable
from typing import Protocol

from cacheferry.core.pickles.source import Incomplete, Source, Unknown

MAX_UNPACKED = 4 << 30
MAX_RATIO = 1000
_RATIO_FROM = 64 << 20
_MAX_BZIP2 = 256 << 20
_LZMA_MEMORY = 100 << 20
_MAX_MEMBERS = 100_000


class Engine(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Zlib:
    """zlib's decompressor with the face of bz2's and lzma's."""

    def __init__(self, window: int) -> None:
        import zlib

        self._inner = zlib.decompressobj(window)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


def engine_for(head: bytes) -> Callable[[], Engine] | None:
    """What unpacks a stream that begins like this."""
    if head.startswith(b"\x1f\x8b\x08"):
        return lambda: _Zlib(31)
    if head[:1] == b"x" and head[1:2] in (b"\x01", b"\x5e", b"\x9c", b"\xda"):
        return lambda: _Zlib(15)
    if head.startswith(b"BZh") and head[3:4].isdigit():
        import bz2

        return bz2.BZ2Decompressor
    if head.startswith((b"\xfd7zXZ\0", b"]\0\0")):
        import lzma

        return lambda: lzma.LZMADecompressor(lzma.FORMAT_AUTO, _LZMA_MEMORY)
    return None


class Unpacked:
    """The unpacked bytes of a compressed source, within bounds of size, ratio and memory."""

    def __init__(self, source: Source, make: Callable[[], Engine], bzip2: bool) -> None:
        self._source, self._make, self._engine = source, make, make()
        # 'BZh' opens a pickle too, as bytes of at least 369 MiB: no file shall be both.
        self._most_taken = _MAX_BZIP2 if bzip2 else MAX_UNPACKED
        self._taken = self._given = self._members = 0

    def read(self, size: int) -> bytes:
        while True:
            if self._engine.eof and not self._next_member():
                return b""
            data = self._piece() if self._engine.needs_input else b""
            ended = not data and self._engine.needs_input
            if unpacked := self._step(data, size):
                return unpacked
            if ended and not self._engine.eof:
                raise Incomplete

    def _step(self, data: bytes, size: int) -> bytes:
        try:
            unpacked = self._engine.decompress(data, size)
        except Exception as error:  # zlib.error and LZMAError share no other base
            raise Unknown if "limit" in str(error) else Incomplete from None
        self._given += len(unpacked)
        wide = self._given > _RATIO_FROM and self._given > MAX_RATIO * self._taken
        if wide or self._given > MAX_UNPACKED or self._taken > self._most_taken:
            raise Unknown
        return unpacked

    def _piece(self) -> bytes:
        self._source.peek(1)
        data = self._source.take(len(self._source.data) - self._source.pos)
        self._taken += len(data)
        return data

    def _next_member(self) -> bool:
        rest = self._engine.unused_data
        self._source.data = rest + self._source.data[self._source.pos :]
        self._source.pos = 0
        self._taken -= len(rest)
        if not self._source.peek(1):
            return False
        self._members += 1
        if self._members > _MAX_MEMBERS:
            raise Unknown
        self._engine = self._make()
        return True
