"""The importable names that a walk meets, and what it refuses."""

from collections.abc import Sequence
from typing import NamedTuple

from cacheferry.core.pickles.names import ALLOWED, is_allowed, valid_allow
from cacheferry.core.pickles.source import Unknown

MAX_TEXT = 255
_MAX_NAMES = 10_000


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


class Name(NamedTuple):
    """A value on the stack that came from an import."""

    module: str
    name: str


REFUSED = Name("", "")
"""Stands for what was refused already, so that its use is not refused a second time."""

# joblib lays an array's raw bytes between the opcodes: from this name on it is no plain pickle.
_JOBLIB_ARRAY = Name("joblib.numpy_pickle", "NumpyArrayWrapper")


class Names:
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
        if len(module) + len(name) > 2 * MAX_TEXT:
            self.refuse("an overlong name")
            return REFUSED
        met = Name(module, name)
        if met not in self._met:
            self._met[met] = None
            if met == _JOBLIB_ARRAY:
                raise Unknown
            if not is_allowed(module, name, self._allow):
                self.refuse(printable(met))
            if len(self._met) > _MAX_NAMES:
                raise Unknown
        return met

    def refuse(self, reason: str) -> None:
        self._refused[reason] = None

    def could_be(self, text: str) -> bool:
        """True where the text is part of an allowed name."""
        return text in _known() or any(text in entry for entry in self._allow)

    def verdict(self, content: str, safety: str) -> Scan:
        imports = tuple(sorted({printable(met) for met in self._met}))
        return Scan(content, "unsafe" if self._refused else safety, imports, tuple(self._refused))


def printable(met: Name) -> str:
    # Lone surrogates and control characters would break whoever prints the answer.
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in f"{met.module}.{met.name}")


_known_texts: set[str] = set()


def _known() -> set[str]:
    if not _known_texts:
        _known_texts.update(ALLOWED, *ALLOWED.values())
    return _known_texts
