"""What S3 calls a file: the MD5 of its bytes, or of the MD5s of its parts."""

import hashlib

from cacheferry.core.errors import ObjectCorrupt
from cacheferry.core.store import Progress
from cacheferry.core.types import StrPath
from lfs_agent.files import open_source, source_pieces


def of_file(oid: str, source: StrPath, part: int, progress: Progress) -> str:
    """The ETag of the file as it is sent in parts of `part` bytes; one part is sent whole.

    Raises ObjectCorrupt where its bytes do not hash to oid.
    """
    whole, parts = hashlib.sha256(), _Parts(part)
    with open_source(source) as stream:
        for piece in source_pieces(stream, source):
            whole.update(piece)
            parts.update(piece)
            progress(len(piece))
    if whole.hexdigest() != oid:
        raise ObjectCorrupt(f"{source} does not hash to its oid {oid}; not stored")
    return parts.etag()


class _Parts:
    def __init__(self, size: int) -> None:
        self._size = size
        self._digests: list[bytes] = []
        self._begin()

    def update(self, piece: memoryview) -> None:
        while piece:
            now = piece[: self._rest]
            self._digest.update(now)
            self._rest -= len(now)
            piece = piece[len(now) :]
            if not self._rest:
                self._end()

    def etag(self) -> str:
        if self._rest < self._size or not self._digests:
            self._end()
        if len(self._digests) == 1:
            return self._digests[0].hex()
        joined = hashlib.md5(b"".join(self._digests), usedforsecurity=False)
        return f"{joined.hexdigest()}-{len(self._digests)}"

    def _begin(self) -> None:
        self._digest, self._rest = hashlib.md5(usedforsecurity=False), self._size

    def _end(self) -> None:
        self._digests.append(self._digest.digest())
        self._begin()
