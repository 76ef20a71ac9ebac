"""Starts servers for tests: on free ports of 127.0.0.1, ended with the test process."""

import atexit
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path


def free_ports(count: int) -> list[int]:
    """As many ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def scratch(name: str) -> Path:
    """A folder that goes with the test process."""
    folder = Path(tempfile.mkdtemp(prefix=f"cacheferry-{name}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def start(
    command: list[str], log: Path, is_ready: Callable[[], bool], patience: float = 60
) -> None:
    """Runs a server until the test process ends; returns when it is ready.

    Raises AssertionError, with its log, where it does not get ready.
    """
    with open(log, "wb") as output:
        server = subprocess.Popen(
            command, cwd=log.parent, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    atexit.register(_end, server)
    until = time.monotonic() + patience
    while not is_ready():
        running = server.poll() is None and time.monotonic() < until
        assert running, f"{command[0]} did not start:\n{log.read_text('utf-8', 'replace')[-3000:]}"
        time.sleep(0.05)


def _end(server: "subprocess.Popen[bytes]") -> None:
    server.terminate()
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
