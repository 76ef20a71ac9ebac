"""Copies the objects of the caches that are needed now from the store in force to another one."""

from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

from cacheferry.core import chosen, many
from cacheferry.core.errors import CacheferryError, ConfigurationError, StoreDenied
from cacheferry.core.pointer import Pointer
from cacheferry.core.store import Store, no_progress
from cacheferry.core.storeurl import StoreUrl
from cacheferry.core.verdict import disk_verdicts
from cacheferry.session import Session


class Mirrored(NamedTuple):
    """What is in the target now: caches, their bytes, how many are new; failures by path."""

    number: int
    size: int
    new: int
    failed: dict[str, CacheferryError]


def mirror(session: Session, url: StoreUrl, explicit: bool) -> Mirrored:
    """Puts every needed cache of HEAD and the index into the store at `url`, in one step.

    An `explicit` address is the user's own word; any other must be accepted. Raises a StoreError
    where the store refuses; a cache whose object cannot be had is among the failures.
    """
    from lfs_agent.stores import open_store

    if session.plain_git:
        raise ConfigurationError(
            "with `store: git` there are no objects to mirror", "git brings the caches itself"
        )
    if not explicit:
        chosen.require_trust(session.repository, session.chosen)
    wanted, failed = _brought(session, needed(session))
    sources = {pointer.oid: session.storage.path(pointer.oid) for pointer in wanted.values()}
    with closing(open_store(url)) as store:
        new = _put(store, sources)
    return Mirrored(len(wanted), sum(pointer.size for pointer in wanted.values()), new, failed)


def needed(session: Session) -> dict[str, Pointer]:
    """The caches that the current configs can use, by path: as staged, else as in HEAD."""
    side, found = session.git_side(), {}
    for one in disk_verdicts(session.repository, session.config, side):
        pointer = side.staged_pointer(one.path) or side.pointer(side.head, one.path)
        if one.needed and pointer:
            found[one.path] = pointer
    return found


def _brought(
    session: Session, pointers: dict[str, Pointer]
) -> tuple[dict[str, Pointer], dict[str, CacheferryError]]:
    """Those whose objects the LFS storage has now, and why it has not the others."""
    by_oid = {pointer.oid: pointer for pointer in pointers.values()}
    with closing(session.reader()) as store:

        def bring(oid: str) -> None:
            if not session.storage.is_whole(by_oid[oid]):
                session.storage.fetch(store, by_oid[oid], no_progress)

        failed = many.each(store, by_oid, bring)
    here = {path: pointer for path, pointer in pointers.items() if pointer.oid not in failed}
    return here, {path: failed[pointers[path].oid] for path in pointers.keys() - here.keys()}


def _put(store: Store, sources: dict[str, Path]) -> int:
    """Puts all, and says how many were not there. Raises the first error."""
    before: set[str] = set()
    with suppress(StoreDenied):  # of a dataset that does not exist, Kaggle says no more
        before = {one.oid for one in store.objects()}
    for error in many.put_all(store, sources).values():
        raise error
    return len(sources.keys() - before)
