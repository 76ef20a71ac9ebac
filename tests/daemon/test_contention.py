"""Promise 2: no more of the user's commands fail than without the daemon."""

import random
import threading
import time
from pathlib import Path

import pytest

from tests.conftest import World
from tests.daemon.helping import daemon, eventually, user_state


class Writer(threading.Thread):
    """A script that finishes a cache every 0.3 s."""

    def __init__(self, world: World, clone: Path) -> None:
        super().__init__()
        self.world, self.clone = world, clone
        self.ended = threading.Event()
        self.number = 0

    def run(self) -> None:
        while not self.ended.wait(0.3):
            name = f"w{self.number}_baseline_cache.pkl"
            self.world.cache(self.clone, name, seed=self.number % 200)
            self.number += 1


def work(world: World, clone: Path, rounds: int) -> list[str]:
    """`git add` and `git commit` so many times, as a person or a script does; what failed."""
    failed = []
    for number in range(rounds):
        (clone / f"user{number % 7}.txt").write_text(f"{number}\n")
        what = "." if number % 5 == 0 else f"user{number % 7}.txt"
        for command in (["add", what], ["commit", "-qm", f"user {number}"]):
            done = world.run(["git", *command], clone)
            if done.returncode != 0:
                failed.append(f"{command}: {done.stdout}{done.stderr}")
        time.sleep(random.choice((0, 0.05, 0.3)))
    return failed


def contend(world: World, rounds: int) -> None:
    clone = world.clone("a")
    world.cf(clone, "hooks", "uninstall")  # their time would only keep the two apart
    writer = Writer(world, clone)
    with daemon(world, clone):
        writer.start()
        try:
            failed = work(world, clone, rounds)
        finally:
            writer.ended.set()
            writer.join()
        assert failed == []
        moves = world.git(clone, "reflog").count("cacheferry: publish caches")
        print(f"HEAD was moved {moves} times beside {2 * rounds} commands of the user's")
        last = f"cache/s1/w{writer.number - 1}_baseline_cache.pkl"
        eventually(lambda: world.on_remote(last), 30)
        eventually(lambda: world.cf(clone, "sync").returncode == 0, 30)
    commits = world.git(clone, "log", "--format=%s", "--no-merges")
    assert commits.count("user ") == rounds
    published = int(world.git(clone, "rev-list", "--count", "origin/main"))
    assert published > 3, "the daemon has not published beside the user's work"
    assert moves > 0, "HEAD was never moved beside the user's work"
    assert "user" not in world.git(world.remote, "log", "--format=%s", "main")
    assert world.git(clone, "status", "--porcelain") == ""
    world.git(clone, "push", "-q")
    world.git(clone, "fsck", "--strict", "--no-dangling")


def test_no_command_of_the_user_fails(world: World):
    contend(world, 30)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_no_command_of_the_user_fails_for_long(world: World):
    contend(world, 150)


def test_a_stash_and_a_switch_beside_the_daemon(world: World):
    clone = world.clone("a")
    world.cf(clone, "hooks", "uninstall")
    world.git(clone, "branch", "side")
    writer = Writer(world, clone)
    failed = []
    with daemon(world, clone):
        writer.start()
        try:
            for number in range(12):
                (clone / "code.py").write_text(f"{number}\n")
                for command in (["stash", "-q"], ["stash", "pop", "-q"]):
                    done = world.run(["git", *command], clone)
                    if done.returncode != 0:
                        failed.append(f"{command}: {done.stderr}")
                time.sleep(0.05)
        finally:
            writer.ended.set()
            writer.join()
        assert failed == []
        before = user_state(world, clone)
        assert any("code.py" in line for line in before["status"])
