"""How long each program takes to start, beside a bare Python started in the same round."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.report import Row
from cacheferry.programs import program_file

ROUNDS = 15
_INIT = {"event": "init", "operation": "download", "remote": "origin", "concurrent": False}
_AGENT_TALK = "".join(json.dumps(line) + "\n" for line in (_INIT, {"event": "terminate"}))


BARE = "python -I -S -c pass"
_AGENT = "cacheferry-agent: init, terminate"


def rows() -> list[Row]:
    """Each program beside a bare Python."""
    with tempfile.TemporaryDirectory() as folder:
        medians = measure(_programs(Path(folder)))
    bare = medians.pop(BARE)
    return [
        Row(name, seconds, BARE, bare, 1.5 if name == _AGENT else None)
        for name, seconds in medians.items()
    ]


def measure(programs: dict[str, Callable[[], None]]) -> dict[str, float]:
    """Median seconds of each, taken in turn so that a busy moment touches all alike."""
    taken: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(ROUNDS + 1):
        for name, run in programs.items():
            began = time.perf_counter()
            run()
            taken[name].append(time.perf_counter() - began)
    return {name: statistics.median(seconds[1:]) for name, seconds in taken.items()}


def _programs(folder: Path) -> dict[str, Callable[[], None]]:
    repository = _repository(folder)
    isolated = [sys.executable, "-I"]
    ferry = [*isolated, str(program_file("cacheferry"))]
    agent = [*isolated, "-S", str(program_file("lfs_agent"))]
    hook = [*isolated, str(program_file("hooks"))]
    return {
        BARE: lambda: _run([*isolated, "-S", "-c", "pass"], repository),
        "python -I -c pass": lambda: _run([*isolated, "-c", "pass"], repository),
        _AGENT: lambda: _run(agent, repository, _AGENT_TALK),
        "cacheferry --help": lambda: _run([*ferry, "--help"], repository),
        "hook post-checkout of one file": lambda: _run(
            [*hook, "post-checkout", "a", "b", "0"], repository
        ),
        "hook post-merge, one cache, nothing to do": lambda: _run(
            [*hook, "post-merge", "0"], repository
        ),
        "hook pre-commit, nothing staged": lambda: _run([*hook, "pre-commit"], repository),
        "cacheferry check, one cache": lambda: _run([*ferry, "check"], repository),
    }


def _repository(folder: Path) -> Path:
    repository = folder / "project"
    (repository / "cache").mkdir(parents=True)
    (repository / "cacheferry.yaml").write_text("store: ../store\ntrack: ['cache/**/*.pkl']\n")
    (repository / "cache" / "one.pkl").write_bytes(b"\x80\x04N.")
    _run(["git", "init", "-q", str(repository)], folder)
    return repository


def _run(command: list[str], where: Path, talk: str = "") -> None:
    env = os.environ | {"CACHEFERRY_STORE": str(where.parent), "XDG_STATE_HOME": str(where.parent)}
    subprocess.run(
        command, cwd=where, env=env, input=talk.encode(), capture_output=True, check=True
    )
