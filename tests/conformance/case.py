"""What a case is: a promise, the check that holds an agent to it, the faults that it must find."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from tests.conformance.scene import Scene

CASES: "list[Case]" = []


class Failed(AssertionError):
    """The agent breaks the promise."""


class NotApplicable(Exception):
    """The case cannot be put to this agent, or not on this machine."""


class Case(NamedTuple):
    """One row of the table."""

    name: str
    promise: str
    check: "Callable[[Scene], None]"
    faults: tuple[str, ...]
    """Broken agents (`broken/faults.py`) that must fail this case."""
    anywhere: bool
    """True where it needs no folder: it holds for any kind of store."""
    slow: bool


def case(
    promise: str,
    faults: str,
    variants: Mapping[str, Any] | None = None,
    anywhere: bool = False,
    slow: bool = False,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Puts a function into the table, once for each variant, whose value it is called with."""

    def register(check: Callable[..., None]) -> Callable[..., None]:
        name = check.__name__.replace("_", " ")
        names = tuple(faults.split())
        if variants is None:
            CASES.append(Case(name, promise, check, names, anywhere, slow))
        for label, value in (variants or {}).items():
            CASES.append(
                Case(f"{name}: {label}", promise, _bound(check, value), names, anywhere, slow)
            )
        return check

    return register


def expect(holds: object, otherwise: str) -> None:
    """Raises Failed, saying what is the case instead, where the condition does not hold."""
    if not holds:
        raise Failed(otherwise)


def _bound(check: Callable[..., None], value: object) -> "Callable[[Scene], None]":
    return lambda scene: check(scene, value)
