"""`cacheferry migrate --to URL`: every needed object to another store, then the switch."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import CONFIG, PROGRAM, World, payload
from tests.servers.place import oid_of

BASELINE = "cache/s1/tl_baseline_cache.pkl"

pytestmark = pytest.mark.skipif(shutil.which("git-lfs") is None, reason="install git-lfs")


def held(store: Path) -> set[str]:
    return {file.name for file in store.rglob("*") if file.is_file()}


def commit_set_up(world: World, place: Path, *more: str) -> None:
    world.git(place, "add", "cacheferry.yaml", ".gitattributes", ".lfsconfig", *more, check=False)
    world.git(place, "commit", "-qm", "move", "--", "cacheferry.yaml", ".gitattributes", *more)
    world.git(place, "push", "-q")


@pytest.fixture
def full(world: World) -> Path:
    """A clone whose caches have a history, on two branches, a tag and in the stash."""
    first = world.clone("a")
    for seed in (1, 2):
        world.cache(first, seed=seed)
        world.sync(first)
    world.git(first, "switch", "-qc", "side")
    world.git(first, "push", "-q", "-u", "origin", "side")
    world.cache(first, "side_baseline_cache.pkl", 3)
    world.sync(first)
    world.git(first, "tag", "kept")
    world.git(first, "push", "-q", "origin", "kept")
    world.git(first, "switch", "-q", "main")
    return first


def test_every_object_that_a_ref_needs_is_in_the_new_store(world, full):
    shutil.rmtree(full / ".git/lfs/objects")
    done = world.cf(full, "migrate", "--to", "../new")
    assert done.returncode == 0, done.stdout + done.stderr
    assert held(world.folder / "new") == {oid_of(payload(seed)) for seed in (1, 2, 3)}
    assert held(world.folder / "new") == held(world.store)  # which loses nothing
    assert "3 objects" in done.stdout and "git add" in done.stdout
    assert "store: ../new" in (full / "cacheferry.yaml").read_text()
    assert world.git(full, "log", "--oneline", "@{upstream}..HEAD") == ""


def test_the_other_side_goes_on_with_the_new_store(world, full):
    assert world.cf(full, "migrate", "--to", "../new").returncode == 0
    commit_set_up(world, full)
    shutil.rmtree(world.store)
    world.cache(full, "more_baseline_cache.pkl", 4)
    world.sync(full)  # the new store is accepted
    second = world.clone("b", init=False)
    done = world.cf(second, "pull")
    assert done.returncode == 0, done.stderr
    assert (second / BASELINE).read_bytes() == payload(2)
    assert world.cf(second, "check").returncode == 0


def test_what_only_another_clone_has_fetched_is_known_by_a_fetch(world, full):
    second = world.clone("b")
    world.cache(second, "theirs_baseline_cache.pkl", 9)
    world.sync(second)
    done = world.cf(full, "migrate", "--to", "../new")
    assert done.returncode == 0, done.stderr
    assert oid_of(payload(9)) in held(world.folder / "new")


def test_lost_objects_are_named_and_nothing_is_switched(world, full):
    for place in (world.store, full / ".git/lfs/objects"):
        [file] = place.rglob(oid_of(payload(1)))
        file.unlink()
    before = (full / "cacheferry.yaml").read_bytes()
    done = world.cf(full, "migrate", "--to", "../new")
    assert done.returncode == 1, done.stdout
    assert oid_of(payload(1)) in done.stderr and BASELINE in done.stderr
    assert "--leave-lost" in done.stderr
    assert (full / "cacheferry.yaml").read_bytes() == before
    assert held(world.folder / "new") == {oid_of(payload(2)), oid_of(payload(3))}
    done = world.cf(full, "migrate", "--to", "../new", "--leave-lost")
    assert done.returncode == 0, done.stderr
    assert oid_of(payload(1)) in done.stderr and "2 objects" in done.stdout
    assert "store: ../new" in (full / "cacheferry.yaml").read_text()


def test_an_object_that_is_damaged_in_the_old_store_comes_from_the_lfs_storage(world, full):
    for file in (f for f in world.store.rglob("*") if f.is_file()):
        file.chmod(0o644)
        file.write_bytes(b"x" * file.stat().st_size)
    done = world.cf(full, "migrate", "--to", "../new")
    assert done.returncode == 0, done.stderr
    for file in (f for f in (world.folder / "new").rglob("*") if f.is_file()):
        assert oid_of(file.read_bytes()) == file.name


def test_a_damaged_object_in_the_new_store_is_healed(world, full):
    oid = oid_of(payload(2))
    there = world.folder / "new" / oid[:2] / oid[2:4] / oid
    there.parent.mkdir(parents=True)
    there.write_bytes(b"x" * len(payload(2)))
    assert world.cf(full, "migrate", "--to", "../new").returncode == 0
    assert there.read_bytes() == payload(2)


def test_what_the_new_store_has_is_not_written_again(world, full):
    assert world.cf(full, "migrate", "--to", "../new").returncode == 0
    before = {f: f.stat().st_ino for f in (world.folder / "new").rglob("*") if f.is_file()}
    assert world.cf(full, "init", "--store", "../store").returncode == 0
    assert world.cf(full, "migrate", "--to", "../new").returncode == 0
    assert {f: f.stat().st_ino for f in before} == before


def test_killed_at_any_time_it_goes_on_when_run_again(world, full):
    for seed in range(20, 60):
        world.cache(full, f"x{seed}_baseline_cache.pkl", seed)
    world.sync(full)
    shutil.rmtree(full / ".git/lfs/objects")
    command = [sys.executable, "-I", str(PROGRAM), "migrate", "--to", "../new"]
    for _ in range(6):
        running = subprocess.Popen(
            command, cwd=full, env=world.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(random.uniform(0.3, 2.0))
        running.send_signal(signal.SIGKILL)
        running.wait()
        switched = "../new" in (full / "cacheferry.yaml").read_text()
        assert not switched or len(held(world.folder / "new")) >= 43
    done = world.cf(full, "migrate", "--to", "../new")
    assert done.returncode == 0, done.stdout + done.stderr
    here = {file.name for file in (world.folder / "new").rglob("[0-9a-f]*") if file.is_file()}
    assert here == held(world.store)
    assert "store: ../new" in (full / "cacheferry.yaml").read_text()
    commit_set_up(world, full)
    world.sync(full)


def test_a_store_out_of_reach_switches_nothing(world, full):
    shutil.rmtree(full / ".git/lfs/objects")
    world.store.rename(world.folder / "unmounted")
    before = (full / "cacheferry.yaml").read_bytes()
    done = world.cf(full, "migrate", "--to", "../new")
    assert done.returncode == 4 and "not there" in done.stderr
    assert (full / "cacheferry.yaml").read_bytes() == before


def test_an_override_in_force_is_named(world, full):
    done = world.cf(full, "migrate", "--to", "../new", env={"CACHEFERRY_STORE": "../store"})
    assert done.returncode == 2 and "CACHEFERRY_STORE" in done.stderr
    world.git(full, "config", "cacheferry.store", "../store")
    done = world.cf(full, "migrate", "--to", "../new")
    assert done.returncode == 2 and "git config --unset cacheferry.store" in done.stderr
    assert not (world.folder / "new").exists()


def test_a_shallow_clone_does_not_know_enough(world, full):
    address = world.remote.as_uri()
    world.git(world.folder, "clone", "-q", "--depth=1", "--no-single-branch", address, "b")
    done = world.cf(world.folder / "b", "migrate", "--to", "../new")
    assert done.returncode == 3 and "shallow" in done.stderr


def test_the_store_that_is_in_force_already(world, full):
    done = world.cf(full, "migrate", "--to", str(world.store))
    assert done.returncode == 0 and "already" in done.stdout
    assert "store: ../store" in (full / "cacheferry.yaml").read_text()


def test_a_wrong_address_is_refused_before_anything_is_copied(world, full):
    for wrong in ("nonsense://x", "s3://user:secret@bucket"):
        done = world.cf(full, "migrate", "--to", wrong)
        assert done.returncode == 2 and "secret" not in done.stderr


def test_a_bar_shows_the_bytes_on_a_terminal(world, full):
    pty = pytest.importorskip("pty")
    parent, child = pty.openpty()
    command = [sys.executable, "-I", str(PROGRAM), "migrate", "--to", "../new"]
    done = subprocess.run(command, cwd=full, env=world.env, stderr=child, check=False)
    os.close(child)
    assert done.returncode == 0 and b"copying" in os.read(parent, 10000)


# lfs and git


def test_to_the_lfs_server_of_the_remote_and_back(world, full):
    shutil.rmtree(full / ".git/lfs/objects")
    done = world.cf(full, "migrate", "--to", "lfs")
    assert done.returncode == 0, done.stderr
    assert held(world.remote / "lfs/objects") == held(world.store)
    commit_set_up(world, full, ".lfsconfig")
    world.git(world.folder, "lfs", "install", "--skip-repo")
    world.git(world.folder, "clone", "-q", str(world.remote), "b")
    assert (world.folder / "b" / BASELINE).read_bytes() == payload(2)
    shutil.rmtree(full / ".git/lfs/objects")
    done = world.cf(full, "migrate", "--to", "../new")
    assert done.returncode == 0, done.stderr
    assert held(world.folder / "new") == held(world.store)
    assert "cacheferry::" in (full / ".lfsconfig").read_text()


def test_to_plain_git(world, full):
    world.cache(full, "gone_baseline_cache.pkl", 6)
    world.sync(full)
    (full / "cache/s1/gone_baseline_cache.pkl").unlink()
    shutil.rmtree(full / ".git/lfs/objects")
    done = world.cf(full, "migrate", "--to", "git")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "cacheferry sync" in done.stdout
    commit_set_up(world, full, ".lfsconfig")
    world.sync(full)
    assert world.cf(full, "check").returncode == 0
    assert world.git(full, "status", "--porcelain") == ""
    assert "filter=lfs" not in world.on_remote(".gitattributes")
    shutil.rmtree(world.store)
    second = world.folder / "b"
    world.git(world.folder, "clone", "-q", str(world.remote), "b")
    assert (second / BASELINE).read_bytes() == payload(2)
    assert (second / "cache/s1/gone_baseline_cache.pkl").read_bytes() == payload(6)
    assert '"published"' in world.cf(second, "status", "--json").stdout


def test_a_clone_that_pulls_the_change_to_plain_git_keeps_its_caches(world, full):
    second = world.clone("b")
    assert world.cf(second, "pull").returncode == 0
    assert world.cf(full, "migrate", "--to", "git").returncode == 0
    commit_set_up(world, full, ".lfsconfig")
    world.sync(full)
    world.git(second, "pull", "-q")
    assert (second / BASELINE).read_bytes() == payload(2)
    assert world.git(second, "status", "--porcelain") == ""
    assert world.cf(second, "check").returncode == 0
    world.cache(second, seed=8)
    world.sync(second)
    assert world.cf(full, "pull").returncode == 0
    assert (full / BASELINE).read_bytes() == payload(8)


def test_from_plain_git_to_a_store(world):
    first = world.clone("a", config=CONFIG.replace("../store", "git"))
    second = world.clone("b")
    world.cache(first)
    world.sync(first)
    (first / BASELINE).unlink()
    assert world.cf(second, "pull").returncode == 0
    done = world.cf(first, "migrate", "--to", "../store")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "cacheferry sync" in done.stdout
    commit_set_up(world, first, ".lfsconfig")
    world.sync(first)
    assert world.cf(first, "check").returncode == 0
    assert world.on_remote(BASELINE).startswith("version https://git-lfs")
    assert held(world.store) == {oid_of(payload())}
    world.git(second, "pull", "-q")
    assert world.cf(second, "init").returncode == 0
    assert (second / BASELINE).read_bytes() == payload()
    assert world.cf(second, "check").returncode == 0
    world.git(world.folder, "clone", "-q", str(world.remote), "c")
    assert world.cf(world.folder / "c", "pull").returncode == 0
    assert (world.folder / "c" / BASELINE).read_bytes() == payload()


def test_to_plain_git_an_object_that_is_lost_is_named(world, full):
    shutil.rmtree(full / ".git/lfs/objects")
    (full / BASELINE).unlink()
    [file] = world.store.rglob(oid_of(payload(2)))
    file.unlink()
    done = world.cf(full, "migrate", "--to", "git")
    assert done.returncode == 1 and BASELINE in done.stderr
    assert "store: ../store" in (full / "cacheferry.yaml").read_text()


def test_a_daemon_is_not_to_publish_before_the_change_is_committed(world, full):
    assert world.cf(full, "daemon", "start").returncode == 0
    try:
        done = world.cf(full, "migrate", "--to", "git")
        assert done.returncode == 3 and "cacheferry daemon stop" in done.stderr
    finally:
        world.cf(full, "daemon", "stop")
    assert world.cf(full, "migrate", "--to", "git").returncode == 0


def test_a_pointer_that_plain_git_has_no_object_for_is_named(world, full):
    (full / BASELINE).unlink()
    shutil.rmtree(full / ".git/lfs/objects")
    assert world.cf(full, "init", "--store", "git").returncode == 0
    done = world.cf(full, "pull")
    assert done.returncode == 1 and oid_of(payload(2)) in done.stderr
    assert not (full / BASELINE).exists()


def test_a_switch_that_a_death_has_cut_in_two_is_completed(world, full):
    text = (full / "cacheferry.yaml").read_text()
    (full / "cacheferry.yaml").write_text(text.replace("../store", "lfs"))
    assert "cacheferry::" in (full / ".lfsconfig").read_text()
    done = world.cf(full, "migrate", "--to", "lfs")
    assert done.returncode == 0, done.stderr
    assert "cacheferry::" not in (full / ".lfsconfig").read_text()
