"""What a first reader and user met, by the command alone."""

import shutil
from pathlib import Path

from tests.conftest import CONFIG, World

CACHE = "cache/s1/tl_baseline_cache.pkl"
PLAIN = CONFIG.replace("../store", "git")


def _conflict(world: World, config: str = CONFIG) -> tuple[Path, Path]:
    """Two clones that computed one path differently; the second has lost and a commit behind."""
    first, second = world.clone("a", config=config), world.clone("b", config=config)
    (first / "code.py").write_text("print('more')\n")
    world.git(first, "commit", "-qam", "code")
    world.git(first, "push", "-q")
    world.cache(first, seed=1)
    world.sync(first)
    world.cache(second, seed=2)
    assert world.cf(second, "sync").returncode == 1
    return first, second


def test_a_plain_git_pull_that_settles_a_conflict_leaves_none_in_status(world: World) -> None:
    first, second = _conflict(world)
    assert "conflict:" in world.cf(second, "status").stdout
    world.git(second, "pull", "-q")
    assert (second / CACHE).read_bytes() == (first / CACHE).read_bytes()
    assert "conflict:" not in world.cf(second, "status").stdout


def test_pull_does_not_call_the_published_version_yours(world: World) -> None:
    for config, folder in ((CONFIG, "lfs"), (PLAIN, "git")):
        other = World(world.folder / folder)
        first, second = _conflict(other, config)
        other.git(second, "pull", "-q")
        done = other.cf(second, "pull")
        assert done.returncode == 0 and "yours" not in done.stderr, done.stderr
        assert (second / CACHE).read_bytes() == (first / CACHE).read_bytes()


def test_status_knows_when_a_sync_has_published(world: World) -> None:
    place = world.clone("a")
    assert "last published: never" in world.cf(place, "status").stdout
    world.cache(place)
    world.sync(place)
    assert "last published: 20" in world.cf(place, "status").stdout


def test_a_store_that_is_not_there_comes_with_a_hint(world: World) -> None:
    place = world.clone("a")
    world.cache(place)
    world.sync(place)
    other = world.clone("b", init=False)
    shutil.rmtree(world.store)
    done = world.cf(other, "pull")
    assert done.returncode == 4 and "cacheferry.store" in done.stderr


def test_commands_of_later_versions_are_named_as_such(world: World) -> None:
    for command in (["prune"], ["daemon", "install"]):
        done = world.cf(world.folder, *command)
        assert done.returncode == 2 and "not in this version" in done.stderr
    done = world.cf(world.folder, "foo")
    assert done.returncode == 2 and "hint: cacheferry --help" in done.stderr
    assert "not in this version" not in done.stderr


def test_no_command_prints_the_help_and_no_error(world: World) -> None:
    done = world.cf(world.folder)
    assert done.returncode == 2 and "Commands:" in done.stderr and "error" not in done.stderr
