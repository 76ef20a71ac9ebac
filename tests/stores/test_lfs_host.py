"""`store: lfs` on a Git host over HTTP, where git, git-lfs and cacheferry meet."""

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cacheferry.core import many, repository
from cacheferry.core.errors import (
    CacheferryError,
    ConfigurationError,
    NotOffered,
    ObjectCorrupt,
    ObjectMissing,
    StoreDenied,
)
from cacheferry.core.lfsserver import find as lfsserver_of
from cacheferry.core.store import Store, announce, no_progress
from lfs_agent.stores import open_lfs
from tests.conftest import CONFIG, World, payload
from tests.servers import lfsserver
from tests.servers.lfsserver import Host
from tests.servers.place import oid_of

LFS = CONFIG.replace("../store", "lfs")
BASELINE = "cache/s1/tl_baseline_cache.pkl"


@pytest.fixture
def host() -> Host:
    return lfsserver.host()


@pytest.fixture
def hosted(world: World, host: Host, tmp_path: Path) -> World:
    """A world whose remote is on the host, the credential with git's own helper."""
    world.remote = host.repository
    kept = f"{host.address.replace('://', f'://{lfsserver.USER}:{lfsserver.token()}@')}\n"
    (world.folder / "home" / ".git-credentials").write_text(kept)
    world.git(world.folder, "config", "--global", "credential.helper", "store")
    world.git(world.folder, "lfs", "install", "--skip-repo")
    world.git(world.folder, "config", "--global", f"url.{host.url}.insteadOf", str(world.remote))
    host.requests()
    return world


@pytest.fixture
def clone(world: World, host: Host, tmp_path: Path, monkeypatch) -> Path:
    """A repository whose remote is on the host; the credential is in netrc."""
    place = world.folder / "clone"
    world.git(world.folder, "init", "-q", "clone")
    world.git(place, "remote", "add", "origin", host.url)
    monkeypatch.setenv("NETRC", str(lfsserver.netrc(tmp_path)))
    for key in ("HOME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM"):
        monkeypatch.setenv(key, world.env[key])
    host.requests()
    return place


@pytest.fixture
def store(clone: Path) -> Iterator[Store]:
    with closing(open_lfs(repository.find(clone), "upload")) as opened:
        yield opened


def file(folder: Path, data: bytes, name: str = "source") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def keep(host: Host, oid: str, data: bytes) -> None:
    host.objects.mkdir(parents=True, exist_ok=True)
    host.object(oid).write_bytes(data)


# as everywhere: tests/stores/test_store_contract.py


@pytest.mark.parametrize("size", [1, 2000, (3 << 20) + 7])
def test_what_is_put_comes_back(store, host, tmp_path, size):
    data, moved = bytes(size), list[int]()
    oid = oid_of(data)
    announce(store, {oid: size})
    assert store.size(oid) is None
    store.put(oid, file(tmp_path, data), moved.append)
    assert (sum(moved), store.size(oid), host.object(oid).read_bytes()) == (size, size, data)
    moved.clear()
    store.get(oid, tmp_path / "target", moved.append)
    assert (sum(moved), (tmp_path / "target").read_bytes()) == (size, data)


def test_what_the_server_has_is_not_sent_again(store, host, tmp_path):
    oid = oid_of(b"data")
    for _ in range(2):
        store.put(oid, file(tmp_path, b"data"), no_progress)
    assert [line.split()[0] for line in host.requests() if "/storage/" in line] == ["PUT", "POST"]


@pytest.mark.parametrize("wrong", [b"", b"dat", b"datA", b"data and more"])
def test_wrong_bytes_are_never_a_whole_object(store, host, tmp_path, wrong):
    oid = oid_of(b"data")
    with pytest.raises(ObjectCorrupt):
        store.put(oid, file(tmp_path, wrong), no_progress)
    there = host.object(oid)
    assert not there.exists() or there.stat().st_size < len(wrong)  # giftless keeps what it got
    store.put(oid, file(tmp_path, b"data"), no_progress)
    assert there.read_bytes() == b"data"


def test_a_missing_object_is_named_with_its_server(store, host, tmp_path):
    oid = oid_of(b"never put")
    announce(store, {oid: 9})
    with pytest.raises(ObjectMissing) as error:
        store.get(oid, tmp_path / "target", no_progress)
    assert oid in error.value.message and host.url in error.value.message
    assert not (tmp_path / "target").exists()


