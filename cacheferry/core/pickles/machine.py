"""The state of an unpickler - stack, marks, memo - without its values."""

from collections.abc import Callable, Sequence

from cacheferry.core.pickles.met import REFUSED, Name, Names, printable
from cacheferry.core.pickles.source import Incomplete, Source, Unknown

MAX_DEPTH = 4_000_000
_MAX_MEMO = 100_000

Value = str | Name | tuple["str | Name | None", ...] | None


class Machine:
    """Walks one pickle as the unpickler would, without making its values."""

    def __init__(self, source: Source, names: Names) -> None:
        self.source, self.names = source, names
        self.stack: list[Value] = []
        self.marks: list[int] = []
        self.memo: dict[int, str | Name] = {}
        self.memoized = 0
        self.put = False
        self.protocol = 0
        self.start = source.tell()
        self.frame_end = 0

    # --- the stack

    def pop(self) -> Value:
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise Incomplete
        return self.stack.pop()

    def pop_mark(self) -> list[Value]:
        if not self.marks:
            raise Incomplete
        mark = self.marks.pop()
        items = self.stack[mark:]
        del self.stack[mark:]
        return items

    def top(self) -> Value:
        value = self.pop()
        self.stack.append(value)
        return value

    def push_tuple(self, items: Sequence[Value]) -> None:
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
            raise Unknown

    def put_at(self, key: int) -> None:
        if self.memoized:
            self.names.refuse("two kinds of memo opcodes")
        self.put = True
        self.remember(key)

    # --- imports and calls

    def global_(self, module: bytes | None, name: bytes | None, encoding: str) -> Name:
        if module is None or name is None:
            raise Incomplete
        try:
            names = module.decode(encoding), name.decode(encoding)
        except UnicodeDecodeError:
            self.names.refuse("a name that is not text")
            raise Incomplete from None
        return self.names.meet(*names, self.protocol)

    def call(self, target: Value, args: Value) -> None:
        if not isinstance(target, Name):
            self.names.refuse("a computed callable")
        elif (rule := CALLS.get(target)) and not (type(args) is tuple and rule(args)):
            self.names.refuse(f"{target.module}.{target.name} with unusual arguments")
        self.stack.append(None)

    def fill(self) -> None:
        # APPENDS and the like call methods of their target, BUILD sets its attributes: on an
        # instance that is what data needs, on a class or function it would change the program.
        if isinstance(value := self.top(), Name) and value != REFUSED:
            self.names.refuse(f"a change of {printable(value)} itself")


def text_of(raw: bytes, encoding: str = "utf-8", errors: str = "surrogatepass") -> str:
    try:
        return raw.decode(encoding, errors)
    except UnicodeDecodeError:
        raise Incomplete from None


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


CALLS: dict[Name, Callable[[tuple[object, ...]], bool]] = {
    Name("_codecs", "encode"): _is_latin1,
    Name("copyreg", "_reconstructor"): _is_instance,
    Name("numpy.core.multiarray", "scalar"): _is_scalar,
    Name("numpy._core.multiarray", "scalar"): _is_scalar,
}
