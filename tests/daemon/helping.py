"""What the tests of the publishing side share: the user's state, waiting, a daemon to talk to."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.conftest import World

CACHE = "cache/s1/tl_baseline_cache.pkl"


def eventually(what: Callable[[], object], seconds: float = 15, every: float = 0.05) -> None:
    """Waits until `what` is true; fails the test after so many seconds."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, f"not within {seconds} s"
        time.sleep(every)


def user_state(world: World, clone: Path) -> dict[str, list[str]]:
    """Everything of the user's that a pass must leave alone, caches left out."""

    def lines(*args: str) -> list[str]:
        found = world.git(clone, *args).split("\0")
        return [line for line in found if line and ".pkl" not in line]

    outside = ("--", ".", ":(exclude,top)cache")
    return {
        "status": lines("status", "--porcelain=v2", "-z", "--untracked-files=all"),
        "unstaged": world.git(clone, "diff", *outside).splitlines(),
        "staged": world.git(clone, "diff", "--cached", *outside).splitlines(),
        "index": lines("ls-files", "-s", "-t", "-v", "-z"),
        "stash": lines("stash", "list", "-z"),
    }


def states(world: World, clone: Path) -> dict[str, str]:
    """Path to sync state, or `held: reason`, as `status --json` tells them."""
    done = world.cf(clone, "status", "--json")
    assert done.returncode == 0, done.stderr
    caches = json.loads(done.stdout)["caches"]
    return {c["path"]: f"held: {c['reason']}" if c["sync"] == "held" else c["sync"] for c in caches}


def is_published(world: World, path: str = CACHE, branch: str = "main") -> bool:
    """True where the remote has a pointer there, and the store the object, whole."""
    import hashlib

    pointer = world.on_remote(path, branch)
    if "oid sha256:" not in pointer:
        return False
    oid = pointer.split("sha256:")[1].split()[0]
    stored = world.store / oid[:2] / oid[2:4] / oid
    assert hashlib.sha256(stored.read_bytes()).hexdigest() == oid, "a pointer without its object"
    return True


@contextmanager
def daemon(world: World, clone: Path) -> Iterator[int]:
    """A daemon in the background; its pid. It is stopped in the end."""
    done = world.cf(clone, "daemon", "start")
    assert done.returncode == 0, done.stderr
    try:
        yield int(done.stdout.split("pid ")[1].rstrip(")\n"))
    finally:
        world.cf(clone, "daemon", "stop")


def log_of(clone: Path) -> str:
    return (clone / ".git" / "cacheferry" / "daemon.log").read_text("utf-8")


def children(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def write_slowly(file: Path, data: bytes) -> None:
    """Replaces a file as a careful script does: whole, at once."""
    temporary = file.with_name(file.name + ".tmp")
    temporary.write_bytes(data)
    os.replace(temporary, file)
