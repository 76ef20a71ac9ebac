"""`store: lfs` with a remote that is a folder: git-lfs's own file agent and ours, one storage."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import CONFIG, PROGRAM, World, payload
from tests.servers.place import oid_of

LFS = CONFIG.replace("../store", "lfs")
BASELINE = "cache/s1/tl_baseline_cache.pkl"

pytestmark = pytest.mark.skipif(shutil.which("git-lfs") is None, reason="install git-lfs")


@pytest.fixture(autouse=True)
def plain_git_lfs(world: World) -> None:
    """The user has installed git-lfs, as its own manual says."""
    world.git(world.folder, "lfs", "install", "--skip-repo")


def kept(world: World, seed: int = 0) -> Path:
    """Where the remote's LFS storage has the object of a payload."""
    oid = oid_of(payload(seed))
    return world.remote / "lfs" / "objects" / oid[:2] / oid[2:4] / oid


def published(world: World) -> Path:
    """A clone with `store: lfs` that has published one cache."""
    first = world.clone("a", config=LFS)
    world.cache(first)
    world.sync(first)
    return first


def test_sync_puts_object_and_pointer_on_the_remote(world):
    published(world)
    assert kept(world).read_bytes() == payload()
    assert world.on_remote(BASELINE).startswith("version https://git-lfs")


def test_set_up_names_no_agent(world):
    first = world.clone("a", config=LFS)
    lfsconfig = world.git(first, "config", "-f", ".lfsconfig", "--list")
    assert lfsconfig == "lfs.skipdownloaderrors=true"
    assert "cacheferry::" not in world.git(first, "config", "--list", "--local")
    assert world.git(first, "check-attr", "filter", BASELINE).endswith("filter: lfs")
    assert world.git(first, "config", "filter.lfs.process") == "git-lfs filter-process"


def test_a_plain_clone_with_git_lfs_has_the_cache(world):
    published(world)
    world.git(world.folder, "clone", "-q", str(world.remote), "b")
    assert (world.folder / "b" / BASELINE).read_bytes() == payload()


def test_what_git_lfs_pushes_our_pull_brings(world):
    first = world.clone("a", config=LFS)
    world.git(first, "lfs", "install", "--local", "--force")
    world.cache(first, seed=3)
    world.git(first, "add", "cache")
    world.git(first, "commit", "-qm", "by hand")
    world.git(first, "push", "-q")
    assert kept(world, 3).read_bytes() == payload(3)
    second = world.clone("b", init=False)
    assert (second / BASELINE).read_bytes().startswith(b"version")
    done = world.cf(second, "pull")
    assert done.returncode == 0, done.stderr
    assert (second / BASELINE).read_bytes() == payload(3)
    assert world.git(second, "status", "--porcelain") == ""


def test_pull_works_without_git_lfs(world):
    published(world)
    second = world.clone("b", init=False)
    folder = world.folder / "bin"
    folder.mkdir()
    for name in ("git", "sh"):
        (folder / name).symlink_to(str(shutil.which(name)))
    done = world.cf(second, "pull", env={"PATH": str(folder), "GIT_EXEC_PATH": exec_path(world)})
    assert done.returncode == 0, done.stderr
    assert (second / BASELINE).read_bytes() == payload()


def exec_path(world: World) -> str:
    return world.git(world.folder, "--exec-path")


def test_an_update_from_the_other_side_arrives(world):
    first, second = published(world), world.clone("b")
    assert world.cf(second, "pull").returncode == 0
    world.cache(second, seed=7)
    world.sync(second)
    assert world.cf(first, "pull").returncode == 0
    assert (first / BASELINE).read_bytes() == payload(7)


def test_status_and_check_name_the_server(world):
    first = published(world)
    done = world.cf(first, "status")
    assert f"store:   lfs {world.remote}" in done.stdout and "not accepted" not in done.stdout
    assert "published" in done.stdout
    assert world.cf(first, "check").returncode == 0


def test_a_missing_object_is_named_and_the_others_come(world):
    first = published(world)
    world.cache(first, "other_baseline_cache.pkl", 2)
    world.sync(first)
    kept(world).unlink()
    second = world.clone("b", init=False)
    done = world.cf(second, "pull")
    assert done.returncode == 1, done.stdout + done.stderr
    assert BASELINE in done.stderr and oid_of(payload()) in done.stderr
    assert (second / "cache/s1/other_baseline_cache.pkl").read_bytes() == payload(2)


def test_a_remote_that_keeps_its_objects_elsewhere(world):
    world.git(world.remote, "config", "lfs.storage", str(world.folder / "elsewhere"))
    published(world)
    oid = oid_of(payload())
    assert (world.folder / "elsewhere/objects" / oid[:2] / oid[2:4] / oid).is_file()
    assert not (world.remote / "lfs").exists()
    second = world.clone("b", init=False)
    assert world.cf(second, "pull").returncode == 0
    assert (second / BASELINE).read_bytes() == payload()


