"""What a store is: the one interface between stores and whoever moves objects.

The stores themselves lie in `lfs_agent/stores/`. Errors are those of `core.errors`; only
`StoreUnavailable` is worth another try.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from cacheferry.core.storebasics import (
    GRACE,
    announce,
    damaged,
    is_aging,
    missing,
    no_progress,
    within,
)
from cacheferry.core.types import StrPath

__all__ = [
    "GRACE", "Announced", "Gathering", "Progress", "Store", "Stored", "announce", "damaged",
    "is_aging", "missing", "no_progress", "within",
]  # fmt: skip

Progress = Callable[[int], None]
"""Called with the number of bytes that have moved since the last call; they sum to the size."""


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

    def put(self, oid: str, source: StrPath, progress: Progress) -> None:
        """Stores the file's bytes under oid: idempotent, atomic, durable when it returns.

        Bytes that do not hash to oid raise ObjectCorrupt and nothing is stored; an object of
        the store that turns out damaged is replaced. One that is whole, but older than half of
        GRACE, becomes young again where the store can do that, so that no gc removes it meanwhile.
        """
        ...

    def get(self, oid: str, target: StrPath, progress: Progress) -> None:
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
