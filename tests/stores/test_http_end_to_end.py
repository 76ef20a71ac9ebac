"""Whole ways over a web server: git-lfs, `cacheferry sync` and `pull`, and a store not accepted."""

import hashlib
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.agent import talk
from tests.conftest import CONFIG, World, payload
from tests.servers import nginx, rclone
from tests.servers.place import FolderPlace, oid_of
from tests.servers.recorder import serving

pytestmark = pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed")
BASELINE = "cache/s1/tl_baseline_cache.pkl"
SERVERS: dict[str, Callable[[Path], FolderPlace]] = {
    "nginx": nginx.place,
    "nginx-plain": lambda tmp_path: nginx.place(tmp_path, "plain"),
    "rclone": rclone.place,
}


def config(url: str) -> str:
    return CONFIG.replace("store: ../store", f"store: {url}")


@pytest.fixture(params=SERVERS)
def served(request: pytest.FixtureRequest, world: World, tmp_path: Path) -> FolderPlace:
    place = SERVERS[request.param](tmp_path)
    world.env |= place.env
    return place


def bytes_at(clone: Path) -> bytes:
    return (clone / BASELINE).read_bytes()


def test_sync_and_pull(world: World, served: FolderPlace):
    first = world.clone("a", config=config(served.url))
    world.cache(first)
    world.sync(first)
    assert served.held(oid_of(payload())) == payload()
    second = world.clone("b")
    done = world.cf(second, "pull")
    assert done.returncode == 0, done.stderr
    assert bytes_at(second) == payload()
    assert world.git(second, "status", "--porcelain") == ""


def test_git_lfs_push_and_pull(world: World, served: FolderPlace):
    first = world.clone("a", config=config(served.url))
    for seed in range(12):
        world.cache(first, f"t{seed}_baseline_cache.pkl", seed)
    world.git(first, "add", ".")
    world.git(first, "commit", "-qm", "by hand")
    world.git(first, "push", "-q")
    assert all(served.held(oid_of(payload(seed))) == payload(seed) for seed in range(12))
    assert not [name for name in served.names() if ".cacheferry-" in name]
    second = world.clone("b")
    world.git(second, "lfs", "pull")
    for seed in range(12):
        file = second / "cache" / "s1" / f"t{seed}_baseline_cache.pkl"
        assert file.read_bytes() == payload(seed)


def test_a_damaged_object_is_refused_and_healed(world: World, served: FolderPlace):
    first = world.clone("a", config=config(served.url))
    world.cache(first)
    world.sync(first)
    oid = oid_of(payload())
    served.keep(oid, payload(1))
    second = world.clone("b")
    done = world.cf(second, "pull")
    assert done.returncode == 1 and oid in done.stderr and "damaged" in done.stderr
    world.git(first, "lfs", "push", "--object-id", "origin", oid)
    assert served.held(oid) == payload()
    assert world.cf(second, "pull").returncode == 0 and bytes_at(second) == payload()


@pytest.fixture
def stranger(world: World, tmp_path: Path):
    """A store of somebody's, the clone of somebody who has not accepted it, and what it is asked.

    Every kind of credential lies ready for it.
    """
    with serving() as server:
        first = world.clone("a", config=config(f"{server.url}/caches"))
        world.cache(first)
        world.sync(first)
        assert world.cf(world.folder, "init", "--global").returncode == 0
        server.asked.clear()
        world.env["CACHEFERRY_TOKEN"] = "s3cret"
        world.env |= {"NETRC": str(nginx.netrc(tmp_path)), "XDG_STATE_HOME": str(tmp_path / "new")}
        helper = "!echo username=ada; echo password=correct-horse; true"
        world.git(world.folder, "config", "--global", "credential.helper", helper)
        yield server, first


def test_an_unaccepted_store_is_read_without_a_credential(world: World, stranger):
    server, _ = stranger
    world.git(world.folder, "clone", "-q", str(world.remote), "b")
    clone = world.folder / "b"
    assert bytes_at(clone) == payload()
    shutil.rmtree(clone / ".git" / "lfs" / "objects")
    (clone / BASELINE).unlink()
    assert world.cf(clone, "pull").returncode == 0 and bytes_at(clone) == payload()
    assert server.credentials() == {None} and set(server.methods()) <= {"GET", "HEAD"}


