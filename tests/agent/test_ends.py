"""However git-lfs goes away, the agent goes too, within two seconds and without a trace."""

import signal
import subprocess
import time

import pytest

from tests.agent.talk import World, download, init, keep, oid_of, posix, upload

BIG = 3 << 30
"""Bytes of zeros (a sparse file) that take more than two seconds to hash and copy."""


def gone(agent: subprocess.Popen[bytes], since: float) -> str:
    """Waits for the end; returns what stood on stderr."""
    assert agent.stderr
    agent.wait(10)
    assert time.monotonic() - since < 2
    return agent.stderr.read().decode()


def answered(agent: subprocess.Popen[bytes], *lines: bytes) -> bytes:
    """Sends lines, returns the first answer."""
    assert agent.stdin and agent.stdout
    agent.stdin.write(b"".join(lines))
    agent.stdin.flush()
    return agent.stdout.readline()


def close_stdin(agent: subprocess.Popen[bytes]) -> None:
    assert agent.stdin
    agent.stdin.close()


def close_stdout(agent: subprocess.Popen[bytes]) -> None:
    assert agent.stdout
    agent.stdout.close()


def terminate(agent: subprocess.Popen[bytes]) -> None:
    agent.send_signal(signal.SIGTERM)


def interrupt(agent: subprocess.Popen[bytes]) -> None:
    agent.send_signal(signal.SIGINT)


pytestmark = posix

ENDS = [close_stdin, close_stdout, terminate, interrupt]


@pytest.mark.parametrize("end", ENDS)
def test_while_idle_after_init(world: World, end):
    with world.start() as agent:
        assert answered(agent, init("upload")) == b"{}\n"
        begun = time.monotonic()
        end(agent)
        assert gone(agent, begun) == ""


@pytest.mark.parametrize("end", ENDS)
def test_while_idle_after_a_transfer(world: World, end):
    source = world.file("o", b"x")
    with world.start() as agent:
        answered(agent, init("upload"), upload(oid_of(b"x"), 1, source))
        assert agent.stdout
        while b"complete" not in agent.stdout.readline():
            pass
        begun = time.monotonic()
        end(agent)
        assert gone(agent, begun) == ""


@pytest.mark.parametrize("end", ENDS)
def test_in_the_middle_of_a_transfer(world: World, end):
    source = world.file("big", b"")
    with open(source, "r+b") as sparse:
        sparse.truncate(BIG)
    oid = "0" * 64
    with world.start() as agent:
        answered(agent, init("upload"), upload(oid, BIG, source))
        assert agent.stdout and b"progress" in agent.stdout.readline()
        begun = time.monotonic()
        end(agent)
        if end is not close_stdout:
            agent.stdout.read()
        assert gone(agent, begun) == ""
    assert world.visible() == []


def test_killed_upload_leaves_no_visible_object(world: World):
    source = world.file("big", b"")
    with open(source, "r+b") as sparse:
        sparse.truncate(BIG)
    with world.start() as agent:
        answered(agent, init("upload"), upload("0" * 64, BIG, source))
        assert agent.stdout and b"progress" in agent.stdout.readline()
        agent.kill()
    assert [name[:12] for name in world.visible()] == [".cacheferry-"]


def test_stopped_download_leaves_nothing(world: World):
    oid = keep(world.store, b"", "0" * 64)
    with open(world.store / "00" / "00" / oid, "r+b") as sparse:
        sparse.truncate(BIG)
    with world.start() as agent:
        answered(agent, init("download"), download(oid, BIG))
        assert agent.stdout and b"progress" in agent.stdout.readline()
        assert len(world.downloads()) == 1
        begun = time.monotonic()
        agent.send_signal(signal.SIGTERM)
        agent.stdout.read()
        assert gone(agent, begun) == ""
    assert world.downloads() == []


def test_nothing_is_written_after_terminate(world: World):
    with world.start() as agent:
        answered(agent, init("upload"))
        assert agent.stdin and agent.stdout and agent.stderr
        agent.stdin.write(b'{"event":"terminate"}\n' + init("upload"))
        agent.stdin.flush()
        assert agent.wait(2) == 0
        assert (agent.stdout.read(), agent.stderr.read()) == (b"", b"")


def test_started_without_stdout(world: World):
    done = subprocess.run(
        'exec "$@" >&-',
        shell=True,
        executable="/bin/sh",
        check=False,
        env=world.env,
        cwd=world.repo,
        input=init("upload"),
        capture_output=True,
    )
    assert b"Traceback" not in done.stderr
