"""The flux through the cell faces: HLL (Harten, Lax & van Leer 1983).

HLL needs bounds for the wave speeds. With p = V0 r^gamma the fastest wave moves with the fastest
class. The slowest one obeys lambda >= min v - max gamma p: the densities' part of the Jacobian is
diag(v) minus a matrix of rank one whose trace, sum rho_i p_i'(rho), is a mean of gamma_i p_i. In
the fan between two states p = w - v cannot exceed max w - min v, which covers middle states denser
than both sides (a fast platoon behind a standing one).
"""

import numpy as np

from arz_model.parameters import Parameters
from arz_model.pressure import speed
from arz_model.state import Array, conserved

_STANDSTILL = 1e-12
"""Width of a fan (m/s) in which nothing moves: keeps 0 / 0 away, and the flux is then 0."""


def hll(left: Array, right: Array, par: Parameters) -> Array:
    """(2, 2, n): the flux of density and of density * w between primitive states (2, 2, n)."""
    v_left, v_right = speed(left, par), speed(right, par)
    slow, fast = _fan(left, right, v_left, v_right, par)
    u_left, u_right = conserved(left), conserved(right)
    flow = fast * (u_left * v_left) - slow * (u_right * v_right) + slow * fast * (u_right - u_left)
    result: Array = flow / np.maximum(fast - slow, _STANDSTILL)
    return result


def fastest_wave(primitive: Array, par: Parameters) -> float:
    """Bound in m/s for the speed of every wave between neighbouring cells."""
    left, right = primitive[..., :-1], primitive[..., 1:]
    v = speed(primitive, par)
    slow, fast = _fan(left, right, v[:, :-1], v[:, 1:], par)
    return float(max(fast.max(), -slow.min()))


def _fan(
    left: Array, right: Array, v_left: Array, v_right: Array, par: Parameters
) -> tuple[Array, Array]:
    """(n,) each: a lower bound, at most 0, and an upper bound for the waves, in m/s."""
    v_min = np.minimum(v_left, v_right)
    p_max = np.maximum(left[1], right[1]) - v_min
    slow = v_min.min(axis=0) - (par.gamma * p_max).max(axis=0)
    return np.minimum(slow, 0.0), np.maximum(v_left, v_right).max(axis=0)
