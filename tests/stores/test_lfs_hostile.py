"""What an LFS server may answer that is up to no good: always an error with words, never more."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from cacheferry.core.errors import StoreDenied, StoreError
from cacheferry.core.lfsserver import LfsServer
from cacheferry.core.store import no_progress
from lfs_agent.stores.lfshost import LfsHost
from tests.servers import recorder
from tests.servers.place import oid_of

DATA = b"data"
OID = oid_of(DATA)


def got(tmp_path: Path, answer: bytes) -> bytes:
    """The object, from a server whose batch API answers so; SELF is its own address."""

    def twist(request):
        if request.asked.method == "POST":
            return request.answer(200, answer.replace(b"SELF", server.url.encode()))
        return request.answer(200, DATA)

    with recorder.serving(twist) as server:
        host = LfsHost(LfsServer(f"{server.url}/lfs", "x"), "download", tmp_path, None, False)
        with closing(host):
            host.get(OID, tmp_path / "target", no_progress)
    target: Path = tmp_path / "target"
    return target.read_bytes()


def entry(download: dict[str, object] | None = None, **more: object) -> bytes:
    action = {"href": "SELF/object"} | (download or {})
    one = {"oid": OID, "size": len(DATA), "actions": {"download": action}} | more
    return json.dumps({"objects": [one]}).encode()


@pytest.mark.parametrize("life", [10**400, -1, float("inf"), float("nan"), True, "soon"])
def test_a_life_without_sense_is_none(tmp_path, life):
    assert got(tmp_path, entry({"expires_in": life})) == DATA


@pytest.mark.parametrize(
    "download",
    [
        {"href": "http://["},
        {"href": "file:///etc/passwd"},
        {"href": 3},
        {"header": {"X": "\N{SNOWMAN}"}},
        {"header": {"X\N{SNOWMAN}": "1"}},
        {"header": {"X": "a\r\nAuthorization: b"}},
    ],
)
def test_an_action_that_cannot_be_is_denied(tmp_path, download):
    with pytest.raises(StoreDenied):
        got(tmp_path, entry(download))
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("answer", [b"[" * 200_000, b'{"a":' * 200_000, b"\xff", b"9" * 5000])
def test_what_is_no_answer_is_denied(tmp_path, answer):
    with pytest.raises(StoreDenied):
        got(tmp_path, answer)


def test_nothing_unprintable_gets_into_a_message(tmp_path):
    with pytest.raises(StoreError) as error:
        got(tmp_path, entry(error={"code": "\x1b[2J\n", "message": "\x1b[2J\n"}))
    assert error.value.message.isprintable()
