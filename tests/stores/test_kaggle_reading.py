"""Reading a Kaggle dataset: attached to a kernel, or through the API."""

import os
import stat
import sys
import zlib
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import pytest

from cacheferry.core import storeurl
from cacheferry.core.errors import (
    ConfigurationError,
    ObjectCorrupt,
    ObjectMissing,
    StoreDenied,
    StoreUnavailable,
)
from cacheferry.core.store import Store, no_progress
from lfs_agent.stores import open_store
from lfs_agent.stores.kaggle import KaggleStore
from tests.servers.kaggle import TOKEN, Answer, KagglePlace, Request, zip_of
from tests.servers.place import oid_of

pytestmark = pytest.mark.parametrize("place", ["kaggle"], indirect=True)

DATA = b"some cache" * 1000
OID = oid_of(DATA)
PATH = f"{OID[:2]}/{OID[2:4]}/{OID}"


def got(store: Store, folder: Path, oid: str = OID) -> bytes:
    target = folder / f"got-{os.urandom(4).hex()}"
    store.get(oid, target, no_progress)
    return target.read_bytes()


def once(place: KagglePlace) -> KaggleStore:
    """The store without anything that tries again."""
    return KaggleStore(storeurl.parse(place.url, Path("/")))


@pytest.mark.parametrize("folder", ["thesis-caches", "datasets/ada/thesis-caches"])
@pytest.mark.parametrize("path", [PATH, OID, f"archive/{PATH}"])
def test_attached_dataset_is_read_without_network(
    place: KagglePlace, tmp_path: Path, folder: str, path: str
):
    file = place.inputs / folder / path
    file.parent.mkdir(parents=True)
    file.write_bytes(DATA)
    store = once(place)
    assert (got(store, tmp_path), store.size(OID)) == (DATA, len(DATA))
    assert place.kaggle.requests == []


def test_attached_dataset_needs_no_library(place: KagglePlace, tmp_path: Path, monkeypatch):
    place.attach({PATH: DATA})
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    monkeypatch.setitem(sys.modules, "requests", None)
    monkeypatch.delitem(sys.modules, "lfs_agent.stores.kaggleapi", raising=False)
    assert got(once(place), tmp_path) == DATA


@pytest.mark.parametrize(
    "ask",
    [
        lambda store, folder: got(store, folder),
        lambda store, folder: store.size(OID),
        lambda store, folder: list(store.objects()),
        lambda store, folder: store.put(OID, Path(__file__), lambda _count: None),
    ],
    ids=["get", "size", "objects", "put"],
)
@pytest.mark.parametrize("library", ["kagglehub", "kagglesdk"])
def test_without_the_library_one_is_told_what_to_install(
    place: KagglePlace, tmp_path: Path, monkeypatch, library: str, ask
):
    loaded = [name for name in sys.modules if name.startswith((library, "lfs_agent.stores.kaggle"))]
    for name in loaded:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ConfigurationError, match=library) as error:
        ask(once(place), tmp_path)
    assert error.value.hint == "pip install 'cacheferry[kaggle]'"


def test_archive_that_kaggle_has_not_unpacked_is_read_where_it_lies(
    place: KagglePlace, tmp_path: Path
):
    folder = place.attach({"archive.zip": zip_of({PATH: DATA, "README.md": b"caches"})})
    store = once(place)
    assert (got(store, tmp_path), store.size(OID)) == (DATA, len(DATA))
    assert [path.name for path in folder.iterdir()] == ["archive.zip"]


@pytest.mark.parametrize(
    "name",
    [f"../{OID}", f"/tmp/{OID}", f"a\\..\\{OID}", f"C:{OID}", f"a/../../{OID}", f"..\\{OID}"],
)
def test_name_that_would_escape_is_refused(place: KagglePlace, tmp_path: Path, name: str):
    place.attach({"archive.zip": zip_of({name: DATA})})
    with pytest.raises(ObjectMissing):
        got(once(place), tmp_path)


