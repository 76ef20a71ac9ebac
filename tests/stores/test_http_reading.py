"""Reading from web servers that break off, lie, pack and send elsewhere."""

import gzip
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cacheferry.core.errors import ObjectCorrupt, StoreDenied, StoreUnavailable
from cacheferry.core.store import no_progress
from cacheferry.core.storeurl import StoreUrl
from lfs_agent.stores import webget
from lfs_agent.stores.http import HttpStore
from tests.servers.place import oid_of
from tests.servers.recorder import Handler, Server, Twist, serving

DATA = os.urandom(3 << 20)
OID = oid_of(DATA)
PATH = f"/caches/{OID[:2]}/{OID[2:4]}/{OID}"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        running.files[PATH] = DATA
        yield running


@pytest.fixture
def store(server: Server, monkeypatch) -> Iterator[HttpStore]:
    monkeypatch.setattr(webget, "jitter", lambda: 0)
    monkeypatch.setenv("NETRC", os.devnull)
    with closing(HttpStore(StoreUrl("http", server.url + "/caches"))) as opened:
        yield opened


def breaking_off(times: int, after: int = 1 << 20) -> Twist:
    """Each of the first answers ends after so many bytes, in the middle of the body."""
    left = [times]

    def twist(request: Handler) -> bool:
        if request.command != "GET" or not left[0]:
            return False
        left[0] -= 1
        begin = int(request.headers.get("Range", "bytes=0-")[6:-1])
        tag = request.tag(DATA)
        request.send_response(206 if begin else 200)
        request.send_header("ETag", tag)
        request.send_header("Content-Length", str(len(DATA) - begin))
        request.send_header("Content-Range", f"bytes {begin}-{len(DATA) - 1}/{len(DATA)}")
        request.end_headers()
        request.wfile.write(DATA[begin : begin + after])
        request.close_connection = True
        return True

    return twist


def ranges(server: Server) -> list[str | None]:
    return [one.headers.get("range") for one in server.asked if one.method == "GET"]


def test_a_body_that_breaks_off_goes_on_where_it_was(server, store, tmp_path: Path):
    server.twist, moved = breaking_off(2), list[int]()
    store.get(OID, tmp_path / "target", moved.append)
    assert (tmp_path / "target").read_bytes() == DATA and sum(moved) == len(DATA)
    asked = ranges(server)
    assert len(asked) == 3 and asked[0] is None
    starts = [int((text or "bytes=0-")[6:-1]) for text in asked]
    assert starts[0] < starts[1] < starts[2] and starts[1] >= 768 << 10
    assert {one.headers.get("if-range") for one in server.asked[1:]} == {f'"{hash(DATA)}"'}


def test_a_body_that_never_comes_to_its_end_is_given_up(server, store, tmp_path: Path):
    server.twist = breaking_off(99, after=300 << 10)
    with pytest.raises(StoreUnavailable):
        store.get(OID, tmp_path / "target", no_progress)
    assert len(ranges(server)) == 4 and not (tmp_path / "target").exists()


def test_a_body_that_brings_nothing_is_not_taken_up(server, store, tmp_path: Path):
    server.twist = breaking_off(99, after=0)
    with pytest.raises(StoreUnavailable):
        store.get(OID, tmp_path / "target", no_progress)
    assert len(ranges(server)) == 1


@pytest.mark.parametrize(
    "answer",
    [
        (200, {}),  # as one does that knows no ranges, or where the object has changed
        (416, {}),
        (206, {"Content_Range": f"bytes 7-{len(DATA) - 1}/{len(DATA)}"}),
        (206, {"Content_Range": "bytes 1048576-99/100"}),
        (206, {}),
        (206, {"ETag": '"another"', "Content_Range": f"bytes 1048576-9/{len(DATA)}"}),
    ],
)
def test_what_does_not_belong_together_is_not_put_together(server, store, tmp_path, answer):
    first = breaking_off(1)
    status, headers = answer

    def twist(request: Handler) -> bool:
        if not request.headers.get("Range"):
            return first(request)
        return request.answer(status, DATA if status < 300 else b"", **headers)

    server.twist = twist
    with pytest.raises(StoreUnavailable, match="does not go on where it broke off"):
        store.get(OID, tmp_path / "target", no_progress)
    assert len(ranges(server)) == 2 and not (tmp_path / "target").exists()


