"""The exact solution of a Riemann problem of the homogeneous single-class ARZ model.

Aw & Rascle 2000, section 4: a 1-wave (shock or rarefaction, w constant) from the left state to a
middle state with the right speed, then a contact with that speed. Here p = V0 r^gamma.
"""

import numpy as np

V0, GAMMA, MAX_DENSITY = 8.0, 2.0, 370.0


def pressure(density):
    return V0 * (density / MAX_DENSITY) ** GAMMA


def density_at(p):
    return MAX_DENSITY * (np.maximum(p, 0.0) / V0) ** (1.0 / GAMMA)


def solution(left, right, xi):
    """(density, speed) at xi = x / t; left and right are (density, speed) with v_right <= w."""
    (rho_l, v_l), (rho_r, v_r) = left, right
    w = v_l + pressure(rho_l)
    rho_m = density_at(w - v_r)
    if v_r < v_l:
        shock = (rho_m * v_r - rho_l * v_l) / (rho_m - rho_l)
        rho = np.where(xi < shock, rho_l, rho_m)
    else:
        # In the rarefaction xi = v - gamma p = w - (1 + gamma) p.
        fan = density_at((w - xi) / (1.0 + GAMMA))
        rho = np.clip(fan, min(rho_l, rho_m), max(rho_l, rho_m))
    speed = w - pressure(rho)
    behind_contact = xi > v_r
    return np.where(behind_contact, rho_r, rho), np.where(behind_contact, v_r, speed)
