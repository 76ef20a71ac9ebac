"""A script writes a cache while a pull still looks at what lay there: the script's bytes stay."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cacheferry import fetching, session
from cacheferry.core.oid import hash_file
from cacheferry.fetching import Wanted
from daemon import branches, forward
from tests.conftest import World, payload
from tests.daemon.helping import write_slowly

CACHE = "cache/s1/tl_baseline_cache.pkl"
OLD, NEW, MINE = payload(1), payload(2), payload(3)


@pytest.fixture
def behind(world: World, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone with the old version in its work tree and in HEAD; upstream has a newer one."""
    for key, value in world.env.items():
        monkeypatch.setenv(key, value)
    first = world.clone("a")
    world.cache(first, seed=1)
    world.sync(first)
    other = world.clone("b")
    assert world.cf(other, "pull").returncode == 0
    world.cache(first, seed=2)
    world.sync(first)
    world.git(other, "fetch", "-q")
    return other


def _written_after(look: Callable[[Path], object], file: Path) -> Callable[[Path], object]:
    """`look`, and at once the script, which replaces what has just been looked at."""

    def looked(path: Path) -> object:
        found = look(path)
        if Path(path) == file:
            write_slowly(file, MINE)
        return found

    return looked


def test_what_a_pull_is_to_put_there(behind: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = session.begin(behind)
    side, file = here.git_side(), behind / CACHE
    pointer = side.pointer(side.upstream, CACHE)
    assert pointer
    monkeypatch.setattr("cacheferry.fetching.hash_file", _written_after(hash_file, file))
    failures = fetching.bring(here, [Wanted(CACHE, pointer, side.upstream[CACHE])])
    assert [one.wanted.path for one in failures] == [CACHE]
    assert file.read_bytes() == MINE


def test_what_arrives_with_commits(behind: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, file = session.begin(behind), behind / CACHE
    monkeypatch.setattr("daemon.forward.hash_file", _written_after(hash_file, file))
    branch = branches.current(here.repository)
    bringer = fetching.materialiser(here)
    moved = forward.through_cache_commits(here.repository, here.config, branch, bringer)
    assert moved is None and file.read_bytes() == MINE
    assert branches.current(here.repository) == branch
