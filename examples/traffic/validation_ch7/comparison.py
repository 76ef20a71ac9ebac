"""The question of the section: what the learnt controller gains over the fixed one."""

import math

import numpy as np

from arz_model.scenario import Scenario
from Code_RL.configuration import Config
from validation_ch7.results import Result


def improvement(
    baseline: Result, learned: Result, scenario: Scenario, config: Config, duration: float
) -> float:
    """By how much the learnt controller's mean cost lies below the fixed one's: 0.1 is 10 %."""
    fixed = _mean_cost(baseline, config, duration / scenario.output_dt)
    learnt = _mean_cost(learned, config, duration / config.decision_interval)
    return 1.0 - learnt / fixed


def _mean_cost(result: Result, config: Config, intervals: float) -> float:
    """Over the first intervals only: the cache may hold more than was asked for."""
    measures = np.array(result.contents["measures"])[: math.ceil(intervals)]
    return float(config.cost(measures).mean())
