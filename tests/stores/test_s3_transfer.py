"""What goes over the line to a bucket, and what happens when the line breaks."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cacheferry.core import storeurl
from cacheferry.core.errors import CacheferryError, ObjectCorrupt, StoreUnavailable
from cacheferry.core.store import Store, no_progress
from lfs_agent.stores import open_store
from lfs_agent.stores.buckets import clients
from lfs_agent.stores.objectstore import ObjectStore
from tests.servers import azurite, google, seaweedfs
from tests.servers.between import Between
from tests.servers.place import Place, oid_of
from tests.servers.seaweedfs import S3Place

PART = 8 << 20
LARGE = os.urandom(1 << 20) * 20
LARGE_OID = oid_of(LARGE)


@pytest.fixture
def between() -> Iterator[Between]:
    proxy = Between(seaweedfs.server().endpoint)
    yield proxy
    proxy.close()


@pytest.fixture
def place(between: Between, monkeypatch: pytest.MonkeyPatch) -> S3Place:
    found = S3Place(seaweedfs.server(), endpoint=between.endpoint)
    for name, value in found.env.items():
        monkeypatch.setenv(name, value)
    return found


@pytest.fixture
def store(place: S3Place) -> Store:
    return open_store(storeurl.parse(place.url, Path.cwd()))


def file(folder: Path, data: bytes) -> Path:
    (folder / "source").write_bytes(data)
    return folder / "source"


def asked(between: Between) -> list[str]:
    """The methods of the requests since the last call."""
    methods = [one.method for one in between.requests]
    between.requests.clear()
    return methods


@pytest.mark.parametrize("size", [PART - 1, PART, PART + 1, 2 * PART, 2 * PART + 1])
def test_objects_around_the_size_of_a_part(store, place, between, tmp_path, size):
    data = LARGE[:size]
    store.put(oid_of(data), file(tmp_path, data), no_progress)
    assert place.held(oid_of(data)) == data
    assert ("POST" in asked(between)) == (size > PART)
    store.put(oid_of(data), file(tmp_path, data), no_progress)
    assert asked(between) == ["HEAD"]  # its parts' MD5s are known: neither sent nor read again
    store.get(oid_of(data), tmp_path / "target", no_progress)
    assert (tmp_path / "target").read_bytes() == data


def test_damaged_large_object_of_the_same_size_is_healed(store, place, tmp_path):
    place.keep(LARGE_OID, LARGE[1:] + b"x")
    store.put(LARGE_OID, file(tmp_path, LARGE), no_progress)
    assert place.held(LARGE_OID) == LARGE


def test_object_whose_etag_is_another_one_is_read_and_not_sent_again(
    store, place, between, tmp_path
):
    place.keep(LARGE_OID, LARGE)  # in one part, which is not how the store sends it
    store.put(LARGE_OID, file(tmp_path, LARGE), no_progress)
    assert asked(between) == ["HEAD", "GET"]


def test_wrong_bytes_leave_no_part_behind(store, place, tmp_path):
    with pytest.raises(ObjectCorrupt):
        store.put(LARGE_OID, file(tmp_path, LARGE[:-1] + b"x"), no_progress)
    assert (place.names(), seaweedfs.server().unfinished("shared")) == ([], [])


def test_upload_in_parts_is_seen_when_it_is_whole_and_not_before(store, place, tmp_path):
    def state() -> tuple[list[str], int]:
        return place.names(), len(seaweedfs.server().unfinished("shared"))

    seen = []
    with ThreadPoolExecutor(1) as elsewhere:  # obstore is not entered twice by one thread
        store.put(
            LARGE_OID,
            file(tmp_path, LARGE),
            lambda _moved: seen.append(elsewhere.submit(state).result()),
        )
    assert ([], 1) in seen and all(names == [] for names, _ in seen[:-1])
    assert len(place.names()) == 1 and seaweedfs.server().unfinished("shared") == []


@pytest.mark.parametrize("data", [LARGE, b"small"])
def test_bytes_that_the_line_has_changed_are_refused(store, place, between, tmp_path, data):
    between.receive = lambda _request, body: body[:-1] + b"?" if body[-1:] == data[-1:] else body
    with pytest.raises(CacheferryError):
        store.put(oid_of(data), file(tmp_path, data), no_progress)
    assert place.names() == []


@pytest.mark.parametrize("cuts", [1, 3])
def test_download_goes_on_where_it_broke_off(store, place, between, tmp_path, cuts):
    left, ranges = [cuts], []

    def cut(request, body, write) -> None:
        if request.method != "GET":
            write(body)
            return
        ranges.append(request.headers.get("range", ""))
        left[0] -= 1
        if left[0] < 0:
            write(body)
        else:
            write(body[: 5 << 20])
            raise ConnectionAbortedError

    place.keep(LARGE_OID, LARGE)
    between.send = cut
    moved: list[int] = []
    store.get(LARGE_OID, tmp_path / "target", moved.append)
    assert (tmp_path / "target").read_bytes() == LARGE and sum(moved) == len(LARGE)
    assert len(ranges) == cuts + 1
    starts = [int(one.removeprefix("bytes=").partition("-")[0]) for one in ranges[1:]]
    assert starts == sorted(starts) and starts[0] > 4 << 20


def test_server_without_checksums_is_served_on_request(place, between, tmp_path, monkeypatch):
    def sent() -> bool:
        open_store(storeurl.parse(place.url, tmp_path)).put(
            oid_of(b"data"), file(tmp_path, b"data"), no_progress
        )
        puts = [one for one in between.requests if one.method == "PUT"]
        return "x-amz-checksum-sha256" in puts[-1].headers

    assert sent()
    monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "WHEN_REQUIRED")
    open_store(storeurl.parse(place.url, tmp_path)).delete(oid_of(b"data"))
    assert not sent()


def test_dead_connection_ends(place, between, tmp_path, monkeypatch):
    """The server takes the request, sends half of the body and is never heard of again."""
    monkeypatch.setattr(clients, "_BRIEF", {"read_timeout": "200ms"})
    monkeypatch.setattr(clients, "_PATIENT", {"read_timeout": "200ms"})
    stay = threading.Event()

    def stall(request, body, write) -> None:
        write(body[: len(body) // 2])
        stay.wait(60)

    place.keep(LARGE_OID, LARGE)
    between.send = stall
    store = ObjectStore(storeurl.parse(place.url, tmp_path))
    try:
        with pytest.raises(StoreUnavailable, match="broke off"):
            store.get(LARGE_OID, tmp_path / "target", no_progress)
    finally:
        stay.set()
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("kind", ["gs", "az"])
def test_other_services_take_parts_and_no_wrong_ones(kind, tmp_path, monkeypatch):
    places = {
        "gs": lambda: google.GooglePlace(google.server()),
        "az": lambda: azurite.AzurePlace(azurite.server()),
    }
    place: Place = places[kind]()
    for name, value in place.env.items():
        monkeypatch.setenv(name, value)
    store = open_store(storeurl.parse(place.url, tmp_path))
    with pytest.raises(ObjectCorrupt):
        store.put(LARGE_OID, file(tmp_path, LARGE[:-1] + b"x"), no_progress)
    assert place.names() == []
    store.put(LARGE_OID, file(tmp_path, LARGE), no_progress)
    assert place.held(LARGE_OID) == LARGE
    if kind == "gs":
        assert seaweedfs.server().unfinished("interop") == []


AGENT = Path(__file__).resolve().parents[2] / "lfs_agent" / "__main__.py"


@pytest.mark.parametrize("size", [160 << 20, pytest.param(1 << 30, marks=pytest.mark.slow)])
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_agent_needs_little_memory(size, tmp_path):
    place = S3Place(seaweedfs.server())
    env = {**os.environ, **place.env, "CACHEFERRY_STORE": place.url}
    subprocess.run(["git", "init", "-q", str(tmp_path / "repo")], check=True, env=env)
    source = tmp_path / "source"
    with open(source, "wb") as stream:
        for _ in range(size >> 20):
            stream.write(LARGE[: 1 << 20])
    oid = (
        subprocess.run(["sha256sum", source], capture_output=True, check=True).stdout[:64].decode()
    )
    for event, path in (("upload", f',"path":"{source}"'), ("download", "")):
        talk = [
            f'{{"event":"init","operation":"{event}","remote":"origin","concurrent":false,'
            '"concurrenttransfers":1}',
            f'{{"event":"{event}","oid":"{oid}","size":{size}{path},"action":null}}',
        ]
        said, peak = converse(talk, tmp_path / "repo", env)
        assert '"complete"' in said and '"error"' not in said, said[-500:]
        assert peak < 60 << 10, f"{event}: {peak >> 10} MB"


def converse(talk: list[str], folder: Path, env: dict[str, str]) -> tuple[str, int]:
    """What the agent says, and the most kilobytes of memory that it had."""
    command = [sys.executable, "-I", "-S", str(AGENT)]
    with subprocess.Popen(
        command, cwd=folder, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as agent:
        assert agent.stdin and agent.stdout
        for line in talk:
            agent.stdin.write(line + "\n")
        agent.stdin.flush()
        said = ""
        while '"complete"' not in said:
            line = agent.stdout.readline()
            assert line, said
            said += line
        status = Path(f"/proc/{agent.pid}/status").read_text()
        agent.stdin.write('{"event":"terminate"}\n')
        agent.stdin.close()
        return said, int(status.partition("VmHWM:")[2].split()[0])
