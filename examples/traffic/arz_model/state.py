"""The state of the road, and the three forms in which it is written.

conserved  (2, 2, n): [0] density, [1] density * w; first axis the quantity, second the class.
primitive  (2, 2, n): [0] density, [1] w.
table      (4, n): the rows (rho_m, w_m, rho_c, w_c), as configurations and caches hold it.

w = speed + pressure is what a driver keeps while traffic compresses (Aw & Rascle 2000).
"""

import numpy as np
import numpy.typing as npt

from arz_model.parameters import Parameters

Array = npt.NDArray[np.float64]

EMPTY = 1e-8
"""Density (veh/km) below which a class is absent and its w has no meaning."""


def primitive(conserved: Array, par: Parameters) -> Array:
    """(2, 2, n) density and w; an absent class gets the w of free traffic."""
    density, momentum = conserved
    result = np.empty_like(conserved)
    result[0] = density
    result[1] = par.v0
    np.divide(momentum, density, out=result[1], where=density > EMPTY)
    return result


def conserved(primitive: Array) -> Array:
    """(2, 2, n) density and density * w."""
    density, w = primitive
    return np.array((density, density * w))


def from_table(table: Array) -> Array:
    """The primitive form of the rows (rho_m, w_m, rho_c, w_c)."""
    return np.array((table[0::2], table[1::2]))


def to_table(primitive: Array) -> Array:
    """(4, n): the rows (rho_m, w_m, rho_c, w_c)."""
    density, w = primitive
    return np.array((density[0], w[0], density[1], w[1]))


def coarsen(conserved: Array, factor: int) -> Array:
    """Averages over groups of `factor` cells; vehicles are conserved."""
    blocks: Array = conserved.reshape(2, 2, -1, factor).mean(axis=-1)
    return blocks


def vehicles(conserved: Array, dx: float) -> Array:
    """(2,): the vehicles of each class on the road; dx in m."""
    total: Array = conserved[0].sum(axis=-1) * dx / 1000.0
    return total