def test_symlink_in_an_archive_is_refused(place: KagglePlace, tmp_path: Path):
    data = BytesIO()
    with ZipFile(data, "w") as archive:
        link = ZipInfo(PATH)
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    place.attach({"archive.zip": data.getvalue()})
    with pytest.raises(ObjectMissing):
        got(once(place), tmp_path)


def test_bomb_gives_no_more_than_it_declares(place: KagglePlace, tmp_path: Path):
    data = BytesIO()
    with ZipFile(data, "w", ZIP_DEFLATED) as archive:
        archive.writestr(PATH, bytes(64 << 20))
    declared = (64 << 20).to_bytes(4, "little")
    lying = data.getvalue().replace(declared, (1000).to_bytes(4, "little"))
    crc = zlib.crc32(bytes(64 << 20)).to_bytes(4, "little")
    lying = lying.replace(crc, zlib.crc32(bytes(1000)).to_bytes(4, "little"))
    place.attach({"archive.zip": lying})
    moved: list[int] = []
    with pytest.raises(ObjectCorrupt):
        once(place).get(OID, tmp_path / "target", moved.append)
    assert sum(moved) <= 1000 and not (tmp_path / "target").exists()


def test_damaged_object_in_an_attached_dataset_is_named(place: KagglePlace, tmp_path: Path):
    place.attach({PATH: DATA[:-1] + b"?"})
    with pytest.raises(ObjectCorrupt, match=OID):
        got(once(place), tmp_path)


def test_what_an_old_attached_version_lacks_is_fetched(place: KagglePlace, tmp_path: Path):
    place.attach({"README.md": b"an old version"})
    place.keep(OID, DATA)
    assert got(once(place), tmp_path) == DATA


def test_attached_dataset_without_internet_says_what_is_missing(
    place: KagglePlace, tmp_path: Path, monkeypatch
):
    place.attach({"README.md": b"an old version"})
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with pytest.raises(ObjectMissing, match="attached version") as error:
        got(once(place), tmp_path)
    assert error.value.hint and "internet" in error.value.hint


def test_one_object_is_fetched_and_not_the_dataset(place: KagglePlace, tmp_path: Path):
    place.make({PATH: DATA} | {f"other/{n}": b"other" for n in range(30)})
    assert got(once(place), tmp_path) == DATA
    assert [r.about.get("fileName") for r in place.kaggle.made("DownloadDataset")] == [PATH]
    assert len(place.kaggle.made("GET")) == 1 and not place.kaggle.made("ListDatasetFiles")


@pytest.mark.parametrize("path", [OID, f"archive/{PATH}"])
def test_object_that_kaggle_has_put_elsewhere_is_found(
    place: KagglePlace, tmp_path: Path, path: str
):
    place.make({path: DATA})
    store = once(place)
    assert (got(store, tmp_path), store.size(OID)) == (DATA, len(DATA))
    assert [one.oid for one in store.objects()] == [OID]


def test_many_pages_are_listed(place: KagglePlace):
    place.make({oid_of(b"%d" % n): b"%d" % n for n in range(450)} | {"README.md": b"caches"})
    assert len(list(once(place).objects())) == 450
    assert len(place.kaggle.made("ListDatasetFiles")) == 3


def test_file_that_kaggle_sends_zipped_is_unpacked(place: KagglePlace, tmp_path: Path):
    place.make({PATH: DATA}).zipped[PATH] = zip_of({OID: DATA})
    assert got(once(place), tmp_path) == DATA


@pytest.mark.parametrize("name", [f"../{OID}", "other", f"/{OID}"])
def test_zipped_file_under_another_name_is_refused(place: KagglePlace, tmp_path: Path, name: str):
    place.make({PATH: DATA}).zipped[PATH] = zip_of({name: DATA})
    with pytest.raises(ObjectCorrupt):
        got(once(place), tmp_path)


