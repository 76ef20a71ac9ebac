"""Long work shows on a terminal how far it is, and Ctrl-C ends it, however slow the store is."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import PROGRAM, World
from tests.servers.recorder import Handler, serving

COMMANDS = {
    "sync": ["sync"],
    "pull": ["pull"],
    "fsck": ["fsck", "--store"],
    "migrate": ["migrate", "--to"],
    "daemon": ["daemon", "run"],
}
on_posix = pytest.mark.skipif(os.name == "nt", reason="Windows has neither SIGINT to send nor pty")


class Stuck(NamedTuple):
    """A web store that answers about no object until the test is over; `reached`: one has come."""

    url: str
    reached: threading.Event


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    reached, over = threading.Event(), threading.Event()

    def twist(request: Handler) -> bool:
        if request.asked.method == "GET" or request.asked.body:
            reached.set()
            over.wait(60)
        return False

    with serving(twist) as server:
        yield Stuck(f"{server.url}/caches", reached)
        over.set()


def ready_for(world: World, name: str, store: str) -> tuple[Path, list[str]]:
    """A clone in which the command has something to move to or from that store; the command."""
    clone = world.clone("a")
    world.cache(clone)
    if name not in ("sync", "daemon"):
        world.sync(clone)
    if name == "pull":
        for path in ("cache", ".git/lfs/objects"):
            (clone / path).rename(world.folder / Path(path).name)
    if name != "migrate":
        world.git(clone, "config", "cacheferry.store", store)
    return clone, [*COMMANDS[name], *([store] if name == "migrate" else [])]


@on_posix
@pytest.mark.parametrize("name", COMMANDS)
def test_interrupt_ends_it_while_the_store_is_silent(world: World, stuck: Stuck, name: str) -> None:
    clone, words = ready_for(world, name, stuck.url)
    before = world.git(clone, "status", "--porcelain")
    with subprocess.Popen(
        [sys.executable, "-I", str(PROGRAM), *words],
        cwd=clone,
        env=world.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            assert stuck.reached.wait(30)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == (0 if name == "daemon" else 130)
    assert b"Traceback" not in said
    assert world.git(clone, "status", "--porcelain") == before
    assert "store: ../store" in (clone / "cacheferry.yaml").read_text()


@on_posix
@pytest.mark.parametrize(
    ("name", "label"),
    [("sync", "uploading"), ("pull", "pulling"), ("fsck", "verifying"), ("migrate", "copying")],
)
def test_a_terminal_shows_how_far_it_is(world: World, name: str, label: str) -> None:
    target = world.store if name != "migrate" else world.folder / "new"
    clone, words = ready_for(world, name, str(target))
    near, far = os.openpty()
    command = [sys.executable, "-I", str(PROGRAM), *words]
    done = subprocess.run(
        command, cwd=clone, env=world.env, stdout=subprocess.PIPE, stderr=far, check=True
    )
    os.close(far)
    shown = os.read(near, 100_000).decode()
    os.close(near)
    assert label in shown and "kB" in shown
    assert label not in done.stdout.decode()


@pytest.mark.parametrize("name", ["sync", "pull", "fsck", "migrate"])
def test_a_pipe_gets_no_bar(world: World, name: str) -> None:
    target = world.store if name != "migrate" else world.folder / "new"
    clone, words = ready_for(world, name, str(target))
    done = world.cf(clone, *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert "%" not in done.stdout
