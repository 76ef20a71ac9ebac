"""Promise 2: in the middle of something, cacheferry waits, says why, and delivers afterwards."""

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.conftest import World
from tests.daemon.helping import (
    CACHE,
    children,
    daemon,
    eventually,
    is_published,
    states,
    user_state,
)

EDITOR = {"GIT_EDITOR": "true"}
Operation = Callable[[World, Path], Callable[[], object]]
"""Begins something; what it returns ends it."""


def with_a_conflict(world: World, clone: Path) -> None:
    """Branches `main` (ahead by one) and `side` that conflict in code.py."""
    world.git(clone, "switch", "-q", "-c", "side")
    (clone / "code.py").write_text("side\n")
    world.git(clone, "commit", "-qam", "side")
    world.git(clone, "switch", "-q", "main")
    (clone / "code.py").write_text("main\n")
    world.git(clone, "commit", "-qam", "main")


def merge(world: World, clone: Path) -> Callable[[], object]:
    with_a_conflict(world, clone)
    world.git(clone, "merge", "side", check=False)
    return lambda: world.git(clone, "merge", "--abort")


def rebase(world: World, clone: Path) -> Callable[[], object]:
    world.git(clone, "commit", "-q", "--allow-empty", "-m", "to edit")
    editor = {"GIT_SEQUENCE_EDITOR": "sed -i 1s/pick/edit/"}
    world.git(clone, "rebase", "-q", "-i", "--keep-empty", "HEAD~1", env=editor, check=False)
    return lambda: world.git(clone, "rebase", "--continue", env=EDITOR)


def cherry_pick(world: World, clone: Path) -> Callable[[], object]:
    with_a_conflict(world, clone)
    world.git(clone, "cherry-pick", "side", check=False)
    return lambda: world.git(clone, "cherry-pick", "--abort")


def revert(world: World, clone: Path) -> Callable[[], object]:
    with_a_conflict(world, clone)
    world.git(clone, "revert", "--no-edit", "side", check=False)
    return lambda: world.git(clone, "revert", "--abort")


def bisect(world: World, clone: Path) -> Callable[[], object]:
    world.git(clone, "bisect", "start")
    return lambda: world.git(clone, "bisect", "reset")


def am(world: World, clone: Path) -> Callable[[], object]:
    with_a_conflict(world, clone)
    patch = world.git(clone, "format-patch", "-1", "--stdout", "side")
    world.git(clone, "am", "-q", input=patch + "\n", check=False)
    return lambda: world.git(clone, "am", "--abort")


def detached_head(world: World, clone: Path) -> Callable[[], object]:
    world.git(clone, "switch", "-q", "--detach")
    return lambda: world.git(clone, "switch", "-q", "main")


def index_lock(world: World, clone: Path) -> Callable[[], object]:
    lock = clone / ".git" / "index.lock"
    lock.touch()
    return lock.unlink


def commit_editor(world: World, clone: Path) -> Callable[[], object]:
    message = clone / ".git" / "COMMIT_EDITMSG"
    message.unlink()
    command = ["git", "commit", "--allow-empty"]
    env = world.env | {"GIT_EDITOR": "sleep 60; echo text >"}
    process = subprocess.Popen(command, cwd=clone, env=env, start_new_session=True)
    eventually(message.exists)
    eventually(lambda: not (clone / ".git" / "index.lock").exists())

    def end() -> None:
        for one in [*children(process.pid), psutil.Process(process.pid)]:
            one.terminate()
        process.wait(10)

    return end


def no_upstream(world: World, clone: Path) -> Callable[[], object]:
    world.git(clone, "branch", "--unset-upstream")
    return lambda: world.git(clone, "push", "-q", "-u", "origin", "main")


def unborn_branch(world: World, clone: Path) -> Callable[[], object]:
    world.git(clone, "switch", "-q", "--orphan", "fresh")
    world.git(clone, "checkout", "-q", "main", "--", "cacheferry.yaml")
    return lambda: world.git(clone, "switch", "-q", "-f", "main")