def test_download_that_breaks_off_goes_on_where_it_was(place: KagglePlace, tmp_path: Path):
    data = os.urandom(5 << 20)
    place.make({oid_of(data): data})
    place.server.break_off = 3 << 20
    assert got(once(place), tmp_path, oid_of(data)) == data
    ranges = [request.headers.get("Range") for request in place.kaggle.made("GET")]
    assert ranges[0] is None and ranges[-1] and not ranges[-1].startswith("bytes=0-")


def test_credentials_go_to_the_api_alone(place: KagglePlace, tmp_path: Path):
    place.keep(OID, DATA)
    got(once(place), tmp_path)
    sent = {r.what: r.headers.get("Authorization") for r in place.kaggle.requests}
    assert sent == {"DownloadDataset": f"Bearer {TOKEN}", "GET": None}


def test_user_name_and_key_serve_too(place: KagglePlace, tmp_path: Path, monkeypatch):
    place.keep(OID, DATA)
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    monkeypatch.setenv("KAGGLE_USERNAME", "ada")
    monkeypatch.setenv("KAGGLE_KEY", "the-key")
    assert got(once(place), tmp_path) == DATA


@pytest.mark.parametrize("netrc", ["machine localhost", "default"])
def test_anonymous_sends_nothing_that_says_who_it_is(
    place: KagglePlace, tmp_path: Path, monkeypatch, netrc: str
):
    (tmp_path / "netrc").write_text(f"{netrc} login ada password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    place.make({PATH: DATA}, public=True)
    store = open_store(storeurl.parse(place.url, tmp_path), anonymous=True)
    assert got(store, tmp_path) == DATA and [one.oid for one in store.objects()] == [OID]
    assert all("Authorization" not in request.headers for request in place.kaggle.requests)


def test_private_dataset_refuses_the_anonymous_and_says_what_to_do(
    place: KagglePlace, tmp_path: Path
):
    place.keep(OID, DATA)
    store = KaggleStore(storeurl.parse(place.url, tmp_path), anonymous=True)
    with pytest.raises(StoreDenied) as error:
        got(store, tmp_path)
    assert error.value.hint and "KAGGLE_API_TOKEN" in error.value.hint


def test_wrong_credentials_are_named_and_not_shown(place: KagglePlace, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("KAGGLE_API_TOKEN", "KGAT_wrong")
    place.keep(OID, DATA)
    with pytest.raises(StoreDenied, match="credentials") as error:
        got(once(place), tmp_path)
    assert "KGAT_wrong" not in f"{error.value.message}{error.value.hint}"


def test_busy_kaggle_is_asked_again_when_it_says(place: KagglePlace, tmp_path: Path):
    place.keep(OID, DATA)

    def busy(request: Request) -> None:
        raise Answer(429, "Too many requests", {"Retry-After": "7"})

    place.kaggle.before = busy
    with pytest.raises(StoreUnavailable) as error:
        got(once(place), tmp_path)
    assert error.value.retry_after == 7


@pytest.mark.parametrize("status", [500, 503, 0])
def test_trouble_that_passes_is_tried_again(
    place: KagglePlace, store: Store, tmp_path: Path, status: int
):
    place.keep(OID, DATA)
    left = [status]

    def trouble(request: Request) -> None:
        if left:
            raise Answer(left.pop(), "Oops")

    place.kaggle.before = trouble
    assert got(store, tmp_path) == DATA


def test_kaggle_out_of_reach_is_said_plainly(place: KagglePlace, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with pytest.raises(StoreUnavailable, match="kaggle does not answer"):
        got(once(place), tmp_path)


def test_nothing_is_printed(place: KagglePlace, store: Store, tmp_path: Path, capfd):
    place.keep(OID, DATA)
    store.put(oid_of(b"more"), _file(tmp_path, b"more"), no_progress)
    got(store, tmp_path)
    assert capfd.readouterr() == ("", "")


def _file(folder: Path, data: bytes) -> Path:
    path = folder / oid_of(data)
    path.write_bytes(data)
    return path
