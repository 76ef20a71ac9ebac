"""How much memory an agent takes that moves 1 GB."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.report import Row
from cacheferry.programs import program_file
from tests.conftest import World

SIZE, MOST = 1_000_000_000, 60.0
_MEASURED = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
"""


def rows() -> list[Row]:
    """The peak of an upload and of a download, in MB, beside what is aimed at."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder).resolve() / "w")
        world.store.mkdir()
        world.git(world.folder, "init", "-q", "repository")
        return [
            Row(f"memory of an agent: {way} of 1 GB", peak, "60 MB", MOST, 1.0, "MB")
            for way, peak in _peaks(world)
        ]


def _peaks(world: World) -> Iterator[tuple[str, float]]:
    source = world.folder / "object"
    with open(source, "wb") as file:
        for _ in range(SIZE // 1_000_000):
            file.write(os.urandom(1_000_000))
    with open(source, "rb") as file:
        oid = hashlib.file_digest(file, "sha256").hexdigest()
    for way in ("upload", "download"):
        yield way, _peak(world, {"event": way, "oid": oid, "size": SIZE, "path": str(source)})


def _peak(world: World, request: dict[str, object]) -> float:
    init = {"event": "init", "operation": request["event"], "remote": "origin"}
    talk = "".join(json.dumps(line) + "\n" for line in (init, request, {"event": "terminate"}))
    agent = [sys.executable, "-I", "-S", str(program_file("lfs_agent"))]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _MEASURED, *agent],
        cwd=world.folder / "repository",
        env=world.env | {"CACHEFERRY_STORE": str(world.store)},
        input=talk,
        capture_output=True,
        text=True,
        check=True,
    )
    assert '"error"' not in done.stdout, done.stdout
    return int(done.stderr.split()[-1]) * 1024 / 1e6
