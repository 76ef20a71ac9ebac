"""What `core.store.Store` promises, on every kind of store, against a real server."""

import os
import threading
from pathlib import Path

import pytest

from cacheferry.core import many
from cacheferry.core.errors import (
    CacheferryError,
    NotOffered,
    ObjectCorrupt,
    ObjectMissing,
    StoreError,
)
from cacheferry.core.store import Store, no_progress
from tests.servers.place import Place, oid_of

SIZES = (0, 1, 2000, 1 << 20, (1 << 20) + 1, (12 << 20) + 7)


def some(size: int, seed: int = 1) -> bytes:
    return (seed.to_bytes(4, "big") + os.urandom(1 << 12)) * (size // 4100 + 1)


def file(folder: Path, data: bytes, name: str = "source") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("size", SIZES)
def test_what_is_put_comes_back(store: Store, place: Place, tmp_path: Path, size: int):
    data = some(size)[:size]
    oid, moved = oid_of(data), list[int]()
    assert store.size(oid) is None
    store.put(oid, file(tmp_path, data), moved.append)
    assert (sum(moved), store.size(oid), place.held(oid)) == (size, size, data)
    moved.clear()
    store.get(oid, tmp_path / "target", moved.append)
    assert (sum(moved), (tmp_path / "target").read_bytes()) == (size, data)


def test_nothing_but_the_object_is_left_behind(store: Store, place: Place, tmp_path: Path):
    oid = oid_of(b"data")
    for _ in range(2):
        store.put(oid, file(tmp_path, b"data"), no_progress)
    assert place.names() == [f"{oid[:2]}/{oid[2:4]}/{oid}"]


@pytest.mark.parametrize("wrong", [b"dat", b"datA", b"data and more"])
def test_wrong_bytes_are_not_stored(store: Store, place: Place, tmp_path: Path, wrong: bytes):
    with pytest.raises(ObjectCorrupt):
        store.put(oid_of(b"data"), file(tmp_path, wrong), no_progress)
    assert place.names() == []


@pytest.mark.parametrize("wrong", [b"", b"datA", b"dat", b"data and more"])
def test_a_damaged_object_is_healed_by_a_put(
    store: Store, place: Place, tmp_path: Path, wrong: bytes
):
    oid = oid_of(b"data")
    place.keep(oid, wrong)
    store.put(oid, file(tmp_path, b"data"), no_progress)
    assert place.held(oid) == b"data"


def test_wrong_bytes_do_not_replace_an_object(store: Store, place: Place, tmp_path: Path):
    oid = oid_of(b"data")
    place.keep(oid, b"data")
    with pytest.raises(CacheferryError):
        store.put(oid, file(tmp_path, b"longer data"), no_progress)
    assert place.held(oid) == b"data"


def test_a_missing_object_is_named_with_its_store(store: Store, place: Place, tmp_path: Path):
    oid = oid_of(b"never put")
    with pytest.raises(ObjectMissing) as error:
        store.get(oid, tmp_path / "target", no_progress)
    assert oid in error.value.message and place.url in error.value.message
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("wrong", [b"", b"dat", b"datA", b"data and more"])
def test_a_damaged_object_is_named_and_leaves_nothing(
    store: Store, place: Place, tmp_path: Path, wrong: bytes
):
    oid = oid_of(b"data")
    place.keep(oid, wrong)
    with pytest.raises(ObjectCorrupt) as error:
        store.get(oid, tmp_path / "target", no_progress)
    assert oid in error.value.message and place.url in error.value.message
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("oid", ["", "x", "../../../etc/passwd", "A" * 64, "g" * 64, "a" * 65])
def test_what_is_no_oid_is_refused(store: Store, place: Place, tmp_path: Path, oid: str):
    with pytest.raises(StoreError):
        store.get(oid, tmp_path / "target", no_progress)
    with pytest.raises(StoreError):
        store.put(oid, file(tmp_path, b"data"), no_progress)
    with pytest.raises(StoreError):
        store.size(oid)
    with pytest.raises(StoreError):
        store.delete(oid)
    assert place.names() == []


def test_a_source_that_is_no_file_is_refused(store: Store, place: Place, tmp_path: Path):
    with pytest.raises(CacheferryError):
        store.put(oid_of(b"data"), tmp_path, no_progress)
    with pytest.raises(CacheferryError):
        store.put(oid_of(b"data"), tmp_path / "nothing", no_progress)
    assert place.names() == []


def test_a_source_that_grows_while_it_is_sent_is_refused(
    store: Store, place: Place, tmp_path: Path
):
    data = os.urandom(3 << 20)
    source = file(tmp_path, data)

    def grow(_moved: int) -> None:
        with open(source, "ab") as stream:
            stream.write(b"more")

    try:
        store.put(oid_of(data), source, grow)
    except CacheferryError:
        assert place.names() == []
    else:  # it may have read all before it said so the first time
        assert place.held(oid_of(data)) == data


def test_objects_are_listed_and_nothing_else(store: Store, place: Place, tmp_path: Path):
    wanted = {}
    for number in range(5):
        data = b"%d" % number * (number + 1)
        store.put(oid_of(data), file(tmp_path, data), no_progress)
        wanted[oid_of(data)] = number + 1
    try:
        listed = list(store.objects())
    except NotOffered:
        return
    assert {one.oid: one.size for one in listed} == wanted
    assert all(abs(one.modified - tmp_path.stat().st_mtime) < 300 for one in listed)


def test_delete_removes_one_object_and_is_idempotent(store: Store, place: Place, tmp_path: Path):
    for data in (b"one", b"two"):
        store.put(oid_of(data), file(tmp_path, data), no_progress)
    try:
        for _ in range(2):
            store.delete(oid_of(b"one"))
    except NotOffered:
        return
    assert (place.held(oid_of(b"one")), place.held(oid_of(b"two"))) == (None, b"two")


def test_many_at_once_each_with_its_own_outcome(store: Store, place: Place, tmp_path: Path):
    sources = {}
    for number in range(40):
        data = b"%d" % number * 3000
        sources[oid_of(data)] = file(tmp_path, data, f"source{number}")
    lock, moved = threading.Lock(), [0]

    def count(size: int) -> None:
        with lock:
            moved[0] += size

    assert many.put_all(store, sources, count) == {}
    assert len(place.names()) == 40 and moved[0] == sum(p.stat().st_size for p in sources.values())
    got = many.each(store, sources, lambda oid: store.get(oid, tmp_path / oid, no_progress))
    assert got == {} and all(
        (tmp_path / o).read_bytes() == p.read_bytes() for o, p in sources.items()
    )


def test_one_bad_object_among_many_fails_alone(store: Store, place: Place, tmp_path: Path):
    good, bad = oid_of(b"good"), oid_of(b"bad")
    sources = {good: file(tmp_path, b"good", "good"), bad: file(tmp_path, b"worse", "bad")}
    failed = many.put_all(store, sources)
    if hasattr(store, "put_together"):  # all or none
        assert place.names() == [] and bad in failed
    else:
        assert set(failed) == {bad} and place.held(good) == b"good"
