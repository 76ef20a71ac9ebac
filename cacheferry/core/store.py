"""What a store is: the one interface between stores and whoever moves objects.

The stores themselves lie in `lfs_agent/stores/`. Errors are those of `core.errors`; only
`StoreUnavailable` is worth another try.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from cacheferry.core.errors import ObjectCorrupt, ObjectMissing

Progress = Callable[[int], None]
"""Called with the number of bytes that have moved since the last call; they sum to the size."""


GRACE = 14 * 24 * 3600.0
"""Seconds that `cacheferry gc` leaves an object alone after it was put: whoever has put it may be
about to publish the pointer."""


def is_aging(modified: float) -> bool:
    """True for an object that a put has to make young again, as a gc might take it soon."""
    return time.time() - modified > GRACE / 2


def no_progress(_moved: int) -> None:
    """A Progress for callers who do not show any."""


def within(oid: str, size: int, progress: Progress) -> Progress:
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


class Stored(NamedTuple):
    """An object that a store lists: its size in bytes, and when it was put there (Unix time)."""

    oid: str
    size: int
    modified: float


class Store(Protocol):
    """A place that keeps objects by oid. A visible object is a whole, verified object.

    Every method but `close` may be called from several threads at once.
    """

    workers: int
    """How many calls at once serve this kind of store well."""

    def size(self, oid: str) -> int | None:
        """The object's size in bytes; None where the store does not have it."""
        ...

    def put(self, oid: str, source: Path, progress: Progress) -> None:
        """Stores the file's bytes under oid: idempotent, atomic, durable when it returns.

        Bytes that do not hash to oid raise ObjectCorrupt and nothing is stored; an object of
        the store that turns out damaged is replaced. One that is whole, but older than half of
        GRACE, becomes young again where the store can do that, so that no gc removes it meanwhile.
        """
        ...

    def get(self, oid: str, target: Path, progress: Progress) -> None:
        """Writes the object's verified bytes to target, a path that does not exist yet.

        Raises ObjectMissing or ObjectCorrupt and leaves nothing at target.
        """
        ...

    def objects(self) -> Iterator[Stored]:
        """Every object, in no order; what else lies in the store is left out.

        Raises NotOffered where the store cannot list.
        """
        ...

    def delete(self, oid: str) -> None:
        """Removes an object, which need not exist. Raises NotOffered where the store cannot."""
        ...

    def close(self) -> None:
        """Ends connections; the store is not used afterwards."""
        ...


class Gathering(Store, Protocol):
    """A store in which one write of many objects is far cheaper than many writes of one."""

    def put_together(self, sources: Mapping[str, Path], progress: Progress) -> None:
        """Stores every file under its oid, as `put` does, in one step: all of them or none."""
        ...


class Announced(Store, Protocol):
    """A store that has to know an object's size, and can ask for many objects at once."""

    def announce(self, sizes: Mapping[str, int]) -> None:
        """Says what will be asked for: oid to size in bytes. Asks nothing yet."""
        ...


def announce(store: Store, sizes: Mapping[str, int]) -> None:
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
