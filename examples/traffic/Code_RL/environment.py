"""The road as the controller sees it: an observation, an action, a reward."""

import numpy as np

from arz_model.pressure import occupancy
from arz_model.scenario import Scenario
from arz_model.simulation import Moment, advance, start
from arz_model.state import Array
from Code_RL.configuration import Config

FEATURES = 4
WATCHED = 200.0
"""Metres of road that the detectors cover on either side of the device."""
OCCUPANCY, QUEUE = 0.3, 10.0
"""What counts as ordinary: a share of the maximal density, and vehicles. Centres the features."""


class Environment:
    """One run of a scenario. Actions are indices into `scenario.actions`."""

    def __init__(self, scenario: Scenario, config: Config) -> None:
        self._scenario = scenario
        self._config = config
        self.moment: Moment = start(scenario)

    def observe(self) -> Array:
        """(4,): 1, how full the road is before and behind the device, how long the queue is."""
        x, position = self._scenario.device.x, self._scenario.device.position
        share = occupancy(self.moment.conserved[0], self._scenario.road.par)
        before = share[(x > position - WATCHED) & (x < position)].mean()
        behind = share[(x > position) & (x < position + WATCHED)].mean()
        queue = (self.moment.queue - QUEUE) / QUEUE
        return np.array([1.0, before / OCCUPANCY - 1.0, behind / OCCUPANCY - 1.0, queue])

    def act(self, action: int) -> tuple[float, Array]:
        """The reward of one decision interval, and the mean measures (3,) behind it."""
        self.moment, measures = advance(
            self.moment,
            self._scenario,
            self._scenario.actions[action],
            self._config.decision_interval,
        )
        return -float(self._config.cost(measures)) / self._config.reward_scale, measures
