"""Writing to web servers that cannot rename, refuse, are full, and say what is not so."""

import os
import time
from collections.abc import Iterator
from contextlib import closing
from email.utils import formatdate
from pathlib import Path

import pytest

from cacheferry.core.errors import (
    CacheferryError,
    NotOffered,
    ObjectCorrupt,
    StoreDenied,
    StoreUnavailable,
)
from cacheferry.core.store import no_progress
from cacheferry.core.storeurl import StoreUrl
from lfs_agent.stores.http import HttpStore
from tests.servers import nginx
from tests.servers.place import FolderPlace, oid_of
from tests.servers.recorder import Handler, Server, serving

DATA = os.urandom((2 << 20) + 5)
OID = oid_of(DATA)
PATH = f"/caches/{OID[:2]}/{OID[2:4]}/{OID}"


@pytest.fixture(autouse=True)
def nobody(monkeypatch) -> None:
    monkeypatch.setenv("NETRC", os.devnull)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def store(server: Server) -> Iterator[HttpStore]:
    with closing(HttpStore(StoreUrl("http", server.url + "/caches"))) as opened:
        yield opened


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "source"
    file.write_bytes(DATA)
    return file


def refusing(*methods: str, status: int, **headers: str):
    return lambda request: request.command in methods and request.answer(status, **headers)


def on(place: FolderPlace) -> HttpStore:
    return HttpStore(StoreUrl("http", place.url))


def test_an_upload_is_renamed_into_its_place(server, store, source):
    store.put(OID, source, no_progress)
    assert server.files == {PATH: DATA}
    put = next(one for one in server.asked if one.method == "PUT")
    assert "/.cacheferry-" in put.path and put.headers["content-length"] == str(len(DATA))
    move = next(one for one in server.asked if one.path == put.path and one.method == "MOVE")
    assert (move.headers["destination"], move.headers["overwrite"]) == (server.url + PATH, "T")


def test_upload_of_known_oid_sends_nothing(server, store, source):
    server.files[PATH] = DATA
    moved = list[int]()
    store.put(OID, source, moved.append)
    assert set(server.methods()) == {"HEAD", "GET"} and sum(moved) == len(DATA)


def test_folders_are_made_once(server, store, source):
    store.put(OID, source, no_progress)
    server.files.clear()
    store.put(OID, source, no_progress)
    assert server.methods().count("MKCOL") == 1


def test_a_server_that_cannot_rename_is_asked_once(server, store, source, tmp_path: Path):
    server.twist = refusing("MOVE", status=405)
    store.put(OID, source, no_progress)
    (tmp_path / "other").write_bytes(b"other")
    store.put(oid_of(b"other"), tmp_path / "other", no_progress)
    assert server.methods().count("MOVE") == 1
    assert [one.path.rpartition("/")[2] for one in server.asked if one.method == "PUT"] == [
        OID,
        oid_of(b"other"),
    ]


def test_a_rename_that_fails_leaves_no_temporary_file(server, store, source):
    def twist(request: Handler) -> bool:
        there = request.path in server.files
        return request.command == "MOVE" and there and request.answer(502)

    server.twist = twist
    store.put(OID, source, no_progress)
    assert server.files == {PATH: DATA}


@pytest.mark.parametrize("methods", [("PUT",), ("PUT", "MOVE", "MKCOL"), ("MOVE",)])
def test_success_without_an_object_is_an_error(server, store, source, methods):
    def twist(request: Handler) -> bool:
        probe = request.command == "MOVE" and request.path not in server.files
        return not (probe and "PUT" not in methods) and refusing(*methods, status=200)(request)

    server.twist = twist
    with pytest.raises(CacheferryError) as error:
        store.put(OID, source, no_progress)
    assert server.files == {} and "has stored object" in error.value.message


@pytest.mark.parametrize(
    ("status", "words"), [(507, "Insufficient Storage"), (413, "Too Large"), (403, "Forbidden")]
)
def test_a_server_that_takes_no_more_is_not_asked_again(server, store, source, status, words):
    server.twist = refusing("PUT", status=status)
    with pytest.raises(StoreDenied, match=words) as error:
        store.put(OID, source, no_progress)
    assert server.files == {} and server.methods().count("PUT") == 1 and error.value.hint


@pytest.mark.parametrize("status", [408, 423, 425, 429, 500, 502, 503, 504, 599])
def test_what_can_pass_is_said_to_pass(server, store, source, status):
    server.twist = refusing("PUT", status=status, Retry_After="7")
    with pytest.raises(StoreUnavailable) as error:
        store.put(OID, source, no_progress)
    assert error.value.retry_after == 7 and server.files == {}


