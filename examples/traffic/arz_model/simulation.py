"""Runs a scenario, interval by interval, under a controller."""

from dataclasses import dataclass

import numpy as np

from arz_model import state
from arz_model.measures import NAMES, measure
from arz_model.scenario import Scenario
from arz_model.solver import stable_dt, step
from arz_model.state import Array


@dataclass(frozen=True)
class Moment:
    """All that the future depends on, so that a run can stop here and resume."""

    conserved: Array
    """(2, 2, n) on the computing grid."""
    turned_away: float = 0.0
    """Vehicles that found the entrance full; they go on waiting."""
    queue: float = 0.0
    """Vehicles waiting beside the road: on the ramp, in the cross street."""


def start(scenario: Scenario) -> Moment:
    """The moment t = 0."""
    return Moment(scenario.initial)


def advance(
    moment: Moment, scenario: Scenario, action: float, seconds: float
) -> tuple[Moment, Array]:
    """The moment `seconds` later under one action, and the mean measures (3,) on the way.

    Steps land exactly on the end, and no step size outlives the call: the result depends on
    the arguments alone. So a run resumed at an interval's end equals an uninterrupted one.
    """
    limit, opening = scenario.device.limit(action), scenario.device.opening(action)
    total, elapsed = np.zeros(len(NAMES)), 0.0
    while elapsed < seconds:
        dt = min(stable_dt(moment.conserved, scenario.road), seconds - elapsed)
        moment = _step(moment, scenario, action, dt, limit, opening)
        waiting = moment.turned_away + moment.queue
        road = scenario.road
        total += dt * measure(moment.conserved, waiting, road.dx, road.par)
        elapsed += dt
    return moment, total / seconds


def snapshot(moment: Moment, scenario: Scenario) -> Array:
    """(4, N): the rows (rho_m, w_m, rho_c, w_c) on the stored grid."""
    coarse = state.coarsen(moment.conserved, scenario.refinement)
    return state.to_table(state.primitive(coarse, scenario.road.par))


def fixed_action(scenario: Scenario, interval: int) -> float:
    """What the fixed controller does in the given interval, counted from 0."""
    return scenario.fixed_plan[interval % len(scenario.fixed_plan)]


def _step(
    moment: Moment, scenario: Scenario, action: float, dt: float, limit: Array, opening: Array
) -> Moment:
    road = scenario.road
    conserved, queue = scenario.device.serve(moment.conserved, moment.queue, action, dt, road.par)
    conserved, flux = step(conserved, dt, road, limit, opening)
    entered = float(flux[0, :, 0].sum())
    turned_away = moment.turned_away + (scenario.demand - entered) * dt / 1000.0
    return Moment(conserved, max(turned_away, 0.0), queue)
