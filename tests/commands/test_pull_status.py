"""After a pull `git status` is clean and costs nothing; what changes afterwards is shown."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands.test_init import without_git_lfs
from tests.conftest import World, payload
from tests.daemon.helping import daemon, eventually, is_published

CACHE = "cache/s1/tl_baseline_cache.pkl"
NO_SMUDGE = {"GIT_LFS_SKIP_SMUDGE": "1"}


@pytest.fixture
def other(world: World) -> Path:
    """A clone whose only cache is a pointer; git-lfs notes each of its runs."""
    first = world.clone("a")
    world.cache(first)
    world.sync(first)
    note_runs_of_git_lfs(world)
    return world.clone("b")


def note_runs_of_git_lfs(world: World) -> None:
    real, folder = shutil.which("git-lfs"), world.folder / "noting"
    folder.mkdir()
    script = folder / "git-lfs"
    script.write_text(f'#!/bin/sh\necho "$@" >> "{world.folder}/runs"\nexec {real} "$@"\n')
    script.chmod(0o755)
    world.env["PATH"] = f"{folder}:{world.env['PATH']}"


def runs(world: World) -> str:
    noted = world.folder / "runs"
    return noted.read_text() if noted.exists() else ""


def pull(world: World, place: Path, **more: object) -> None:
    done = world.cf(place, "pull", **more)
    assert done.returncode == 0, done.stderr
    assert (place / CACHE).read_bytes() == payload(0)


def clean_for_nothing(world: World, place: Path) -> None:
    before = runs(world)
    assert world.git(place, "status", "--porcelain") == ""
    assert world.git(place, "diff") == ""
    assert runs(world) == before


def test_the_filter_is_noted(world, other):
    pull(world, other)
    (other / CACHE).write_bytes(payload(1))
    world.git(other, "status")
    assert "filter-process" in runs(world)


def usual(world: World, place: Path) -> Path:
    return place


def index_v4(world: World, place: Path) -> Path:
    world.git(place, "update-index", "--index-version", "4")
    return place


def untracked_cache(world: World, place: Path) -> Path:
    world.git(place, "config", "core.untrackedCache", "true")
    world.git(place, "status")
    return place


def fsmonitor(world: World, place: Path) -> Path:
    """A monitor that names what has changed in the cache folder, as watchman would."""
    hook = world.folder / "monitor"
    hook.write_text(f"#!/bin/sh\nprintf 'token\\0'\nprintf '%s\\0' {CACHE} cache/s1/\n")
    hook.chmod(0o755)
    world.git(place, "config", "core.fsmonitor", str(hook))
    world.git(place, "status")
    return place


def minimal_stat(world: World, place: Path) -> Path:
    world.git(place, "config", "core.checkStat", "minimal")
    world.git(place, "config", "core.trustctime", "false")
    return place


def linked_worktree(world: World, place: Path) -> Path:
    world.git(place, "worktree", "add", "-q", "../linked", env=NO_SMUDGE)
    return world.folder / "linked"


def submodule(world: World, place: Path) -> Path:
    outer = world.folder / "outer"
    world.git(world.folder, "init", "-q", str(outer))
    allow = ("-c", "protocol.file.allow=always")
    world.git(outer, *allow, "submodule", "-q", "add", str(world.remote), "sub", env=NO_SMUDGE)
    assert world.cf(outer / "sub", "init").returncode == 0
    world.git(outer / "sub", "config", "cacheferry.store", str(world.store))
    return outer / "sub"


@pytest.mark.parametrize(
    "kind",
    [usual, index_v4, untracked_cache, fsmonitor, minimal_stat, linked_worktree, submodule],
)
def test_git_status_is_clean_and_runs_no_filter(
    world: World, other: Path, kind: Callable[[World, Path], Path]
) -> None:
    place = kind(world, other)
    pull(world, place)
    clean_for_nothing(world, place)


def test_git_status_is_clean_where_git_lfs_is_not(world, other):
    bare = without_git_lfs(world)
    pull(world, other, env=bare)
    assert world.git(other, "status", "--porcelain", env=bare) == ""
    assert world.git(other, "diff", env=bare) == ""


def test_a_split_index_is_clean_by_way_of_the_filter(world, other):
    world.git(other, "update-index", "--split-index")
    pull(world, other)
    assert world.git(other, "status", "--porcelain") == ""
    assert list((other / ".git").glob("sharedindex.*"))


def test_what_is_written_at_once_afterwards_is_shown(world, other):
    """Same size, same second: what git can only see if the cache's own time is an older one."""
    pull(world, other)
    (other / CACHE).write_bytes(payload(1))
    assert len(payload(1)) == len(payload(0))
    assert world.git(other, "status", "--porcelain") == f" M {CACHE}"