OPERATIONS = (
    merge, rebase, cherry_pick, revert, bisect, am, detached_head, index_lock, commit_editor,
    no_upstream, unborn_branch,
)  # fmt: skip


def spoken(operation: Operation) -> str:
    words = {"detached_head": "detached HEAD", "cherry_pick": "cherry-pick"}
    words["index_lock"] = "index.lock"
    return words.get(operation.__name__, operation.__name__.replace("_", " "))


@pytest.mark.parametrize("operation", OPERATIONS, ids=spoken)
def test_waits_names_the_reason_and_delivers(world: World, operation: Operation):
    clone = world.clone("a")
    end = operation(world, clone)
    world.cache(clone)
    before, head = user_state(world, clone), world.git(clone, "rev-parse", "HEAD", check=False)
    done = world.cf(clone, "sync")
    assert done.returncode == 3, done
    assert spoken(operation) in done.stderr
    assert states(world, clone)[CACHE] == f"held: {spoken(operation)}"
    assert user_state(world, clone) == before
    assert world.git(clone, "rev-parse", "HEAD", check=False) == head
    assert not is_published(world)
    if operation is no_upstream:
        assert "git push -u" in done.stderr
    end()
    world.sync(clone)
    assert is_published(world)


def test_no_upstream_yet_on_the_remote_names_the_push(world: World):
    """A clone of an empty remote has an upstream in its config that does not exist there."""
    world.clone("a")
    empty = world.folder / "empty.git"
    world.git(world.folder, "init", "-q", "--bare", str(empty))
    clone = world.folder / "a"
    world.git(clone, "remote", "set-url", "origin", str(empty))
    world.git(clone, "update-ref", "-d", "refs/remotes/origin/main")
    world.cache(clone)
    done = world.cf(clone, "sync")
    assert done.returncode == 3
    assert "no upstream" in done.stderr
    assert "git push -u" in done.stderr


def test_a_daemon_delivers_when_the_operation_has_ended(world: World):
    clone = world.clone("a")
    with daemon(world, clone):
        end = merge(world, clone)
        world.cache(clone)
        eventually(lambda: "waiting: merge" in world.cf(clone, "daemon", "status").stdout)
        assert json.loads(world.cf(clone, "status", "--json").stdout)["busy"] == "merge"
        assert not is_published(world)
        end()
        eventually(lambda: is_published(world))


def test_a_quick_lock_is_waited_for(world: World):
    clone = world.clone("a")
    world.cache(clone)
    lock = clone / ".git" / "index.lock"
    lock.touch()
    process = subprocess.Popen(["sh", "-c", f"sleep 0.8; rm '{lock}'"])
    started = time.monotonic()
    world.sync(clone)
    assert time.monotonic() - started > 0.4
    assert process.wait(5) == 0
    assert is_published(world)


def test_an_empty_lock_is_not_taken_for_what_a_killed_pass_has_left(world: World):
    clone = world.clone("a")
    world.cache(clone)
    lock, left = clone / ".git" / "index.lock", clone / ".git" / "cacheferry" / "index.new"
    left.parent.mkdir(exist_ok=True)
    for file in (lock, left):
        file.touch()
    done = world.cf(clone, "sync")
    assert done.returncode == 3 and "index.lock" in done.stderr
    assert lock.exists()


def test_a_branch_lock_of_somebody_else_is_named_and_left(world: World):
    clone = world.clone("a")
    world.cache(clone)
    lock = clone / ".git" / "refs" / "heads" / "main.lock"
    lock.touch()
    done = world.cf(clone, "sync")
    assert done.returncode == 3
    assert "refs/heads/main.lock" in done.stderr
    assert lock.exists()
    lock.unlink()
    world.sync(clone)
    assert world.git(clone, "status", "--porcelain") == ""
