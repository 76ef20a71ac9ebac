"""Pressure and speeds.

The pressure is Zhang's (2002), p(rho) = V(0) - V(rho): in equilibrium w is the free speed. With
V = V0 (1 - r^gamma), r the share of the road that both classes occupy, p = V0 r^gamma. As w never
exceeds V0, speeds stay non-negative and r stays below 1: p(1) = V0 stops everybody.
"""

import numpy as np

from arz_model.parameters import Parameters
from arz_model.state import Array


def occupancy(density: Array, par: Parameters) -> Array:
    """(n,): vehicles of both classes (2, n) as a share of the maximal density."""
    share: Array = (density[0] + density[1]) / par.max_density
    return share


def pressure(density: Array, par: Parameters) -> Array:
    """(2, n) in m/s: by how much crowding slows each class down."""
    return par.v0 * occupancy(density, par) ** par.gamma


def speed(primitive: Array, par: Parameters) -> Array:
    """(2, n) in m/s: v = w - p; a class whose pressure exceeds its w stands still."""
    density, w = primitive
    moving: Array = np.maximum(w - pressure(density, par), 0.0)
    return moving


def equilibrium_w(density: Array, limit: Array, par: Parameters) -> Array:
    """(2, n) in m/s: the w at which v is the equilibrium speed limit * V0 (1 - r^gamma).

    limit (n,): the speed limit, or the state of the surface, as a share of the free speed.
    """
    p = pressure(density, par)
    return limit * (par.v0 - p) + p
