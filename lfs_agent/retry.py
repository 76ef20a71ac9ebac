"""Tries again what can pass. Outermost around a store: whoever uses one need not think of it."""

from __future__ import annotations

import os
import time

from cacheferry.core.errors import StoreUnavailable
from cacheferry.core.storebasics import announce, no_progress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import TypeVar

    from cacheferry.core.store import Gathering, Progress, Store, Stored
    from cacheferry.core.types import StrPath

    _Result = TypeVar("_Result")

DELAYS = (0.2, 0.8, 2.0)
"""Seconds before the second, third and fourth try, before jitter."""

LONGEST = 60.0
"""Seconds that a store may ask for with `Retry-After`; git-lfs and its user wait meanwhile."""


def jitter() -> float:
    """A random factor between 0.5 and 1.5, so that many clones do not come back at once."""
    return 0.5 + int.from_bytes(os.urandom(2), "big") / 65536  # `random` takes 5 ms to import


class Retrying:
    """A Store that repeats what raised StoreUnavailable, with growing delays.

    Where the store has said when to come back, not before. Once it has given up it tries only
    once a call until one succeeds: a hundred objects do not wait a hundred times for a store
    that is down.
    """

    def __init__(
        self,
        store: Store,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = jitter,
    ) -> None:
        self._store = store
        self.workers = store.workers
        self._sleep = sleep
        self._jitter = jitter
        self._down = False

    def size(self, oid: str) -> int | None:
        """As Store.size."""
        return self._again(lambda _: self._store.size(oid), no_progress)

    def put(self, oid: str, source: StrPath, progress: Progress) -> None:
        """As Store.put."""
        self._again(lambda forward: self._store.put(oid, source, forward), progress)

    def get(self, oid: str, target: StrPath, progress: Progress) -> None:
        """As Store.get."""
        self._again(lambda forward: self._store.get(oid, target, forward), progress)

    def objects(self) -> Iterator[Stored]:
        """As Store.objects; from the start again where the listing breaks off."""
        yield from self._again(lambda _: list(self._store.objects()), no_progress)

    def delete(self, oid: str) -> None:
        """As Store.delete."""
        self._again(lambda _: self._store.delete(oid), no_progress)

    def announce(self, sizes: Mapping[str, int]) -> None:
        """As Announced.announce, where the store is one."""
        announce(self._store, sizes)

    def close(self) -> None:
        """As Store.close."""
        self._store.close()

    def _again(self, call: Callable[[Progress], _Result], progress: Progress) -> _Result:
        forward = _OnlyNew(progress)
        for delay in () if self._down else DELAYS:
            try:
                return call(forward.from_the_start())
            except StoreUnavailable as error:
                self._sleep(min(max(delay * self._jitter(), error.retry_after), LONGEST))
        self._down = True
        result = call(forward.from_the_start())
        self._down = False
        return result


class RetryingTogether(Retrying):
    """The same around a store that gathers."""

    def __init__(self, store: Gathering) -> None:
        super().__init__(store)
        self._gathering = store

    def put_together(self, sources: Mapping[str, Path], progress: Progress) -> None:
        """As Gathering.put_together."""
        self._again(lambda forward: self._gathering.put_together(sources, forward), progress)


class _OnlyNew:
    """Passes on what goes beyond the furthest that any try has come."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._furthest = 0
        self._here = 0

    def from_the_start(self) -> Progress:
        self._here = 0
        return self._moved

    def _moved(self, count: int) -> None:
        self._here += count
        if self._here > self._furthest:
            self._progress(self._here - self._furthest)
            self._furthest = self._here
