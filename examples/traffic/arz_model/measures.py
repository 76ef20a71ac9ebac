"""What a run costs the people in it, before anybody weighs one thing against another."""

import numpy as np

from arz_model.parameters import Parameters
from arz_model.pressure import speed
from arz_model.state import Array, primitive

NAMES = ("delayed", "waiting", "braking")
"""veh; veh; veh * m/s^2. A vehicle that stands counts as one delayed, at half speed as half."""


def measure(conserved: Array, waiting: float, dx: float, par: Parameters) -> Array:
    """(3,): the NAMES at this moment; waiting counts vehicles beside the road."""
    v = speed(primitive(conserved, par), par)
    vehicles = conserved[0] * (dx / 1000.0)
    delayed = vehicles * (1.0 - v / par.v0)
    # A driver who follows the speed profile decelerates by v dv/dx.
    braking = vehicles[:, 1:] * v[:, 1:] * np.maximum(-np.diff(v), 0.0) / dx
    return np.array([delayed.sum(), waiting, braking.sum()])
