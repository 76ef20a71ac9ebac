"""Objects inside a zip archive, read where they lie: nothing is ever extracted to a name of its."""

import stat
import zlib
from collections.abc import Iterator
from zipfile import BadZipFile, ZipFile, ZipInfo

from cacheferry.core.errors import ObjectCorrupt
from cacheferry.core.oid import CHUNK, is_oid

_ENCRYPTED = 1
# What zipfile raises for a damaged or hostile member; RuntimeError: a password is asked for.
_UNREADABLE = (BadZipFile, EOFError, NotImplementedError, OSError, RuntimeError, zlib.error)


def objects(archive: ZipFile) -> dict[str, ZipInfo]:
    """The members whose last name is an oid. A name that would lead elsewhere is left out."""
    return {
        info.filename.rpartition("/")[2]: info
        for info in archive.infolist()
        if _is_plain(info) and is_oid(info.filename.rpartition("/")[2])
    }


def pieces(archive: ZipFile, info: ZipInfo) -> Iterator[bytes]:
    """The member's bytes, 1 MiB at most at a time, and never more than it declares.

    Raises ObjectCorrupt where the archive is damaged.
    """
    try:
        with archive.open(info) as stream:
            while piece := stream.read(CHUNK):
                yield piece
    except _UNREADABLE as error:
        raise ObjectCorrupt(f"{info.filename} in {archive.filename}: {error}") from None


def _is_plain(info: ZipInfo) -> bool:
    # The name as it stands in the archive: zipfile cuts it at a NUL and turns it round on Windows.
    name = info.orig_filename
    strange = "\\" in name or ":" in name or "\0" in name or name.startswith("/")
    mode = info.external_attr >> 16
    return (
        not strange
        and ".." not in name.split("/")
        and not info.flag_bits & _ENCRYPTED
        and (not stat.S_IFMT(mode) or stat.S_ISREG(mode))
    )
