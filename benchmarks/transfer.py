"""Whole `git lfs push` and `git lfs pull`: every agent in turn, in one run, and the floors.

`python -m benchmarks.transfer` runs it alone. A further agent is one more line in `_agents`,
another work one more in WORKS.
"""

import hashlib
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from cacheferry.programs import program_file
from tests.conftest import World


class Work(NamedTuple):
    """So many objects of so many bytes, measured so many times."""

    name: str
    count: int
    size: int
    rounds: int


class Agent(NamedTuple):
    """An agent to measure: what git config and the environment say, and where its objects go."""

    name: str
    settings: dict[str, str]
    env: dict[str, str]
    store: Path


WORKS = (
    Work("1 x 131 KB", 1, 131_000, 15),
    Work("1000 x 131 KB", 1000, 131_000, 5),
    Work("1 x 1 GB", 1, 1_000_000_000, 3),
)
BUILT_IN, HASHED = "built-in file agent", "floor: hashlib.file_digest"


def main() -> None:
    """Prints median seconds of each agent, and the ratios to git-lfs's own and to the hash."""
    for work in WORKS:
        with tempfile.TemporaryDirectory() as folder:
            taken = measure(work, Path(folder).resolve())
        medians = {what: statistics.median(seconds) for what, seconds in taken.items()}
        print(f"\n{work.name}, medians of {work.rounds} rounds\n{'':<44}{'s':>9}", end="")
        print(f"{'/built-in':>11}{'/hash':>9}")
        for (way, name), seconds in medians.items():
            own = medians.get((way, BUILT_IN), medians["push", BUILT_IN])
            ratios = f"{seconds / own:>11.2f}{seconds / medians['floor', HASHED]:>9.2f}"
            print(f"{way + ' ' + name if way != 'floor' else name:<44}{seconds:>9.3f}{ratios}")


def measure(work: Work, folder: Path) -> dict[tuple[str, str], list[float]]:
    """Seconds by way (push, pull, floor) and name, each round in turn so that all fare alike."""
    world = World(folder / "w")
    repository = _repository(world, work)
    taken: dict[tuple[str, str], list[float]] = {}
    for number in range(work.rounds + 1):
        for what, run in _runs(world, repository):
            seconds = run()
            if number:  # the first warms up
                taken.setdefault(what, []).append(seconds)
    return taken


def _runs(world: World, repository: Path) -> Iterator[tuple[tuple[str, str], Callable[[], float]]]:
    for agent in _agents(world):
        yield ("push", agent.name), lambda agent=agent: _push(world, repository, agent)
        yield ("pull", agent.name), lambda agent=agent: _pull(world, repository, agent)
    yield ("floor", "floor: cp"), lambda: _copied(repository)
    yield ("floor", HASHED), lambda: _hashed(repository)


def _agents(world: World) -> list[Agent]:
    ours = shlex.quote(str(program_file("lfs_agent")))
    ferry = {
        "lfs.url": "cacheferry::benchmark",
        "lfs.cacheferry::.standalonetransferagent": "cacheferry",
        "lfs.customtransfer.cacheferry.path": sys.executable,
        "lfs.customtransfer.cacheferry.args": f"-I -S {ours}",
        "lfs.customtransfer.cacheferry.concurrent": "false",
    }
    return [
        Agent(BUILT_IN, {}, {}, world.remote / "lfs"),
        Agent("cacheferry, folder", ferry, {"CACHEFERRY_STORE": str(world.store)}, world.store),
    ]


def _push(world: World, repository: Path, agent: Agent) -> float:
    shutil.rmtree(agent.store, ignore_errors=True)
    return _timed(world, repository, agent, "push", "--all", "origin")


def _pull(world: World, repository: Path, agent: Agent) -> float:
    kept = repository / ".git" / "lfs" / "objects"
    aside = kept.with_name("aside")
    kept.rename(aside)
    shutil.rmtree(repository / "cache")
    world.git(repository, "checkout", "-q", "--", ".", env={"GIT_LFS_SKIP_SMUDGE": "1"})
    seconds = _timed(world, repository, agent, "pull")
    shutil.rmtree(kept)
    aside.rename(kept)
    return seconds


def _timed(world: World, repository: Path, agent: Agent, *words: str) -> float:
    env = world.env | agent.env | {"GIT_CONFIG_COUNT": str(len(agent.settings))}
    for number, (key, value) in enumerate(agent.settings.items()):
        env |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    began = time.perf_counter()
    subprocess.run(["git", "lfs", *words], cwd=repository, env=env, capture_output=True, check=True)
    return time.perf_counter() - began


def _copied(repository: Path) -> float:
    with _new_folder(repository) as copy:
        began = time.perf_counter()
        subprocess.run(["cp", "-r", str(repository / ".git" / "lfs" / "objects"), copy], check=True)
        return time.perf_counter() - began


def _hashed(repository: Path) -> float:
    files = [p for p in (repository / ".git" / "lfs" / "objects").rglob("*") if p.is_file()]
    began = time.perf_counter()
    for file in files:
        with open(file, "rb", buffering=0) as stream:
            hashlib.file_digest(stream, "sha256")
    return time.perf_counter() - began


@contextmanager
def _new_folder(beside: Path) -> Iterator[str]:
    with tempfile.TemporaryDirectory(dir=beside.parent) as folder:
        yield os.path.join(folder, "copy")


def _repository(world: World, work: Work) -> Path:
    repository = world.folder / "repository"
    world.git(world.folder, "clone", "-q", world.remote.as_uri(), str(repository))
    world.git(repository, "lfs", "install", "--local")
    (repository / ".gitattributes").write_text("*.pkl filter=lfs -text\n")
    (repository / "cache").mkdir()
    block = os.urandom(1 << 20)
    for number in range(work.count):
        with open(repository / "cache" / f"{number}.pkl", "wb") as file:
            file.write(number.to_bytes(8, "big"))
            for start in range(8, work.size, len(block)):
                file.write(block[: work.size - start])
    world.git(repository, "add", ".")
    world.git(repository, "commit", "-qm", "Caches", timeout=300)
    return repository


if __name__ == "__main__":
    main()
