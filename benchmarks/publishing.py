"""How soon a finished cache is on the remote, beside a bare `git push` of the same run."""

import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.report import Row
from tests.conftest import CONFIG, World, payload

ROUNDS = 7
SETTLE = 0.3
MANY = 1000
_BYTES = 131_000


def rows() -> list[Row]:
    """One cache by the daemon, and many by `sync`, beside `git push` of one commit."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder).resolve() / "w")
        text = CONFIG.replace("settle: 0.1", f"settle: {SETTLE}")
        clone = world.clone("a", config=text)
        pushed = statistics.median(_push(world, clone, number) for number in range(ROUNDS))
        assert world.cf(clone, "daemon", "start").returncode == 0
        try:
            beyond = statistics.median(_publish(world, clone, seed) for seed in range(ROUNDS))
        finally:
            world.cf(clone, "daemon", "stop")
        many = _sync_many(world, clone)
    beside = "git push of one commit"
    return [
        Row("daemon: one 131 KB cache, beyond settle", beyond, beside, pushed),
        Row(f"cacheferry sync: {MANY} caches of 131 KB", many, beside, pushed),
    ]


def _push(world: World, clone: Path, number: int) -> float:
    (clone / "code.py").write_text(f"print({number})\n")
    world.git(clone, "commit", "-qam", f"change {number}")
    began = time.perf_counter()
    world.git(clone, "push", "-q")
    return time.perf_counter() - began


def _publish(world: World, clone: Path, seed: int) -> float:
    time.sleep(0.5)
    tip = world.remote / "refs" / "heads" / "main"
    before = tip.read_text()
    world.cache(clone).write_bytes(payload(seed, _BYTES))
    began = time.perf_counter()
    while tip.read_text() == before and time.perf_counter() - began < 60:
        time.sleep(0.005)
    return time.perf_counter() - began - SETTLE


def _sync_many(world: World, clone: Path) -> float:
    for number in range(MANY):
        file = world.cache(clone, f"m{number}_baseline_cache.pkl")
        file.write_bytes(payload(number % 250, _BYTES + number))
    time.sleep(SETTLE)
    began = time.perf_counter()
    world.sync(clone)
    return time.perf_counter() - began
