"""`cacheferry pull` (contract 6): whole, needed, and one that fails stops no other."""

import hashlib
import os
import pickle
from pathlib import Path

import pytest

from tests.commands.test_check import EVIL, NOW
from tests.commands.test_init import without_git_lfs
from tests.conftest import World, payload

BASELINE = "cache/s1/tl_baseline_cache.pkl"
FRESH = f"cache/s1/tl_{NOW}_rl_cache.pkl"
STALE = "cache/s1/tl_0123abcd_rl_cache.pkl"
OTHER = "cache/s1/what.pkl"
NO_SMUDGE = {"GIT_LFS_SKIP_SMUDGE": "1"}
ALL = (BASELINE, FRESH, STALE, OTHER)


def oid(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def in_store(world: World, data: bytes) -> Path:
    name = oid(data)
    return world.store / name[:2] / name[2:4] / name


@pytest.fixture
def other(world: World) -> Path:
    """A second clone, every cache of the first one a pointer."""
    first = world.clone("a")
    for seed, path in enumerate(ALL):
        world.cache(first, path.rpartition("/")[2], seed)
    world.sync(first)
    return world.clone("b")


def bytes_of(other: Path) -> dict[str, bool]:
    """Which caches are materialised; what is not must be a whole pointer or absent."""
    found = {}
    for seed, path in enumerate(ALL):
        data = (other / path).read_bytes() if (other / path).exists() else b"version https"
        found[path] = data == payload(seed)
        assert found[path] or (data.startswith(b"version https") and len(data) < 200)
    return found


def clean(world: World, place: Path) -> None:
    assert world.git(place, "status", "--porcelain") == ""


def test_needed_is_what_the_current_configs_can_use(world, other):
    for args in ((), ("--needed",)):
        done = world.cf(other, "pull", *args)
        assert done.returncode == 0, done.stderr
        assert bytes_of(other) == {BASELINE: True, FRESH: True, STALE: False, OTHER: False}
        clean(world, other)
    assert "0 caches brought" in done.stdout


def test_where_no_caches_are_named_everything_is_needed(world):
    first = world.clone("a", config="store: ../store\ntrack: ['cache/**/*.pkl']\n")
    world.cache(first)
    world.sync(first)
    second = world.clone("b")
    assert world.cf(second, "check").returncode == 1
    assert world.cf(second, "pull").returncode == 0
    assert (second / BASELINE).read_bytes() == payload(0)
    assert world.cf(second, "check").returncode == 0


def test_all(world, other):
    assert world.cf(other, "pull", "--all").returncode == 0
    assert all(bytes_of(other).values())
    clean(world, other)


def test_paths_choose(world, other):
    (other / "cache/deep").mkdir()
    assert world.cf(other / "cache", "pull", "s1/tl_baseline_cache.pkl").returncode == 0
    assert [path for path, here in bytes_of(other).items() if here] == [BASELINE]
    assert world.cf(other / "cache/deep", "pull", "--all", "../s1").returncode == 0
    assert all(bytes_of(other).values())
    assert world.cf(other, "pull", "/etc").returncode == 2


def test_a_missing_object_is_one_line_and_stops_no_other(world, other):
    in_store(world, payload(0)).unlink()
    done = world.cf(other, "pull")
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if "error" in line]
    assert len(lines) == 1 and BASELINE in lines[0] and oid(payload(0)) in lines[0]
    assert bytes_of(other) == {BASELINE: False, FRESH: True, STALE: False, OTHER: False}
    clean(world, other)


@pytest.mark.parametrize("damage", ["cut", "same size", "empty", "folder"])
def test_a_corrupt_object_never_lands(world, other, damage):
    place = in_store(world, payload(0))
    place.chmod(0o644)
    data = payload(0)
    if damage == "folder":
        place.unlink()
        place.mkdir()
    else:
        place.write_bytes({"cut": data[:-9], "same size": data[:-1] + b"!", "empty": b""}[damage])
    done = world.cf(other, "pull")
    assert done.returncode == 1 and BASELINE in done.stderr and oid(data) in done.stderr
    assert bytes_of(other)[BASELINE] is False and bytes_of(other)[FRESH] is True
    assert not list((other / ".git/lfs").glob("tmp/.cacheferry-*"))


def test_a_store_that_is_away(world, other):
    world.store.rename(world.folder / "away")
    done = world.cf(other, "pull")
    assert done.returncode == 4 and str(world.store) in done.stderr
    assert not any(bytes_of(other).values())
    (world.folder / "away").rename(world.store)
    assert world.cf(other, "pull").returncode == 0


def test_a_remote_that_is_away_brings_what_is_known(world, other):
    world.remote.rename(world.folder / "away")
    done = world.cf(other, "pull")
    assert done.returncode == 4 and "cacheferry: error: " in done.stderr
    assert bytes_of(other)[BASELINE]


def publish_unchecked(world: World, data: bytes, path: str = BASELINE) -> None:
    """What a clone without cacheferry can publish: any bytes."""
    place = world.folder / "rogue"
    world.git(world.folder, "clone", "-q", str(world.remote), "rogue", env=NO_SMUDGE)
    world.git(place, "lfs", "install", "--local", "--skip-repo")
    (place / path).parent.mkdir(parents=True, exist_ok=True)
    (place / path).write_bytes(data)
    world.git(place, "add", path)
    world.git(place, "commit", "-qm", "rogue")
    world.git(place, "push", "-q", "--no-verify")
    in_store(world, data).parent.mkdir(parents=True, exist_ok=True)
    in_store(world, data).write_bytes(data)


