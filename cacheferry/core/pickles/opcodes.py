"""What each opcode of pickle does to the machine's state, and the walk over them."""

from collections.abc import Callable

from cacheferry.core.pickles.machine import MAX_DEPTH, Machine, text_of
from cacheferry.core.pickles.met import MAX_TEXT, REFUSED
from cacheferry.core.pickles.source import Incomplete, Unknown

HIGHEST = 5
_MARGIN = 2 + MAX_TEXT


def walk(machine: Machine) -> None:
    """Up to and with STOP; raises Incomplete or Unknown."""
    source = machine.source
    while True:
        _sprint(machine)
        op = source.take(1)[0]
        if op == _STOP:
            break
        _HANDLERS.get(op, _unparsable)(machine)
    machine.pop()
    if machine.stack or machine.marks:
        machine.names.refuse("values left behind on the stack")
    if machine.frame_end > source.tell():
        raise Incomplete


def _sprint(machine: Machine) -> None:
    # The opcodes that most of a pickle consists of, while they lie wholly in the buffer.
    source, stack = machine.source, machine.stack
    data, pos = source.data, source.pos
    last = len(data) - _MARGIN
    while pos < last:
        op = data[pos]
        if width := _WIDTHS[op]:
            stack.append(None)
            pos += width
        elif op == 0x94:
            machine.memoize()
            pos += 1
        elif op == 0x8C:
            end = pos + 2 + data[pos + 1]
            stack.append(text_of(data[pos + 2 : end]))
            pos = end
        else:
            break
    source.pos = pos
    if len(stack) > MAX_DEPTH or len(machine.marks) > MAX_DEPTH:
        raise Unknown


_Handler = Callable[[Machine], None]
_STOP = ord(".")
_WIDTHS = [0] * 256
_HANDLERS: dict[int, _Handler] = {}


def _on(*codes: bytes) -> Callable[[_Handler], _Handler]:
    def enter(handler: _Handler) -> _Handler:
        _HANDLERS.update((code[0], handler) for code in codes)
        return handler

    return enter


def _unparsable(machine: Machine) -> None:
    raise Incomplete


def _push_fixed(codes: bytes, width: int) -> None:
    def push(machine: Machine) -> None:
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
    def push(machine: Machine) -> None:
        count = int.from_bytes(machine.source.take(width), "little", signed=signed)
        if count < 0:
            raise Incomplete
        if text and count <= MAX_TEXT:
            machine.stack.append(text_of(machine.source.take(count)))
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
def _integer(machine: Machine) -> None:
    line = machine.source.line() or b""
    digits = line[line[:1] == b"-" :].removesuffix(b"L")
    # Narrower than both unpicklers, which differ in spaces, underscores and octal zeros.
    odd = digits[:1] == b"0" and digits not in (b"0", b"00", b"01")
    if odd or not digits.isdigit() or len(digits) > 4300:
        raise Incomplete
    machine.stack.append(None)


@_on(b"F")
def _float(machine: Machine) -> None:
    line = machine.source.line() or b""
    if len(line) > MAX_TEXT or not _FLOAT_CHARACTERS.issuperset(line):
        raise Incomplete
    try:
        float(line)
    except ValueError:
        raise Incomplete from None
    machine.stack.append(None)


_FLOAT_CHARACTERS = frozenset(b"0123456789+-.eEinfaINFA")


@_on(b"S")
def _string(machine: Machine) -> None:
    line = machine.source.line()
    if line is not None and not (len(line) > 1 and line[:1] == line[-1:] and line[:1] in b"'\""):
        raise Incomplete
    machine.stack.append(None)  # its text depends on the reader's encoding: never part of a name


@_on(b"V")
def _unicode(machine: Machine) -> None:
    line = machine.source.line()
    short = line is not None and len(line) <= MAX_TEXT
    machine.stack.append(text_of(line, "raw-unicode-escape", "strict") if line and short else None)


@_on(b"\x80")
def _proto(machine: Machine) -> None:
    if machine.source.tell() != machine.start + 1:
        machine.names.refuse("a PROTO opcode inside")
    machine.protocol = machine.source.take(1)[0]
    if machine.protocol > HIGHEST:
        raise Incomplete


@_on(b"\x95")
def _frame(machine: Machine) -> None:
    length = int.from_bytes(machine.source.take(8), "little")
    machine.frame_end = max(machine.frame_end, machine.source.tell() + length)


@_on(b"(")
def _mark(machine: Machine) -> None:
    machine.marks.append(len(machine.stack))


