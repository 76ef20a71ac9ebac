"""`cacheferry pull` beside `git lfs pull` with git-lfs's built-in file agent, in turn."""

import hashlib
import os
import pickle
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks.report import Row
from tests.conftest import World

_CONFIG = "store: ../store\ntrack: ['cache/**/*.pkl']\n"
_NO_SMUDGE = {"GIT_LFS_SKIP_SMUDGE": "1"}
_SMALL, _LARGE = 131_000, 1_000_000_000


class Case(NamedTuple):
    """So many caches of so many bytes, pulled so often by each."""

    name: str
    number: int
    size: int
    rounds: int


CASES = (
    (Case("1 x 131 KB", 1, _SMALL, 7), None),
    (Case("1000 x 131 KB", 1000, _SMALL, 5), 0.4),
    (Case("1 x 1 GB", 1, _LARGE, 3), 0.2),
)


def rows() -> list[Row]:
    """Both in each case; beside it, at most what ratio."""
    found = []
    for case, aim in CASES:
        with tempfile.TemporaryDirectory() as folder:
            theirs, ours = measure(World(Path(folder).resolve() / "w"), case)
        beside = "git lfs pull, built-in file agent"
        found.append(Row(f"cacheferry pull, {case.name}", ours, beside, theirs, aim))
    return found


def measure(world: World, case: Case) -> tuple[float, float]:
    """Median seconds of `git lfs pull` and of `cacheferry pull`, each in a fresh clone."""
    publish(world, case)
    theirs, ours = [], []
    for number in range(case.rounds):
        theirs.append(_timed(world, case, f"theirs{number}", _built_in))
        ours.append(_timed(world, case, f"ours{number}", _ferry))
    return statistics.median(theirs), statistics.median(ours)


def publish(world: World, case: Case) -> None:
    """The caches' pointers on the remote, their objects in the store and in the remote's own."""
    first = world.clone("a", config=_CONFIG)
    folder = first / "cache"
    folder.mkdir()
    for number in range(case.number):
        _write(world, folder / f"c{number}.pkl", number, case.size)
    world.git(first, "add", ".", env=_NO_SMUDGE)
    world.git(first, "commit", "-qm", "caches")
    world.git(first, "push", "-q", "--no-verify")
    shutil.rmtree(first)


def _write(world: World, file: Path, seed: int, size: int) -> None:
    """A whole pickle that no other equals, as a pointer; its bytes where each agent reads them."""
    data = pickle.dumps(seed.to_bytes(4, "big") * (size // 4), protocol=5)
    oid = hashlib.sha256(data).hexdigest()
    for place in (world.store, world.remote / "lfs" / "objects"):
        target = place / oid[:2] / oid[2:4] / oid
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    file.write_text(
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(data)}\n"
    )


def _timed(world: World, case: Case, name: str, pull: Callable[[World, Path], None]) -> float:
    place = world.clone(name)
    if hasattr(os, "sync"):
        os.sync()  # what the clone has left to write is no work of the pull's
    began = time.perf_counter()
    pull(world, place)
    seconds = time.perf_counter() - began
    assert (place / "cache" / "c0.pkl").stat().st_size >= case.size
    shutil.rmtree(place)
    return seconds


def _built_in(world: World, place: Path) -> None:
    url = f"file://{world.remote}"
    done = world.run(["git", "-c", f"lfs.url={url}", "lfs", "pull"], place, timeout=300)
    assert done.returncode == 0, done.stderr


def _ferry(world: World, place: Path) -> None:
    done = world.cf(place, "pull", timeout=300)
    assert done.returncode == 0, done.stderr