def test_the_whole_is_fetched_again_where_it_cannot_go_on(server, tmp_path: Path, monkeypatch):
    from lfs_agent.stores import open_store

    monkeypatch.setenv("NETRC", os.devnull)
    first = breaking_off(1)
    server.twist = lambda request: (
        first(request) if not request.headers.get("Range") else request.answer(416)
    )
    moved = list[int]()
    with closing(open_store(StoreUrl("http", server.url + "/caches"))) as store:
        store.get(OID, tmp_path / "target", moved.append)
    assert (tmp_path / "target").read_bytes() == DATA and sum(moved) == len(DATA)


def test_packing_is_not_asked_for_and_undone_where_it_comes(server, store, tmp_path: Path):
    packed = gzip.compress(DATA)
    server.twist = lambda request: request.answer(200, packed, Content_Encoding="gzip")
    assert store.size(OID) == len(DATA)
    store.get(OID, tmp_path / "target", no_progress)
    assert (tmp_path / "target").read_bytes() == DATA
    assert {one.headers.get("accept-encoding") for one in server.asked} == {"identity"}


def test_a_body_without_a_length_is_counted(server, store, tmp_path: Path):
    chunks = b"".join(
        b"%x\r\n%b\r\n" % (len(part), part) for part in (DATA[: 1 << 20], DATA[1 << 20 :], b"")
    )
    server.twist = lambda request: request.answer(200, chunks, Transfer_Encoding="chunked")
    assert store.size(OID) == len(DATA)
    store.get(OID, tmp_path / "target", no_progress)
    assert (tmp_path / "target").read_bytes() == DATA


def test_a_login_page_is_named_as_such(server, store, tmp_path: Path):
    page = b"<html>please log in</html>"
    server.twist = lambda request: request.answer(200, page, Content_Type="text/html")
    with pytest.raises(ObjectCorrupt) as error:
        store.get(OID, tmp_path / "target", no_progress)
    assert "web page" in (error.value.hint or "") and not (tmp_path / "target").exists()


def test_a_read_follows_a_redirect_to_another_server(server, store, tmp_path: Path):
    with serving() as other:
        other.files["/elsewhere"] = DATA
        server.twist = lambda request: request.answer(302, Location=other.url + "/elsewhere")
        store.get(OID, tmp_path / "target", no_progress)
    assert (tmp_path / "target").read_bytes() == DATA


@pytest.mark.parametrize(
    "target",
    [
        "/caches/again",
        "file:///etc/passwd",
        "http://me:secret@127.0.0.1/x",
        "http://[/",
        "ftp://x/\x1b[2J",
    ],
)
def test_a_redirect_that_leads_nowhere_is_refused(server, store, tmp_path: Path, target: str):
    server.twist = lambda request: request.answer(302, Location=target)
    with pytest.raises(StoreDenied) as error:
        store.get(OID, tmp_path / "target", no_progress)
    assert len(server.asked) <= 5 and "secret" not in error.value.message
    assert error.value.message.isprintable()


@pytest.mark.parametrize("length", ["99999999999", "nonsense", "-5"])
def test_a_wrong_length_is_no_object(server, store, tmp_path: Path, length: str):
    def twist(request: Handler) -> bool:
        request.close_connection = True
        return request.answer(200, DATA[:-1], Content_Length=length)

    server.twist = twist
    with pytest.raises((StoreUnavailable, ObjectCorrupt, StoreDenied)):
        store.get(OID, tmp_path / "target", no_progress)
    assert not (tmp_path / "target").exists()


def test_requests_share_one_connection(server, store, tmp_path: Path):
    opened = []
    usual = server.process_request

    def counting(*args):
        opened.append(args)
        usual(*args)

    server.process_request = counting
    assert store.size(OID) == len(DATA)
    assert store.size(oid_of(b"not there")) is None
    store.get(OID, tmp_path / "target", no_progress)
    store.delete(OID)
    store.delete(OID)
    assert len(opened) == 1


@pytest.mark.parametrize("length", ["9" * 5000, "٣", "+1"])
def test_a_length_that_is_none_is_no_length(server, store, tmp_path, length):
    def twist(request: Handler) -> bool:
        request.send_response(200)
        request.send_header("Content-Length", length.encode().decode("latin-1"))
        request.end_headers()
        request.close_connection = True
        return True

    server.twist = twist
    with pytest.raises((ObjectCorrupt, StoreUnavailable)):
        store.get(OID, tmp_path / "target", no_progress)
