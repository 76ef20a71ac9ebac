"""Is a pickle whole, and is it safe to load? Answered from its opcodes; nothing is ever unpickled.

The walk keeps what the unpickler would keep - stack, marks, memo - but of the values only what
decides: short texts (they can become names), imported names, and flat tuples of these. Everything
else is None, "some value". The rule that makes this sound: a class or function can only come onto
the stack as a `Name`, because no allowed callable hands one back; so None is never a callable.

Where the unpicklers of CPython disagree with each other, the answer is never 'safe'. Out of scope:
waste of memory, and memory errors in C code that sets a hostile state (numpy's dtype flags).
"""

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Protocol

from cacheferry.core.pickle_names import ALLOWED, is_allowed
from cacheferry.core.pickle_names import valid_allow as valid_allow

if TYPE_CHECKING:
    from pathlib import Path

SUFFIXES = (".pkl", ".pickle", ".pk", ".p")
MAX_UNPACKED = 4 << 30
MAX_RATIO = 1000

_PACKED_SUFFIXES = (".gz", ".bz2", ".xz", ".lzma", ".z")
_RATIO_FROM = 64 << 20
_MAX_BZIP2 = 256 << 20
_LZMA_MEMORY = 100 << 20
_MAX_MEMBERS = 100_000
_CHUNK = 64 << 10
_MAX_DEPTH = 4_000_000
_MAX_MEMO = 100_000
_MAX_NAMES = 10_000
_MAX_TEXT = 255
_MARGIN = 2 + _MAX_TEXT
_HIGHEST = 5


class Scan(NamedTuple):
    """What the opcodes say about one file.

    `content` is 'present' (whole, or of a format unknown here) or 'incomplete' (truncated, or
    does not parse); `safety` is 'safe', 'unsafe' or 'unscanned'. `imports` has every importable
    name met, sorted; `refused` those that made it unsafe, or a short reason, in order of meeting.
    """

    content: str
    safety: str
    imports: tuple[str, ...]
    refused: tuple[str, ...]


def scan(path: "Path", allow: Sequence[str] = ()) -> Scan:
    """Judges the file at `path`; raises OSError as open() does, and nothing on hostile content."""
    with open(path, "rb", buffering=0) as stream:
        return _scan(_Source(stream.read, stream), allow, _is_named(path))


def scan_stream(stream: BinaryIO, allow: Sequence[str] = ()) -> Scan:
    """Judges what is left in `stream`, as a file whose name says nothing."""
    return _scan(_Source(stream.read, stream), allow, named=False)


def _is_named(path: "Path") -> bool:
    stem, suffix = os.path.splitext(os.fspath(path).lower())
    if suffix in _PACKED_SUFFIXES:
        suffix = os.path.splitext(stem)[1]
    return suffix in SUFFIXES


def _scan(source: "_Source", allow: Sequence[str], named: bool) -> Scan:
    names = _Names(allow)
    try:
        whole = _walk(source, names, named)
        return names.verdict("present", "safe" if whole else "unscanned")
    except _Incomplete:
        return names.verdict("incomplete", "unscanned")
    except _Unknown:
        return names.verdict("present", "unscanned")


def _walk(source: "_Source", names: "_Names", named: bool) -> bool:
    """True where the source is a pickle and was walked to its end."""
    head = source.peek(12)
    if engine := _engine(head):
        source = _Source(_Unpacked(source, engine, head[:3] == b"BZh").read)
        weak = not named and head[:1] in (b"x", b"]")
        try:
            head = source.peek(12)
        except _Incomplete:
            # These two begin with bytes that many a file may begin with by chance.
            raise _Unknown if weak else _Incomplete from None
    marked = head[:1] == b"\x80" and len(head) > 1
    if head[1] > _HIGHEST if marked else not named or head.startswith(_FOREIGN):
        return False
    _Machine(source, names).run()
    while source.peek(1):
        _Machine(source, names).run()
        names.refuse("a second pickle behind the first")
    return True


# What people put under .pkl that is none: zip (torch), zstd, lz4, npy, HDF5, Parquet, old joblib.
_FOREIGN = (
    *(b"PK\3\4", b"\x28\xb5\x2f\xfd", b"\4\x22\x4d\x18"),
    *(b"\x93NUMPY", b"\x89HDF", b"PAR1", b"ZF"),
)


class _Incomplete(Exception):
    """The bytes end early or do not parse."""


class _Unknown(Exception):
    """A format this scanner does not know, or one over its bounds."""


