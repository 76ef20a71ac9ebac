"""The two ends of the road, as ghost cells (LeVeque 2002, chapter 7)."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from arz_model.parameters import Parameters
from arz_model.pressure import speed
from arz_model.reconstruction import GHOSTS
from arz_model.state import Array


class Ends(Protocol):
    """What lies beyond both ends."""

    def extend(self, primitive: Array) -> Array:
        """(2, 2, n) -> (2, 2, n + 4): the road with its ghost cells."""
        ...


@dataclass(frozen=True)
class OpenRoad:
    """A given state enters on the left (Dirichlet); whatever arrives on the right leaves."""

    inflow: Array
    """(2, 2, 1): the primitive state of the traffic that wants to enter."""

    def extend(self, primitive: Array) -> Array:
        """Ghosts: the inflow state, and copies of the last cell."""
        entering = np.repeat(self.inflow, GHOSTS, axis=-1)
        leaving = np.repeat(primitive[..., -1:], GHOSTS, axis=-1)
        return np.concatenate((entering, primitive, leaving), axis=-1)

    def demand(self, par: Parameters) -> float:
        """The flow that wants to enter, both classes, in veh/km * m/s."""
        return float((self.inflow[0] * speed(self.inflow, par)).sum())


@dataclass(frozen=True)
class Ring:
    """A closed road: what leaves on the right enters on the left."""

    def extend(self, primitive: Array) -> Array:
        """Ghosts: the cells at the other end."""
        return np.concatenate(
            (primitive[..., -GHOSTS:], primitive, primitive[..., :GHOSTS]), axis=-1
        )
