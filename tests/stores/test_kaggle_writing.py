"""Writing to a Kaggle dataset: one publish is one version, and nothing is lost."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cacheferry.core import many, storeurl
from cacheferry.core.errors import (
    CacheferryError,
    ConfigurationError,
    NotOffered,
    ObjectCorrupt,
    StoreDenied,
    StoreError,
    StoreUnavailable,
)
from cacheferry.core.store import no_progress
from lfs_agent.stores import kaggleapi, open_store
from lfs_agent.stores.kaggle import KaggleStore
from tests.conftest import CHECKOUT
from tests.servers.kaggle import Answer, KagglePlace, Request
from tests.servers.place import oid_of

pytestmark = pytest.mark.parametrize("place", ["kaggle"], indirect=True)


@pytest.fixture
def once(place: KagglePlace) -> Iterator[KaggleStore]:
    """The store without anything that tries again."""
    with closing(KaggleStore(storeurl.parse(place.url, Path("/")))) as store:
        yield store


def path_of(data: bytes) -> str:
    oid = oid_of(data)
    return f"{oid[:2]}/{oid[2:4]}/{oid}"


def sources(folder: Path, *datas: bytes) -> dict[str, Path]:
    """Files as they lie in an LFS storage."""
    found = {}
    for data in datas:
        file = folder / path_of(data)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        found[oid_of(data)] = file
    return found


def test_many_objects_are_one_version(place: KagglePlace, once: KaggleStore, tmp_path: Path):
    datas = [b"%d" % number for number in range(60)]
    assert many.put_all(once, sources(tmp_path, *datas)) == {}
    assert place.names() == sorted(map(path_of, datas))
    assert len(place.dataset.versions) == 1 and not place.dataset.public


def test_what_was_there_is_still_there(place: KagglePlace, once: KaggleStore, tmp_path: Path):
    before = {path_of(b"old"): b"old", "README.md": b"caches", "plots/one.png": b"png"}
    place.make(before)
    once.put_together(sources(tmp_path, b"new", b"newer"), no_progress)
    assert len(place.dataset.versions) == 2
    assert place.dataset.current == before | {path_of(d): d for d in (b"new", b"newer")}


def test_objects_that_kaggle_has_flattened_come_to_their_place(
    place: KagglePlace, once: KaggleStore, tmp_path: Path
):
    place.make({oid_of(b"old"): b"old"})
    once.put_together(sources(tmp_path, b"new"), no_progress)
    assert place.names() == sorted([path_of(b"old"), path_of(b"new")])


def test_copies_beside_the_source_need_not_be_fetched(
    place: KagglePlace, once: KaggleStore, tmp_path: Path
):
    place.make({path_of(b"old"): b"old"})
    found = sources(tmp_path, b"old", b"new")
    once.put(oid_of(b"new"), found[oid_of(b"new")], no_progress)
    assert not any(oid_of(b"old") in get.about["path"] for get in place.kaggle.made("GET"))
    assert place.names() == sorted([path_of(b"old"), path_of(b"new")])


def test_damaged_copy_beside_the_source_is_not_sent(
    place: KagglePlace, once: KaggleStore, tmp_path: Path
):
    place.make({path_of(b"old"): b"old"})
    found = sources(tmp_path, b"old", b"new")
    found[oid_of(b"old")].write_bytes(b"odd")
    once.put(oid_of(b"new"), found[oid_of(b"new")], no_progress)
    assert place.held(oid_of(b"old")) == b"old"


def test_damaged_object_of_the_dataset_is_not_carried_on(
    place: KagglePlace, once: KaggleStore, tmp_path: Path
):
    place.make({path_of(b"old"): b"odd", path_of(b"fine"): b"fine"})
    once.put_together(sources(tmp_path, b"new"), no_progress)
    assert place.names() == sorted([path_of(b"fine"), path_of(b"new")])
    assert len(place.dataset.versions) == 2


@pytest.mark.parametrize("checksums", [True, False])
def test_nothing_new_makes_no_version(
    place: KagglePlace, once: KaggleStore, tmp_path: Path, checksums: bool
):
    place.server.checksums = checksums
    place.make({path_of(b"old"): b"old"})
    moved: list[int] = []
    once.put_together(sources(tmp_path, b"old"), moved.append)
    assert len(place.dataset.versions) == 1 and sum(moved) == 3
    assert not place.kaggle.made("StartBlobUpload")


def test_put_returns_only_when_kaggle_has_processed_the_version(
    place: KagglePlace, once: KaggleStore, tmp_path: Path
):
    place.make({path_of(b"old"): b"old"})
    place.kaggle.looks = 3
    once.put_together(sources(tmp_path, b"new"), no_progress)
    assert place.dataset.ready == 2


def test_version_that_is_still_processed_is_waited_for(
    place: KagglePlace, once: KaggleStore, tmp_path: Path
):
    place.make({path_of(b"old"): b"old"})
    place.dataset.add(place.dataset.current | {path_of(b"theirs"): b"theirs"}, looks=3)
    once.put_together(sources(tmp_path, b"new"), no_progress)
    assert len(place.dataset.versions) == 3
    assert place.names() == sorted(map(path_of, (b"old", b"theirs", b"new")))


def test_first_version_that_is_still_processed_is_waited_for(
    place: KagglePlace, store, tmp_path: Path
):
    place.make({})
    place.dataset.versions.clear()
    place.dataset.ready = 0
    place.dataset.add({path_of(b"theirs"): b"theirs"}, looks=4)
    store.put_together(sources(tmp_path, b"new"), no_progress)
    assert place.names() == sorted(map(path_of, (b"theirs", b"new")))


def test_refusal_that_passes_is_tried_again(place: KagglePlace, store, tmp_path: Path):
    place.make({})
    real, left = place.kaggle.CreateDatasetVersion, ["The dataset is still being processed"]

    def refuse(ask: dict[str, Any], known: bool) -> dict[str, Any]:
        return {"error": left.pop()} if left else real(ask, known)

    place.kaggle.CreateDatasetVersion = refuse  # type: ignore[method-assign]
    store.put_together(sources(tmp_path, b"new"), no_progress)
    assert place.names() == [path_of(b"new")]


def test_list_without_folders_loses_nothing(place: KagglePlace, once: KaggleStore, tmp_path: Path):
    place.make({path_of(b"old"): b"old"}).bare = True
    once.put_together(sources(tmp_path, b"new"), no_progress)
    assert place.names() == sorted(map(path_of, (b"old", b"new")))
    assert len(place.dataset.versions) == 2


@pytest.mark.parametrize("what", ["ListDatasetFiles", "DownloadDataset"])
def test_what_kaggle_lists_and_does_not_give_is_not_taken_for_gone(
    place: KagglePlace, once: KaggleStore, tmp_path: Path, what: str
):
    place.make({path_of(b"old"): b"old"})

    def not_yet(request: Request) -> None:
        if request.what == what:
            raise Answer(404, "Not found")

    place.kaggle.before = not_yet
    with pytest.raises(StoreUnavailable):
        once.put_together(sources(tmp_path, b"new"), no_progress)
    assert len(place.dataset.versions) == 1


def test_version_that_kaggle_could_not_process_is_an_error_and_the_next_one_goes_on(
    place: KagglePlace, once: KaggleStore, tmp_path: Path
):
    place.make({path_of(b"old"): b"old"}).failed.add(2)
    with pytest.raises(StoreDenied, match="could not process"):
        once.put_together(sources(tmp_path, b"new"), no_progress)
    assert place.names() == [path_of(b"old")]
    once.put_together(sources(tmp_path, b"new"), no_progress)
    assert place.names() == sorted(map(path_of, (b"old", b"new")))


def test_waiting_has_an_end(place: KagglePlace, tmp_path: Path):
    place.make({})
    place.dataset.add({}, looks=10**6)
    slept: list[float] = []
    api = kaggleapi.Api(place.url, False, sleep=slept.append)
    with closing(api), pytest.raises(StoreError, match="still processing") as error:
        api.settled()
    assert sum(slept) >= kaggleapi.PATIENCE and max(slept) <= 15
    assert type(error.value) is StoreError  # or it would be waited for four times


def test_writer_who_was_quicker_loses_nothing(
    place: KagglePlace, once: KaggleStore, tmp_path: Path
):
    place.make({path_of(b"old"): b"old"})
    left = ["CreateDatasetVersion"]

    def other_writer(request: Request) -> None:
        if request.what in left:
            left.clear()
            place.dataset.add(place.dataset.current | {path_of(b"theirs"): b"theirs"}, 0)

    place.kaggle.before = other_writer
    once.put_together(sources(tmp_path, b"ours"), no_progress)
    assert not left
    assert place.names() == sorted(map(path_of, (b"old", b"theirs", b"ours")))


def test_writer_who_was_later_is_followed_by_what_it_has_lost(
    place: KagglePlace, once: KaggleStore, tmp_path: Path
):
    place.make({path_of(b"old"): b"old"})
    theirs = place.dataset.current | {path_of(b"theirs"): b"theirs"}

    def other_writer(request: Request) -> None:
        if request.what == "GetDatasetStatus" and len(place.dataset.versions) == 2:
            place.dataset.add(theirs, 0)

    place.kaggle.before = other_writer
    once.put_together(sources(tmp_path, b"ours"), no_progress)
    assert place.names() == sorted(map(path_of, (b"old", b"theirs", b"ours")))


@pytest.mark.parametrize("before", [[b"old"], []])
def test_writers_at_once_all_find_their_objects(
    place: KagglePlace, tmp_path: Path, before: list[bytes]
):
    if before:
        place.make({path_of(data): data for data in before})
    errors: dict[str, CacheferryError] = {}

    def write(data: bytes) -> None:
        with closing(open_store(storeurl.parse(place.url, Path("/")))) as store:
            errors.update(many.put_all(store, sources(tmp_path / data.decode(), data)))

    datas = [b"one", b"two", b"three"]
    threads = [threading.Thread(target=write, args=(data,)) for data in datas]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == {}
    assert place.names() == sorted(map(path_of, (*before, *datas)))


def test_writer_killed_in_the_middle_has_stored_nothing(
    place: KagglePlace, once: KaggleStore, tmp_path: Path
):
    place.make({path_of(b"old"): b"old"})
    found = sources(tmp_path, b"new", b"newer")
    arrived, go_on = threading.Event(), threading.Event()

    def hold(request: Request) -> None:
        if request.what == "PUT":
            arrived.set()
            place.kaggle.before = lambda request: None
            go_on.wait(30)

    place.kaggle.before = hold
    program = (
        "import sys; from pathlib import Path; from cacheferry.core import storeurl, many\n"
        "from lfs_agent.stores import open_store\n"
        "store = open_store(storeurl.parse(sys.argv[1], Path('/')))\n"
        "many.put_all(store, {Path(p).name: Path(p) for p in sys.argv[2:]}); print('stored')\n"
    )
    command = [sys.executable, "-c", program, place.url, *map(str, found.values())]
    process = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE)
    assert arrived.wait(60)
    process.kill()
    assert process.communicate()[0] == b""
    go_on.set()
    assert len(place.dataset.versions) == 1

    once.put_together(found, no_progress)
    assert place.names() == sorted(map(path_of, (b"old", b"new", b"newer")))


def test_wrong_bytes_among_many_make_no_version(
    place: KagglePlace, once: KaggleStore, tmp_path: Path
):
    found = sources(tmp_path, b"good", b"bad")
    found[oid_of(b"bad")].write_bytes(b"odd")
    with pytest.raises(ObjectCorrupt):
        once.put_together(found, no_progress)
    assert place.kaggle.datasets == {}


@pytest.mark.parametrize("arrived", [0, 2 << 20])
@pytest.mark.parametrize("how", [0, 503])  # the line goes dead; the storage is busy
def test_upload_that_breaks_off_goes_on_where_it_was(
    place: KagglePlace, once: KaggleStore, tmp_path: Path, arrived: int, how: int
):
    data = os.urandom(5 << 20)
    left = [how]

    def break_off(request: Request) -> None:
        if request.what == "PUT" and left:
            blob = next(iter(place.kaggle.blobs.values()))
            blob["data"] = data[:arrived]
            raise Answer(left.pop())

    place.kaggle.before = break_off
    once.put_together(sources(tmp_path, data), no_progress)
    assert place.held(oid_of(data)) == data
    ranges = [request.headers["Content-Range"] for request in place.kaggle.made("PUT")]
    assert ranges == [
        f"bytes 0-{len(data) - 1}/{len(data)}",
        f"bytes */{len(data)}",
        f"bytes {arrived}-{len(data) - 1}/{len(data)}",
    ]


def test_credentials_do_not_go_to_the_storage(
    place: KagglePlace, once: KaggleStore, tmp_path: Path
):
    once.put_together(sources(tmp_path, b"new"), no_progress)
    assert place.kaggle.made("PUT")
    for request in place.kaggle.requests:
        assert ("Authorization" in request.headers) == (request.what not in ("PUT", "GET"))


def test_dataset_that_kaggle_will_not_speak_of_is_made(
    place: KagglePlace, once: KaggleStore, tmp_path: Path
):
    place.kaggle.hides = True
    once.put_together(sources(tmp_path, b"new"), no_progress)
    assert place.held(oid_of(b"new")) == b"new"


@pytest.mark.parametrize("anonymous", [True, False])
def test_without_credentials_nothing_is_written(
    place: KagglePlace, tmp_path: Path, monkeypatch, anonymous: bool
):
    if not anonymous:
        monkeypatch.delenv("KAGGLE_API_TOKEN")
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path))
    store = KaggleStore(storeurl.parse(place.url, Path("/")), anonymous)
    with pytest.raises(ConfigurationError, match="credentials") as error:
        store.put_together(sources(tmp_path, b"new"), no_progress)
    assert error.value.hint and "KAGGLE_API_TOKEN" in error.value.hint
    assert place.kaggle.requests == []


def test_dataset_of_somebody_else_is_refused_with_kaggles_words(place: KagglePlace, tmp_path: Path):
    store = KaggleStore(storeurl.parse("kaggle://babbage/caches", Path("/")))
    with closing(store), pytest.raises(StoreDenied, match="denied"):
        store.put_together(sources(tmp_path, b"new"), no_progress)


def test_refusal_for_good_is_not_waited_for(place: KagglePlace, once: KaggleStore, tmp_path: Path):
    place.make({})

    def full(request: Request) -> None:
        if request.what == "CreateDatasetVersion":
            raise Answer(400, "You have exceeded your private dataset quota")

    place.kaggle.before = full
    with pytest.raises(StoreDenied, match="exceeded your private dataset quota"):
        once.put_together(sources(tmp_path, b"new"), no_progress)


def test_short_name_makes_a_title_that_kaggle_takes(place: KagglePlace, tmp_path: Path):
    with closing(KaggleStore(storeurl.parse("kaggle://ada/arz", Path("/")))) as store:
        store.put_together(sources(tmp_path, b"new"), no_progress)
    assert "ada/arz" in place.kaggle.datasets


def test_delete_is_not_offered(once: KaggleStore):
    with pytest.raises(NotOffered):
        once.delete("a" * 64)


def test_errors_are_ours(place: KagglePlace, once: KaggleStore, tmp_path: Path):
    def nonsense(request: Request) -> None:
        raise Answer(418, "I am a teapot")

    place.kaggle.before = nonsense
    with pytest.raises(CacheferryError, match="teapot"):
        once.put_together(sources(tmp_path, b"new"), no_progress)
