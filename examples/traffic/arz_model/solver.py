"""One time step of the finite-volume scheme.

Strang splitting (1968): half a relaxation, one transport step of second order in space (MUSCL)
and time (SSP-RK2, Shu & Osher 1988), half a relaxation.
"""

from dataclasses import dataclass

from arz_model.boundary import Ends
from arz_model.flux import fastest_wave, hll
from arz_model.parameters import Parameters
from arz_model.reconstruction import faces
from arz_model.source import relax
from arz_model.state import Array, primitive


@dataclass(frozen=True)
class Road:
    """A road of equal cells of dx metres; cfl is the share of a cell a wave crosses in a step."""

    par: Parameters
    ends: Ends
    dx: float
    cfl: float


def stable_dt(conserved: Array, road: Road) -> float:
    """The step in s that the CFL condition allows (Courant, Friedrichs & Lewy 1928)."""
    wave = fastest_wave(road.ends.extend(primitive(conserved, road.par)), road.par)
    return road.cfl * road.dx / wave


def step(
    conserved: Array, dt: float, road: Road, limit: Array, opening: Array
) -> tuple[Array, Array]:
    """The conserved state dt seconds later, and the mean flux through the faces meanwhile.

    limit (n,): speed limit as a share of the free speed. opening (2, n + 1): the share of each
    class that may pass each face (a red light is 0). The flux (2, 2, n + 1) accounts for every
    vehicle: state and flux agree to round-off.
    """
    state = relax(conserved, dt / 2, limit, road.par)
    first = _flux(state, road, opening)
    second = _flux(_moved(state, first, dt, road), road, opening)
    flux = 0.5 * (first + second)
    return relax(_moved(state, flux, dt, road), dt / 2, limit, road.par), flux


def _flux(conserved: Array, road: Road, opening: Array) -> Array:
    cells = road.ends.extend(primitive(conserved, road.par))
    left, right = faces(cells, road.par.max_density)
    return hll(left, right, road.par) * opening


def _moved(conserved: Array, flux: Array, dt: float, road: Road) -> Array:
    return conserved - dt / road.dx * (flux[..., 1:] - flux[..., :-1])