@_on(b"0")
def _pop(machine: Machine) -> None:
    if machine.marks and machine.marks[-1] == len(machine.stack):
        machine.marks.pop()
    else:
        machine.pop()


@_on(b"1")
def _pop_mark(machine: Machine) -> None:
    machine.pop_mark()


@_on(b"2")
def _dup(machine: Machine) -> None:
    machine.stack.append(machine.top())


@_on(b"l", b"d", b"\x91")
def _container(machine: Machine) -> None:
    machine.pop_mark()
    machine.stack.append(None)


@_on(b"t")
def _tuple(machine: Machine) -> None:
    machine.push_tuple(machine.pop_mark())


@_on(b"\x85")
def _tuple1(machine: Machine) -> None:
    machine.push_tuple([machine.pop()])


@_on(b"\x86")
def _tuple2(machine: Machine) -> None:
    second, first = machine.pop(), machine.pop()
    machine.push_tuple((first, second))


@_on(b"\x87")
def _tuple3(machine: Machine) -> None:
    third, second, first = machine.pop(), machine.pop(), machine.pop()
    machine.push_tuple((first, second, third))


@_on(b"e", b"u", b"\x90")
def _fill_many(machine: Machine) -> None:
    machine.pop_mark()
    machine.fill()


@_on(b"a", b"b")
def _fill_one(machine: Machine) -> None:
    machine.pop()
    machine.fill()


@_on(b"s")
def _set_item(machine: Machine) -> None:
    machine.pop()
    machine.pop()
    machine.fill()


@_on(b"\x94")
def _memoize(machine: Machine) -> None:
    machine.memoize()


def _key(machine: Machine, width: int) -> int:
    if width:
        return int.from_bytes(machine.source.take(width), "little")
    line = machine.source.line() or b""
    if not line.isdigit() or len(line) > 10:
        raise Incomplete
    return int(line)


def _memo_opcode(put: bytes, get: bytes, width: int) -> None:
    _HANDLERS[put[0]] = lambda machine: machine.put_at(_key(machine, width))
    _HANDLERS[get[0]] = lambda machine: machine.stack.append(machine.memo.get(_key(machine, width)))


_memo_opcode(b"p", b"g", 0)
_memo_opcode(b"q", b"h", 1)
_memo_opcode(b"r", b"j", 4)


@_on(b"c")
def _global(machine: Machine) -> None:
    module, name = machine.source.line(), machine.source.line()
    machine.stack.append(machine.global_(module, name, "utf-8"))


@_on(b"\x93")
def _stack_global(machine: Machine) -> None:
    name, module = machine.pop(), machine.pop()
    if isinstance(module, str) and isinstance(name, str):
        machine.stack.append(machine.names.meet(module, name, machine.protocol))
    else:
        machine.names.refuse("computed STACK_GLOBAL")
        machine.stack.append(REFUSED)


@_on(b"i")
def _inst(machine: Machine) -> None:
    module, name = machine.source.line(), machine.source.line()
    machine.pop_mark()
    machine.call(machine.global_(module, name, "ascii"), None)


@_on(b"o")
def _obj(machine: Machine) -> None:
    items = machine.pop_mark()
    machine.call(items[0] if items else None, None)


@_on(b"R", b"\x81")
def _reduce(machine: Machine) -> None:
    args, target = machine.pop(), machine.pop()
    machine.call(target, args)


@_on(b"\x92")
def _newobj_ex(machine: Machine) -> None:
    machine.pop()
    machine.pop()
    machine.call(machine.pop(), None)


def _refused(code: bytes, width: int, pops: int, reason: str) -> None:
    def refuse(machine: Machine) -> None:
        machine.names.refuse(reason)
        machine.source.take(width)
        for _ in range(pops):
            machine.pop()
        machine.stack.append(REFUSED)

    _HANDLERS[code[0]] = refuse


_refused(b"\x82", 1, 0, "EXT1 opcode")
_refused(b"\x83", 2, 0, "EXT2 opcode")
_refused(b"\x84", 4, 0, "EXT4 opcode")
_refused(b"Q", 0, 1, "BINPERSID opcode")
_refused(b"\x97", 0, 0, "NEXT_BUFFER opcode")
_refused(b"\x98", 0, 1, "READONLY_BUFFER opcode")


@_on(b"P")
def _persid(machine: Machine) -> None:
    machine.names.refuse("PERSID opcode")
    machine.source.line()
    machine.stack.append(None)