class Name(NamedTuple):
    """A value on the stack that came from an import."""

    module: str
    name: str


_REFUSED = Name("", "")
"""Stands for what was refused already, so that its use is not refused a second time."""

# joblib lays an array's raw bytes between the opcodes: from this name on it is no plain pickle.
_JOBLIB_ARRAY = Name("joblib.numpy_pickle", "NumpyArrayWrapper")

_Value = str | Name | tuple["str | Name | None", ...] | None


class _Names:
    """The names met and what was refused."""

    def __init__(self, allow: Sequence[str]) -> None:
        self._allow = [entry for entry in allow if valid_allow(entry) is None]
        self._met: dict[Name, None] = {}
        self._refused: dict[str, None] = {}

    def meet(self, module: str, name: str, protocol: int) -> Name:
        """Records an import, judged as the name that the unpickler would import."""
        if protocol < 3:
            # Python 2's names; the default `fix_imports` maps them, and so must the judge.
            from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING

            new = IMPORT_MAPPING.get(module, module)
            module, name = NAME_MAPPING.get((module, name), (new, name))
        if len(module) + len(name) > 2 * _MAX_TEXT:
            self.refuse("an overlong name")
            return _REFUSED
        met = Name(module, name)
        if met not in self._met:
            self._met[met] = None
            if met == _JOBLIB_ARRAY:
                raise _Unknown
            if not is_allowed(module, name, self._allow):
                self.refuse(_printable(met))
            if len(self._met) > _MAX_NAMES:
                raise _Unknown
        return met

    def refuse(self, reason: str) -> None:
        self._refused[reason] = None

    def could_be(self, text: str) -> bool:
        """True where the text is part of an allowed name."""
        return text in _known() or any(text in entry for entry in self._allow)

    def verdict(self, content: str, safety: str) -> Scan:
        imports = tuple(sorted({_printable(met) for met in self._met}))
        return Scan(content, "unsafe" if self._refused else safety, imports, tuple(self._refused))


def _printable(met: Name) -> str:
    # Lone surrogates and control characters would break whoever prints the answer.
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in f"{met.module}.{met.name}")


_known_texts: set[str] = set()


def _known() -> set[str]:
    if not _known_texts:
        _known_texts.update(ALLOWED, *ALLOWED.values())
    return _known_texts


class _Source:
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
            raise _Incomplete
        self.pos += count
        return taken

    def skip(self, count: int) -> None:
        """Leaves out `count` bytes, however many the file claims."""
        inside = len(self.data) - self.pos
        if count <= inside:
            self.pos += count
        elif self._stream:
            if count > self._size - self.tell():
                raise _Incomplete
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
                raise _Incomplete
        line = self.data[self.pos : end]
        self.pos = end + 1
        return None if long else line


class _Engine(Protocol):
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


def _engine(head: bytes) -> Callable[[], _Engine] | None:
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


class _Unpacked:
    """The unpacked bytes of a compressed source, within bounds of size, ratio and memory."""

    def __init__(self, source: _Source, make: Callable[[], _Engine], bzip2: bool) -> None:
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
                raise _Incomplete

    def _step(self, data: bytes, size: int) -> bytes:
        try:
            unpacked = self._engine.decompress(data, size)
        except Exception as error:  # zlib.error and LZMAError share no other base
            raise _Unknown if "limit" in str(error) else _Incomplete from None
        self._given += len(unpacked)
        wide = self._given > _RATIO_FROM and self._given > MAX_RATIO * self._taken
        if wide or self._given > MAX_UNPACKED or self._taken > self._most_taken:
            raise _Unknown
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
            raise _Unknown
        self._engine = self._make()
        return True


