"""An S3 server that takes connections and never says a word."""

import json
import signal
import socket
import subprocess
import sys
import time

import pytest

from tests.conftest import CHECKOUT

AGENT = [sys.executable, "-I", "-S", str(CHECKOUT / "lfs_agent/__main__.py")]
LINES = (
    {"event": "init", "operation": "download", "remote": "origin", "concurrent": True},
    {"event": "download", "oid": "a" * 64, "size": 5},
)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process at once")
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT, None])
def test_the_end_comes_in_time_while_the_library_waits(world, end):
    clone = world.clone("a")
    with socket.create_server(("127.0.0.1", 0)) as dead:
        address = f"http://127.0.0.1:{dead.getsockname()[1]}"
        keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
        env = world.env | keys | {"CACHEFERRY_STORE": f"s3://b?region=r&endpoint={address}"}
        pipe = subprocess.PIPE
        with subprocess.Popen(AGENT, cwd=clone, env=env, stdin=pipe, stdout=pipe) as agent:
            assert agent.stdin
            agent.stdin.write("".join(json.dumps(line) + "\n" for line in LINES).encode())
            agent.stdin.flush()
            dead.accept()  # it is asked for the object now
            began = time.monotonic()
            if end:
                agent.send_signal(end)
            else:
                agent.stdin.close()
            assert agent.wait(10) != 0
            assert time.monotonic() - began < 2
