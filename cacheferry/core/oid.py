"""Object ids: 64 lower-case hex digits and nothing else, wherever one is read."""

from __future__ import annotations

import hashlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from cacheferry.core.types import StrPath

CHUNK = 1 << 20
_DIGITS = frozenset("0123456789abcdef")


def is_oid(text: object) -> bool:
    """True for a lower-case hexadecimal SHA-256; False for any other value of any type."""
    return isinstance(text, str) and len(text) == 64 and _DIGITS.issuperset(text)


def relative_path(oid: str) -> str:
    """Where an object lies in a store and in the LFS storage: `ab/cd/abcd…`."""
    return f"{oid[0:2]}/{oid[2:4]}/{oid}"


def chunks(stream: BinaryIO) -> Iterator[bytes]:
    """The rest of a stream in pieces of 1 MiB at most."""
    while chunk := stream.read(CHUNK):
        yield chunk


def hash_file(path: StrPath) -> tuple[str, int]:
    """The oid and the size in bytes of what the file holds now. Raises OSError."""
    with open(path, "rb", buffering=0) as stream:
        digest = hashlib.file_digest(stream, "sha256")
        return digest.hexdigest(), stream.tell()