class _Machine:
    """Walks one pickle as the unpickler would, without making its values."""

    def __init__(self, source: _Source, names: _Names) -> None:
        self.source, self.names = source, names
        self.stack: list[_Value] = []
        self.marks: list[int] = []
        self.memo: dict[int, str | Name] = {}
        self.memoized = 0
        self.put = False
        self.protocol = 0
        self.start = source.tell()
        self.frame_end = 0

    def run(self) -> None:
        """Up to and with STOP; raises _Incomplete or _Unknown."""
        source = self.source
        while True:
            self._sprint()
            op = source.take(1)[0]
            if op == _STOP:
                break
            _HANDLERS.get(op, _unparsable)(self)
        self.pop()
        if self.stack or self.marks:
            self.names.refuse("values left behind on the stack")
        if self.frame_end > source.tell():
            raise _Incomplete

    def _sprint(self) -> None:
        # The opcodes that most of a pickle consists of, while they lie wholly in the buffer.
        source, stack = self.source, self.stack
        data, pos = source.data, source.pos
        last = len(data) - _MARGIN
        while pos < last:
            op = data[pos]
            if width := _WIDTHS[op]:
                stack.append(None)
                pos += width
            elif op == 0x94:
                self.memoize()
                pos += 1
            elif op == 0x8C:
                end = pos + 2 + data[pos + 1]
                stack.append(_text(data[pos + 2 : end]))
                pos = end
            else:
                break
        source.pos = pos
        if len(stack) > _MAX_DEPTH or len(self.marks) > _MAX_DEPTH:
            raise _Unknown

    # --- the stack

    def pop(self) -> _Value:
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise _Incomplete
        return self.stack.pop()

    def pop_mark(self) -> list[_Value]:
        if not self.marks:
            raise _Incomplete
        mark = self.marks.pop()
        items = self.stack[mark:]
        del self.stack[mark:]
        return items

    def top(self) -> _Value:
        value = self.pop()
        self.stack.append(value)
        return value

    def push_tuple(self, items: Sequence[_Value]) -> None:
        # Flat and short only: what a restricted call is judged by, and no memory for a bomb.
        if len(items) > 4:
            self.stack.append(None)
        else:
            self.stack.append(tuple([None if type(v) is tuple else v for v in items]))  # type: ignore[misc]

    # --- the memo

    def memoize(self) -> None:
        if self.put:
            self.names.refuse("two kinds of memo opcodes")
        self.remember(self.memoized)
        self.memoized += 1

    def remember(self, key: int) -> None:
        value = self.top()
        if not isinstance(value, (str, Name)):
            self.memo.pop(key, None)
        elif (
            isinstance(value, str)
            and len(self.memo) >= _MAX_MEMO
            and not self.names.could_be(value)
        ):
            self.memo.pop(key, None)  # a data set of texts; forgetting one can only refuse more
        else:
            self.memo[key] = value
        if len(self.memo) > 5 * _MAX_MEMO:
            raise _Unknown

    def put_at(self, key: int) -> None:
        if self.memoized:
            self.names.refuse("two kinds of memo opcodes")
        self.put = True
        self.remember(key)

    # --- imports and calls

    def global_(self, module: bytes | None, name: bytes | None, encoding: str) -> Name:
        if module is None or name is None:
            raise _Incomplete
        try:
            names = module.decode(encoding), name.decode(encoding)
        except UnicodeDecodeError:
            self.names.refuse("a name that is not text")
            raise _Incomplete from None
        return self.names.meet(*names, self.protocol)

    def call(self, target: _Value, args: _Value) -> None:
        if not isinstance(target, Name):
            self.names.refuse("a computed callable")
        elif (rule := _CALLS.get(target)) and not (type(args) is tuple and rule(args)):
            self.names.refuse(f"{target.module}.{target.name} with unusual arguments")
        self.stack.append(None)

    def fill(self) -> None:
        # APPENDS and the like call methods of their target, BUILD sets its attributes: on an
        # instance that is what data needs, on a class or function it would change the program.
        if isinstance(value := self.top(), Name) and value != _REFUSED:
            self.names.refuse(f"a change of {_printable(value)} itself")


def _text(raw: bytes, encoding: str = "utf-8", errors: str = "surrogatepass") -> str:
    try:
        return raw.decode(encoding, errors)
    except UnicodeDecodeError:
        raise _Incomplete from None


# `_codecs.encode` writes bytes in protocols 0 to 2, with this codec always; another would import a
# module of `encodings`. `_reconstructor` makes `cls.__new__` and needs both classes in sight.
# `scalar` of an object dtype returns its second argument: a name must not pass through it.
def _is_latin1(args: tuple[object, ...]) -> bool:
    return len(args) == 2 and args[1] in ("latin1", "latin-1") and not isinstance(args[0], Name)


def _is_instance(args: tuple[object, ...]) -> bool:
    known = len(args) == 3 and isinstance(args[0], Name) and isinstance(args[1], Name)
    return known and isinstance(args[1], Name) and args[1].module == "builtins"


def _is_scalar(args: tuple[object, ...]) -> bool:
    return len(args) == 2 and not any(isinstance(arg, Name) for arg in args)


