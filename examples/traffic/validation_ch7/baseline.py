"""The fixed controller's run: universal, as no learning configuration has a part in it."""

import time
from typing import Any

from arz_model.scenario import Scenario
from arz_model.simulation import Moment, advance, fixed_action, snapshot, start
from validation_ch7 import caching
from validation_ch7.results import Result, header, usable

TAG = "[CACHE BASELINE]"


def obtain(scenario: Scenario, steps: int) -> Result:
    """At least `steps` states, one each output_dt: loaded, extended or computed."""
    began = time.perf_counter()
    path = caching.baseline_path(scenario.name)
    contents = usable(TAG, path, scenario)
    have = len(contents["states"]) if contents else 0
    if contents and have >= steps:
        print(f"{TAG} ✅ Using universal cache ({have} steps ≥ {steps} required)")
        return Result(True, time.perf_counter() - began, contents)
    if contents:
        reached = have * scenario.output_dt
        print(f"{TAG} Extending cache: {have} → {steps} steps (resuming at t = {reached:g} s)")
    else:
        print(f"{TAG} No cache found for {scenario.name}. Computing...")
    contents = extend(contents or empty(scenario), scenario, steps)
    caching.save(path, contents)
    print(f"{TAG} Saved {steps} states to {caching.shown(path)}")
    return Result(False, time.perf_counter() - began, contents)


def empty(scenario: Scenario) -> dict[str, Any]:
    """A baseline without states, about to start at t = 0."""
    body = {"states": [], "measures": [], "resume": vars(start(scenario)), "compute_seconds": 0.0}
    return header(scenario) | body


def extend(contents: dict[str, Any], scenario: Scenario, steps: int) -> dict[str, Any]:
    """`contents` with `steps` states: what it holds stays bit for bit, the rest is appended.

    `resume` is the moment where the last state ends, on the computing grid; the fixed plan's
    position follows from the number of states. So the result equals an uninterrupted run.
    """
    began = time.perf_counter()
    states, measures = list(contents["states"]), list(contents["measures"])
    moment = Moment(**contents["resume"])
    while len(states) < steps:
        action = fixed_action(scenario, len(states))
        moment, measured = advance(moment, scenario, action, scenario.output_dt)
        states.append(snapshot(moment, scenario))
        measures.append(measured.tolist())
    spent = contents["compute_seconds"] + time.perf_counter() - began
    # Builtins and arrays only: a cache must load, and be found safe, without our classes.
    ends = {"states": states, "measures": measures, "resume": dict(vars(moment))}
    return contents | ends | {"compute_seconds": spent}
