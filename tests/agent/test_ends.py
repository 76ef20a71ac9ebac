"""Ctrl-C: gone at once and without a trace. The other ends are held by tests/conformance."""

import signal

import pytest

from tests.agent.talk import World, init, oid_of, posix, upload

pytestmark = posix
LARGE = 3 << 30
"""Bytes of zeros (a sparse file) that take more than two seconds to hash and copy."""


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "in an upload"])
def test_interrupt_ends_the_agent_without_a_word(world: World, busy: bool):
    source = world.file("large", b"x")
    if busy:
        with open(source, "r+b") as sparse:
            sparse.truncate(LARGE)
    oid, last = ("0" * 64, b"progress") if busy else (oid_of(b"x"), b"complete")
    with world.start() as agent:
        assert agent.stdin and agent.stdout and agent.stderr
        agent.stdin.write(init("upload") + upload(oid, source.stat().st_size, source))
        agent.stdin.flush()
        while last not in agent.stdout.readline():
            pass
        agent.send_signal(signal.SIGINT)
        agent.stdout.read()
        assert agent.wait(10) == 130
        assert agent.stderr.read() == b""
    assert world.visible() == ([] if busy else [oid])