def test_a_damaged_object_is_named_and_leaves_nothing(store, host, tmp_path):
    oid = oid_of(b"data")
    keep(host, oid, b"datA")
    announce(store, {oid: 4})
    with pytest.raises(ObjectCorrupt) as error:
        store.get(oid, tmp_path / "target", no_progress)
    assert oid in error.value.message and not (tmp_path / "target").exists()


def test_one_of_another_size_is_replaced_by_a_put(store, host, tmp_path):
    oid = oid_of(b"data")
    keep(host, oid, b"half")
    keep(host, oid, b"da")
    announce(store, {oid: 4})
    with pytest.raises(ObjectCorrupt):
        store.get(oid, tmp_path / "target", no_progress)
    store.put(oid, file(tmp_path, b"data"), no_progress)
    assert host.object(oid).read_bytes() == b"data"


@pytest.mark.parametrize("oid", ["", "../../../etc/passwd", "A" * 64])
def test_what_is_no_oid_is_refused(store, host, tmp_path, oid):
    for action in (
        lambda: store.get(oid, tmp_path / "target", no_progress),
        lambda: store.put(oid, file(tmp_path, b"data"), no_progress),
        lambda: store.size(oid),
    ):
        with pytest.raises(ObjectMissing):
            action()
    assert host.requests() == []


def test_listing_and_deleting_are_not_offered(store):
    with pytest.raises(NotOffered):
        list(store.objects())
    with pytest.raises(NotOffered):
        store.delete("a" * 64)


def test_many_cost_one_question_a_hundred(store, host, tmp_path):
    sources = {}
    for number in range(120):
        data = b"%d" % number * 30
        sources[oid_of(data)] = file(tmp_path, data, f"source{number}")
    assert many.put_all(store, sources) == {}
    assert sum("/objects/batch" in line for line in host.requests()) <= 3  # one of them is a 401
    announce(store, {oid: path.stat().st_size for oid, path in sources.items()})
    got = many.each(store, sources, lambda oid: store.get(oid, tmp_path / oid, no_progress))
    assert got == {}
    assert all((tmp_path / o).read_bytes() == p.read_bytes() for o, p in sources.items())
    asked = [line.split() for line in host.requests()]
    assert sum(path.endswith("/objects/batch") for _, path, *_ in asked) == 2
    assert {sent for method, _, sent, _ in asked if method == "GET"} == {"none"}  # they are signed


def test_one_bad_object_among_many_fails_alone(store, host, tmp_path):
    good, bad = oid_of(b"good"), oid_of(b"bad")
    sources = {good: file(tmp_path, b"good", "good"), bad: file(tmp_path, b"worse", "bad")}
    assert set(many.put_all(store, sources)) == {bad}
    assert host.object(good).read_bytes() == b"good"


# credentials, and whose words the address is


def test_without_a_credential_the_server_refuses(clone, host, tmp_path, monkeypatch):
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    store = open_lfs(repository.find(clone), "upload")
    with closing(store), pytest.raises(StoreDenied) as error:
        store.put(oid_of(b"data"), file(tmp_path, b"data"), no_progress)
    assert "401" in error.value.message and error.value.hint


def test_an_anonymous_reader_sends_no_credential(clone, host):
    store = open_lfs(repository.find(clone), "download", anonymous=True)
    with closing(store), pytest.raises(StoreDenied):
        store.size(oid_of(b"data"))
    assert {line.split()[2] for line in host.requests()} == {"none"}


def test_the_credential_of_a_remote_with_a_password_serves(
    clone, host, world, tmp_path, monkeypatch
):
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    named = host.url.replace("://", f"://{lfsserver.USER}:{lfsserver.token()}@")
    world.git(clone, "remote", "set-url", "origin", named)
    with closing(open_lfs(repository.find(clone), "upload")) as store:
        store.put(oid_of(b"data"), file(tmp_path, b"data"), no_progress)
        with pytest.raises(CacheferryError) as error:
            store.get(oid_of(b"nothing"), tmp_path / "target", no_progress)
    assert host.object(oid_of(b"data")).read_bytes() == b"data"
    assert lfsserver.token() not in error.value.message


