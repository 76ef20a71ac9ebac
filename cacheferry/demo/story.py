"""The demo's five steps: each really run, each checked, each timed."""

import shlex
import sys
import time
from collections.abc import Callable
from typing import Any

from cacheferry.core.errors import CacheferryError
from cacheferry.demo.scratch import CACHES, CONFIG, SCRIPT, Scratch

Rows = dict[str, Any]
_PUBLISH_SECONDS = 30.0


class StepFailed(CacheferryError):
    """A step of the story did not come out as told."""


class Story:
    """Tells the story on a Scratch; `say` gets the lines to show."""

    def __init__(self, scratch: Scratch, say: Callable[[str], None]) -> None:
        self._scratch = scratch
        self._say = say
        self.figures: dict[str, Any] = {}

    def tell(self) -> dict[str, Any]:
        """All five steps; the figures. Raises StepFailed at the first that fails."""
        self._say("\n[0/5] a laptop's repository, a bare remote, a folder store")
        self._scratch.set_up()
        computed = self._laptop_computes()
        kaggle = self._kaggle_takes_over()
        pulled = self._laptop_pulls()
        self._deleted_caches_come_back()
        self._changed_config()
        self._scratch.ferry("daemon", "stop")
        self.figures["scenarios"] = _table(computed, kaggle, pulled)
        return self.figures

    def _laptop_computes(self) -> tuple[Rows, Rows]:
        self._say("\n[1/5] laptop: nothing cached: computed; the daemon publishes by itself")
        self._scratch.ferry("daemon", "start")
        first = self._scratch.simulate("--baseline-only")["scenarios"]
        _expect(first, "baseline", hit=False)
        self.figures["daemon_published_seconds"] = self._wait_for(
            {f"{name}_baseline_cache.pkl" for name in first}
        )
        again = self._scratch.simulate("--baseline-only")["scenarios"]
        _expect(again, "baseline", hit=True)
        return first, again

    def _kaggle_takes_over(self) -> tuple[Rows, Rows]:
        self._say(
            "\n[2/5] Kaggle: fresh shallow clone by `cacheferry kaggle`: baseline HIT, RL computed"
        )
        first = self._kernel_run()
        _expect(first, "baseline", hit=True)
        _expect(first, "rl", hit=False)
        slow = [name for name, row in first.items() if row["baseline"]["seconds"] >= 1.0]
        if slow:
            raise StepFailed(f"a baseline HIT on Kaggle took a second or more: {', '.join(slow)}")
        again = self._kernel_run()
        _expect(again, "rl", hit=True)
        return first, again

    def _laptop_pulls(self) -> Rows:
        self._say("\n[3/5] laptop: git pull: HIT for what Kaggle computed")
        began = time.perf_counter()
        self._scratch.git("pull", "-q")
        self.figures["pull_seconds"] = time.perf_counter() - began
        rows: Rows = self._scratch.simulate()["scenarios"]
        _expect(rows, "baseline", hit=True)
        _expect(rows, "rl", hit=True)
        return rows

    def _deleted_caches_come_back(self) -> None:
        self._say("\n[4/5] laptop: caches deleted and pulled again: HIT")
        for file in (self._scratch.laptop / CACHES).glob("*.pkl"):
            file.unlink()
        self._scratch.ferry("pull")
        rows = self._scratch.simulate()["scenarios"]
        _expect(rows, "baseline", hit=True)
        _expect(rows, "rl", hit=True)

    def _changed_config(self) -> None:
        self._say("\n[5/5] laptop: learning_rate 1e-3 → 5e-4: RL is stale, the baseline is not")
        before = self._config_hash()
        config = self._scratch.laptop / CONFIG
        text = config.read_text("utf-8")
        changed = text.replace("learning_rate: 1.0e-3", "learning_rate: 5.0e-4")
        if changed == text:
            raise StepFailed(f"{CONFIG} has no learning_rate of 1.0e-3")
        config.write_text(changed, encoding="utf-8")
        warned = self._scratch.commit("Smaller steps")
        if not any("stale" in line for line in warned):
            raise StepFailed("the commit hook did not name the stale caches")
        summary = self._scratch.simulate()
        _expect(summary["scenarios"], "baseline", hit=True)
        _expect(summary["scenarios"], "rl", hit=False)
        after = summary["config_hash"]
        if after == before:
            raise StepFailed("the config hash is the same for another config")
        self.figures["config_hashes"] = [before, after]
        self._wait_for({f"{name}_{after}_rl_cache.pkl" for name in summary["scenarios"]})

    def _kernel_run(self) -> Rows:
        run = shlex.join([sys.executable, SCRIPT, "--summary", "../summary.json"])
        script = "\n".join(self._scratch.ferry_quietly("kaggle", "--run", run)) + "\n"
        rows: Rows = self._scratch.kaggle(script)["scenarios"]
        return rows

    def _config_hash(self) -> str:
        return self._scratch.ferry("hash", CONFIG)[-1]

    def _wait_for(self, names: set[str]) -> float:
        """Seconds until the remote has these caches."""
        began = time.perf_counter()
        while not names <= self._scratch.published():
            if time.perf_counter() - began > _PUBLISH_SECONDS:
                raise StepFailed("the daemon has not published: " + ", ".join(sorted(names)))
            time.sleep(0.1)
        return time.perf_counter() - began


def _expect(rows: Rows, part: str, hit: bool) -> None:
    wrong = [name for name, row in rows.items() if row[part]["hit"] is not hit]
    if wrong:
        word = "MISS where a HIT" if hit else "HIT where a MISS"
        raise StepFailed(f"{part}: {word} was to be for {', '.join(wrong)}")


def _table(computed: tuple[Rows, Rows], kaggle: tuple[Rows, Rows], pulled: Rows) -> Rows:
    """Seconds for baseline and RL of each scenario: no cache, the own one, the other side's."""
    table = {}
    for name in pulled:
        without = computed[0][name]["baseline"]["seconds"] + kaggle[0][name]["rl"]["seconds"]
        local = computed[1][name]["baseline"]["seconds"] + kaggle[1][name]["rl"]["seconds"]
        theirs = pulled[name]["baseline"]["seconds"] + pulled[name]["rl"]["seconds"]
        table[name] = {
            "without_cache_seconds": without,
            "local_cache_seconds": local,
            "kaggle_cache_seconds": theirs,
            "saved_seconds": without - theirs,
        }
    return table
