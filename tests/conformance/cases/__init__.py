"""The cases; importing this fills the table in `tests.conformance.case`."""

from tests.conformance.cases import (
    crowds,
    disks,
    ends,
    folder,
    gitlfs,
    kills,
    nonsense,
    objects,
    places,
    sources,
    talking,
)

__all__ = [
    "crowds",
    "disks",
    "ends",
    "folder",
    "gitlfs",
    "kills",
    "nonsense",
    "objects",
    "places",
    "sources",
    "talking",
]
