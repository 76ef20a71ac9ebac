"""post-merge, post-checkout, post-rewrite: what a pull brought is named, and never blocks it."""

import hashlib
from pathlib import Path

import pytest

from tests.commands.test_check import EVIL, NOW
from tests.commands.test_pull import in_store, oid, publish_unchecked
from tests.conftest import World, payload

BASELINE = "cache/s1/tl_baseline_cache.pkl"
FRESH = f"cache/s1/tl_{NOW}_rl_cache.pkl"


@pytest.fixture
def first(world: World) -> Path:
    return world.clone("a")


@pytest.fixture
def second(world: World, first: Path) -> Path:
    """A second clone that has what the first one has published."""
    world.cache(first)
    world.cache(first, FRESH.rpartition("/")[2], 1)
    world.sync(first)
    place = world.clone("b")
    assert world.cf(place, "pull").returncode == 0
    return place


def move_code_on(world: World, place: Path) -> None:
    with (place / "code.py").open("a") as code:
        code.write("more\n")
    world.git(place, "commit", "-qam", "code")
    world.git(place, "push", "-q")


def run(world: World, place: Path, *args: str) -> str:
    done = world.run(["git", *args], place)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


PULLS = [("pull", "-q"), ("pull", "-q", "--rebase")]


@pytest.mark.parametrize("pull", PULLS)
def test_a_pull_names_what_has_become_stale(world, first, second, pull):
    (first / "conf/env.yaml").write_text("learning_rate: 2e-3\n")
    world.git(first, "commit", "-qam", "config")
    world.git(first, "push", "-q")
    (second / "mine.txt").write_text("mine\n")
    world.git(second, "add", "mine.txt")
    world.git(second, "commit", "-qm", "mine")
    now = hashlib.md5(b"learning_rate: 2e-3\n").hexdigest()[:8]
    err = run(world, second, *pull)
    lines = [line for line in err.splitlines() if "stale: " in line]
    assert lines and FRESH in lines[0] and NOW in lines[0] and now in lines[0]
    assert BASELINE not in err


def test_deleted_caches_come_back_with_a_pull_that_brings_something(world, first, second):
    move_code_on(world, first)
    (second / BASELINE).unlink()
    (second / FRESH).unlink()
    run(world, second, "pull", "-q")
    assert (second / BASELINE).read_bytes() == payload(0)
    assert (second / FRESH).read_bytes() == payload(1)
    assert world.git(second, "status", "--porcelain") == ""


@pytest.mark.parametrize("pull", PULLS)
def test_a_missing_object_never_blocks_a_pull(world, first, second, pull):
    world.cache(first, "gone_baseline_cache.pkl", 7)
    world.cache(first, "here_baseline_cache.pkl", 8)
    world.sync(first)
    move_code_on(world, first)
    in_store(world, payload(7)).unlink()
    err = run(world, second, *pull)
    head = world.git(world.remote, "rev-parse", "main")
    assert world.git(second, "rev-parse", "HEAD") == head
    assert (second / "code.py").read_text().endswith("more\n")
    assert (second / "cache/s1/here_baseline_cache.pkl").read_bytes() == payload(8)
    gone = (second / "cache/s1/gone_baseline_cache.pkl").read_bytes()
    assert gone.startswith(b"version https") and oid(payload(7)).encode() in gone
    assert "cache/s1/gone_baseline_cache.pkl" in err


@pytest.mark.slow
def test_a_store_that_is_away_never_blocks_a_pull(world, first, second):
    world.cache(first, "new_baseline_cache.pkl", 7)
    world.sync(first)
    move_code_on(world, first)
    world.store.rename(world.folder / "away")
    err = run(world, second, "pull", "-q")
    assert world.git(second, "rev-parse", "HEAD") == world.git(world.remote, "rev-parse", "main")
    assert "new_baseline_cache.pkl" in err


def test_an_unsafe_cache_is_named(world, first):
    second = world.clone("b")
    publish_unchecked(world, EVIL)
    err = run(world, second, "pull", "-q")
    assert any("unsafe" in line and BASELINE in line for line in err.splitlines()), err


def test_a_switch_names_caches_and_brings_them_back(world, second):
    world.git(second, "branch", "side")
    (second / BASELINE).unlink()
    run(world, second, "switch", "-q", "side")
    assert (second / BASELINE).read_bytes() == payload(0)
    (second / "conf/env.yaml").write_text("learning_rate: 2e-3\n")
    world.git(second, "commit", "-qam", "config")
    assert "stale" not in run(world, second, "switch", "-q", "main")
    assert FRESH in run(world, second, "switch", "-q", "side")


def test_checking_files_out_says_nothing(world, second):
    (second / "conf/env.yaml").write_text("learning_rate: 2e-3\n")
    (second / "code.py").write_text("x\n")
    assert run(world, second, "checkout", "-q", "--", "code.py") == ""


def test_a_new_worktree_has_its_caches(world, second):
    run(world, second, "worktree", "add", "-q", "-b", "side", str(world.folder / "linked"))
    assert (world.folder / "linked" / BASELINE).read_bytes() == payload(0)


def test_a_broken_configuration_is_one_line(world, first):
    for text in (b"colour: red\nx: 1\n", b"\xff", b"store: ["):
        (first / "cacheferry.yaml").write_bytes(text)
        err = run(world, first, "switch", "-q", "-C", "side")
        assert len(err.splitlines()) == 1 and err.startswith("cacheferry: warning: ")


def test_a_config_that_cannot_be_hashed_is_one_line(world, first):
    world.cache(first, FRESH.rpartition("/")[2], 1)
    (first / "conf/env.yaml").write_bytes(b"\xff")
    err = run(world, first, "switch", "-q", "-c", "side")
    assert "conf/env.yaml" in err and len(err.splitlines()) == 1


def test_many_stale_caches_do_not_fill_the_screen(world, first):
    for number in range(40):
        world.cache(first, f"n{number}_0123abcd_rl_cache.pkl", number)
    err = run(world, first, "switch", "-q", "-c", "side")
    assert len(err.splitlines()) < 25 and "20 more" in err and "40 stale" in err
