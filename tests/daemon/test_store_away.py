"""A store that is away for a while: nothing here gets worse meanwhile, and all arrives later."""

from pathlib import Path

import pytest

from tests.conftest import World, payload
from tests.daemon.helping import CACHE, daemon, eventually, is_published

OLD, NEW = payload(1), payload(2)


@pytest.fixture
def behind(world: World) -> Path:
    """A clone with an old version of a cache; a newer one is published, and the store is away."""
    first = world.clone("laptop")
    world.cache(first, seed=1)
    world.sync(first)
    other = world.clone("kaggle")
    assert world.cf(other, "pull").returncode == 0
    world.cache(first, seed=2)
    world.sync(first)
    _away(world).mkdir()
    world.store.rename(_away(world) / "store")
    return other


def _away(world: World) -> Path:
    return world.folder / "away"


def _back(world: World) -> None:
    (_away(world) / "store").rename(world.store)


@pytest.mark.parametrize("command", ["sync", "pull"])
def test_a_usable_cache_stays_until_the_new_one_can_be_had(
    world: World, behind: Path, command: str
) -> None:
    done = world.cf(behind, command)
    assert done.returncode == 4 and str(world.store) in done.stderr
    assert (behind / CACHE).read_bytes() == OLD
    assert world.git(behind, "status", "--porcelain") == ""
    _back(world)
    assert world.cf(behind, command).returncode == 0
    assert (behind / CACHE).read_bytes() == NEW
    assert world.git(behind, "status", "--porcelain") == ""


def test_the_daemon_brings_it_when_the_store_is_back(world: World, behind: Path) -> None:
    with daemon(world, behind):
        eventually(lambda: "is not there" in world.cf(behind, "daemon", "status").stdout)
        assert (behind / CACHE).read_bytes() == OLD
        _back(world)
        eventually(lambda: (behind / CACHE).read_bytes() == NEW, seconds=40)


@pytest.mark.parametrize("command", ["sync", "pull"])
def test_where_it_gives_only_some_of_them_a_git_pull_still_works(
    world: World, behind: Path, command: str
) -> None:
    _back(world)
    first = world.folder / "laptop"
    for name, seed in (("a_baseline_cache.pkl", 4), ("z_baseline_cache.pkl", 5)):
        world.cache(first, name, seed)
        world.sync(first)
    _refuse(world, NEW)
    assert world.cf(behind, command).returncode == 4
    assert world.git(behind, "status", "--porcelain") == ""
    assert not (behind / "cache/s1/a_baseline_cache.pkl").exists()
    assert (behind / CACHE).read_bytes() == OLD
    world.git(behind, "pull", "-q")
    assert (behind / "cache/s1/a_baseline_cache.pkl").read_bytes() == payload(4)


def _refuse(world: World, data: bytes) -> None:
    """Whoever reads the object is refused, as by a server."""
    (stored,) = (f for f in world.store.rglob("*") if f.is_file() and f.read_bytes() == data)
    stored.unlink()
    stored.symlink_to(stored.name)


def test_a_store_that_can_only_be_written_to_is_written_to(world: World, behind: Path) -> None:
    _back(world)
    _refuse(world, NEW)
    world.cache(behind, "other_baseline_cache.pkl", seed=3)
    done = world.cf(behind, "sync")
    assert done.returncode == 4 and "refuses" in done.stderr
    assert is_published(world, "cache/s1/other_baseline_cache.pkl")
    assert (behind / CACHE).read_bytes() == OLD
