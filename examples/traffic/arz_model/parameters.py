"""The drivers: what the two classes want and how they hinder each other."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

GAMMA_M, GAMMA_C = 3.0, 2.0
"""Pressure exponents where a configuration names none. Motorcycles feel crowding later than cars
because they filter through gaps; both classes stand still at the road's maximal density."""


@dataclass(frozen=True)
class Parameters:
    """Per-class columns of shape (2, 1), so that they broadcast over (2, n)."""

    v0: npt.NDArray[np.float64]
    """Free speed in m/s."""
    tau: npt.NDArray[np.float64]
    """Relaxation time in s; `inf` switches relaxation off."""
    gamma: npt.NDArray[np.float64]
    """Exponent of the pressure law, at least 1."""
    max_density: float
    """Both classes together, bumper to bumper, in veh/km."""


def from_config(config: Mapping[str, Any]) -> Parameters:
    """Reads `parameters` and `lagos_parameters.max_density_total`. Raises KeyError, ValueError."""
    drivers = config["parameters"]
    return Parameters(
        v0=column(drivers["V0_m"], drivers["V0_c"]),
        tau=column(drivers["tau_m"], drivers["tau_c"]),
        gamma=column(drivers.get("gamma_m", GAMMA_M), drivers.get("gamma_c", GAMMA_C)),
        max_density=float(config["lagos_parameters"]["max_density_total"]),
    )


def column(motorcycles: float, cars: float) -> npt.NDArray[np.float64]:
    """(2, 1): one number for each class."""
    return np.array([[float(motorcycles)], [float(cars)]])
