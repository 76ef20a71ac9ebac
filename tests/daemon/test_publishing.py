"""Promises 1, 4 and 5: whole files, object before pointer, and every clone ends equal."""

import hashlib
import pickle
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import CONFIG, PROGRAM, World, payload
from tests.daemon.helping import CACHE, is_published, states


def objects(clone: Path) -> set[str]:
    folder = clone / ".git" / "lfs" / "objects"
    return {file.name for file in folder.rglob("*") if file.is_file()}


# Object before pointer


def test_a_store_that_cannot_be_written_gets_no_pointer(world: World):
    clone = world.clone("a")
    world.store.write_text("a file where the folder should be")
    world.cache(clone)
    head = world.git(clone, "rev-parse", "HEAD")
    done = world.cf(clone, "sync")
    assert done.returncode == 4
    assert str(world.store) in done.stderr
    assert world.on_remote(CACHE) == ""
    assert world.git(clone, "rev-parse", "HEAD") == head
    world.store.unlink()
    world.sync(clone)
    assert is_published(world)


def test_a_damaged_local_object_is_healed_from_the_work_tree(world: World):
    clone = world.clone("a")
    file = world.cache(clone)
    oid = hashlib.sha256(file.read_bytes()).hexdigest()
    damaged = clone / ".git" / "lfs" / "objects" / oid[:2] / oid[2:4] / oid
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"x" * file.stat().st_size)
    # As known: hashed only, with the copy that lies there already.
    world.git(clone, "commit", "-q", "--allow-empty", "-m", "x")
    world.sync(clone)
    assert is_published(world)
    assert hashlib.sha256(damaged.read_bytes()).hexdigest() == oid


# Convergence


