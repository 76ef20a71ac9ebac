"""`cacheferry fsck`: objects here and in the store are verified, and each side heals the other."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.test_init import without_git_lfs
from tests.conftest import PROGRAM, World, payload

BASELINE = "cache/s1/tl_baseline_cache.pkl"
OID = hashlib.sha256(payload(0)).hexdigest()
SECOND = hashlib.sha256(payload(1)).hexdigest()
DAMAGES = ["cut", "same size", "empty", "missing"]


def below(folder: Path, oid: str = OID) -> Path:
    return folder / oid[:2] / oid[2:4] / oid


def here(place: Path, oid: str = OID) -> Path:
    return below(place / ".git/lfs/objects", oid)


def damage(file: Path, how: str = "same size") -> None:
    file.chmod(0o644)
    data = file.read_bytes()
    if how == "missing":
        file.unlink()
    else:
        file.write_bytes({"cut": data[:-9], "same size": data[:-1] + b"!", "empty": b""}[how])


def fsck(world: World, place: Path, *args: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = world.cf(place, "fsck", *args)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert not list((place / ".git/lfs").glob("tmp/.cacheferry-*"))
    return done


@pytest.fixture
def clone(world: World) -> Path:
    """A clone that has published two caches."""
    place = world.clone("a")
    world.cache(place)
    world.cache(place, "second.pkl", 1)
    world.sync(place)
    return place


def test_all_is_whole(world: World, clone: Path) -> None:
    assert fsck(world, clone).stdout == "here: 2 whole\n"
    assert fsck(world, clone / "cache", "--store").stdout == "here: 2 whole\nstore: 2 whole\n"


@pytest.mark.parametrize("how", DAMAGES)
def test_an_object_is_healed_from_the_work_tree(world: World, clone: Path, how: str) -> None:
    damage(here(clone), how)
    world.store.rename(world.folder / "away")
    done = fsck(world, clone)
    assert "here: 1 whole, 1 healed\n" in done.stdout
    assert f"healed from the work tree: {BASELINE}: {OID}" in done.stdout
    assert here(clone).read_bytes() == payload(0)
    assert "here: 2 whole\n" in fsck(world, clone).stdout


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("tree", ["other bytes", "deleted"])
def test_an_object_is_healed_from_the_store(world: World, clone: Path, how: str, tree: str) -> None:
    damage(here(clone), how)
    (clone / BASELINE).unlink()
    if tree == "other bytes":
        (clone / BASELINE).write_bytes(payload(9))
    assert f"healed from the store: {BASELINE}: {OID}" in fsck(world, clone).stdout
    assert here(clone).read_bytes() == payload(0)
    assert (clone / BASELINE).exists() == (tree == "other bytes")


def test_an_object_that_nothing_heals_stays_and_is_named(world: World, clone: Path) -> None:
    damage(here(clone))
    (clone / BASELINE).unlink()
    damage(below(world.store))
    before = here(clone).read_bytes()
    done = fsck(world, clone, code=1)
    assert "here: 1 whole, 1 not whole\n" in done.stdout
    assert f"error: {BASELINE}: {OID}: " in done.stderr
    assert here(clone).read_bytes() == before
    assert below(world.store).exists()


@pytest.mark.slow
def test_a_store_that_is_away(world: World, clone: Path) -> None:
    damage(here(clone))
    (clone / BASELINE).unlink()
    world.store.rename(world.folder / "away")
    assert str(world.store) in fsck(world, clone, code=4).stderr
    assert str(world.store) in fsck(world, clone, "--store", code=4).stderr


def test_old_versions_that_lie_here_are_verified(world: World, clone: Path) -> None:
    world.cache(clone, seed=5)
    world.sync(clone)
    damage(here(clone))
    done = fsck(world, clone)
    assert f"healed from the store: {OID}" in done.stdout
    assert here(clone).read_bytes() == payload(0)


def test_what_stays_a_pointer_needs_no_object_here(world: World, clone: Path) -> None:
    other = world.clone("b")
    assert fsck(world, other).stdout == "here: 0 whole\n"
    assert not here(other).exists()
    assert fsck(world, other, "--store").stdout == "here: 0 whole\nstore: 2 whole\n"
    assert not here(other).exists()


@pytest.mark.parametrize("how", DAMAGES)
def test_the_store_is_healed_from_here(world: World, clone: Path, how: str) -> None:
    damage(below(world.store), how)
    done = fsck(world, clone, "--store")
    assert "store: 1 whole, 1 healed\n" in done.stdout
    assert f"healed from the LFS storage: {BASELINE}: {OID}" in done.stdout
    assert below(world.store).read_bytes() == payload(0)


def test_the_store_is_healed_from_the_work_tree(world: World, clone: Path) -> None:
    damage(below(world.store))
    damage(here(clone))
    done = fsck(world, clone, "--store")
    assert "healed from the work tree" in done.stdout and "the LFS storage" in done.stdout
    assert below(world.store).read_bytes() == here(clone).read_bytes() == payload(0)


def test_what_other_branches_need_is_looked_for_in_the_store(world: World, clone: Path) -> None:
    world.git(clone, "switch", "-qc", "side")
    world.cache(clone, seed=5)
    world.git(clone, "add", ".")
    world.git(clone, "commit", "-qm", "not pushed")
    world.git(clone, "switch", "-q", "main", env={"GIT_LFS_SKIP_SMUDGE": "1"})
    done = fsck(world, clone, "--store")
    assert "store: 2 whole, 1 healed\n" in done.stdout
    assert below(world.store, hashlib.sha256(payload(5)).hexdigest()).exists()


def test_what_is_nowhere_is_named(world: World, clone: Path) -> None:
    other = world.clone("b")
    below(world.store).unlink()
    done = fsck(world, other, "--store", code=1)
    assert f"error: {BASELINE}: {OID}: " in done.stderr and "1 not whole" in done.stdout
    assert "store: 1 whole, 1 healed\n" in fsck(world, clone, "--store").stdout
    assert "store: 2 whole\n" in fsck(world, other, "--store").stdout


def test_a_store_that_nobody_accepted_is_read_and_not_healed(world: World, clone: Path) -> None:
    (world.folder / "state" / "cacheferry" / "trusted-stores").unlink()
    damage(below(world.store))
    done = fsck(world, clone, "--store", code=1)
    assert OID in done.stderr and "cacheferry trust" in done.stderr
    assert below(world.store).read_bytes() != payload(0)
    world.cf(clone, "trust")
    assert "1 healed" in fsck(world, clone, "--store").stdout


def test_plain_git_is_gits_own(world: World) -> None:
    place = world.clone("a", config="store: git\ntrack: ['cache/**/*.pkl']\n")
    assert "git fsck" in fsck(world, place, code=2).stderr


def test_it_works_without_git_lfs(world: World, clone: Path) -> None:
    damage(here(clone))
    done = world.cf(clone, "fsck", "--store", env=without_git_lfs(world))
    assert done.returncode == 0 and "1 healed" in done.stdout, done.stderr


def test_a_linked_worktree_shares_the_storage(world: World, clone: Path) -> None:
    world.git(clone, "worktree", "add", "-q", "--detach", "../linked")
    damage(here(clone))
    assert "1 healed" in fsck(world, clone.parent / "linked").stdout
    assert here(clone).read_bytes() == payload(0)


@pytest.mark.skipif(os.name == "nt", reason="pseudo-terminals")
def test_on_a_terminal_it_shows_progress(world: World, clone: Path) -> None:
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-I", str(PROGRAM), "fsck", "--store"]
    subprocess.run(command, cwd=clone, env=world.env, stderr=theirs, check=True)
    assert b"verifying" in os.read(ours, 100_000)
    os.close(ours)
    os.close(theirs)