def test_a_second_pull_leaves_the_index_alone(world, other):
    pull(world, other)
    index = other / ".git" / "index"
    before = index.stat()
    pull(world, other)
    after = index.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_the_index_keeps_its_time(world, other):
    """A younger index would vouch for files of the user's that have changed since git looked."""
    (other / "code.py").write_text("print('HELLO')\n")
    index = other / ".git" / "index"
    before = index.stat()
    os.utime(other / "code.py", ns=(before.st_mtime_ns, before.st_mtime_ns))
    pull(world, other)
    assert index.stat().st_ino != before.st_ino
    assert index.stat().st_mtime_ns == before.st_mtime_ns


def test_the_users_own_entries_stay_as_they_are(world, other):
    def entries() -> dict[str, str]:
        listing = world.git(other, "ls-files", "--stage", "--debug", "-t", "-v")
        lines = listing.splitlines()
        return {
            lines[at]: "\n".join(lines[at + 1 : at + 6])
            for at in range(0, len(lines), 6)
            if ".pkl" not in lines[at]
        }

    (other / "staged.py").write_text("one\n")
    (other / "meant.py").write_text("two\n")
    world.git(other, "add", "staged.py")
    world.git(other, "add", "-N", "meant.py")
    (other / "staged.py").write_text("one\ntwo\n")
    world.git(other, "update-index", "--assume-unchanged", "code.py")
    world.git(other, "update-index", "--skip-worktree", "conf/env.yaml")
    before, status = entries(), world.git(other, "--no-optional-locks", "status", "--porcelain")
    pull(world, other)
    assert entries() == before
    assert world.git(other, "status", "--porcelain") == status


def test_a_lock_of_the_users_is_respected(world, other):
    lock = other / ".git" / "index.lock"
    lock.write_text("")
    before = (other / ".git" / "index").read_bytes()
    pull(world, other)
    assert (other / ".git" / "index").read_bytes() == before
    lock.unlink()
    pull(world, other)
    clean_for_nothing(world, other)


def test_caches_that_arrive_with_commits_are_clean_for_nothing_too(world, other):
    pull(world, other)
    world.cache(world.folder / "a", "new_baseline_cache.pkl", 9)
    world.sync(world.folder / "a")
    pull(world, other)
    assert (other / "cache/s1/new_baseline_cache.pkl").read_bytes() == payload(9)
    clean_for_nothing(world, other)


def test_a_published_cache_is_clean_for_nothing(world, other):
    pull(world, other)
    file = world.cache(other, "mine_baseline_cache.pkl", 3)
    os.utime(file, (time.time() - 60,) * 2)
    world.sync(other)
    clean_for_nothing(world, other)


def has_followed(world: World, place: Path) -> bool:
    return len(set(world.git(place, "rev-parse", "HEAD", "origin/main").split())) == 1


def test_what_the_daemon_publishes_is_clean_for_nothing(world, other):
    pull(world, other)
    with daemon(world, other):
        file = world.cache(other, "mine_baseline_cache.pkl", 3)
        os.utime(file, (time.time() - 60,) * 2)
        eventually(lambda: is_published(world, f"cache/s1/{file.name}"), 60)
        eventually(lambda: has_followed(world, other), 60)
    clean_for_nothing(world, other)


def test_what_the_daemon_brings_is_clean_for_nothing(world, other):
    pull(world, other)
    new = world.cache(world.folder / "a", "new_baseline_cache.pkl", 9)
    world.sync(world.folder / "a")
    with daemon(world, other):
        eventually(lambda: (other / "cache/s1" / new.name).exists(), 60)
        eventually(lambda: has_followed(world, other), 60)
    assert (other / "cache/s1" / new.name).read_bytes() == payload(9)
    clean_for_nothing(world, other)
