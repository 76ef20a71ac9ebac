"""The scheme against exact solutions: it converges to them."""

import arz_exact
import numpy as np
import pytest

from arz_model.boundary import OpenRoad, Ring
from arz_model.parameters import Parameters, column
from arz_model.pressure import speed
from arz_model.solver import Road, stable_dt, step
from arz_model.state import conserved, primitive

LENGTH, T = 1000.0, 30.0
PAR = Parameters(
    v0=column(arz_exact.V0, arz_exact.V0),
    tau=column(np.inf, np.inf),
    gamma=column(arz_exact.GAMMA, arz_exact.GAMMA),
    max_density=arz_exact.MAX_DENSITY,
)
PROBLEMS = {
    "shock and contact": ((80.0, 6.0), (120.0, 2.0)),
    "queue at standstill": ((80.0, 6.0), (300.0, 0.0)),
    "rarefaction and contact": ((250.0, 1.0), (60.0, 4.0)),
    "contact alone": ((200.0, 4.0), (60.0, 4.0)),
}


def motorcycles_only(x, left, right):
    """The primitive state; the absent cars have the motorcycles' w, so that they add no wave."""
    density = np.where(x < 0, left[0], right[0])
    w = np.where(x < 0, left[1], right[1]) + arz_exact.pressure(density)
    return np.array(([density, 0 * density], [w, w]))


def advanced(u, road, seconds):
    """The conserved state `seconds` later."""
    cells, elapsed = u.shape[-1], 0.0
    while elapsed < seconds:
        dt = min(stable_dt(u, road), seconds - elapsed)
        u, _ = step(u, dt, road, np.ones(cells), np.ones((2, cells + 1)))
        elapsed += dt
    return u


def l1_errors(left, right, cells):
    """The mean error of the density, as a share of the maximal one, and of the speed, of V0."""
    dx = LENGTH / cells
    x = (np.arange(cells) + 0.5) * dx - LENGTH / 2
    start = motorcycles_only(x, left, right)
    road = Road(PAR, OpenRoad(start[..., :1]), dx, cfl=0.4)
    u = advanced(conserved(start), road, T)
    rho, v = arz_exact.solution(left, right, x / T)
    density_error = np.abs(u[0, 0] - rho).mean() / arz_exact.MAX_DENSITY
    return density_error, np.abs(speed(primitive(u, PAR), PAR)[0] - v).mean() / arz_exact.V0


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_scheme_converges_to_the_exact_solution(problem):
    coarse, fine = (np.array(l1_errors(*PROBLEMS[problem], cells)) for cells in (100, 400))
    assert fine.max() < 0.012
    # Four times finer: across the contact, which HLL smears, the error falls by about 4^(1/2) = 2.
    assert (coarse / fine).min() > 1.8


def smooth_error(cells):
    """The density's mean error when a smooth wave of equal speeds has gone round a ring once."""
    dx, v = LENGTH / cells, 5.0
    x = (np.arange(cells) + 0.5) * dx
    density = 100 + 40 * np.sin(2 * np.pi * x / LENGTH)
    w = v + arz_exact.pressure(density)
    first = conserved(np.array(([density, 0 * density], [w, w])))
    u = advanced(first, Road(PAR, Ring(), dx, cfl=0.4), LENGTH / v)
    return np.abs(u[0, 0] - density).mean()


def test_the_scheme_is_of_nearly_second_order_where_traffic_is_smooth():
    # Minmod flattens the two extrema: a little below the 4 of a second-order scheme.
    assert smooth_error(40) / smooth_error(80) > 3.0