@pytest.mark.parametrize("shift", [100, -100])
def test_retry_after_may_be_a_date(server, store, shift):
    server.twist = refusing("HEAD", status=503, Retry_After=formatdate(time.time() + shift))
    with pytest.raises(StoreUnavailable) as error:
        store.size(OID)
    assert max(0, shift - 60) <= error.value.retry_after <= max(0, shift)


@pytest.mark.parametrize("text", ["soon", "-1", "1e9", "9" * 400, "Mon, 99 Foo 2020"])
def test_a_retry_after_without_sense_asks_for_nothing(server, store, text):
    server.twist = refusing("HEAD", status=503, Retry_After=text)
    with pytest.raises(StoreUnavailable) as error:
        store.size(OID)
    assert 0 <= error.value.retry_after < 1e9


def test_a_broken_upload_leaves_no_temporary_file(server, store, source):
    def twist(request: Handler) -> bool:
        if request.command != "PUT":
            return False
        server.files[request.path] = b"some of it"
        request.close_connection = True
        request.connection.close()
        return True

    server.twist = twist
    with pytest.raises(StoreUnavailable):
        store.put(OID, source, no_progress)
    assert server.files == {}


@pytest.mark.parametrize("renames", [True, False])
def test_a_server_never_has_the_whole_of_wrong_bytes(server, store, tmp_path: Path, renames):
    server.twist = None if renames else refusing("MOVE", status=405)
    (tmp_path / "wrong").write_bytes(DATA[:-1] + b"x")
    with pytest.raises(ObjectCorrupt):
        store.put(OID, tmp_path / "wrong", no_progress)
    assert "PUT" not in server.methods() and server.files == {}


def test_a_folder_removed_meanwhile_is_made_again(tmp_path: Path, source):
    place = nginx.place(tmp_path, "open")
    with closing(on(place)) as store:
        store.put(OID, source, no_progress)
        (place.folder / PATH.removeprefix("/caches/")).unlink()
        (place.folder / OID[:2] / OID[2:4]).rmdir()
        with pytest.raises(StoreUnavailable):  # what is tried again
            store.put(OID, source, no_progress)
        store.put(OID, source, no_progress)
    assert place.held(OID) == DATA


def test_a_write_is_sent_nowhere_else(server, store, source):
    with serving() as other:
        server.twist = lambda request: (
            request.command == "PUT" and request.answer(307, Location=other.url + "/x")
        )
        with pytest.raises(StoreDenied, match="redirects to") as error:
            store.put(OID, source, no_progress)
        assert other.asked == [] and "`store:`" in (error.value.hint or "")


def test_a_write_follows_within_its_server_with_its_body(server, store, source):
    def twist(request: Handler) -> bool:
        inside = request.path.startswith("/caches/")
        target = request.path.replace("/caches/", "/moved/")
        return (
            request.command in ("PUT", "MOVE")
            and inside
            and request.answer(307 if request.command == "PUT" else 405, Location=target)
        )

    server.twist, moved = twist, list[int]()
    with pytest.raises(StoreDenied, match="has not"):  # it is elsewhere now
        store.put(OID, source, moved.append)
    assert server.files == {PATH.replace("/caches/", "/moved/"): DATA}
    assert sum(moved) == len(DATA)


def test_a_read_only_server_is_named(tmp_path: Path, source):
    place = nginx.place(tmp_path, "read-only")
    with closing(on(place)) as store, pytest.raises(StoreDenied, match="405") as error:
        store.put(OID, source, no_progress)
    assert place.names() == [] and "docs/stores-http.md" in (error.value.hint or "")


def test_a_limit_on_the_size_of_a_body_is_named(tmp_path: Path, source):
    place = nginx.place(tmp_path, "small")
    with closing(on(place)) as store, pytest.raises(StoreDenied) as error:
        store.put(OID, source, no_progress)
    assert place.names() == [] and "client_max_body_size" in (error.value.hint or "")


def test_a_store_whose_parent_is_not_there_is_named(tmp_path: Path, source):
    place = nginx.place(tmp_path, "open")
    url = place.url + "/not/there"
    with closing(HttpStore(StoreUrl("http", url))) as store, pytest.raises(StoreDenied) as error:
        store.put(OID, source, no_progress)
    assert url in error.value.message and place.names() == []


def test_a_server_that_cannot_delete_says_so(server, store):
    server.twist = refusing("DELETE", status=405)
    with pytest.raises(NotOffered):
        store.delete(OID)