_CALLS: dict[Name, Callable[[tuple[object, ...]], bool]] = {
    Name("_codecs", "encode"): _is_latin1,
    Name("copyreg", "_reconstructor"): _is_instance,
    Name("numpy.core.multiarray", "scalar"): _is_scalar,
    Name("numpy._core.multiarray", "scalar"): _is_scalar,
}


# --- the opcodes, by what they do

_Handler = Callable[[_Machine], None]
_STOP = ord(".")
_WIDTHS = [0] * 256
_HANDLERS: dict[int, _Handler] = {}


def _on(*codes: bytes) -> Callable[[_Handler], _Handler]:
    def enter(handler: _Handler) -> _Handler:
        _HANDLERS.update((code[0], handler) for code in codes)
        return handler

    return enter


def _unparsable(machine: _Machine) -> None:
    raise _Incomplete


def _push_fixed(codes: bytes, width: int) -> None:
    def push(machine: _Machine) -> None:
        machine.source.take(width)
        machine.stack.append(None)

    for code in codes:
        _WIDTHS[code] = 1 + width
        _HANDLERS[code] = push


_push_fixed(b"N\x88\x89])}\x8f", 0)  # None, True, False, and the empty list, tuple, dict and set
_push_fixed(b"K", 1)
_push_fixed(b"M", 2)
_push_fixed(b"J", 4)
_push_fixed(b"G", 8)


def _push_counted(code: bytes, width: int, signed: bool = False, text: bool = False) -> None:
    def push(machine: _Machine) -> None:
        count = int.from_bytes(machine.source.take(width), "little", signed=signed)
        if count < 0:
            raise _Incomplete
        if text and count <= _MAX_TEXT:
            machine.stack.append(_text(machine.source.take(count)))
        else:
            machine.source.skip(count)
            machine.stack.append(None)

    _HANDLERS[code[0]] = push


_push_counted(b"\x8c", 1, text=True)
_push_counted(b"X", 4, text=True)
_push_counted(b"\x8d", 8, text=True)
_push_counted(b"C", 1)
_push_counted(b"B", 4)
_push_counted(b"\x8e", 8)
_push_counted(b"\x96", 8)
_push_counted(b"\x8a", 1)
# LONG4 and BINSTRING are signed; C's unpickler takes BINSTRING's as unsigned: never safe then.
_push_counted(b"\x8b", 4, signed=True)
_push_counted(b"U", 1)
_push_counted(b"T", 4, signed=True)


@_on(b"I", b"L")
def _integer(machine: _Machine) -> None:
    line = machine.source.line() or b""
    digits = line[line[:1] == b"-" :].removesuffix(b"L")
    # Narrower than both unpicklers, which differ in spaces, underscores and octal zeros.
    odd = digits[:1] == b"0" and digits not in (b"0", b"00", b"01")
    if odd or not digits.isdigit() or len(digits) > 4300:
        raise _Incomplete
    machine.stack.append(None)


@_on(b"F")
def _float(machine: _Machine) -> None:
    line = machine.source.line() or b""
    if len(line) > _MAX_TEXT or not _FLOAT_CHARACTERS.issuperset(line):
        raise _Incomplete
    try:
        float(line)
    except ValueError:
        raise _Incomplete from None
    machine.stack.append(None)


_FLOAT_CHARACTERS = frozenset(b"0123456789+-.eEinfaINFA")


@_on(b"S")
def _string(machine: _Machine) -> None:
    line = machine.source.line()
    if line is not None and not (len(line) > 1 and line[:1] == line[-1:] and line[:1] in b"'\""):
        raise _Incomplete
    machine.stack.append(None)  # its text depends on the reader's encoding: never part of a name


@_on(b"V")
def _unicode(machine: _Machine) -> None:
    line = machine.source.line()
    short = line is not None and len(line) <= _MAX_TEXT
    machine.stack.append(_text(line, "raw-unicode-escape", "strict") if line and short else None)


@_on(b"\x80")
def _proto(machine: _Machine) -> None:
    if machine.source.tell() != machine.start + 1:
        machine.names.refuse("a PROTO opcode inside")
    machine.protocol = machine.source.take(1)[0]
    if machine.protocol > _HIGHEST:
        raise _Incomplete


@_on(b"\x95")
def _frame(machine: _Machine) -> None:
    length = int.from_bytes(machine.source.take(8), "little")
    machine.frame_end = max(machine.frame_end, machine.source.tell() + length)


@_on(b"(")
def _mark(machine: _Machine) -> None:
    machine.marks.append(len(machine.stack))


