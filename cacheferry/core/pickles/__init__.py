"""Is a pickle whole, and is it safe to load? Answered from its opcodes; nothing is ever unpickled.

The walk keeps what the unpickler would keep - stack, marks, memo - but of the values only what
decides: short texts (they can become names), imported names, and flat tuples of these. Everything
else is None, "some value". The rule that makes this sound: a class or function can only come onto
the stack as a `Name`, because no allowed callable hands one back; so None is never a callable.

Where the unpicklers of CPython disagree with each other, the answer is never 'safe'. Out of scope:
waste of memory, and memory errors in C code that sets a hostile state (numpy's dtype flags).
"""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO

from cacheferry.core.pickles.machine import Machine
from cacheferry.core.pickles.met import Names, Scan
from cacheferry.core.pickles.names import valid_allow
from cacheferry.core.pickles.opcodes import HIGHEST, walk
from cacheferry.core.pickles.source import Incomplete, Source, Unknown
from cacheferry.core.pickles.unpacking import Unpacked, engine_for

if TYPE_CHECKING:
    from cacheferry.core.types import StrPath

__all__ = ["SUFFIXES", "Scan", "scan", "scan_stream", "valid_allow"]

SUFFIXES = (".pkl", ".pickle", ".pk", ".p")
_PACKED_SUFFIXES = (".gz", ".bz2", ".xz", ".lzma", ".z")


def scan(path: "StrPath", allow: Sequence[str] = (), name: str | None = None) -> Scan:
    """Judges the file at `path`; raises OSError as open() does, and nothing on hostile content.

    `name` is what the file is called elsewhere, where its own name says nothing (an object).
    """
    with open(path, "rb", buffering=0) as stream:
        return _scan(Source(stream.read, stream), allow, _is_named(name or path))


def scan_stream(stream: BinaryIO, allow: Sequence[str] = (), name: str = "") -> Scan:
    """Judges what is left in `stream`; `name` is what a file of it is called."""
    return _scan(Source(stream.read, stream), allow, _is_named(name))


def _is_named(path: "StrPath") -> bool:
    stem, suffix = os.path.splitext(os.fspath(path).lower())
    if suffix in _PACKED_SUFFIXES:
        suffix = os.path.splitext(stem)[1]
    return suffix in SUFFIXES


def _scan(source: "Source", allow: Sequence[str], named: bool) -> Scan:
    names = Names(allow)
    try:
        whole = _walk(source, names, named)
        return names.verdict("present", "safe" if whole else "unscanned")
    except Incomplete:
        return names.verdict("incomplete", "unscanned")
    except Unknown:
        return names.verdict("present", "unscanned")


def _walk(source: "Source", names: "Names", named: bool) -> bool:
    """True where the source is a pickle and was walked to its end."""
    head = source.peek(12)
    if engine := engine_for(head):
        source = Source(Unpacked(source, engine, head[:3] == b"BZh").read)
        weak = not named and head[:1] in (b"x", b"]")
        try:
            head = source.peek(12)
        except Incomplete:
            # These two begin with bytes that many a file may begin with by chance.
            raise Unknown if weak else Incomplete from None
    marked = head[:1] == b"\x80" and len(head) > 1
    if head[1] > HIGHEST if marked else not named or head.startswith(_FOREIGN):
        return False
    walk(Machine(source, names))
    while source.peek(1):
        walk(Machine(source, names))
        names.refuse("a second pickle behind the first")
    return True


# What people put under .pkl that is none: zip (torch), zstd, lz4, npy, HDF5, Parquet, old joblib.
_FOREIGN = (
    *(b"PK\3\4", b"\x28\xb5\x2f\xfd", b"\4\x22\x4d\x18"),
    *(b"\x93NUMPY", b"\x89HDF", b"PAR1", b"ZF"),
)
