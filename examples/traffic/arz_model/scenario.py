"""Reads a scenario file: the road, its traffic and what is controlled on it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from arz_model import state
from arz_model.boundary import OpenRoad
from arz_model.devices import Device, MeteredRamp, SpeedLimit, TrafficLight
from arz_model.parameters import from_config
from arz_model.solver import Road
from arz_model.state import Array

FOLDER = Path(__file__).parent / "scenarios"
NAMES = ("traffic_light_control", "ramp_metering", "adaptive_speed_control")
VEH_PER_S = 1.0 / 3600.0
"""Turns veh/h, as people write it, into veh/s."""


@dataclass(frozen=True)
class Scenario:
    """Everything that decides a run but the actions of a learning controller."""

    name: str
    road: Road
    device: Device
    demand: float
    """The flow that wants to enter the road, in veh/km * m/s."""
    initial: Array
    """(2, 2, n): the conserved state at t = 0 on the computing grid."""
    refinement: int
    """Computing cells for each stored cell."""
    output_dt: float
    """Seconds between stored states."""
    t_final: float
    """Seconds that a run takes unless another duration is asked for."""
    actions: tuple[float, ...]
    """What a controller may choose from."""
    fixed_plan: tuple[float, ...]
    """The fixed controller: one action for each output_dt, over and over."""
    digest: str
    """Changes with anything in the file and with the grid."""


def load(
    name: str, cells: int | None = None, refinement: int | None = None, folder: Path = FOLDER
) -> Scenario:
    """The scenario `name`; cells (stored) and refinement override the file's.

    Raises OSError for a name without a file, KeyError or ValueError for a file that lacks a
    value or has a wrong one.
    """
    config = yaml.safe_load((folder / f"{name}.yml").read_text(encoding="utf-8"))
    config["N"] = cells or int(config["N"])
    config["refinement"] = refinement or int(config.get("refinement", 1))
    return _build(name, config)


def _build(name: str, config: Mapping[str, Any]) -> Scenario:
    par = from_config(config)
    cells = config["N"] * config["refinement"]
    dx = (float(config["xmax"]) - float(config["xmin"])) / cells
    control = config.get("control", {})
    inflow = _uniform(config["boundary_conditions"]["left"]["state"], 1)
    ends = OpenRoad(inflow)
    return Scenario(
        name=name,
        road=Road(par, ends, dx, cfl=float(config["CFL"])),
        device=_device(config, (np.arange(cells) + 0.5) * dx),
        demand=ends.demand(par),
        initial=state.conserved(_uniform(config["initial_conditions"]["state"], cells)),
        refinement=config["refinement"],
        output_dt=float(config["output_dt"]),
        t_final=float(config["t_final"]),
        actions=tuple(map(float, control.get("actions", [1.0]))),
        fixed_plan=tuple(map(float, control.get("fixed_plan", [1.0]))),
        digest=_digest(config),
    )


def _uniform(row: list[float], cells: int) -> Array:
    """(2, 2, cells): the same (rho_m, w_m, rho_c, w_c) everywhere, in primitive form."""
    table = np.repeat(np.array(row, dtype=np.float64)[:, np.newaxis], cells, axis=1)
    return state.from_table(table)


def _device(config: Mapping[str, Any], x: Array) -> Device:
    control = config.get("control", {})
    start, end, share = control.get("rough_surface", (0.0, 0.0, 1.0))
    common: dict[str, Any] = {
        "position": float(control.get("position", 0.0)),
        "x": x,
        "surface": np.where((x > start) & (x < end), float(share), 1.0),
        "side_demand": float(control.get("side_demand", 0.0)) * VEH_PER_S,
        "side_capacity": float(control.get("side_capacity", 0.0)) * VEH_PER_S,
    }
    lagos = config["lagos_parameters"]
    match control.get("type"):
        case None:
            return Device(**common)
        case "traffic_light":
            return TrafficLight(**common, compliance=float(lagos["signal_compliance"]))
        case "metered_ramp":
            share = float(lagos["vehicle_mix_motorcycles"])
            return MeteredRamp(**common, length=float(control["length"]), motorcycles=share)
        case "speed_limit":
            return SpeedLimit(**common, length=float(control["length"]))
        case other:
            raise ValueError(f"control.type: {other!r} is no device")


def _digest(config: Mapping[str, Any]) -> str:
    text = json.dumps(config, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]
