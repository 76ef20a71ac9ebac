"""What a WebDAV server lists is read as what anybody may have written."""

from contextlib import closing

import pytest

from cacheferry.core.errors import NotOffered, StoreDenied
from cacheferry.core.store import Stored
from cacheferry.core.storeurl import StoreUrl
from lfs_agent.stores import multistatus
from lfs_agent.stores.http import HttpStore
from lfs_agent.stores.multistatus import NoListing, parse
from tests.servers.place import oid_of
from tests.servers.recorder import Handler, Server, Twist, serving

OID = oid_of(b"data")
FIRST, SECOND = OID[:2], OID[2:4]
DATE = "Tue, 24 Nov 2026 22:22:31 GMT"


def entry(href: str, *, folder: bool = False, size: str = "4", date: str = DATE) -> str:
    kind = "<D:resourcetype><D:collection/></D:resourcetype>" if folder else "<D:resourcetype/>"
    length = "" if folder else f"<D:getcontentlength>{size}</D:getcontentlength>"
    time = f"<D:getlastmodified>{date}</D:getlastmodified>"
    return (
        f"<D:response><D:href>{href}</D:href><D:propstat><D:prop>{kind}{length}{time}</D:prop>"
        "<D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"
    )


def document(*entries: str) -> bytes:
    return f'<D:multistatus xmlns:D="DAV:">{"".join(entries)}</D:multistatus>'.encode()


def listed(folders: dict[str, bytes], status: int = 207) -> list[Stored]:
    """What a store says that it has, on a server that answers so for each of its folders."""

    def twist(request: Handler) -> bool:
        folder = request.path.removeprefix("/caches/")
        known = request.command == "PROPFIND" and folder in folders
        return known and request.answer(status, folders[folder])

    return everything(twist)


def everything(twist: Twist) -> list[Stored]:
    with serving(twist) as server, closing(store_on(server)) as store:
        return list(store.objects())


def store_on(server: Server) -> HttpStore:
    return HttpStore(StoreUrl("http", server.url + "/caches"))


def around(*entries: str) -> dict[str, bytes]:
    """The folders of a store, with these entries in the one of OID."""
    top, one, two = "/caches/", f"/caches/{FIRST}/", f"/caches/{FIRST}/{SECOND}/"
    return {
        "": document(entry(top, folder=True), entry(one, folder=True)),
        f"{FIRST}/": document(entry(one, folder=True), entry(two, folder=True)),
        f"{FIRST}/{SECOND}/": document(entry(two, folder=True), *entries),
    }


def test_an_object_is_listed_with_its_size_and_date():
    for href in (f"/caches/{FIRST}/{SECOND}/{OID}", f"http://other/c/{FIRST}/{SECOND}/{OID}"):
        assert listed(around(entry(href))) == [Stored(OID, 4, 1795558951.0)]


@pytest.mark.parametrize(
    "href",
    [
        f"/caches/{FIRST}/{SECOND}/.cacheferry-0011",
        f"/caches/{FIRST}/00/{OID}",
        f"/{OID}",
        f"/caches/{FIRST}/{SECOND}/../../{FIRST}/{SECOND}/{OID}",
        f"/caches/%2e%2e/{FIRST}/{SECOND}/{OID}",
        f"/caches/{FIRST}/{SECOND}/{OID.upper()}",
        "",
        "http://[/",
    ],
)
def test_what_is_no_object_in_its_place_is_left_out(href: str):
    assert listed(around(entry(href))) == []


@pytest.mark.parametrize("size", ["", "-4", "4.0", "9" * 30, "four", "\u0664"])
def test_an_object_without_a_size_is_left_out(size: str):
    assert listed(around(entry(f"/caches/{FIRST}/{SECOND}/{OID}", size=size))) == []


@pytest.mark.parametrize("date", ["", "yesterday", "Tue, 99 Nov 2026 22:22:31 GMT"])
def test_an_object_without_a_date_is_taken_for_new(date: str):
    (one,) = listed(around(entry(f"/caches/{FIRST}/{SECOND}/{OID}", date=date)))
    assert one.modified > 1.6e9


def test_a_store_that_is_not_there_has_no_objects():
    assert everything(lambda request: request.answer(404)) == []


@pytest.mark.parametrize("status", [200, 403, 405, 501])
def test_a_server_that_does_not_list_says_so(status: int):
    with pytest.raises(NotOffered, match="PROPFIND"):
        listed({"": b"<html></html>"}, status)


BOMB = (
    b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>'
    b'<D:multistatus xmlns:D="DAV:"><D:response><D:href>&b;</D:href></D:response></D:multistatus>'
)
FILE = (
    b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>'
    b'<D:multistatus xmlns:D="DAV:"><D:response><D:href>&f;</D:href></D:response></D:multistatus>'
)


@pytest.mark.parametrize(
    "text", [BOMB, FILE, BOMB.decode().encode("utf-16"), b"", b"<a>", b"no", b"<a>&b;</a>"]
)
def test_entities_and_what_is_no_document_are_refused(text: bytes):
    with pytest.raises(NoListing):
        parse([text])
    with pytest.raises(StoreDenied, match="no listing"):
        listed({"": text})


def test_a_listing_without_an_end_is_not_read_to_it(monkeypatch):
    monkeypatch.setattr(multistatus, "LIMIT", 1 << 16)
    read = []

    def endless():
        yield b'<D:multistatus xmlns:D="DAV:">'
        while True:
            read.append(1)
            yield entry("/x").encode() * 10

    with pytest.raises(NoListing):
        parse(endless())
    assert len(read) < 100


def test_a_listing_of_more_than_can_be_is_refused():
    with pytest.raises(NoListing):
        parse([b'<D:multistatus xmlns:D="DAV:">', *[b"<D:response/>" * 1000] * 101])


def test_a_folder_that_is_listed_again_and_again_is_asked_for_once():
    def twist(request: Handler) -> bool:
        names = ["", *["aa/"] * 50]
        entries = [
            f"<D:response><D:href>{request.asked.path}{name}</D:href><D:propstat><D:prop>"
            "<D:resourcetype><D:collection/></D:resourcetype></D:prop></D:propstat></D:response>"
            for name in names
        ]
        body = f'<D:multistatus xmlns:D="DAV:">{"".join(entries)}</D:multistatus>'
        return request.answer(207, body.encode())

    with serving(twist) as server, closing(HttpStore(StoreUrl("http", f"{server.url}/p"))) as store:
        assert list(store.objects()) == []
    assert len(server.asked) == 3
