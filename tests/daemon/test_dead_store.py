"""A store's server that takes connections and never says a word, and whoever waits for it."""

import signal
import socket
import subprocess
import sys
import time

import pytest

from tests.conftest import PROGRAM


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process at once")
@pytest.mark.parametrize(
    ("command", "end"),
    [("daemon run", signal.SIGTERM), ("sync", signal.SIGINT), ("fsck --store", signal.SIGINT)],
)
@pytest.mark.parametrize("scheme", ["http", "s3"])
def test_nobody_is_kept_by_a_dead_store(world, command, end, scheme):
    clone = world.clone("a")
    world.cache(clone)
    world.sync(clone)
    world.cache(clone, seed=1)
    with socket.create_server(("127.0.0.1", 0)) as dead:
        address = f"http://127.0.0.1:{dead.getsockname()[1]}"
        keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
        store = f"s3://b?region=r&endpoint={address}" if scheme == "s3" else f"{address}/p"
        env = world.env | keys | {"CACHEFERRY_STORE": store}
        words = [sys.executable, "-I", str(PROGRAM), *command.split()]
        with subprocess.Popen(
            words, cwd=clone, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as process:
            dead.settimeout(30)
            dead.accept()  # it is asked for an object now
            began = time.monotonic()
            process.send_signal(end)
            _, said = process.communicate(timeout=20)
            assert time.monotonic() - began < 5 and "Traceback" not in said
