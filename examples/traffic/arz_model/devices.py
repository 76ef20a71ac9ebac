"""What can be controlled on the road: a traffic light, a metered ramp, a speed limit.

An action is one number: 1 for green and 0 for red; the share of the ramp's capacity that may
enter; the speed limit as a share of the free speed. Beside the road a queue of vehicles waits:
the cross street's, or the ramp's.
"""

from dataclasses import dataclass

import numpy as np

from arz_model.parameters import Parameters
from arz_model.pressure import occupancy
from arz_model.state import Array


@dataclass(frozen=True)
class Device:
    """Where the device stands, and who waits beside the road. By itself it does nothing."""

    position: float
    """Metres from the entrance."""
    x: Array
    """(n,): the middle of each cell in metres from the entrance."""
    surface: Array
    """(n,): the speed that the surface allows, as a share of the free speed."""
    side_demand: float = 0.0
    """Vehicles that join the queue beside the road, in veh/s."""
    side_capacity: float = 0.0
    """Vehicles that may leave that queue at most, in veh/s."""

    def limit(self, action: float) -> Array:
        """(n,): the speed limit as a share of the free speed."""
        return self.surface

    def opening(self, action: float) -> Array:
        """(2, n + 1): the share of each class that may pass each face."""
        return np.ones((2, self.x.size + 1))

    def serve(
        self, conserved: Array, queue: float, action: float, dt: float, par: Parameters
    ) -> tuple[Array, float]:
        """The road and the queue beside it (vehicles) after dt seconds."""
        return conserved, queue


@dataclass(frozen=True)
class TrafficLight(Device):
    """Green for the road is red for the cross street, and the other way round."""

    compliance: float = 1.0
    """Share of the motorcycles that stop at red; cars all do."""

    def opening(self, action: float) -> Array:
        """Closes one face at red, but for the motorcycles that do not comply."""
        result = super().opening(action)
        face = int(np.searchsorted(self.x, self.position))
        result[:, face] = np.maximum(action, [1.0 - self.compliance, 0.0])
        return result

    def serve(
        self, conserved: Array, queue: float, action: float, dt: float, par: Parameters
    ) -> tuple[Array, float]:
        """The cross street discharges while the road has red."""
        served = self.side_capacity * (1.0 - action)
        return conserved, max(queue + (self.side_demand - served) * dt, 0.0)


@dataclass(frozen=True)
class MeteredRamp(Device):
    """Vehicles merge evenly over the metres from position on, as far as the road has room."""

    length: float = 100.0
    """Metres of the merging lane."""
    motorcycles: float = 0.5
    """Share of motorcycles among the vehicles on the ramp."""

    def serve(
        self, conserved: Array, queue: float, action: float, dt: float, par: Parameters
    ) -> tuple[Array, float]:
        """Moves vehicles from the queue to the road; they enter with the w of free traffic."""
        merge = (self.x > self.position) & (self.x < self.position + self.length)
        room = 1.0 - float(occupancy(conserved[0][:, merge], par).max())
        waiting = queue + self.side_demand * dt
        entering = min(action * room * self.side_capacity * dt, waiting)
        # Spread over the cells as their share of vehicles per km.
        dx = self.x[1] - self.x[0]
        density = entering * 1000.0 / (dx * np.count_nonzero(merge))
        added = density * np.array([[self.motorcycles], [1.0 - self.motorcycles]])
        result = conserved.copy()
        result[0][:, merge] += added
        result[1][:, merge] += added * par.v0
        return result, waiting - entering


@dataclass(frozen=True)
class SpeedLimit(Device):
    """Signs that govern the last `length` metres before position."""

    length: float = 300.0

    def limit(self, action: float) -> Array:
        """The sign's limit where it is governing, nowhere above what the surface allows."""
        governed = (self.x > self.position - self.length) & (self.x < self.position)
        return np.where(governed, np.minimum(action, self.surface), self.surface)
