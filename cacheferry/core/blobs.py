"""Git's own ids of the bytes that a commit would hold for a cache, computed without git."""

import hashlib
import os
from pathlib import Path

from cacheferry.core.oid import chunks
from cacheferry.core.pointer import Pointer


def blob_of_pointer(pointer: Pointer, digits: int) -> str:
    """The blob id of a canonical pointer; `digits` is 40, or 64 in a SHA-256 repository."""
    text = pointer.text()
    return _hasher(digits, len(text), text).hexdigest()


def blob_of_file(file: Path, digits: int) -> str:
    """The blob id of a file's bytes as they are, without any filter. Raises OSError."""
    with open(file, "rb", buffering=0) as stream:
        digest = _hasher(digits, os.fstat(stream.fileno()).st_size)
        for chunk in chunks(stream):
            digest.update(chunk)
        return digest.hexdigest()


def _hasher(digits: int, size: int, data: bytes = b"") -> "hashlib._Hash":
    digest = hashlib.sha256() if digits == 64 else hashlib.sha1(usedforsecurity=False)
    digest.update(b"blob %d\0" % size + data)
    return digest
