"""The real git-lfs starts the agent."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.agent.talk import COMMAND, World, oid_of

pytestmark = pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed")

AGENT = "lfs.customtransfer.cacheferry."


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A repository with caches, whose user has the agent in the global git config."""
    world = World(tmp_path / "a b'c")  # git-lfs passes args through a shell
    for key, value in {
        "user.name": "Someone",
        "user.email": "some@one",
        "init.defaultBranch": "main",
        "lfs.cacheferry::.standalonetransferagent": "cacheferry",
        AGENT + "path": COMMAND[0],
        AGENT + "args": shlex.join(COMMAND[1:]),
        AGENT + "concurrent": "false",
    }.items():
        world.git("config", "--global", key, value)
    world.git("lfs", "install", "--skip-repo")
    world.git("init", "-q", "--bare", "../remote.git")
    world.git("lfs", "install", "--local")
    world.git("remote", "add", "origin", "../remote.git")
    world.git("checkout", "-q", "-b", "trunk")
    world.git("config", "-f", ".lfsconfig", "lfs.url", "cacheferry::arz")
    (world.repo / ".gitattributes").write_text("*.pkl filter=lfs diff=lfs merge=lfs -text\n")
    (world.repo / "cacheferry.yaml").write_text("store: ../store\n")
    return world


def commit(world: World, name: str, data: bytes) -> str:
    path = world.repo / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    world.git("add", ".")
    world.git("commit", "-q", "-m", name)
    return oid_of(data)


def push(world: World) -> str:
    return world.git("push", "-q", "-u", "origin", "trunk", check=False)


def clone(world: World, name: str = "clone") -> Path:
    world.git("clone", "-q", "-b", "trunk", "remote.git", name, cwd=world.base)
    return world.base / name


def test_push_and_clone(world: World):
    datas = {f"cache/dir {n}/x{n}.pkl": os.urandom(1000 + n) for n in range(30)}
    for name, data in datas.items():
        (world.repo / name).parent.mkdir(parents=True)
        (world.repo / name).write_bytes(data)
    commit(world, "empty.pkl", b"")
    assert push(world).startswith("0")
    assert world.visible() == sorted(oid_of(data) for data in datas.values())
    there = clone(world)
    assert all((there / name).read_bytes() == data for name, data in datas.items())
    assert world.git("status", "--porcelain", cwd=there) == ""
    assert list(there.glob(".git/lfs/tmp/.cacheferry-*")) == []


def test_pull_brings_what_was_pushed_later(world: World):
    commit(world, "a.pkl", b"one")
    push(world)
    there = clone(world)
    commit(world, "a.pkl", b"two")
    push(world)
    world.git("pull", "-q", cwd=there)
    assert (there / "a.pkl").read_bytes() == b"two"


def test_linked_worktree(world: World):
    commit(world, "a.pkl", b"one")
    push(world)
    shutil.rmtree(world.repo / ".git/lfs/objects")
    world.git("worktree", "add", "-q", "../tree")
    tree = world.base / "tree"
    assert (tree / "a.pkl").read_bytes() == b"one"
    (tree / "b.pkl").write_bytes(b"two")
    world.git("add", ".", cwd=tree)
    world.git("commit", "-q", "-m", "b", cwd=tree)
    world.git("push", "-q", "origin", "HEAD", cwd=tree)
    assert oid_of(b"two") in world.visible()


def test_untrusted_store_stops_the_push_until_it_is_accepted(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    del world.env["CACHEFERRY_STORE"]
    oid = commit(world, "a.pkl", b"one")
    said = push(world)
    assert not said.startswith("0") and "cacheferry trust" in said and world.visible() == []
    world.accept("../store", monkeypatch)
    assert push(world).startswith("0") and world.visible() == [oid]
    there = clone(world)  # reading a folder needs no trust
    assert (there / "a.pkl").read_bytes() == b"one"


def test_git_lfs_gets_no_answer_out_of_place(world: World):
    commit(world, "a.pkl", b"one")
    env = world.env | {"GIT_TRACE": "1"}
    done = subprocess.run(
        ["git", "push", "-q", "origin", "trunk"], cwd=world.repo, env=env, capture_output=True
    )
    assert done.returncode == 0 and b"Traceback" not in done.stderr
