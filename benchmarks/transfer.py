"""Whole `git lfs push` and `git lfs pull`: every agent in turn, in one run, and the floors."""

import hashlib
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.report import Row
from cacheferry.programs import program_file
from tests.conftest import World


class Work(NamedTuple):
    """So many objects of so many bytes, measured so many times."""

    name: str
    count: int
    size: int
    rounds: int


class Agent(NamedTuple):
    """An agent to measure: what git config and the environment say, and how its store is emptied.

    `remote` is the remote that git-lfs is told to push to and pull from; with an `address`, one
    that is to be added.
    """

    name: str
    settings: dict[str, str]
    env: dict[str, str]
    empty: Callable[[], None]
    remote: str = "origin"
    address: str = ""


Medians = dict[tuple[str, str], float]
"""Seconds by way (push, pull, floor) and name of the agent."""

ONE, MANY, LARGE = (
    Work("1 x 131 KB", 1, 131_000, 15),
    Work("1000 x 131 KB", 1000, 131_000, 5),
    Work("1 x 1 GB", 1, 1_000_000_000, 3),
)
BUILT_IN, OURS, HASHED = "built-in file agent", "cacheferry, folder", "hashlib.file_digest"
_AIMS = {
    ("push", ONE.name): 1.0,
    ("pull", ONE.name): 1.0,
    ("push", MANY.name): 5.0,
    ("pull", MANY.name): 1.1,
}


def rows(further: Sequence[tuple[str, str]] = ()) -> list[Row]:
    """Ours beside git-lfs's own agent, the floors, and `further` agents (name, command)."""
    found = []
    for work in (ONE, MANY, LARGE):
        with tempfile.TemporaryDirectory() as folder:
            world = World(Path(folder).resolve() / "w")
            agents = [built_in(world), ours(world), *(_further(world, *one) for one in further)]
            found += _rows(work, medians(world, work, agents), [one.name for one in agents])
    return found


def _rows(work: Work, taken: Medians, names: list[str]) -> list[Row]:
    found = []
    for way in ("push", "pull"):
        what, mine = f"git lfs {way}, {work.name}, folder", taken[way, OURS]
        for name in names:
            if name != OURS:
                aim = _AIMS.get((way, work.name)) if name == BUILT_IN else None
                found.append(Row(what, mine, name, taken[way, name], aim))
        if work != ONE:  # beside one small object a floor says nothing
            aim = 1.8 if (way, work) == ("push", LARGE) else None
            found.append(Row(what, mine, HASHED, taken["floor", HASHED], aim))
            found.append(Row(what, mine, "cp", taken["floor", "cp"]))
    return found


def medians(world: World, work: Work, agents: list[Agent]) -> Medians:
    """Each agent's push and pull, each round in turn so that all fare alike; and the floors."""
    repository = _repository(world, work)
    for agent in agents:
        if agent.address:
            world.git(repository, "remote", "add", agent.remote, agent.address)
    taken: dict[tuple[str, str], list[float]] = {}
    for number in range(work.rounds + 1):
        for what, run in _runs(world, repository, agents):
            seconds = run()
            if number:  # the first warms up
                taken.setdefault(what, []).append(seconds)
    return {what: statistics.median(seconds) for what, seconds in taken.items()}


def _runs(
    world: World, repository: Path, agents: list[Agent]
) -> Iterator[tuple[tuple[str, str], Callable[[], float]]]:
    for agent in agents:
        yield ("push", agent.name), lambda agent=agent: _push(world, repository, agent)
        yield ("pull", agent.name), lambda agent=agent: _pull(world, repository, agent)
    yield ("floor", "cp"), lambda: _copied(repository)
    yield ("floor", HASHED), lambda: _hashed(repository)


def ferry_settings() -> dict[str, str]:
    """What `cacheferry init` writes for a folder."""
    agent = shlex.quote(str(program_file("lfs_agent")))
    return {
        "lfs.url": "cacheferry::benchmark",
        "lfs.cacheferry::.standalonetransferagent": "cacheferry",
        "lfs.customtransfer.cacheferry.path": sys.executable,
        "lfs.customtransfer.cacheferry.args": f"-I -S {agent}",
        "lfs.customtransfer.cacheferry.concurrent": "false",
    }


def built_in(world: World) -> Agent:
    """git-lfs's own agent for file:// remotes."""
    return Agent(BUILT_IN, {}, {}, _emptying(world.remote / "lfs"))


def ours(world: World) -> Agent:
    """cacheferry's on a folder."""
    env = {"CACHEFERRY_STORE": str(world.store)}
    return Agent(OURS, ferry_settings(), env, _emptying(world.store))


def _further(world: World, name: str, command: str) -> Agent:
    """Any other agent; `{store}` in its command is a folder for it."""
    store = world.folder / f"store of {name}"
    program, *words = shlex.split(command.replace("{store}", shlex.quote(str(store))))
    settings = {
        "lfs.url": "peer::benchmark",
        "lfs.standalonetransferagent": "peer",
        "lfs.customtransfer.peer.path": program,
        "lfs.customtransfer.peer.args": shlex.join(words),
    }
    return Agent(name, settings, {"AGENT_STORE": str(store)}, _emptying(store))


def _emptying(folder: Path) -> Callable[[], None]:
    def empty() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

    return empty


def _push(world: World, repository: Path, agent: Agent) -> float:
    agent.empty()
    return _timed(world, repository, agent, "push", "--all", agent.remote)


def _pull(world: World, repository: Path, agent: Agent) -> float:
    kept = repository / ".git" / "lfs" / "objects"
    aside = kept.with_name("aside")
    kept.rename(aside)
    shutil.rmtree(repository / "cache")
    world.git(repository, "checkout", "-q", "--", ".", env={"GIT_LFS_SKIP_SMUDGE": "1"})
    seconds = _timed(world, repository, agent, "pull", agent.remote)
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