def sync_at_once(world: World, clones: list[Path]) -> list[subprocess.CompletedProcess[str]]:
    command = [sys.executable, "-I", str(PROGRAM)]
    running = [
        subprocess.Popen(
            [*command, "sync"],
            cwd=clone,
            env=world.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        for clone in clones
    ]
    ended = [one.communicate(timeout=90) for one in running]
    return [
        subprocess.CompletedProcess(one.args, one.returncode, *said)
        for one, said in zip(running, ended, strict=True)
    ]


def test_four_clones_at_once_end_equal_and_lose_nothing(world: World):
    clones = [world.clone(name) for name in "abcd"]
    for number, clone in enumerate(clones):
        world.cache(clone, f"own{number}_baseline_cache.pkl", seed=number)
        world.cache(clone, "shared_baseline_cache.pkl", seed=10 + number)
        world.cache(clone, "same_baseline_cache.pkl", seed=99)
    ended = sync_at_once(world, clones)
    assert sorted(one.returncode for one in ended) == [0, 1, 1, 1], ended
    winner = [one.returncode for one in ended].index(0)
    shared = "cache/s1/shared_baseline_cache.pkl"
    for number, (clone, done) in enumerate(zip(clones, ended, strict=True)):
        oid = hashlib.sha256(payload(10 + number)).hexdigest()
        assert oid in objects(clone)
        if number != winner:
            assert f"held: {shared}: conflict" in done.stderr
            assert oid in done.stderr
            assert states(world, clone)[shared] == "held: conflict"
            assert world.cf(clone, "sync").returncode == 1
    for clone in clones:
        done = world.cf(clone, "pull")
        assert done.returncode == 0, done.stderr
        world.sync(clone)
    for clone in clones:
        assert (clone / shared).read_bytes() == payload(10 + winner)
        assert (clone / "cache/s1/same_baseline_cache.pkl").read_bytes() == payload(99)
        for number in range(4):
            own = clone / f"cache/s1/own{number}_baseline_cache.pkl"
            if own.exists() or clone is clones[-1]:
                assert own.read_bytes() == payload(number)
        assert world.git(clone, "status", "--porcelain") == ""
    world.git(world.remote, "fsck", "--strict")


def test_a_plain_pull_settles_a_conflict_without_markers(world: World):
    first, second = world.clone("a"), world.clone("b")
    world.cache(first, seed=1)
    world.cache(second, seed=2)
    world.sync(first)
    assert world.cf(second, "sync").returncode == 1
    assert (second / CACHE).read_bytes() == payload(2)
    assert world.cf(second, "pull").returncode == 0
    assert (second / CACHE).read_bytes() == payload(1)
    world.sync(second)
    assert hashlib.sha256(payload(2)).hexdigest() in objects(second)


def test_a_conflict_stays_one_while_the_file_is_looked_at_again(world: World):
    first, second = world.clone("a"), world.clone("b")
    world.cache(first, seed=1)
    world.cache(second, seed=2)
    world.sync(first)
    counts = set()
    for _ in range(3):
        (second / CACHE).touch()
        assert world.cf(second, "sync").returncode == 1
        assert (second / CACHE).read_bytes() == payload(2)
        counts.add(world.git(world.remote, "rev-list", "--count", "main"))
    assert len(counts) == 1, "each pass adds commits"
    assert hashlib.sha256(payload(1)).hexdigest() in world.on_remote(CACHE)


def test_an_update_on_top_of_the_published_version_replaces_it(world: World):
    first, second = world.clone("a"), world.clone("b")
    world.cache(first, seed=1)
    world.sync(first)
    assert world.cf(second, "pull").returncode == 0
    world.cache(second, seed=2)
    world.sync(second)
    world.cache(second, seed=3)
    world.sync(second)
    assert world.cf(first, "pull").returncode == 0
    assert (first / CACHE).read_bytes() == payload(3)


def test_a_published_cache_that_is_newer_elsewhere_is_not_pushed_back(world: World):
    first, second = world.clone("a"), world.clone("b")
    world.cache(first, seed=1)
    world.sync(first)
    assert world.cf(second, "pull").returncode == 0
    world.cache(second, seed=2)
    world.sync(second)
    world.sync(first)
    assert (first / CACHE).read_bytes() == payload(2)


# What is never published


def incomplete(world: World, clone: Path) -> str:
    world.cache(clone).write_bytes(payload(0)[:-20])
    return "incomplete"


def too_large(world: World, clone: Path) -> str:
    text = CONFIG.replace("max_wait: 2", "max_wait: 2, max_file_size: 1KiB")
    (clone / "cacheferry.yaml").write_text(text)
    world.cache(clone)
    return "too large"


def unsafe(world: World, clone: Path) -> str:
    world.cache(clone).write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    return "unsafe"


def ignored(world: World, clone: Path) -> str:
    (clone / ".git" / "info" / "exclude").write_text("*.pkl\n")
    world.cache(clone)
    return "ignored"


def with_markers(world: World, clone: Path) -> str:
    file = world.cache(clone)
    file.write_bytes(b"<<<<<<< ours\n1\n=======\n2\n>>>>>>> theirs\n")
    return "conflict"


@pytest.mark.parametrize("kind", [incomplete, too_large, unsafe, ignored, with_markers])
def test_is_held_with_its_reason_and_others_go_out(world: World, kind):
    clone = world.clone("a")
    reason = kind(world, clone)
    good = "fine_baseline_cache.pkl"
    (clone / "cache" / "s1" / good).write_bytes(pickle.dumps(1))
    done = world.cf(clone, "sync")
    assert done.returncode == 1
    assert f"held: {CACHE}: {reason}" in done.stderr
    assert world.on_remote(CACHE) == ""
    assert (world.on_remote(f"cache/s1/{good}") == "") == (kind is ignored)
    assert states(world, clone)[CACHE] in (f"held: {reason}", reason)
    assert "Traceback" not in done.stderr


def test_symlinks_are_no_caches(world: World):
    clone = world.clone("a")
    real = world.folder / "elsewhere"
    real.mkdir()
    (real / "x_baseline_cache.pkl").write_bytes(payload(1))
    (clone / "cache" / "s1").mkdir(parents=True)
    (clone / "cache" / "s1" / "x_baseline_cache.pkl").symlink_to(real / "x_baseline_cache.pkl")
    (clone / "cache" / "s2").symlink_to(real)
    head = world.git(world.remote, "rev-parse", "main")
    world.sync(clone)
    assert world.git(world.remote, "rev-parse", "main") == head


def test_a_file_that_somebody_has_open_for_writing_waits(world: World):
    clone = world.clone("a")
    file = world.cache(clone)
    other = world.cache(clone, "other_baseline_cache.pkl")
    with open(file, "ab"):
        time.sleep(0.2)
        done = world.cf(clone, "sync")
        assert done.returncode == 1
        assert f"waiting: {CACHE}" in done.stderr
        assert not is_published(world)
        assert is_published(world, f"cache/s1/{other.name}")
    with open(file, "rb"):
        world.sync(clone)
    assert is_published(world)


def test_a_young_file_is_waited_for(world: World):
    text = CONFIG.replace("settle: 0.1, max_wait: 2", "settle: 1.5, max_wait: 9")
    clone = world.clone("a", config=text)
    file = world.cache(clone)
    world.sync(clone)
    assert time.time() - file.stat().st_mtime >= 1.5
    assert is_published(world)


def test_a_name_with_everything_in_it(world: World):
    clone = world.clone("a")
    names = ["spaces and ü.pkl", "quote'\".pkl", "dollar$HOME.pkl", "-dash.pkl", "new\nline.pkl"]
    for number, name in enumerate(names):
        world.cache(clone, name, seed=number)
    world.sync(clone)
    listing = world.git(world.remote, "ls-tree", "-r", "-z", "--name-only", "main").split("\0")
    assert {f"cache/s1/{name}" for name in names} <= set(listing)
    assert world.git(clone, "status", "--porcelain") == ""


@pytest.mark.parametrize("mode", ["as another user", "read-only file system"])
def test_a_repository_that_cannot_be_written_is_named(world: World, mode: str):
    clone = world.clone("a")
    world.cache(clone)
    program = [sys.executable, "-I", str(PROGRAM)]
    if mode == "as another user":
        world.git(clone, "config", "--global", "--add", "safe.directory", "*")
        become = ["setpriv", "--reuid=65534", "--clear-groups"]
    else:
        become = ["unshare", "-m", "sh", "-c"]
        become.append(
            f"mount --bind '{clone}' '{clone}' && mount -o remount,ro,bind '{clone}'"
            ' && cd . && cd "$PWD" && exec "$@"'
        )
        become.append("sh")
    if world.run([*become, "true"], clone).returncode != 0:
        pytest.skip("only root can do that")
    for folder in (world.folder, *world.folder.parents[:4]):
        folder.chmod(0o755)
    for command in (["sync"], ["daemon", "run"]):
        env = {"CACHEFERRY_STORE": str(world.store)}  # who accepted which is the user's own file
        done = world.run([*become, *program, *command], clone, env=env)
        assert done.returncode == 4, done
        assert str(clone / ".git") in done.stderr
        assert "Traceback" not in done.stderr


def test_a_cache_that_cannot_be_read_does_not_stop_the_others(world: World):
    clone = world.clone("a")
    world.cache(clone).chmod(0)
    world.cache(clone, "fine_baseline_cache.pkl")
    for folder in world.folder.parents[:4]:
        folder.chmod(0o755)
    world.run(["chown", "-R", "65534:65534", str(world.folder)], world.folder)
    become = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    if world.run([*become, "true"], clone).returncode != 0:
        pytest.skip("only root can do that")
    done = world.run([*become, sys.executable, "-I", str(PROGRAM), "sync"], clone)
    assert done.returncode == 1, done
    assert f"held: {CACHE}: cannot be read" in done.stderr
    world.git(world.folder, "config", "--global", "--add", "safe.directory", "*")
    assert "oid sha256" in world.on_remote("cache/s1/fine_baseline_cache.pkl")
