"""Broken agents: each the right one with a single promise broken, as agents in the wild do it."""

import object_faults  # noqa: F401
import place_faults  # noqa: F401
import talk_faults  # noqa: F401
from registry import FAULTS

__all__ = ["FAULTS"]
