"""`cacheferry migrate`: every object that any ref needs, from one store to another.

Each goes by way of the LFS storage, so that what has come is not fetched again after a death; and
what the new store has already, it verifies and does not take again.
"""

from collections.abc import Mapping
from contextlib import ExitStack, closing, suppress
from typing import NamedTuple

from cacheferry import collecting
from cacheferry.core import many
from cacheferry.core.errors import (
    CacheferryError,
    ObjectCorrupt,
    ObjectMissing,
    StoreError,
)
from cacheferry.core.lfsstorage import LfsStorage
from cacheferry.core.pointer import Pointer
from cacheferry.core.repository import Repository
from cacheferry.core.store import Progress, Store, announce
from cacheferry.session import Session
from daemon.desk import Bar


class Moved(NamedTuple):
    """Objects that are in the new store, verified; and lost ones with where they are needed."""

    there: set[Pointer]
    lost: dict[Pointer, str]


def needed(repository: Repository) -> dict[Pointer, str]:
    """Every pointer that the remotes, as they are now, or anything here needs; one path of each.

    Raises Held in a clone that does not see all of it, RemoteUnreachable.
    """
    collecting.require_whole_clone(repository)
    with collecting.alone(repository):
        return collecting.pointers(repository)


def move(before: Session, after: Session, wanted: Mapping[Pointer, str], bar: Bar) -> Moved:
    """Puts the wanted objects into the store of `after`; they are taken from wherever they are.

    Raises StoreError where a store is out of reach or refuses; what was done until then stands.
    """
    with ExitStack() as stack:
        open_new = after.writer()
        assert open_new
        new = stack.enter_context(closing(open_new()))
        old = None if before.plain_git else stack.enter_context(closing(before.reader()))
        lost = _gather(before.storage, old, new, wanted, bar)
        there = {pointer for pointer in wanted if pointer not in lost}
        _put(before.storage, new, there, bar)
        _require_sizes(new, there)
    return Moved(there, lost)


def _gather(
    storage: LfsStorage, old: Store | None, new: Store, wanted: Mapping[Pointer, str], bar: Bar
) -> dict[Pointer, str]:
    """Makes the LFS storage have every object; those that nobody has, and where they are needed."""
    by_oid = {pointer.oid: pointer for pointer in wanted}
    absent = {pointer.oid: pointer.size for pointer in wanted if not storage.has(pointer)}
    for store in (old, new) if old else (new,):
        announce(store, absent)
    with bar("collecting", sum(absent.values())) as progress:
        failed = many.each(
            old or new, by_oid, lambda oid: _bring(storage, old, new, by_oid[oid], progress)
        )
    _raise_unless(failed, (ObjectMissing, ObjectCorrupt))
    return {by_oid[oid]: wanted[by_oid[oid]] for oid in failed}


def _bring(
    storage: LfsStorage, old: Store | None, new: Store, pointer: Pointer, progress: Progress
) -> None:
    if storage.is_whole(pointer):
        return
    with suppress(ObjectMissing, ObjectCorrupt):
        if old:
            return storage.fetch(old, pointer, progress)
    with suppress(StoreError):  # a folder may not be there before the first object is
        return storage.fetch(new, pointer, progress)
    raise ObjectMissing(f"object {pointer.oid} is in neither store")


def _put(storage: LfsStorage, new: Store, there: set[Pointer], bar: Bar) -> None:
    sources = {pointer.oid: storage.path(pointer.oid) for pointer in there}
    with bar("copying", sum(pointer.size for pointer in there)) as progress:
        _raise_unless(many.put_all(new, sources, progress))


def _require_sizes(new: Store, there: set[Pointer]) -> None:
    """The last look before the switch: a store may have taken what it does not show."""
    sizes = {pointer.oid: pointer.size for pointer in there}
    announce(new, sizes)

    def look(oid: str) -> None:
        if new.size(oid) != sizes[oid]:
            raise ObjectMissing(f"object {oid} was put and is not there")

    _raise_unless(many.each(new, sizes, look))


def _raise_unless(
    failed: Mapping[str, CacheferryError], passing: tuple[type[CacheferryError], ...] = ()
) -> None:
    for error in failed.values():
        if not isinstance(error, passing):
            raise error