def test_another_origin_gets_only_what_the_server_signed(world, tmp_path, monkeypatch):
    host = lfsserver.host(lfsserver.ELSEWHERE)
    world.git(world.folder, "init", "-q", "clone")
    world.git(world.folder / "clone", "remote", "add", "origin", host.url)
    monkeypatch.setenv("NETRC", str(lfsserver.netrc(tmp_path)))
    with open(tmp_path / "netrc", "a") as text:
        text.write(f"machine localhost login {lfsserver.USER} password {lfsserver.token()}\n")
    oid = oid_of(b"data")
    with closing(open_lfs(repository.find(world.folder / "clone"), "upload")) as store:
        store.put(oid, file(tmp_path, b"data"), no_progress)
        host.requests()
        store.get(oid, tmp_path / "target", no_progress)
    [got] = [line for line in host.requests() if line.startswith("GET")]
    assert got.split()[2] == "none" and got.split()[3].startswith("localhost")


def test_a_server_that_only_lfsconfig_names_elsewhere_gets_no_credential(clone, host, tmp_path):
    from cacheferry.session import begin

    foreign = host.url.replace("127.0.0.1", "localhost") + "/info/lfs"
    with open(tmp_path / "netrc", "a") as text:
        text.write(f"machine localhost login {lfsserver.USER} password {lfsserver.token()}\n")
    (clone / "cacheferry.yaml").write_text("store: lfs\ntrack: ['*.pkl']\n")
    (clone / ".lfsconfig").write_text(f"[lfs]\n\turl = {foreign}\n")
    session = begin(clone)
    with closing(session.reader()) as store, pytest.raises(CacheferryError):
        store.size(oid_of(b"data"))
    assert {line.split()[2] for line in host.requests()} == {"none"}
    with pytest.raises(ConfigurationError, match=r"\.lfsconfig"):
        session.writer()


@pytest.mark.parametrize("scheme", ["https", "ssh"])
def test_a_host_behind_that_of_the_remote_is_not_taken_for_it(clone, world, scheme):
    from cacheferry.session import begin

    world.git(clone, "remote", "set-url", "origin", "https://good.example/r.git")
    (clone / "cacheferry.yaml").write_text("store: lfs\ntrack: ['*.pkl']\n")
    (clone / ".lfsconfig").write_text(f"[lfs]\n\turl = {scheme}://good.example/x@evil.example/r\n")
    with pytest.raises(ConfigurationError, match="host"):
        begin(clone)


def test_a_password_of_the_settings_stands_on_no_command_line(
    clone, host, world, tmp_path, monkeypatch
):
    log, git = tmp_path / "log", shutil.which("git")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/git").write_text(f'#!/bin/sh\necho "$@" >> {log}\nexec {git} "$@"\n')
    (tmp_path / "bin/git").chmod(0o755)
    named = f"http://me:hunter2@elsewhere/{host.url.rpartition('/')[2]}"
    world.git(clone, "config", "lfs.url", named)
    world.git(clone, "config", f"url.{host.url}.insteadOf", named)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    server = lfsserver_of(repository.find(clone), "upload")
    assert server and server.url == host.url
    assert "ls-remote" in log.read_text() and "hunter2" not in log.read_text()


def test_what_is_no_lfs_server_is_named(clone, host, world, tmp_path):
    world.git(clone, "config", "lfs.url", f"{host.address}/nobody")
    store = open_lfs(repository.find(clone), "upload")
    with closing(store), pytest.raises(StoreDenied) as error:
        store.put(oid_of(b"data"), file(tmp_path, b"data"), no_progress)
    assert f"{host.address}/nobody" in error.value.message


# the whole road


def test_sync_and_git_lfs_meet_on_the_host(hosted, host):
    first = hosted.clone("a", config=LFS)
    hosted.cache(first)
    hosted.sync(first)
    assert host.object(oid_of(payload())).read_bytes() == payload()
    status = hosted.cf(first, "status").stdout
    assert f"lfs {host.url}/info/lfs" in status and lfsserver.token() not in status
    hosted.git(hosted.folder, "clone", "-q", host.url, "plain")
    plain = hosted.folder / "plain"
    assert (plain / BASELINE).read_bytes() == payload()
    hosted.git(plain, "lfs", "install", "--local", "--force")
    (plain / BASELINE).write_bytes(payload(5))
    hosted.git(plain, "commit", "-qam", "by hand")
    hosted.git(plain, "push", "-q")
    shutil.rmtree(first / ".git/lfs")
    done = hosted.cf(first, "pull")
    assert done.returncode == 0, done.stderr
    assert (first / BASELINE).read_bytes() == payload(5)
