"""`cacheferry gc`: which objects of the store nothing needs, and removing them."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import filelock

from cacheferry.core import many, reachable
from cacheferry.core.errors import CacheferryError, Held
from cacheferry.core.pointer import Pointer
from cacheferry.core.repository import Repository
from cacheferry.core.store import GRACE, Store, Stored, no_progress
from cacheferry.core.worktrees import worktrees
from cacheferry.session import Session
from daemon import memory, remote

_THEIRS = "refs/cacheferry/gc"  # what the remotes have now, while a gc looks at it
_BATCH = 500  # objects that are removed before everything is looked at again
_EVERY_BRANCH = ("+refs/heads/*:", "refs/heads/*:", "+refs/*:", "refs/*:")


class Garbage(NamedTuple):
    """What nothing needs: `old` may go, `young` is within the grace period."""

    old: dict[str, Stored]
    young: dict[str, Stored]


def require_whole_clone(repository: Repository) -> None:
    """Raises Held in a clone that does not see what others need."""
    git = repository.git
    if git.text("rev-parse", "--is-shallow-repository") == "true":
        raise Held("a shallow clone does not see what is needed", "git fetch --unshallow")
    names = git.text("remote").splitlines()
    if not names:
        raise Held("without a remote nobody knows what others need", "git remote add origin URL")
    for name in names:
        refspecs = git.ask("config", "--get-all", f"remote.{name}.fetch") or ""
        if not any(one.startswith(_EVERY_BRANCH) for one in refspecs.splitlines()):
            raise Held(
                f"this clone does not follow every branch of {name}, so it does not see what is "
                "needed",
                f"git remote set-branches {name} '*' && git fetch {name}",
            )


@contextmanager
def alone(repository: Repository) -> Iterator[None]:
    """One gc at a time in a repository; what it fetched to look at is gone afterwards."""
    folder = repository.common_dir / "cacheferry"
    folder.mkdir(exist_ok=True)
    try:
        with filelock.FileLock(folder / "gc.lock", timeout=0):
            try:
                yield
            finally:
                _forget_theirs(repository)
    except filelock.Timeout:
        raise Held("another gc is at work in this repository") from None


def find(session: Session, store: Store, clock: Callable[[], float] = time.time) -> Garbage:
    """What nothing needs now. Fetches. Raises Held, RemoteUnreachable, StoreError."""
    needed = _needed(session.repository)
    # The store last: what a put has made young until then is spared.
    loose = [one for one in store.objects() if one.oid not in needed]
    until = clock() - GRACE
    old = {one.oid: one for one in loose if one.modified < until}
    return Garbage(old, {one.oid: one for one in loose if one.oid not in old})


def remove(
    session: Session, store: Store, garbage: Garbage
) -> tuple[list[Stored], dict[str, CacheferryError]]:
    """Removes what is still old and needed by nothing at the last moment.

    What has gone, and what could not be removed and why.
    """
    gone: list[Stored] = []
    failed: dict[str, CacheferryError] = {}
    rest = list(garbage.old)
    while rest:
        # Others publish meanwhile: everything is looked at again just before.
        still = find(session, store).old
        batch, rest = [oid for oid in rest[:_BATCH] if oid in still], rest[_BATCH:]
        failed |= many.each(store, batch, store.delete)
        gone += [still[oid] for oid in batch if oid not in failed]
    return gone, failed


def mend(session: Session, store: Store, gone: list[Stored]) -> tuple[list[str], list[str]]:
    """What has come to be needed while it was removed: put back, and not to be had here.

    Each is where it is needed, with its oid.
    """
    needed = _needed(session.repository)
    back, lost = list[str](), list[str]()
    for one in gone:
        if one.oid in needed:
            whole = session.storage.is_whole(Pointer(one.oid, one.size))
            if whole:
                store.put(one.oid, session.storage.path(one.oid), no_progress)
            (back if whole else lost).append(f"{needed[one.oid]}: {one.oid}")
    return back, lost


def pointers(repository: Repository) -> dict[Pointer, str]:
    """What the remotes as they are now, or anything here, needs, and one path of each.

    Within `alone`. Raises Held, RemoteUnreachable.
    """
    for number, name in enumerate(repository.git.text("remote").splitlines()):
        remote.fetch_into(repository, name, f"{_THEIRS}/{number}")
    return reachable.needed(repository)


def _needed(repository: Repository) -> dict[str, str]:
    """Oid to where it is needed."""
    found = {pointer.oid: where for pointer, where in pointers(repository).items()}
    for tree in worktrees(repository):
        for path, kept in memory.conflicts(repository._replace(git_dir=tree.git_dir)).items():
            found.setdefault(kept["oid"], path)
    return found


def _forget_theirs(repository: Repository) -> None:
    git = repository.git
    deletions = git.run("for-each-ref", "--format=delete %(refname)", _THEIRS)
    git.run("update-ref", "--stdin", data=deletions)
