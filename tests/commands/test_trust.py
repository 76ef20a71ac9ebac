"""A store that came with a clone is read, and written to only once accepted (contract 3)."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import CONFIG, PROGRAM, World, payload

BASELINE = "cache/s1/tl_baseline_cache.pkl"


@pytest.fixture
def stranger(world: World) -> Path:
    """A clone on another machine, agent set up for all clones, its store not accepted."""
    first = world.clone("a")
    world.cache(first)
    world.sync(first)
    assert world.cf(world.folder, "init", "--global").returncode == 0
    world.git(world.folder, "clone", "-q", str(world.remote), "b")
    return world.folder / "b"


def refused(world: World, place: Path, *names: str) -> None:
    world.cache(place, "new_baseline_cache.pkl", 5)
    objects = sorted(world.store.rglob("*"))
    done = world.cf(place, "sync")
    assert done.returncode == 2, done.stdout + done.stderr
    for name in (*names, "cacheferry trust"):
        assert name in done.stderr
    assert sorted(world.store.rglob("*")) == objects
    assert world.on_remote("cache/s1/new_baseline_cache.pkl") == ""


def test_reading_needs_no_trust(world, stranger):
    assert (stranger / BASELINE).read_bytes() == payload()
    (stranger / BASELINE).unlink()
    assert world.cf(stranger, "pull").returncode == 0
    assert (stranger / BASELINE).read_bytes() == payload()
    assert "not accepted" in world.cf(stranger, "status").stdout


def test_sync_and_push_refuse_until_it_is_accepted(world, stranger):
    refused(world, stranger, str(world.store))
    world.git(stranger, "lfs", "install", "--local")
    world.git(stranger, "add", "cache")
    world.git(stranger, "commit", "-qm", "by hand")
    head = world.git(world.remote, "rev-parse", "main")
    done = world.run(["git", "push", "-q"], stranger)
    assert done.returncode != 0 and "cacheferry trust" in done.stderr
    assert world.git(world.remote, "rev-parse", "main") == head
    done = world.cf(stranger, "trust")
    assert done.returncode == 0 and str(world.store) in done.stdout
    world.git(stranger, "push", "-q")
    assert world.on_remote("cache/s1/new_baseline_cache.pkl").startswith("version https")
    world.cache(stranger, "more_baseline_cache.pkl", 6)
    world.sync(stranger)


def test_a_pull_that_changes_the_store_is_refused(world):
    first, second = world.clone("a"), world.clone("b")
    (first / "cacheferry.yaml").write_text(CONFIG.replace("../store", "../elsewhere"))
    world.git(first, "commit", "-qam", "elsewhere")
    world.git(first, "push", "-q")
    world.git(second, "pull", "-q")
    refused(world, second, str(world.store), str(world.folder / "elsewhere"))
    assert not (world.folder / "elsewhere").exists()
    assert world.cf(second, "trust").returncode == 0
    world.sync(second)
    assert (world.folder / "elsewhere").is_dir()


def test_a_symlink_cannot_lead_an_accepted_store_elsewhere(world):
    (world.folder / "one").mkdir()
    (world.folder / "two").mkdir()
    place = world.clone("a", config=CONFIG.replace("../store", "link"))
    (place / "link").symlink_to(world.folder / "one")
    assert world.cf(place, "trust").returncode == 0
    (place / "link").unlink()
    (place / "link").symlink_to(world.folder / "two")
    refused(world, place, str(world.folder / "one"), str(world.folder / "two"))


def test_the_users_own_words_need_no_trust(world, stranger):
    own = world.folder / "own"
    world.cache(stranger, "new_baseline_cache.pkl", 5)
    done = world.cf(stranger, "sync", env={"CACHEFERRY_STORE": str(own)})
    assert done.returncode == 0, done.stderr
    assert len([file for file in own.rglob("*") if file.is_file()]) >= 1
    world.git(stranger, "config", "cacheferry.store", str(world.folder / "third"))
    world.cache(stranger, "newer_baseline_cache.pkl", 6)
    world.sync(stranger)
    assert (world.folder / "third").is_dir()
    done = world.cf(stranger, "status", env={"CACHEFERRY_STORE": str(own)})
    assert str(own) in done.stdout  # the environment overrides the setting


def test_trust_is_per_user_and_shared_by_worktrees(world, stranger):
    world.cf(stranger, "trust")
    linked = world.folder / "linked"
    world.git(stranger, "worktree", "add", "-q", "-b", "side", str(linked))
    world.git(linked, "push", "-q", "-u", "origin", "side")
    world.cache(linked, "new_baseline_cache.pkl", 5)
    world.sync(linked)
    world.cache(stranger, "newer_baseline_cache.pkl", 6)
    done = world.cf(stranger, "sync", env={"XDG_STATE_HOME": str(world.folder / "other user")})
    assert done.returncode == 2 and "cacheferry trust" in done.stderr


def test_nothing_of_it_lies_in_the_work_tree(world, stranger):
    world.cf(stranger, "trust")
    assert world.git(stranger, "status", "--porcelain") == ""
    [file] = (world.folder / "state").rglob("trusted-stores")
    assert str(world.store) in file.read_text() and file.stat().st_mode & 0o077 == 0


def test_many_can_accept_at_once(world):
    places = []
    for name in "abcdef":
        place = world.folder / name
        world.git(world.folder, "init", "-q", name)
        (place / "cacheferry.yaml").write_text(f"store: ../{name}-store\n")
        places.append(place)
    command = [sys.executable, "-I", str(PROGRAM), "trust"]
    quiet = subprocess.DEVNULL
    running = [subprocess.Popen(command, cwd=p, env=world.env, stdout=quiet) for p in places]
    assert [process.wait(60) for process in running] == [0] * 6
    [file] = (world.folder / "state").rglob("trusted-stores")
    assert len(file.read_text().splitlines()) == 6
