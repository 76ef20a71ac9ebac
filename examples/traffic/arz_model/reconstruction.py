"""Second order in space: MUSCL (van Leer 1979) that keeps within the road's maximal density."""

import numpy as np

from arz_model.state import Array

GHOSTS = 2
"""Cells that a boundary adds at each end."""


def faces(cells: Array, max_density: float) -> tuple[Array, Array]:
    """The primitive states left and right of every face of the road.

    cells (2, 2, n + 4) with two ghost cells at each end; each result (2, 2, n + 1). A value lies
    between those of the two cells beside it, and both classes together fit on the road.
    """
    jump = cells[..., 1:] - cells[..., :-1]
    half_slope = 0.5 * minmod(jump[..., :-1], jump[..., 1:])
    inner = cells[..., 1:-1]
    half_slope[0] *= _room(inner[0], half_slope[0], max_density)
    return (inner + half_slope)[..., :-1], (inner - half_slope)[..., 1:]


def minmod(a: Array, b: Array) -> Array:
    """The smaller of two slopes, 0 where they disagree about the direction."""
    return np.where(a * b > 0.0, np.where(np.abs(a) < np.abs(b), a, b), 0.0)


def _room(density: Array, half_slope: Array, max_density: float) -> Array:
    """(n,): the share of the slopes that keeps both faces within bounds (Zhang & Shu 2010).

    Where the mix of classes changes along a full queue, each class's slope alone is within its
    neighbours and their sum is not.
    """
    room = np.maximum(max_density - density.sum(axis=0), 0.0)
    rise = np.abs(half_slope.sum(axis=0))
    share: Array = np.divide(room, rise, out=np.ones_like(room), where=rise > room)
    return share