def test_an_unaccepted_store_that_wants_a_credential_gets_none(world: World, stranger):
    server, _ = stranger
    server.twist = lambda request: request.answer(401)
    env = {"GIT_LFS_SKIP_SMUDGE": "1"}
    world.git(world.folder, "clone", "-q", str(world.remote), "b", env=env)
    done = world.cf(world.folder / "b", "pull")
    assert done.returncode == 4 and "401" in done.stderr
    assert "nobody has accepted this store" in done.stderr
    assert server.asked and server.credentials() == {None}


def test_an_unaccepted_store_is_not_written_to(world: World, stranger):
    server, first = stranger
    world.cache(first, "new_baseline_cache.pkl", 5)
    done = world.cf(first, "sync")
    assert done.returncode == 2 and "cacheferry trust" in done.stderr
    world.git(first, "add", ".")
    world.git(first, "commit", "-qm", "by hand")
    pushed = world.run(["git", "push", "-q"], first)
    assert pushed.returncode != 0 and "cacheferry trust" in pushed.stderr
    assert not {"PUT", "MKCOL", "MOVE", "DELETE"} & set(server.methods())
    assert server.credentials() <= {None}
    assert world.cf(first, "trust").returncode == 0
    world.git(first, "push", "-q")
    assert "Bearer s3cret" in server.credentials()
    assert oid_of(payload(5)) in {path.rpartition("/")[2] for path in server.files}


@talk.posix
def test_the_agent_ends_beside_a_server_that_says_nothing(tmp_path: Path):
    world, done = talk.World(tmp_path / "w"), threading.Event()
    reached = threading.Event()

    def silent(_request) -> bool:
        reached.set()
        return done.wait(60)

    with serving(silent) as server:
        world.env["CACHEFERRY_STORE"] = server.url
        with world.start() as agent:
            assert agent.stdin and agent.stderr
            agent.stdin.write(talk.init("download") + talk.download("a" * 64, 5))
            agent.stdin.flush()
            assert reached.wait(30)
            agent.stdin.close()
            agent.wait(20)  # far below the patience with a server
            assert b"Traceback" not in agent.stderr.read()
        done.set()
    assert world.downloads() == []


MEASURE = """
import json, resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdin=sys.stdin)
print("peak", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
"""


def peak(world: talk.World, *lines: bytes) -> float:
    """MiB of memory that an agent needed at most for a conversation; every object must arrive."""
    command = [sys.executable, "-c", MEASURE, *talk.COMMAND]
    with world.start(command) as agent:
        out, err = agent.communicate(b"".join(lines), timeout=300)
    said = talk.Said(agent.returncode, out, err)
    assert said.errors() == [""], (out[-2000:], err)
    return int(said.err.split("peak ")[1]) / (1024 if sys.platform == "linux" else 1 << 20)


@talk.posix
@pytest.mark.parametrize("mib", [100, pytest.param(1024, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", ["open", "plain"])
def test_memory_does_not_grow_with_the_object(tmp_path: Path, kind: str, mib: int):
    place = nginx.place(tmp_path, kind)
    world, size = talk.World(tmp_path / "w"), mib << 20
    world.env["CACHEFERRY_STORE"] = place.url
    source = world.base / "big"
    with open(source, "wb") as stream:
        stream.truncate(size)
    oid = zeros(size)
    up = talk.init("upload"), talk.upload(oid, size, source), talk.TERMINATE
    down = talk.init("download"), talk.download(oid, size), talk.TERMINATE
    try:
        assert peak(world, *up) < 60
        assert (place.folder / oid[:2] / oid[2:4] / oid).stat().st_size == size
        assert peak(world, *down) < 60
    finally:
        shutil.rmtree(place.folder)


def zeros(size: int) -> str:
    digest, piece = hashlib.sha256(), bytes(1 << 20)
    for _ in range(size >> 20):
        digest.update(piece)
    return digest.hexdigest()
