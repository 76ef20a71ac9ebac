"""Reads `configs/env_lagos.yaml`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from arz_model.measures import NAMES
from arz_model.state import Array


@dataclass(frozen=True)
class Config:
    """How the controller learns, and what it is to care about."""

    learning_rate: float
    episodes: int
    discount: float
    """Per decision."""
    exploration: float
    """Share of random actions in the first episode; falls linearly to 0."""
    updates: int
    """Gradient updates after each episode."""
    seed: int
    decision_interval: float
    """Seconds between actions."""
    training_cells: int
    training_duration: float
    """Seconds per episode."""
    weights: Array
    """(3,): the cost of one unit of each of arz_model.measures.NAMES."""
    reward_scale: float

    def cost(self, measures: Array) -> Array:
        """(...,): the weighted sum of measures (..., 3)."""
        cost: Array = measures @ self.weights
        return cost


def load(path: Path) -> Config:
    """The configuration. Raises OSError, KeyError for a missing key, ValueError for a bad value."""
    return parse(yaml.safe_load(path.read_text(encoding="utf-8")))


def parse(raw: Mapping[str, Any]) -> Config:
    """The configuration from what YAML gave. YAML reads `1e-3` as text: float() takes both."""
    training, weights = raw["training"], raw["reward_weights"]
    return Config(
        learning_rate=float(raw["learning_rate"]),
        episodes=int(raw["episodes"]),
        discount=float(raw["discount"]),
        exploration=float(raw["exploration"]),
        updates=int(raw["updates"]),
        seed=int(raw["seed"]),
        decision_interval=float(raw["decision_interval"]),
        training_cells=int(training["cells"]),
        training_duration=float(training["duration"]),
        weights=np.array([float(weights[name]) for name in NAMES]),
        reward_scale=float(raw["reward_scale"]),
    )
