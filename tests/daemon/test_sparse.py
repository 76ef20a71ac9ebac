"""What a sparse checkout leaves out of the work tree stays out, and is up to date in Git."""

import pytest

from tests.conftest import World, payload
from tests.daemon.helping import CACHE

AWAY = "cache/s2/y_baseline_cache.pkl"


@pytest.mark.parametrize("index", ["--no-sparse-index", "--sparse-index"])
def test_a_cache_outside_of_it_arrives_in_git_alone(world: World, index: str) -> None:
    first = world.clone("a")
    world.cache(first, seed=1)
    (first / "cache/s2").mkdir()
    (first / AWAY).write_bytes(payload(2))
    world.sync(first)
    other = world.clone("b")
    world.git(other, "sparse-checkout", "set", "--cone", index, "conf", "cache/s1")
    (first / AWAY).write_bytes(payload(3))
    world.cache(first, seed=4)
    world.sync(first)
    world.sync(other)
    assert (other / CACHE).read_bytes() == payload(4)
    assert not (other / "cache/s2").exists()
    assert world.git(other, "ls-files", "-t", AWAY) == f"S {AWAY}"
    assert world.git(other, "status", "--porcelain") == ""
    assert world.git(other, "rev-parse", f"HEAD:{AWAY}") == world.git(
        first, "rev-parse", f"HEAD:{AWAY}"
    )
