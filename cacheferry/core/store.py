"""What a store is: the one interface between stores and whoever moves objects.

The stores themselves lie in `lfs_agent/stores/`. Errors are those of `core.errors`; only
`StoreUnavailable` is worth another try.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

Progress = Callable[[int], None]
"""Called with the number of bytes that have moved since the last call; they sum to the size."""


def no_progress(_moved: int) -> None:
    """A Progress for callers who do not show any."""


class Store(Protocol):
    """A place that keeps objects by oid. A visible object is a whole, verified object."""

    def size(self, oid: str) -> int | None:
        """The object's size in bytes; None where the store does not have it."""
        ...

    def put(self, oid: str, source: Path, progress: Progress) -> None:
        """Stores the file's bytes under oid: idempotent, atomic, durable when it returns.

        Bytes that do not hash to oid raise ObjectCorrupt and nothing is stored; an object of
        the store that turns out damaged is replaced.
        """
        ...

    def get(self, oid: str, target: Path, progress: Progress) -> None:
        """Writes the object's verified bytes to target, a path that does not exist yet.

        Raises ObjectMissing or ObjectCorrupt and leaves nothing at target.
        """
        ...

    def close(self) -> None:
        """Ends connections; the store is not used afterwards."""
        ...
