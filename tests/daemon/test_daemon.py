"""`cacheferry daemon`: its commands, what it notices by itself, and what it survives."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.conftest import CONFIG, PROGRAM, World, payload
from tests.daemon.helping import (
    CACHE,
    children,
    daemon,
    eventually,
    is_published,
    log_of,
    write_slowly,
)


def commits(world: World) -> int:
    return int(world.git(world.remote, "rev-list", "--count", "main"))


def test_its_commands_and_their_exit_codes(world: World):
    clone = world.clone("a")
    done = world.cf(clone, "daemon", "status")
    assert (done.returncode, done.stdout) == (1, "not running\n")
    done = world.cf(clone, "daemon", "stop")
    assert (done.returncode, done.stdout) == (0, "not running\n")
    done = world.cf(clone, "daemon", "start")
    assert done.returncode == 0
    assert done.stdout.startswith("started (pid ")
    pid = int(done.stdout.split("pid ")[1].rstrip(")\n"))
    try:
        done = world.cf(clone / "conf", "daemon", "start")
        assert (done.returncode, done.stdout) == (0, "already running\n")
        done = world.cf(clone, "daemon", "status")
        assert done.returncode == 0
        assert f"pid {pid}" in done.stdout
        done = world.cf(clone, "daemon", "run")
        assert done.returncode == 1
        assert f"pid {pid}" in done.stderr
        assert "watching" in world.cf(clone, "daemon", "logs").stdout
        done = world.cf(clone, "daemon", "restart")
        assert done.returncode == 0
        assert f"stopped (pid {pid})" in done.stdout
        assert not psutil.pid_exists(pid)
    finally:
        done = world.cf(clone, "daemon", "stop")
    assert done.stdout.startswith("stopped (pid ")
    assert world.cf(clone, "daemon", "status").returncode == 1


@pytest.mark.parametrize("command", ["sync", "status", "daemon start", "daemon status"])
def test_outside_of_a_repository_or_without_a_config(world: World, command: str):
    done = world.cf(world.folder, *command.split())
    assert done.returncode == 2
    assert done.stderr.startswith("cacheferry: error: ")
    world.git(world.folder, "init", "-q", "bare of config")
    done = world.cf(world.folder / "bare of config", *command.split())
    assert done.returncode == 2
    assert "cacheferry.yaml" in done.stderr


def test_many_questions_at_once_never_keep_it_from_starting(world: World):
    clone = world.clone("a")
    asking = [sys.executable, "-I", str(PROGRAM), "daemon", "status"]
    running = [
        subprocess.Popen(asking, cwd=clone, env=world.env, stdout=subprocess.DEVNULL)
        for _ in range(5)
    ]
    with daemon(world, clone) as pid:
        assert psutil.pid_exists(pid)
        for one in running:
            one.wait(20)
        assert world.cf(clone, "daemon", "status").returncode == 0


def test_what_came_while_it_was_down_and_new_folders_later(world: World):
    clone = world.clone("a")
    world.cache(clone)
    with daemon(world, clone):
        eventually(lambda: is_published(world))
        later = clone / "cache" / "later" / "x_baseline_cache.pkl"
        later.parent.mkdir()
        time.sleep(0.3)
        later.write_bytes(payload(1))
        eventually(lambda: is_published(world, "cache/later/x_baseline_cache.pkl"), 5)
    status = json.loads(world.cf(clone, "status", "--json").stdout)
    assert status["last_published"]
    assert all(one["sync"] == "published" for one in status["caches"])
    assert f"published {CACHE}" in log_of(clone)


def test_a_cache_folder_that_is_missing_moved_or_made_anew(world: World):
    clone = world.clone("a")
    folder = clone / "cache"
    with daemon(world, clone):
        time.sleep(0.5)
        assert not folder.exists()
        world.cache(clone)
        eventually(lambda: is_published(world), 6)
        shutil.rmtree(folder)
        time.sleep(1.5)
        world.cache(clone, "again_baseline_cache.pkl", seed=1)
        eventually(lambda: is_published(world, "cache/s1/again_baseline_cache.pkl"), 6)
        folder.rename(clone / "old")
        world.cache(clone, "third_baseline_cache.pkl", seed=2)
        eventually(lambda: is_published(world, "cache/s1/third_baseline_cache.pkl"), 6)
        world.cache(clone, "fourth_baseline_cache.pkl", seed=3)
        eventually(lambda: is_published(world, "cache/s1/fourth_baseline_cache.pkl"), 6)
    assert is_published(world)


def test_a_burst_is_few_commits(world: World):
    clone = world.clone("a")
    before = commits(world)
    with daemon(world, clone):
        for number in range(50):
            world.cache(clone, f"b{number}_baseline_cache.pkl", seed=number)
            time.sleep(0.02)
        eventually(lambda: is_published(world, "cache/s1/b49_baseline_cache.pkl"))
    assert commits(world) - before <= 3
    listing = world.git(world.remote, "ls-tree", "-r", "--name-only", "main", "cache")
    assert len(listing.splitlines()) == 50


def test_a_trickle_does_not_starve(world: World):
    text = CONFIG.replace("settle: 0.1, max_wait: 2", "settle: 0.5, max_wait: 2")
    clone = world.clone("a", config=text)
    with daemon(world, clone):
        started = time.monotonic()
        number = 0
        while not is_published(world, "cache/s1/t0_baseline_cache.pkl"):
            world.cache(clone, f"t{number}_baseline_cache.pkl", seed=number % 200)
            number += 1
            time.sleep(0.2)
            assert time.monotonic() - started < 8
    assert time.monotonic() - started >= 1.5


def test_sigterm_ends_it_with_its_children_and_leaves_no_lock(world: World):
    clone = world.clone("a")
    slow = world.remote / "hooks" / "pre-receive"
    slow.write_text("#!/bin/sh\nsleep 30\n")
    slow.chmod(0o755)
    world.cache(clone)
    with daemon(world, clone) as pid:
        eventually(lambda: any(child.name() == "sleep" for child in children(pid)))
        # The hook's sleep belongs to the remote's side, as it would on a server.
        there = [one for one in children(pid) if one.name() == "git"]
        os.kill(pid, signal.SIGTERM)
        _, alive = psutil.wait_procs([psutil.Process(pid)], timeout=5)
        assert not alive
        _, alive = psutil.wait_procs(there, timeout=1)
        assert not alive
    locks = set((clone / ".git").rglob("*.lock")) - set((clone / ".git/cacheferry").iterdir())
    assert locks == set()
    slow.unlink()
    world.sync(clone)


def test_a_remote_that_goes_away_and_comes_back(world: World):
    clone = world.clone("a")
    away = world.remote.with_name("away.git")
    with daemon(world, clone):
        eventually(lambda: "watching" in log_of(clone))
        world.remote.rename(away)
        world.cache(clone)
        eventually(lambda: "last error" in world.cf(clone, "daemon", "status").stdout)
        assert world.cf(clone, "sync").returncode == 4
        away.rename(world.remote)
        eventually(lambda: is_published(world), 20)
        eventually(lambda: "last error" not in world.cf(clone, "daemon", "status").stdout)


def test_a_remote_that_refuses(world: World):
    clone = world.clone("a")
    hook = world.remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'no caches on a Sunday' >&2\nexit 1\n")
    hook.chmod(0o755)
    world.cache(clone)
    done = world.cf(clone, "sync")
    assert done.returncode == 4
    assert "no caches on a Sunday" in done.stderr
    head = world.git(clone, "rev-parse", "HEAD")
    with daemon(world, clone) as pid:
        eventually(lambda: "no caches on a Sunday" in log_of(clone))
        time.sleep(5)
        assert log_of(clone).count("no caches on a Sunday") == 1
        assert psutil.pid_exists(pid)
        assert world.git(clone, "rev-parse", "HEAD") == head
        hook.unlink()
        eventually(lambda: is_published(world), 20)


def test_idle_it_costs_nothing(world: World):
    clone = world.clone("a")
    world.cache(clone)
    with daemon(world, clone) as pid:
        eventually(lambda: is_published(world))
        time.sleep(1)
        process = psutil.Process(pid)
        before = sum(process.cpu_times()[:4])
        for _ in range(25):
            assert children(pid) == []
            time.sleep(0.1)
        assert sum(process.cpu_times()[:4]) - before <= 0.03
        assert process.memory_info().rss < 100e6


def test_held_or_without_a_folder_it_costs_little(world: World):
    clone = world.clone("a")
    world.git(clone, "branch", "--unset-upstream")
    with daemon(world, clone) as pid:
        time.sleep(2)
        process = psutil.Process(pid)
        before = sum(process.cpu_times()[:4])
        time.sleep(4)
        spent = sum(process.cpu_times()[:4]) - before
        assert spent <= 0.12, f"{spent} s of CPU in 4 s"


def test_the_config_is_edited_while_it_runs(world: World):
    clone = world.clone("a")
    config = clone / "cacheferry.yaml"
    with daemon(world, clone) as pid:
        eventually(lambda: "watching" in log_of(clone))
        config.write_text("caches: [\n")
        eventually(lambda: "cacheferry.yaml:" in log_of(clone), 8)
        config.write_text(CONFIG + "track: ['cache/**/*.pkl', 'more/**/*.pkl']\n")
        (clone / "more").mkdir()
        write_slowly(clone / "more" / "x.pkl", payload(3))
        eventually(lambda: is_published(world, "more/x.pkl"), 15)
        assert psutil.pid_exists(pid)
    assert "more/**/*.pkl" in world.on_remote(".gitattributes")
    assert config.name in world.git(clone, "status", "--porcelain")


def test_a_store_that_a_pull_has_changed_is_not_written_to(world: World):
    clone = world.clone("a")
    (clone / "cacheferry.yaml").write_text(CONFIG.replace("../store", "../other-store"))
    world.cache(clone)
    with daemon(world, clone):
        eventually(lambda: "cacheferry trust" in world.cf(clone, "sync").stderr)
        time.sleep(1)
    assert not (world.folder / "other-store").exists()
    assert world.on_remote(CACHE) == ""


def test_stop_never_ends_a_process_that_is_not_the_daemon(world: World):
    """The state file may tell of a predecessor whose number is somebody else's by now."""
    clone = world.clone("a")
    with daemon(world, clone):
        pass
    state = clone / ".git" / "cacheferry" / "daemon.json"
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        said = json.loads(state.read_text())
        state.write_text(json.dumps(said | {"pid": bystander.pid, "started": 1.0}))
        holder = [sys.executable, "-c", HOLD, str(clone / ".git" / "cacheferry" / "daemon.lock")]
        with subprocess.Popen(holder, stdout=subprocess.PIPE) as held:
            assert held.stdout and held.stdout.readline() == b"held\n"
            world.cf(clone, "daemon", "stop")
            held.kill()
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


HOLD = """
import filelock, sys, time
with filelock.FileLock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def is_clean(world: World, clone: Path) -> None:
    world.git(clone, "fsck", "--strict", "--no-dangling")
    world.git(world.remote, "fsck", "--strict", "--no-dangling")
    assert not (clone / ".git" / "index.lock").exists()
    assert world.git(clone, "status", "--porcelain") == ""


def test_killed_at_any_instant_everything_arrives(world: World):
    clone = world.clone("a")
    command = [sys.executable, "-I", str(PROGRAM), "daemon", "run", "--background"]
    names = []
    for number in range(15):
        name = f"k{number}_baseline_cache.pkl"
        world.cache(clone, name, seed=number)
        names.append(name)
        running = subprocess.Popen(command, cwd=clone, env=world.env)
        time.sleep(0.35 + number * 0.03)
        running.kill()
        running.wait()
        assert world.git(clone, "status", "--porcelain") is not None
    world.sync(clone)
    for name in names:
        assert is_published(world, f"cache/s1/{name}")
    is_clean(world, clone)
    world.git(clone, "push")
    world.git(clone, "pull")