@_on(b"0")
def _pop(machine: _Machine) -> None:
    if machine.marks and machine.marks[-1] == len(machine.stack):
        machine.marks.pop()
    else:
        machine.pop()


@_on(b"1")
def _pop_mark(machine: _Machine) -> None:
    machine.pop_mark()


@_on(b"2")
def _dup(machine: _Machine) -> None:
    machine.stack.append(machine.top())


@_on(b"l", b"d", b"\x91")
def _container(machine: _Machine) -> None:
    machine.pop_mark()
    machine.stack.append(None)


@_on(b"t")
def _tuple(machine: _Machine) -> None:
    machine.push_tuple(machine.pop_mark())


@_on(b"\x85")
def _tuple1(machine: _Machine) -> None:
    machine.push_tuple([machine.pop()])


@_on(b"\x86")
def _tuple2(machine: _Machine) -> None:
    second, first = machine.pop(), machine.pop()
    machine.push_tuple((first, second))


@_on(b"\x87")
def _tuple3(machine: _Machine) -> None:
    third, second, first = machine.pop(), machine.pop(), machine.pop()
    machine.push_tuple((first, second, third))


@_on(b"e", b"u", b"\x90")
def _fill_many(machine: _Machine) -> None:
    machine.pop_mark()
    machine.fill()


@_on(b"a", b"b")
def _fill_one(machine: _Machine) -> None:
    machine.pop()
    machine.fill()


@_on(b"s")
def _set_item(machine: _Machine) -> None:
    machine.pop()
    machine.pop()
    machine.fill()


@_on(b"\x94")
def _memoize(machine: _Machine) -> None:
    machine.memoize()


def _key(machine: _Machine, width: int) -> int:
    if width:
        return int.from_bytes(machine.source.take(width), "little")
    line = machine.source.line() or b""
    if not line.isdigit() or len(line) > 10:
        raise _Incomplete
    return int(line)


def _memo_opcode(put: bytes, get: bytes, width: int) -> None:
    _HANDLERS[put[0]] = lambda machine: machine.put_at(_key(machine, width))
    _HANDLERS[get[0]] = lambda machine: machine.stack.append(machine.memo.get(_key(machine, width)))


_memo_opcode(b"p", b"g", 0)
_memo_opcode(b"q", b"h", 1)
_memo_opcode(b"r", b"j", 4)


@_on(b"c")
def _global(machine: _Machine) -> None:
    module, name = machine.source.line(), machine.source.line()
    machine.stack.append(machine.global_(module, name, "utf-8"))


@_on(b"\x93")
def _stack_global(machine: _Machine) -> None:
    name, module = machine.pop(), machine.pop()
    if isinstance(module, str) and isinstance(name, str):
        machine.stack.append(machine.names.meet(module, name, machine.protocol))
    else:
        machine.names.refuse("computed STACK_GLOBAL")
        machine.stack.append(_REFUSED)


@_on(b"i")
def _inst(machine: _Machine) -> None:
    module, name = machine.source.line(), machine.source.line()
    machine.pop_mark()
    machine.call(machine.global_(module, name, "ascii"), None)


@_on(b"o")
def _obj(machine: _Machine) -> None:
    items = machine.pop_mark()
    machine.call(items[0] if items else None, None)


@_on(b"R", b"\x81")
def _reduce(machine: _Machine) -> None:
    args, target = machine.pop(), machine.pop()
    machine.call(target, args)


@_on(b"\x92")
def _newobj_ex(machine: _Machine) -> None:
    machine.pop()
    machine.pop()
    machine.call(machine.pop(), None)


def _refused(code: bytes, width: int, pops: int, reason: str) -> None:
    def refuse(machine: _Machine) -> None:
        machine.names.refuse(reason)
        machine.source.take(width)
        for _ in range(pops):
            machine.pop()
        machine.stack.append(_REFUSED)

    _HANDLERS[code[0]] = refuse


_refused(b"\x82", 1, 0, "EXT1 opcode")
_refused(b"\x83", 2, 0, "EXT2 opcode")
_refused(b"\x84", 4, 0, "EXT4 opcode")
_refused(b"Q", 0, 1, "BINPERSID opcode")
_refused(b"\x97", 0, 0, "NEXT_BUFFER opcode")
_refused(b"\x98", 0, 1, "READONLY_BUFFER opcode")


@_on(b"P")
def _persid(machine: _Machine) -> None:
    machine.names.refuse("PERSID opcode")
    machine.source.line()
    machine.stack.append(None)
