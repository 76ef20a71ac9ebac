"""Git LFS pointers: the small text that stands in Git for an object.

Source: git-lfs docs/spec.md. A pointer is at most 1,024 bytes of UTF-8: a version line, then
`key value` lines in alphabetical order, with `oid sha256:<oid>` and `size <bytes>` among them.
"""

from typing import NamedTuple

from cacheferry.core.oid import is_oid

MAX_BYTES = 1024
_TOO_LARGE = 1 << 63  # git-lfs holds a size in 64 bits, too
_VERSIONS = (
    b"version https://git-lfs.github.com/spec/v1\n",
    b"version https://hawser.github.com/spec/v1\n",
    b"version http://git-media.io/v/2\n",
)


class Pointer(NamedTuple):
    """An object's oid, and its size in bytes."""

    oid: str
    size: int

    def text(self) -> bytes:
        """The canonical pointer file."""
        return _VERSIONS[0] + f"oid sha256:{self.oid}\nsize {self.size}\n".encode("ascii")


def parse(data: bytes) -> Pointer | None:
    """The pointer that these bytes are, or None where they are anything else."""
    if len(data) > MAX_BYTES or not data.startswith(_VERSIONS):
        return None
    fields = dict(_key_value(line) for line in data.splitlines()[1:])
    kind, _, oid = fields.get(b"oid", b"").partition(b":")
    size = fields.get(b"size", b"")
    oid_text = oid.decode("ascii", "replace")
    if kind != b"sha256" or not is_oid(oid_text) or not size.isdigit():
        return None
    return Pointer(oid_text, int(size)) if int(size) < _TOO_LARGE else None


def _key_value(line: bytes) -> tuple[bytes, bytes]:
    key, _, value = line.partition(b" ")
    return key, value.strip()
