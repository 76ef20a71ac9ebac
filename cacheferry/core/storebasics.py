"""What every store uses at run time, apart from `core.store`: importing the interface, which is
for readers and type checkers, would double the agent's start."""

import time

from cacheferry.core.errors import ObjectCorrupt, ObjectMissing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from cacheferry.core.store import Progress, Store

GRACE = 14 * 24 * 3600.0
"""Seconds that `cacheferry gc` leaves an object alone after it was put: whoever has put it may be
about to publish the pointer."""


def is_aging(modified: float) -> bool:
    """True for an object that a put has to make young again, as a gc might take it soon."""
    return time.time() - modified > GRACE / 2


def no_progress(_moved: int) -> None:
    """A Progress for callers who do not show any."""


def within(oid: str, size: int, progress: "Progress") -> "Progress":
    """A Progress for getting one object: raises ObjectCorrupt where more than its size comes.

    What a hostile store sends need have no end, and the disk has one.
    """
    rest = size

    def moved(count: int) -> None:
        nonlocal rest
        rest -= count
        if rest < 0:
            raise ObjectCorrupt(f"object {oid} has more than {size} bytes in the store")
        progress(count)

    return moved


def announce(store: "Store", sizes: "Mapping[str, int]") -> None:
    """Tells a store that wants to know it what it will be asked for; any other needs no telling."""
    if tell := getattr(store, "announce", None):
        tell(sizes)


def missing(oid: str, store: str) -> ObjectMissing:
    """The error for an object that a store does not have; `store` is its address."""
    return ObjectMissing(f"object {oid} is not in the store {store}")


def damaged(oid: str, store: str) -> ObjectCorrupt:
    """The error for an object whose bytes in a store are not its own."""
    return ObjectCorrupt(
        f"object {oid} is damaged in the store {store}", "a push from a clone that has it mends it"
    )