def test_unsafe_bytes_stay_in_the_lfs_storage(world):
    world.clone("a")
    publish_unchecked(world, EVIL)
    other = world.clone("b")
    done = world.cf(other, "pull", "--all")
    assert done.returncode == 1 and BASELINE in done.stderr and "system" in done.stderr
    assert (other / BASELINE).read_bytes().startswith(b"version https")
    name = oid(EVIL)
    assert (other / ".git/lfs/objects" / name[:2] / name[2:4] / name).read_bytes() == EVIL
    clean(world, other)


def test_it_works_without_git_lfs(world, other):
    bare = without_git_lfs(world)
    kernel = world.folder / "kernel"
    world.git(world.folder, "clone", "-q", str(world.remote), "kernel", env=bare)
    done = world.cf(kernel, "init", env=bare)
    assert done.returncode == 0 and "git-lfs is not installed" in done.stdout
    done = world.cf(kernel, "pull", env=bare)
    assert done.returncode == 0, done.stderr
    assert bytes_of(kernel)[BASELINE]
    assert world.git(kernel, "status", "--porcelain", env=bare) == ""
    os.utime(kernel / BASELINE)  # git compares it, without the filter, with the pointer
    done = world.run(["git", "commit", "-qam", "all"], kernel, env=bare)
    assert done.returncode == 1 and BASELINE in done.stderr
    assert world.git(kernel, "show", f"HEAD:{BASELINE}", env=bare).startswith("version https")


def test_it_works_where_git_lfs_has_gone(world, other):
    done = world.cf(other, "pull", env=without_git_lfs(world))
    assert done.returncode == 0, done.stderr
    assert bytes_of(other)[BASELINE]


def test_a_deleted_cache_comes_back(world, other):
    world.cf(other, "pull")
    (other / BASELINE).unlink()
    (other / FRESH).unlink()
    assert world.cf(other, "pull", BASELINE).returncode == 0
    assert bytes_of(other)[BASELINE] and not bytes_of(other)[FRESH]
    assert world.cf(other, "pull").returncode == 0
    assert bytes_of(other)[FRESH]
    clean(world, other)


def test_a_file_with_markers_is_replaced(world, other):
    world.cf(other, "pull")
    (other / BASELINE).write_bytes(b"<<<<<<< HEAD\na\n=======\nb\n>>>>>>> x\n")
    assert world.cf(other, "pull").returncode == 0
    assert bytes_of(other)[BASELINE]
    clean(world, other)


def test_own_work_is_not_overwritten(world, other):
    world.cf(other, "pull")
    mine = pickle.dumps("mine")
    (other / BASELINE).write_bytes(mine)
    (other / OTHER).write_bytes(b"half a pick")
    (other / "code.py").write_text("edited\n")
    for args in ((), ("--all",), (BASELINE,)):
        assert world.cf(other, "pull", *args).returncode == 0
        assert (other / BASELINE).read_bytes() == mine
        assert (other / OTHER).read_bytes() == b"half a pick"
    assert (other / "code.py").read_text() == "edited\n"


def test_a_damaged_local_object_is_fetched_again(world, other):
    world.cf(other, "pull")
    name = oid(payload(0))
    local = other / ".git/lfs/objects" / name[:2] / name[2:4] / name
    for data in (payload(0)[:-1] + b"!", payload(0)[:-9], b""):
        local.chmod(0o644)
        local.write_bytes(data)
        (other / BASELINE).unlink()
        done = world.cf(other, "pull")
        assert done.returncode == 0, done.stderr
        assert bytes_of(other)[BASELINE] and local.read_bytes() == payload(0)


def test_caches_of_others_arrive(world, other):
    world.cf(other, "pull")
    new = world.cache(world.folder / "a", "new_baseline_cache.pkl", 9)
    world.cache(world.folder / "a", "tl_baseline_cache.pkl", 10)
    world.sync(world.folder / "a")
    (other / "code.py").write_text("edited\n")
    done = world.cf(other, "pull")
    assert done.returncode == 0, done.stderr
    assert (other / "cache/s1/new_baseline_cache.pkl").read_bytes() == new.read_bytes()
    assert (other / BASELINE).read_bytes() == payload(10)
    assert world.git(other, "status", "--porcelain") == " M code.py"


def test_it_needs_no_upstream(world, other):
    world.git(other, "checkout", "-q", "--detach")
    assert world.cf(other, "pull").returncode == 0 and bytes_of(other)[BASELINE]


def test_a_clone_that_is_shallow(world, other):
    shallow = world.folder / "shallow"
    url = f"file://{world.remote}"
    world.git(world.folder, "clone", "-q", "--depth=1", url, "shallow", env=NO_SMUDGE)
    done = world.cf(shallow, "pull")
    assert done.returncode == 0, done.stderr
    assert (shallow / BASELINE).read_bytes() == payload(0)


@pytest.mark.skipif(os.name == "nt", reason="modes")
def test_what_cannot_be_written_stops_no_other(world, other):
    # A folder where a cache belongs cannot be replaced, whoever asks.
    (other / BASELINE).unlink()
    (other / BASELINE).mkdir()
    (other / BASELINE / "x").write_text("x")
    done = world.cf(other, "pull")
    assert done.returncode in (1, 4) and BASELINE in done.stderr and "Traceback" not in done.stderr
    assert bytes_of_rest(other)


def bytes_of_rest(other: Path) -> bool:
    return (other / FRESH).read_bytes() == payload(1)
