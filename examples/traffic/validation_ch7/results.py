"""What a run has of one expensive result, and what it took to have it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arz_model.scenario import Scenario
from validation_ch7 import caching

FORMAT = 1
"""Of the caches' dictionaries; another number means that this script cannot read them."""


@dataclass(frozen=True)
class Result:
    """Loaded or computed."""

    hit: bool
    """Nothing had to be computed."""
    seconds: float
    """From asking to having."""
    contents: dict[str, Any]
    """As in the cache; `states` may reach further than was asked for."""


def header(scenario: Scenario) -> dict[str, Any]:
    """What every cache of this scenario begins with."""
    return {"format": FORMAT, "scenario": scenario.name, "digest": scenario.digest}


def usable(tag: str, path: Path, scenario: Scenario) -> dict[str, Any] | None:
    """The contents of a cache of this very scenario; says in one line why one is not used."""
    contents = caching.load(path)
    if isinstance(contents, dict):
        expected = header(scenario)
        if expected.items() <= {key: contents.get(key) for key in expected}.items():
            return contents
        contents = "it is of another scenario file, grid or format"
    if contents is not None:
        print(f"{tag} Not using {caching.shown(path)}: {contents}")
    return None
