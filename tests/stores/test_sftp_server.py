"""The SFTP store when its server is odd, full, read-only, slow or gone."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from cacheferry.core import storeurl
from cacheferry.core.errors import (
    ObjectCorrupt,
    ObjectMissing,
    StoreDenied,
    StoreError,
    StoreUnavailable,
)
from cacheferry.core.store import no_progress
from lfs_agent.stores import open_store, ssh
from lfs_agent.stores.sftp import SftpStore
from tests.agent.talk import TERMINATE, download, init, upload
from tests.agent.talk import World as AgentWorld
from tests.servers import sshd
from tests.servers.place import FolderPlace, oid_of
from tests.servers.sshd import Sshd

MANY = os.urandom(1 << 16) * 320  # 20 MiB
MANY_OID = oid_of(MANY)


@pytest.fixture
def server(monkeypatch) -> Iterator[Sshd]:
    """A server of its own, that may be killed."""
    with serving(monkeypatch) as own:
        yield own


@contextmanager
def serving(monkeypatch, options: str = "") -> Iterator[Sshd]:
    own = Sshd(options)
    for key, value in own.env(own.home).items():
        monkeypatch.setenv(key, value)
    try:
        yield own
    finally:
        own.kill()


@contextmanager
def opened(place: FolderPlace) -> Iterator[SftpStore]:
    """The store without retries around it."""
    with closing(SftpStore(storeurl.parse(place.url, Path("/")))) as store:
        yield store


def source(folder: Path, data: bytes) -> Path:
    path = folder / f"source-{len(data)}"
    path.write_bytes(data)
    return path


def once(action: Callable[[], object]) -> Callable[[int], None]:
    """A Progress that does something the first time that bytes have moved."""
    todo = [action]

    def moved(_count: int) -> None:
        if todo:
            todo.pop()()

    return moved


def restart(server: Sshd) -> None:
    server.kill()
    server.start()


def test_download_goes_on_where_it_was_when_the_server_comes_back(server: Sshd, tmp_path: Path):
    place = server.place(tmp_path / "store")
    place.keep(MANY_OID, MANY)
    moved, breaks = list[int](), once(lambda: restart(server))

    def progress(count: int) -> None:
        moved.append(count)
        breaks(count)

    with opened(place) as store:
        store.get(MANY_OID, tmp_path / "target", progress)
    assert (tmp_path / "target").read_bytes() == MANY and sum(moved) == len(MANY)


def test_hung_connection_is_noticed_and_replaced(server: Sshd, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(ssh, "KEEPALIVE", 0.1)
    place = server.place(tmp_path / "store")
    place.keep(MANY_OID, MANY)
    with opened(place) as store:
        store.get(MANY_OID, tmp_path / "target", once(server.stop))
    assert (tmp_path / "target").read_bytes() == MANY


def test_object_that_changes_meanwhile_is_not_mixed(server: Sshd, tmp_path: Path):
    place = server.place(tmp_path / "store")
    place.keep(MANY_OID, MANY)

    def change() -> None:
        server.kill()
        os.utime(place.folder / MANY_OID[:2] / MANY_OID[2:4] / MANY_OID, (1, 1))
        server.start()

    with opened(place) as store, pytest.raises(StoreUnavailable):
        store.get(MANY_OID, tmp_path / "target", once(change))
    assert not (tmp_path / "target").exists()
    with closing(open_store(storeurl.parse(place.url, tmp_path))) as retrying:
        retrying.get(MANY_OID, tmp_path / "target", no_progress)


def test_broken_upload_shows_nothing_and_leaves_nothing(server: Sshd, tmp_path: Path):
    place, data = server.place(tmp_path / "store"), source(tmp_path, MANY)
    with opened(place) as store:
        with pytest.raises(StoreUnavailable):
            store.put(MANY_OID, data, once(server.kill))
        assert place.held(MANY_OID) is None
        server.start()
        store.put(MANY_OID, data, no_progress)
    assert place.names() == [f"{MANY_OID[:2]}/{MANY_OID[2:4]}/{MANY_OID}"]


def test_read_only_server_serves_reading(tmp_path: Path, monkeypatch):
    with serving(monkeypatch, "-R") as server:
        place = server.place(tmp_path / "store")
        place.keep(oid_of(b"data"), b"data")
        with opened(place) as store:
            store.get(oid_of(b"data"), tmp_path / "target", no_progress)
            with pytest.raises(StoreDenied) as error:
                store.put(oid_of(b"more"), source(tmp_path, b"more"), no_progress)
        assert "refuses" in error.value.message and str(place.folder) in error.value.message


@pytest.mark.parametrize("options", ["-P posix-rename,fsync,limits", "-P posix-rename"])
def test_server_without_extensions(tmp_path: Path, monkeypatch, options: str):
    with serving(monkeypatch, options) as server:
        place, oid = server.place(tmp_path / "store"), oid_of(b"data")
        with opened(place) as store:
            store.put(oid, source(tmp_path, b"data"), no_progress)
            place.keep(oid, b"datA")
            store.put(oid, source(tmp_path, b"data"), no_progress)
            store.put(MANY_OID, source(tmp_path, MANY), no_progress)
            store.get(MANY_OID, tmp_path / "target", no_progress)
        assert place.held(oid) == b"data" and place.held(MANY_OID) == MANY
        assert len(place.names()) == 2


def test_full_disk_is_no_reason_to_try_again(tmp_path: Path, monkeypatch):
    with serving(monkeypatch, "-P write") as server:
        place = server.place(tmp_path / "store")
        with opened(place) as store, pytest.raises(StoreDenied):
            store.put(oid_of(b"data"), source(tmp_path, b"data"), no_progress)
        assert place.names() == []


def test_path_behind_a_tilde_counts_from_the_home(tmp_path: Path, monkeypatch):
    (tmp_path / "home").mkdir()
    with serving(monkeypatch, f"-d {tmp_path}/home") as server:
        for number, (url, folder) in enumerate(
            [("sftp://store/~/deep", "home/deep"), ("sftp://store/~", "home")]
        ):
            place, data = FolderPlace(tmp_path / folder, url), b"%d" % number
            with opened(place) as store:
                store.put(oid_of(data), source(tmp_path, data), no_progress)
                assert {one.oid for one in store.objects()} == {oid_of(data)}
            assert place.held(oid_of(data)) == data
        del server


def test_folder_is_made_by_the_first_upload_and_its_parent_is_not(server: Sshd, tmp_path: Path):
    place = server.place(tmp_path / "gone" / "store")
    with opened(place) as store:
        with pytest.raises(StoreDenied) as error:
            store.put(oid_of(b"data"), source(tmp_path, b"data"), no_progress)
        assert "lies in no folder" in error.value.message and not (tmp_path / "gone").exists()
        with pytest.raises(ObjectMissing):
            store.get(oid_of(b"data"), tmp_path / "target", no_progress)
        (tmp_path / "gone").mkdir()
        store.put(oid_of(b"data"), source(tmp_path, b"data"), no_progress)
    assert place.held(oid_of(b"data")) == b"data"


def test_modes_follow_the_umask_of_the_server(server: Sshd, tmp_path: Path):
    place, oid = server.place(tmp_path / "store"), oid_of(b"data")
    with opened(place) as store:
        store.put(oid, source(tmp_path, b"data"), no_progress)
    umask = os.umask(0)
    os.umask(umask)
    path = place.folder / oid[:2] / oid[2:4] / oid
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask
    assert path.parent.stat().st_mode & 0o777 == 0o777 & ~umask


def test_what_is_no_file_is_no_object(server: Sshd, tmp_path: Path):
    place, oid = server.place(tmp_path / "store"), oid_of(b"data")
    (place.folder / oid[:2] / oid[2:4] / oid).mkdir(parents=True)
    with opened(place) as store:
        assert store.size(oid) is None and list(store.objects()) == []
        with pytest.raises(ObjectCorrupt):
            store.get(oid, tmp_path / "target", no_progress)
        with pytest.raises(StoreError):
            store.put(oid, source(tmp_path, b"data"), no_progress)


def test_stale_temporary_files_are_swept_and_fresh_ones_stay(server: Sshd, tmp_path: Path):
    place, oid = server.place(tmp_path / "store"), oid_of(b"data")
    place.keep(oid, b"data")
    folder, day = place.folder / oid[:2] / oid[2:4], 24 * 3600
    for name, age in ((".cacheferry-old", day + 60), (".cacheferry-new", 0), ("other", day + 60)):
        (folder / name).write_bytes(b"x")
        os.utime(folder / name, (time.time() - age,) * 2)
    beside = tmp_path / "ab" / "cd" / ".cacheferry-of-another-store"
    beside.parent.mkdir(parents=True)
    beside.touch()
    os.utime(beside, (1, 1))
    for number in range(5):  # where it begins is random
        with opened(place) as store:
            store.put(oid_of(b"%d" % number), source(tmp_path, b"%d" % number), no_progress)
            assert len(list(store.objects())) == number + 2
    assert beside.exists()
    assert {path.name for path in folder.iterdir()} == {oid, ".cacheferry-new", "other"}


@pytest.fixture
def talking(server: Sshd, tmp_path: Path) -> AgentWorld:
    """A repository whose agent speaks to the server."""
    world = AgentWorld(tmp_path / "agent")
    world.env |= server.env(server.home)
    world.env["CACHEFERRY_STORE"] = server.place(world.store).url
    return world


def test_agent_moves_objects_and_survives_a_bad_one(talking: AgentWorld):
    oid, file = oid_of(b"data"), talking.file("data", b"data")
    said = talking.upload(upload(oid_of(b"datA"), 4, file), upload(oid, 4, file))
    assert (said.code, said.err, said.errors()[1]) == (0, "", "")
    assert "does not hash" in said.errors()[0] and talking.visible() == [oid]
    said = talking.download(download(oid_of(b"gone"), 4), download(oid, 4))
    assert (said.code, said.err, said.errors()[1]) == (0, "", "")
    assert Path(said.completes()[1]["path"]).read_bytes() == b"data"


def test_agent_reads_nothing_from_a_store_that_nobody_has_accepted(talking: AgentWorld):
    url = talking.env.pop("CACHEFERRY_STORE")
    (talking.repo / "cacheferry.yaml").write_text(f"store: {url}\n")
    said = talking.say(init("download"), TERMINATE)
    assert "cacheferry trust" in said.messages[0]["error"]["message"] and said.code == 0


@pytest.mark.parametrize("end", ["eof", "sigterm"])
def test_agent_in_the_middle_of_an_upload_goes_at_once(talking: AgentWorld, server: Sshd, end: str):
    file = talking.file("big", b"")
    os.truncate(file, 3 << 30)
    with talking.start() as agent:
        assert agent.stdin and agent.stdout and agent.stderr
        agent.stdin.write(init("upload") + upload("0" * 64, 3 << 30, file))
        agent.stdin.flush()
        agent.stdout.readline()
        assert b"progress" in agent.stdout.readline()
        below, began = sshd.children(agent.pid), time.monotonic()
        agent.stdin.close() if end == "eof" else agent.send_signal(signal.SIGTERM)
        agent.wait(10)
        assert time.monotonic() - began < 2
        assert agent.stderr.read() == b"" and below == []
    assert talking.visible() == []


def test_agent_of_a_dead_server_goes_at_once(talking: AgentWorld, server: Sshd):
    with talking.start() as agent:
        assert agent.stdin and agent.stdout and agent.stderr
        file = talking.file("data", b"data")
        agent.stdin.write(init("upload") + upload(oid_of(b"data"), 4, file))
        agent.stdin.flush()
        while b"complete" not in agent.stdout.readline():
            pass
        server.stop()
        agent.stdin.write(upload(oid_of(b"more"), 4, talking.file("more", b"more")))
        agent.stdin.flush()
        began = time.monotonic()
        agent.stdin.close()
        agent.wait(10)
        assert time.monotonic() - began < 2 and agent.stderr.read() == b""
