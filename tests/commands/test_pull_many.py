"""Many caches at once, and a pull that is ended in the middle: whole files or none."""

import hashlib
import os
import pickle
import re
import signal
import stat
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.commands.test_pull import in_store, oid, publish_unchecked
from tests.conftest import CHECKOUT, PROGRAM, World, payload
from tests.daemon.helping import eventually

COMMAND = [sys.executable, "-I", str(PROGRAM), "pull"]
LARGE = "cache/s1/large_baseline_cache.pkl"


def name(number: int) -> str:
    return f"m{number}_baseline_cache.pkl"


def many(world: World, number: int) -> Path:
    """A clone with so many pointers."""
    first = world.clone("a")
    for seed in range(number):
        world.cache(first, name(seed), seed)
    world.sync(first)
    return world.clone("b")


def here(place: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (place / "cache/s1").iterdir()}


def left_behind(place: Path) -> list[str]:
    tmp = place / ".git/lfs/tmp"
    return [file.name for file in tmp.glob("*arriving*")] if tmp.exists() else []


def test_what_fails_among_many_stops_no_other(world):
    other = many(world, 60)
    in_store(world, payload(7)).unlink()
    in_store(world, payload(50)).chmod(0o644)
    in_store(world, payload(50)).write_bytes(payload(50)[:-1] + b"!")
    done = world.cf(other, "pull")
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if "error" in line]
    assert len(lines) == 2
    for number in (7, 50):
        assert any(name(number) in line and oid(payload(number)) in line for line in lines)
    found = here(other)
    for number in set(range(60)) - {7, 50}:
        assert found[name(number)] == payload(number)
    for number in (7, 50):
        assert found[name(number)].startswith(b"version https")
    assert world.git(other, "status", "--porcelain") == ""
    assert not left_behind(other)


def test_one_object_at_two_paths(world):
    first = world.clone("a")
    for number in range(3):
        world.cache(first, name(number), 1)
    world.sync(first)
    other = world.clone("b")
    in_store(world, payload(1)).chmod(0o444)
    assert world.cf(other, "pull").returncode == 0
    assert set(here(other).values()) == {payload(1)}
    assert world.git(other, "status", "--porcelain") == ""


def test_two_pulls_at_once(world):
    other = many(world, 40)
    pulls = [start(world, other) for _ in range(2)]
    for one in pulls:
        out, err = one.communicate(timeout=60)
        assert one.returncode == 0, out + err
    assert here(other) == {name(number): payload(number) for number in range(40)}
    assert world.cf(other, "pull").returncode == 0
    assert world.git(other, "status", "--porcelain") == ""
    assert not left_behind(other)


def start(world: World, place: Path, **more: object) -> "subprocess.Popen[str]":
    pipe = subprocess.PIPE
    streams = {"stdout": pipe, "stderr": pipe, "stdin": subprocess.DEVNULL} | more
    return subprocess.Popen(COMMAND, cwd=place, env=world.env, text=True, **streams)  # type: ignore


@pytest.fixture
def large(world: World) -> tuple[Path, bytes]:
    """A clone with a pointer whose object takes a while, and a cache that does not."""
    world.clone("a")
    data = pickle.dumps(bytes(400_000_000))
    publish_unchecked(world, data, LARGE)
    return world.clone("b"), data


def in_the_middle(world: World, other: Path, data: bytes) -> "subprocess.Popen[str]":
    pull = start(world, other)
    incoming = hashlib.sha256(data).hexdigest()
    eventually(lambda: list((other / ".git/lfs/tmp").glob(f"*/{incoming}")), 30, every=0.001)
    return pull


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_ends_it_at_once_and_leaves_nothing(world, large):
    other, data = large
    pull = in_the_middle(world, other, data)
    pull.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, err = pull.communicate(timeout=20)
    assert pull.returncode == 130 and "Traceback" not in err
    assert time.monotonic() - began < 10
    assert (other / LARGE).read_bytes().startswith(b"version https")
    assert not left_behind(other)
    assert world.git(other, "status", "--porcelain") == ""


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_what_a_killed_pull_has_left_is_swept_by_the_next_one(world, large):
    other, data = large
    pull = in_the_middle(world, other, data)
    pull.kill()
    pull.communicate()
    assert left_behind(other), "it was too quick"
    assert (other / LARGE).read_bytes().startswith(b"version https")
    assert world.git(other, "status", "--porcelain") == ""
    assert world.cf(other, "pull").returncode == 0
    assert (other / LARGE).read_bytes() == data
    assert not left_behind(other)
    assert world.git(other, "status", "--porcelain") == ""


def on_a_terminal(command: list[str], where: Path, env: dict[str, str]) -> str:
    """What a command that ends well writes to a terminal as its stderr."""
    import pty

    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command, cwd=where, env=env, stderr=theirs, stdout=subprocess.DEVNULL
    ) as process:
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # its last word
            while piece := os.read(ours, 4096):
                shown += piece
    os.close(ours)
    assert process.returncode == 0
    return shown.decode()


@pytest.mark.skipif(os.name == "nt", reason="terminals")
def test_a_terminal_is_shown_bytes_and_rate(world):
    other = many(world, 5)
    shown = on_a_terminal(COMMAND, other, world.env)
    size = f"{sum(len(payload(seed)) for seed in range(5)) / 1000:.1f} kB"
    last = shown.split("\r")[-2]
    assert f"{size} of {size}" in last and "B/s" in last and "100%" in last


@pytest.mark.skipif(os.name == "nt", reason="terminals")
def test_what_takes_longer_is_shown_with_the_time_left(world):
    code = """if True:
        import threading, time
        from cacheferry.progress import bar
        with bar("pulling", 10_000_000) as moved:
            for _ in range(5):
                time.sleep(0.5)
                threads = [threading.Thread(target=moved, args=(500_000,)) for _ in range(2)]
                [thread.start() for thread in threads]
                [thread.join() for thread in threads]
    """
    shown = on_a_terminal([sys.executable, "-c", code], CHECKOUT, world.env)
    assert re.search(r"\d% +00:00:\d\d +\d\.\d MB of 10\.0 MB, \d+\.\d [kM]B/s", shown), shown


def test_elsewhere_there_is_no_bar(world):
    other = many(world, 2)
    done = world.cf(other, "pull")
    assert done.stderr == "" and done.stdout == "2 caches brought (4.1 kB)\n"


@pytest.mark.skipif(os.name == "nt", reason="modes")
def test_modes_follow_the_umask_and_what_lay_there(world):
    other = many(world, 2)
    (other / "cache/s1" / name(0)).chmod(0o600)
    (other / "cache/s1" / name(1)).unlink()
    assert world.run(["sh", "-c", 'umask 027; exec "$@"', "sh", *COMMAND], other).returncode == 0
    assert stat.S_IMODE((other / "cache/s1" / name(0)).stat().st_mode) == 0o600
    assert stat.S_IMODE((other / "cache/s1" / name(1)).stat().st_mode) == 0o640
    for seed in range(2):
        oid = hashlib.sha256(payload(seed)).hexdigest()
        file = other / ".git/lfs/objects" / oid[:2] / oid[2:4] / oid
        assert stat.S_IMODE(file.stat().st_mode) == 0o640
