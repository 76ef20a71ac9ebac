"""Relaxation: drivers adapt their speed to the traffic around them within tau.

The source term of each class's w equation is (V_e - v) / tau (Greenberg 2001). Densities do not
change by it, so v - V_e decays as exp(-t / tau): the step is exact, and stable for any dt.
"""

import numpy as np

from arz_model.parameters import Parameters
from arz_model.pressure import equilibrium_w
from arz_model.state import Array, primitive


def relax(conserved: Array, dt: float, limit: Array, par: Parameters) -> Array:
    """The conserved state dt seconds later; limit (n,) is a share of the free speed."""
    density, w = primitive(conserved, par)
    target = equilibrium_w(density, limit, par)
    w = target + (w - target) * np.exp(-dt / par.tau)
    return np.array((density, density * w))
