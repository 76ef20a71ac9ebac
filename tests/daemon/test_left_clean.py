"""After a pass, `git status` lists no cache, and no commit was made without a reason."""

import hashlib
from pathlib import Path

import pytest

from tests.conftest import World, payload
from tests.daemon.helping import CACHE


def test_bytes_put_over_a_pointer_by_hand_are_not_shown_as_changed(world: World) -> None:
    first = world.clone("a")
    world.cache(first)
    world.sync(first)
    second = world.clone("b")
    (second / CACHE).write_bytes(payload(0))
    assert world.git(second, "status", "--porcelain") != "", "git-lfs alone calls it changed"
    world.sync(second)
    assert world.git(second, "status", "--porcelain") == ""


def test_pull_leaves_such_bytes_clean_too(world: World) -> None:
    first = world.clone("a")
    world.cache(first)
    world.sync(first)
    second = world.clone("b")
    (second / CACHE).write_bytes(payload(0))
    assert world.cf(second, "pull").returncode == 0
    assert world.git(second, "status", "--porcelain") == ""


def test_a_sync_with_nothing_to_do_makes_no_commit(world: World) -> None:
    clone = world.clone("a")
    world.cache(clone)
    world.sync(clone)
    (clone / "code.py").write_text("print('mine')\n")
    world.git(clone, "commit", "-qam", "mine")
    for _ in range(2):
        before = world.git(clone, "rev-parse", "HEAD", "origin/main")
        world.sync(clone)
        assert world.git(clone, "rev-parse", "HEAD", "origin/main") == before


def test_others_versions_under_our_commit_are_not_ours(world: World) -> None:
    """What another clone published at a path, below our latest commit, is no base of ours."""
    first, second = world.clone("a"), world.clone("b")
    world.cache(first, seed=1)
    world.sync(first)
    (first / "code.py").write_text("print('theirs')\n")
    world.git(first, "commit", "-qam", "code")
    world.git(first, "push", "-q")
    world.cache(second, "other_baseline_cache.pkl", seed=2)
    world.sync(second)
    world.cache(second, seed=3)
    done = world.cf(second, "sync")
    assert done.returncode == 1
    assert "conflict" in done.stderr
    done = world.cf(second, "check")
    assert done.returncode == 1, done.stdout
    assert "conflict" in done.stdout


@pytest.mark.parametrize("mode", [("--ff-only",), ("--rebase",), ("--no-rebase",)])
@pytest.mark.parametrize("own_commit", [False, True])
def test_a_plain_git_pull_replaces_what_lost_a_conflict(
    world: World, mode: tuple[str], own_commit: bool
) -> None:
    if own_commit and mode == ("--ff-only",):
        mode = ("--no-rebase",)  # that one would not have worked without us
    first, second = world.clone("a"), world.clone("b")
    world.cache(first, seed=1)
    world.sync(first)
    if own_commit:
        (second / "code.py").write_text("print('mine')\n")
        world.git(second, "commit", "-qam", "mine")
    world.cache(second, seed=2)
    for _ in range(2):
        done = world.cf(second, "sync")
        assert done.returncode == 1
        assert "conflict" in done.stderr
    assert (second / CACHE).read_bytes() == payload(2)
    world.git(second, "pull", "-q", *mode)
    assert (second / CACHE).read_bytes() == payload(1)
    world.sync(second)
    assert world.git(second, "status", "--porcelain") == ""
    assert (lost := oid_path(second, payload(2))).read_bytes() == payload(2), lost
    world.git(first, "pull", "-q")
    assert (first / CACHE).read_bytes() == payload(1)
    if own_commit:
        world.git(second, "push", "-q")


def oid_path(clone: Path, data: bytes) -> Path:
    oid = hashlib.sha256(data).hexdigest()
    return clone / ".git" / "lfs" / "objects" / oid[:2] / oid[2:4] / oid


def test_a_branch_with_a_quote_in_its_name(world: World) -> None:
    clone = world.clone("a")
    world.git(clone, "switch", "-q", "-c", 'fe"at')
    world.git(clone, "push", "-q", "-u", "origin", "HEAD")
    world.cache(clone)
    world.sync(clone)
    assert "oid sha256" in world.on_remote(CACHE, 'fe"at')


def test_a_branch_that_follows_a_local_one_has_no_upstream(world: World) -> None:
    clone = world.clone("a")
    world.git(clone, "switch", "-q", "-c", "local", "--track", "main")
    world.cache(clone)
    done = world.cf(clone, "sync")
    assert done.returncode == 3
    assert "git push -u" in done.stderr
