"""Decides what a pass does for each cache, from values alone.

A version of a cache is the id of the blob that a commit would hold for it.
"""

from collections.abc import Mapping
from typing import NamedTuple

Blobs = Mapping[str, str]


class Sides(NamedTuple):
    """Paths and their versions in each place that counts.

    `base` is the merge base of HEAD and upstream; `last` is what this clone
    published and HEAD has not taken up yet.
    """

    head: Blobs
    upstream: Blobs
    base: Blobs
    last: Blobs


class Plan(NamedTuple):
    """`publish`: path to version. `conflicts`: path to the upstream's version, which has won.

    `adrift`: path to version of what is on disk and upstream and not in HEAD, so that the user's
    `git pull` would not overwrite it: HEAD has to take it up. `beaten`: the same for what has
    lost a conflict, so that a `git pull` replaces it by the winner.
    """

    publish: dict[str, str]
    conflicts: dict[str, str]
    adrift: dict[str, str]
    beaten: dict[str, str]


def plan(disk: Blobs, sides: Sides, kept_aside: Blobs) -> Plan:
    """What to publish and what is in conflict (contract 7, promise 5).

    `kept_aside` holds versions that have lost already: they stay in conflict until a pull
    replaces the file, whatever HEAD holds meanwhile.
    """
    publish: dict[str, str] = {}
    conflicts: dict[str, str] = {}
    adrift: dict[str, str] = {}
    for path, version in disk.items():
        theirs = sides.upstream.get(path)
        if theirs == version:
            if sides.head.get(path) == sides.base.get(path) != version:
                adrift[path] = version
        elif theirs is not None and kept_aside.get(path) == version:
            conflicts[path] = theirs
        elif theirs is None:
            if not _removed_upstream(path, version, sides):
                publish[path] = version
        elif _is_update(path, theirs, sides):
            publish[path] = version
        elif not _is_outdated(path, version, sides):
            conflicts[path] = theirs
    beaten = {path: disk[path] for path in conflicts if sides.head.get(path) != disk[path]}
    return Plan(publish, conflicts, adrift, beaten)


def _removed_upstream(path: str, version: str, sides: Sides) -> bool:
    """It was published once, and has been pruned since."""
    return version in (sides.base.get(path), sides.last.get(path))


def _is_update(path: str, theirs: str, sides: Sides) -> bool:
    """The file was written on top of what is upstream now."""
    return theirs in (sides.head.get(path), sides.base.get(path), sides.last.get(path))


def _is_outdated(path: str, version: str, sides: Sides) -> bool:
    """Upstream has something newer than this file; a pull will bring it."""
    return version in (sides.base.get(path), sides.last.get(path))
