"""The learning controller's run: valid for one RL configuration, whose hash is in its name."""

import math
import time
from typing import Any

from arz_model.scenario import Scenario, load
from Code_RL.configuration import Config
from Code_RL.training import evaluate, train
from validation_ch7 import caching
from validation_ch7.results import Result, header, usable

TAG = "[CACHE RL]"


def obtain(scenario: Scenario, config: Config, config_hash: str, duration: float) -> Result:
    """The trained controller and its run of at least `duration` seconds: loaded or computed."""
    began = time.perf_counter()
    name, path = scenario.name, caching.rl_path(scenario.name, config_hash)
    steps = math.ceil(duration / config.decision_interval)
    contents = usable(TAG, path, scenario)
    have = len(contents["states"]) if contents else 0
    if contents and have >= steps:
        print(f"{TAG} ✅ Using cache for {name} with config {config_hash}")
        return Result(True, time.perf_counter() - began, contents)
    if contents:
        print(f"{TAG} Cache for {name} is too short ({have} steps < {steps} required)")
    else:
        print(f"{TAG} No cache found for {name} with config {config_hash}")
    contents = compute(scenario, config, steps) | {"config_hash": config_hash}
    caching.save(path, contents)
    print(f"{TAG} Saved metadata to {caching.shown(path)}")
    return Result(False, time.perf_counter() - began, contents)


def compute(scenario: Scenario, config: Config, steps: int) -> dict[str, Any]:
    """Trains on the configuration's coarser road, then drives the scenario's own."""
    began = time.perf_counter()
    weights, costs = train(load(scenario.name, config.training_cells, refinement=1), config)
    states, measures = evaluate(scenario, config, weights, steps)
    return header(scenario) | {
        "states": states,
        "measures": measures.tolist(),
        "weights": weights,
        "training_costs": costs,
        "compute_seconds": time.perf_counter() - began,
    }
