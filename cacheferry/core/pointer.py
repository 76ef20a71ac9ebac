"""Git LFS pointers: the small text that stands in Git for an object.

Source: git-lfs docs/spec.md. A pointer is at most 1,024 bytes of UTF-8: a version line, then
`key value` lines in alphabetical order, with `oid sha256:<oid>` and `size <bytes>` among them.
"""

from typing import NamedTuple

from cacheferry.core.oid import is_oid

MAX_BYTES = 1024
_TOO_LARGE = 1 << 63  # git-lfs holds a size in 64 bits, too
_VERSIONS = (
    b"version https://git-lfs.github.com/spec/v1",
    b"version https://hawser.github.com/spec/v1",
    b"version http://git-media.io/v/2",
)


class Pointer(NamedTuple):
    """An object's oid, and its size in bytes."""

    oid: str
    size: int

    def text(self) -> bytes:
        """The canonical pointer file."""
        return _VERSIONS[0] + f"\noid sha256:{self.oid}\nsize {self.size}\n".encode("ascii")


def parse(data: bytes) -> Pointer | None:
    """The pointer that these bytes are, or None where they are anything else.

    As git-lfs reads it: blank lines around it and CR LF are no matter.
    """
    version, *lines = (data.strip() if len(data) <= MAX_BYTES else b"").splitlines() or [b""]
    if version not in _VERSIONS:
        return None
    fields = dict(map(_key_value, lines))
    kind, _, oid = fields.get(b"oid", b"").partition(b":")
    size = fields.get(b"size", b"")
    oid_text = oid.decode("ascii", "replace")
    if kind != b"sha256" or not is_oid(oid_text) or not size.isdigit():
        return None
    return Pointer(oid_text, int(size)) if int(size) < _TOO_LARGE else None


def _key_value(line: bytes) -> tuple[bytes, bytes]:
    key, _, value = line.partition(b" ")
    return key, value.strip()