@pytest.mark.parametrize("address", ["path", "url"])
def test_a_remote_with_a_work_tree(world, address):
    first = published(world)
    shutil.copytree(world.folder / "a", world.folder / "full")
    shutil.rmtree(world.folder / "full/.git/lfs")
    full = world.folder / "full"
    world.git(full, "config", "receive.denyCurrentBranch", "ignore")
    named = full.as_uri() if address == "url" else "../full"
    world.git(first, "remote", "set-url", "origin", named)
    world.cache(first, seed=4)
    world.sync(first)
    oid = oid_of(payload(4))
    assert (full / ".git/lfs/objects" / oid[:2] / oid[2:4] / oid).read_bytes() == payload(4)


def test_killed_at_any_time_the_next_sync_publishes(world):
    first = world.clone("a", config=LFS)
    command = [sys.executable, "-I", str(PROGRAM), "sync"]
    for number in range(6):
        for seed in range(10 * number, 10 * number + 10):
            world.cache(first, f"x{seed}_baseline_cache.pkl", seed)
        running = subprocess.Popen(command, cwd=first, env=world.env, stdout=subprocess.DEVNULL)
        time.sleep(0.3 + 0.15 * number)
        running.send_signal(signal.SIGKILL)
        running.wait()
        listing = world.git(world.remote, "ls-tree", "-r", "--name-only", "main")
        for path in (one for one in listing.splitlines() if one.endswith(".pkl")):
            seed = int(Path(path).name.partition("_")[0][1:])
            assert kept(world, seed).read_bytes() == payload(seed)  # object before pointer
    world.sync(first)
    second = world.clone("b", init=False)
    assert world.cf(second, "pull").returncode == 0
    for seed in range(60):
        assert (second / f"cache/s1/x{seed}_baseline_cache.pkl").read_bytes() == payload(seed)


# which server: as git-lfs decides, and whose words it is


def test_git_settings_of_the_user_name_the_server(world):
    first = world.clone("a", config=LFS)
    world.git(world.folder, "init", "-q", "--bare", "other.git")
    other = world.folder / "other.git"
    world.git(first, "config", "lfs.url", other.as_uri())
    world.cache(first)
    world.sync(first)
    assert list((other / "lfs/objects").rglob(oid_of(payload()))) and not kept(world).exists()


def test_a_server_of_a_committed_lfsconfig_elsewhere_is_refused_until_accepted(world):
    first = world.clone("a", config=LFS)
    world.git(world.folder, "init", "-q", "--bare", "other.git")
    other = world.folder / "other.git"
    world.git(first, "config", "-f", ".lfsconfig", "lfs.url", other.as_uri())
    world.cache(first)
    done = world.cf(first, "sync")
    assert done.returncode == 2, done.stdout
    assert ".lfsconfig" in done.stderr and "other.git" in done.stderr
    assert "cacheferry trust" in done.stderr
    assert not (other / "lfs").exists() and world.on_remote(BASELINE) == ""
    assert "not accepted" in world.cf(first, "status").stdout
    done = world.cf(first, "trust")
    assert done.returncode == 0 and "other.git" in done.stdout
    world.sync(first)
    assert list((other / "lfs/objects").rglob(oid_of(payload())))


def test_a_pull_that_names_another_server_makes_a_daemon_refuse(world):
    from cacheferry.core.errors import ConfigurationError
    from cacheferry.session import begin

    first = world.clone("a", config=LFS)
    session = begin(first)
    opened = session.writer()
    assert opened is not None
    (first / ".lfsconfig").write_text("[lfs]\n\turl = https://lfs.example.org/x\n")
    with pytest.raises(ConfigurationError, match=r"lfs\.example\.org"):
        opened()


def test_without_a_remote_it_says_so(world):
    place = world.folder / "alone"
    world.git(world.folder, "init", "-q", "alone")
    done = world.cf(place, "init", "--store", "lfs")
    assert done.returncode == 0, done.stderr
    assert world.cf(place, "status").returncode == 0


# init --store, there and back


def test_init_changes_between_every_kind_of_store(world):
    first = world.clone("a")
    for store in ("lfs", "git", "lfs", "../store", "git", "../store"):
        done = world.cf(first, "init", "--store", store)
        assert done.returncode == 0, done.stderr
        assert "everything is set up" in world.cf(first, "init", "--store", store).stdout
        url = world.git(first, "config", "-f", ".lfsconfig", "lfs.url", check=False)
        assert url == ("cacheferry::a" if store == "../store" else "")
        lines = (first / ".gitattributes").read_text().splitlines()
        assert len(lines) == 1 and ("filter=lfs" in lines[0]) == (store != "git")
    assert world.git(first, "diff", "HEAD", "--", "cacheferry.yaml", ".gitattributes") == ""


def test_init_keeps_the_users_own_server(world):
    first = world.clone("a", config=LFS)
    own = "https://lfs.example.org/x"
    world.git(first, "config", "-f", ".lfsconfig", "lfs.url", own)
    assert world.cf(first, "init", "--store", "lfs").returncode == 0
    assert world.git(first, "config", "-f", ".lfsconfig", "lfs.url") == own
