"""The bytes of a file in bounded pieces, and the two ways in which reading them can end."""

import os
from collections.abc import Callable
from typing import BinaryIO

_CHUNK = 64 << 10


class Incomplete(Exception):
    """The bytes end early or do not parse."""


class Unknown(Exception):
    """A format this scanner does not know, or one over its bounds."""


class Source:
    """Bytes in bounded pieces; skips by seeking where the stream can."""

    def __init__(self, read: Callable[[int], bytes], stream: BinaryIO | None = None) -> None:
        self._read = read
        self._stream = stream if stream is not None and stream.seekable() else None
        self._size = 0
        self.data = b""
        self.pos = 0
        self._base = 0
        if self._stream:
            self._base = self._stream.tell()
            self._size = self._stream.seek(0, os.SEEK_END)
            self._stream.seek(self._base)

    def tell(self) -> int:
        return self._base + self.pos

    def peek(self, count: int) -> bytes:
        """The next `count` bytes, fewer at the end; `count` is small."""
        if len(self.data) - self.pos < count:
            pieces = [self.data[self.pos :]]
            while count > sum(map(len, pieces)) and (piece := self._read(_CHUNK)):
                pieces.append(piece)
            self._base += self.pos
            self.data, self.pos = b"".join(pieces), 0
        return self.data[self.pos : self.pos + count]

    def take(self, count: int) -> bytes:
        """The next `count` bytes, which are there; `count` is small."""
        taken = self.peek(count)
        if len(taken) < count:
            raise Incomplete
        self.pos += count
        return taken

    def skip(self, count: int) -> None:
        """Leaves out `count` bytes, however many the file claims."""
        inside = len(self.data) - self.pos
        if count <= inside:
            self.pos += count
        elif self._stream:
            if count > self._size - self.tell():
                raise Incomplete
            self._base += self.pos + count
            self.data, self.pos = b"", 0
            self._stream.seek(self._base)
        else:
            while count:
                step = min(count, _CHUNK)
                self.take(step)
                count -= step

    def line(self) -> bytes | None:
        """The bytes up to the newline, which is left out; None for a line too long to matter."""
        long = False
        while (end := self.data.find(b"\n", self.pos)) < 0:
            kept = len(self.data) - self.pos
            if kept > _CHUNK:
                long, self.pos = True, len(self.data)
                kept = 0
            if len(self.peek(kept + 1)) <= kept:
                raise Incomplete
        line = self.data[self.pos : end]
        self.pos = end + 1
        return None if long else line
