"""Caches travel over a real SSH server: by cacheferry, by git-lfs, and in little memory."""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from cacheferry.core.oid import hash_file
from tests.agent.talk import TERMINATE, download, init, oid_of, upload
from tests.agent.talk import World as AgentWorld
from tests.conftest import CONFIG, World, payload
from tests.servers import sshd
from tests.servers.place import FolderPlace

needs_git_lfs = pytest.mark.skipif(
    shutil.which("git-lfs") is None, reason="git-lfs is not installed"
)


@pytest.fixture
def place(world: World) -> FolderPlace:
    """A folder on a server that the world's user can log in to."""
    server = sshd.shared()
    world.env |= server.env(server.home)
    return server.place(world.folder / "store on the server")


def config(place: FolderPlace) -> str:
    return CONFIG.replace("../store", place.url)


@needs_git_lfs
def test_sync_on_one_side_is_a_hit_on_the_other(world: World, place: FolderPlace):
    first = world.clone("a", config=config(place))
    world.cache(first)
    world.sync(first)
    assert place.held(oid_of(payload())) == payload()
    second = world.clone("b")
    done = world.cf(second, "pull")
    assert done.returncode == 0, done.stderr
    assert (second / "cache" / "s1" / "tl_baseline_cache.pkl").read_bytes() == payload()


@needs_git_lfs
def test_git_lfs_pushes_and_pulls(world: World, place: FolderPlace):
    first = world.clone("a", config=config(place))
    world.cache(first)
    world.git(first, "add", "cache")
    world.git(first, "commit", "-qm", "A cache")
    world.git(first, "push", "-q")
    assert place.held(oid_of(payload())) == payload()
    second = world.clone("b")
    assert (second / "cache" / "s1" / "tl_baseline_cache.pkl").read_bytes() != payload()
    world.git(second, "lfs", "pull")
    assert (second / "cache" / "s1" / "tl_baseline_cache.pkl").read_bytes() == payload()


@needs_git_lfs
def test_pull_from_a_store_that_nobody_has_accepted_is_refused(world: World, place: FolderPlace):
    first = world.clone("a", config=config(place))
    world.cache(first)
    world.sync(first)
    second = world.clone("b")
    yaml = second / "cacheferry.yaml"
    yaml.write_text(yaml.read_text().replace("sftp://store/", "sftp://somebody.else.invalid/"))
    done = world.cf(second, "pull")
    assert done.returncode != 0 and "cacheferry trust" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's peak")
@pytest.mark.parametrize("size", [80 << 20, pytest.param(1 << 30, marks=pytest.mark.slow)])
def test_memory_of_the_agent_is_bounded(size: int, tmp_path: Path):
    server, world = sshd.shared(), AgentWorld(tmp_path)
    world.env |= server.env(server.home)
    world.env["CACHEFERRY_STORE"] = server.place(world.store).url
    file = world.file("big", b"")
    os.truncate(file, size)
    oid, _ = hash_file(file)
    for line in (init("upload") + upload(oid, size, file), init("download") + download(oid, size)):
        with world.start() as agent:
            assert agent.stdin and agent.stdout
            agent.stdin.write(line)
            agent.stdin.flush()
            while b"complete" not in (said := agent.stdout.readline()):
                pass
            assert b"error" not in said
            # Not what wait4 says: that counts from the fork on, and so this process, too.
            status = Path(f"/proc/{agent.pid}/status").read_text()
            agent.stdin.write(TERMINATE)
            agent.stdin.close()
        assert int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) < 60 << 10
