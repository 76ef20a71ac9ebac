from collections.abc import Iterator
from pathlib import Path

import pytest

from cacheferry.core.errors import ObjectMissing, StoreError, StoreUnavailable
from cacheferry.core.store import Progress, Stored
from cacheferry.core.types import StrPath
from lfs_agent.retry import DELAYS, Retrying

HERE = Path()


class Faulty:
    """A Store that raises the given errors, one a call, and then works."""

    workers = 1

    def __init__(self, *errors: StoreError) -> None:
        self.errors = list(errors)
        self.calls = 0

    def size(self, oid: str) -> int | None:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return 4

    def put(self, oid: str, source: StrPath, progress: Progress) -> None:
        progress(3)
        self.size(oid)
        progress(1)

    def get(self, oid: str, target: StrPath, progress: Progress) -> None:
        self.put(oid, target, progress)

    def objects(self) -> Iterator[Stored]:
        self.size("x")
        yield Stored("x", 4, 0.0)

    def delete(self, oid: str) -> None:
        self.size(oid)

    def close(self) -> None:
        pass


def down(times: int) -> list[StoreError]:
    return [StoreUnavailable("down") for _ in range(times)]


def test_a_passing_error_is_waited_out_with_growing_delays():
    slept: list[float] = []
    store = Retrying(Faulty(*down(3)), slept.append, lambda: 1.0)
    assert store.size("x") == 4
    assert slept == list(DELAYS) == sorted(DELAYS)


def test_a_lasting_error_is_not_repeated():
    faulty, slept = Faulty(ObjectMissing("gone")), list[float]()
    with pytest.raises(ObjectMissing):
        Retrying(faulty, slept.append).get("x", HERE, lambda _: None)
    assert (faulty.calls, slept) == (1, [])


def test_a_store_that_stays_down_is_waited_for_only_once():
    faulty, slept = Faulty(*down(len(DELAYS) + 2)), list[float]()
    store = Retrying(faulty, slept.append)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            store.put("x", HERE, lambda _: None)
    assert len(slept) == len(DELAYS)
    assert store.size("x") == 4
    faulty.errors = down(1)
    assert store.size("x") == 4  # up again: waited for again
    assert len(slept) == len(DELAYS) + 1


def test_progress_of_a_second_try_is_not_counted_twice():
    moved: list[int] = []
    Retrying(Faulty(*down(2)), lambda _: None).put("x", HERE, moved.append)
    assert moved == [3, 1]


def test_jitter_spreads_the_delays():
    slept: list[float] = []
    for _ in range(20):
        Retrying(Faulty(*down(1)), slept.append).size("x")
    assert len(set(slept)) > 10
    assert all(DELAYS[0] * 0.5 <= delay <= DELAYS[0] * 1.5 for delay in slept)


def test_what_the_store_asks_for_is_waited_and_never_more_than_a_minute():
    slept: list[float] = []
    errors = [StoreUnavailable("busy", retry_after=7), StoreUnavailable("busy", retry_after=900)]
    Retrying(Faulty(*errors), slept.append, lambda: 1.0).size("x")
    assert slept == [7, 60]


def test_a_listing_that_breaks_off_begins_again():
    store = Retrying(Faulty(*down(1)), lambda _: None)
    assert list(store.objects()) == [Stored("x", 4, 0.0)]
