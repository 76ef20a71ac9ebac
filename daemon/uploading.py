"""Object before pointer: a batch of caches goes into the store, together where it gathers."""

from contextlib import suppress

from cacheferry.core import many
from cacheferry.core.errors import CacheferryError, ObjectCorrupt
from cacheferry.core.store import Store
from daemon import survey
from daemon.desk import Desk
from daemon.survey import Found

Batch = dict[str, Found]
"""Caches by their paths."""


def upload(desk: Desk, batch: Batch) -> tuple[Batch, list[CacheferryError]]:
    """Puts the batch's objects into the store; what is there now, and why the others are not.

    Files that have gone or changed meanwhile are left out: the next pass looks again.
    """
    failed: dict[str, CacheferryError] = {}
    if desk.open_store is not None and batch:
        batch = {path: found for path, found in batch.items() if _is_taken_in(desk, path, found)}
        store = desk.open_store()
        try:
            failed = _put(desk, store, batch)
        finally:
            store.close()
    stored = {path: found for path, found in batch.items() if found.pointer.oid not in failed}
    return _unchanged(desk, stored), list(failed.values())


def _is_taken_in(desk: Desk, path: str, found: Found) -> bool:
    with suppress(FileNotFoundError):
        if not desk.storage.has(found.pointer):
            desk.storage.take_in(desk.repository.root / path)
        return True
    return False


def _put(desk: Desk, store: Store, batch: Batch) -> dict[str, CacheferryError]:
    sizes = {found.pointer.oid: found.pointer.size for found in batch.values()}
    if hasattr(store, "put_together"):
        desk.say("sending all new caches in one step: this store takes minutes to accept it")
    with desk.bar("uploading", sum(sizes.values())) as progress:
        failed = many.put_all(store, {oid: desk.storage.path(oid) for oid in sizes}, progress)
    again = {
        found.pointer.oid
        for path, found in batch.items()
        if isinstance(failed.get(found.pointer.oid), ObjectCorrupt) and _heal(desk, path, found)
    }
    left = {oid: error for oid, error in failed.items() if oid not in again}
    return left | many.put_all(store, {oid: desk.storage.path(oid) for oid in again})


def _heal(desk: Desk, path: str, found: Found) -> bool:
    """True where the LFS storage's copy is whole, if need be from the work tree."""
    if desk.storage.is_whole(found.pointer):
        return True  # another object of the same step was the damaged one
    with suppress(FileNotFoundError):
        return desk.storage.take_in(desk.repository.root / path) == found.pointer
    return False


def _unchanged(desk: Desk, batch: Batch) -> Batch:
    kept = {p: f for p, f in batch.items() if survey.still_there(desk.repository, p, f)}
    for path in batch.keys() - kept.keys():
        desk.looker.forget(path)
    return kept
