"""One pass: look, decide, upload, commit, push, and move the user's branch on.

A pass recomputes what is missing from disk and Git alone, so that start-up, a lost event, a crash
and a retry are the same road. Object before pointer: nothing is pushed before the store has it.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import filelock

from cacheferry.core import attributes
from cacheferry.core.config import Config
from cacheferry.core.errors import Held, ObjectCorrupt, ReadOnly
from cacheferry.core.lfsstorage import LfsStorage
from cacheferry.core.materialise import Materialiser
from cacheferry.core.repository import Repository
from cacheferry.core.store import Store, no_progress
from daemon import adopt, branches, busy, forward, memory, remote, survey
from daemon.branches import Branch
from daemon.commits import Commit, Workbench, message
from daemon.plan import Plan, plan
from daemon.survey import Disk, Found, Looker

_RACES = 8


class Outcome(NamedTuple):
    """What a pass did. `held`: path to reason; `unsettled`: path to seconds; `arrived`: paths."""

    published: tuple[str, ...]
    held: dict[str, str]
    unsettled: dict[str, float]
    arrived: tuple[str, ...] = ()


class Desk(NamedTuple):
    """What a pass works with. `open_store` is None where caches are ordinary blobs (store: git)."""

    repository: Repository
    config: Config
    storage: LfsStorage
    looker: Looker
    open_store: Callable[[], Store] | None
    say: Callable[[str], None]

    @property
    def plain_git(self) -> bool:
        """True where caches are ordinary blobs."""
        return self.open_store is None


def desk(
    repository: Repository,
    config: Config,
    open_store: Callable[[], Store] | None,
    say: Callable[[str], None] = lambda _line: None,
) -> Desk:
    """A desk for one repository; `say` gets a line for each thing worth a log entry."""
    storage = LfsStorage(repository.lfs_storage())
    looker = Looker(repository, config, storage, open_store is None)
    return Desk(repository, config, storage, looker, open_store, say)


def one_pass(desk: Desk, fetch_first: bool, publish_now: Callable[[Disk], bool]) -> Outcome:
    """Publishes what is finished. `publish_now` may put it off while other files settle.

    Raises Held, StoreError, RemoteUnreachable, RemoteRefused or ReadOnly; what was done until
    then stands, and the next pass goes on from there.
    """
    with _alone(desk.repository):
        adopt.remove_own_leftovers(desk.repository)
        _refuse_while_busy(desk)
        branch = branches.current(desk.repository)
        if fetch_first or branch.upstream is None:
            remote.fetch(desk.repository, branch)
            branch = branches.current(desk.repository)
        return _publish(desk, branch, publish_now)


def _publish(desk: Desk, branch: Branch, publish_now: Callable[[Disk], bool]) -> Outcome:
    arrived: list[str] = []
    for _ in range(_RACES):
        branch = _forward(desk, branch, arrived)
        disk, steps, held = _decide(desk, branch)
        if not steps.publish or not publish_now(disk):
            return Outcome((), held, disk.unsettled, tuple(arrived))
        batch = _upload(desk, {path: disk.found[path] for path in steps.publish}, held)
        if not batch:
            return Outcome((), held, disk.unsettled, tuple(arrived))
        if _send(desk, branch, batch):
            return Outcome(tuple(sorted(batch)), held, disk.unsettled, tuple(arrived))
        remote.fetch(desk.repository, branch)
        branch = branches.current(desk.repository)
    raise Held("the remote moved on each time; the next pass tries again")


def _decide(desk: Desk, branch: Branch) -> tuple[Disk, Plan, dict[str, str]]:
    last = memory.last_published(desk.repository, branch)
    sides = survey.sides(desk.repository, desk.config, branch, last)
    disk = desk.looker.look(lambda p: p in sides.head or p in sides.upstream, len(branch.head))
    versions = {path: found.version for path, found in disk.found.items()}
    steps = plan(versions, sides, memory.kept_aside(desk.repository))
    ignored = survey.not_ours(desk.repository, steps.publish)
    for path in ignored:
        del steps.publish[path]
    lost = {path: disk.found[path] for path in steps.conflicts}
    for found in lost.values():
        _keep(desk, found, next(p for p, f in lost.items() if f is found))
    memory.keep_aside(desk.repository, {p: (f.version, f.pointer.oid) for p, f in lost.items()})
    return disk, steps, disk.held | ignored | dict.fromkeys(lost, "conflict")


def _keep(desk: Desk, found: Found, path: str) -> None:
    """The loser of a conflict stays in the LFS storage under its own hash."""
    if not desk.storage.has(found.pointer):
        desk.storage.take_in(desk.repository.root / path)


def _upload(desk: Desk, batch: dict[str, Found], held: dict[str, str]) -> dict[str, Found]:
    """Puts the batch's objects into the store; files that changed meanwhile are left out."""
    if desk.open_store is None:
        return _unchanged(desk, batch)
    store = desk.open_store()
    try:
        for path, found in batch.items():
            _put(desk, store, path, found)
    finally:
        store.close()
    return _unchanged(desk, batch)


def _put(desk: Desk, store: Store, path: str, found: Found) -> None:
    if not desk.storage.has(found.pointer):
        desk.storage.take_in(desk.repository.root / path)
    try:
        store.put(found.pointer.oid, desk.storage.path(found.pointer.oid), no_progress)
    except ObjectCorrupt:
        # The copy in the LFS storage is damaged: the work tree may still have the bytes.
        if desk.storage.take_in(desk.repository.root / path) != found.pointer:
            raise
        store.put(found.pointer.oid, desk.storage.path(found.pointer.oid), no_progress)


def _unchanged(desk: Desk, batch: dict[str, Found]) -> dict[str, Found]:
    kept = {p: f for p, f in batch.items() if survey.still_there(desk.repository, p, f)}
    for path in batch.keys() - kept.keys():
        desk.looker.forget(path)
    return kept


def _send(desk: Desk, branch: Branch, batch: dict[str, Found]) -> bool:
    """Commits the batch on the upstream, pushes, and moves the user's branch on. False: a race."""
    assert branch.upstream is not None
    bench = Workbench(desk.repository, attribute_lines(desk))
    blobs = _write_blobs(desk, bench, batch)
    text = message(list(batch))
    relation = _relation(desk, branch)
    beside: Commit | None = None
    parents = [branch.upstream]
    if relation in ("behind", "diverged"):
        beside = bench.commit(branch.head, [branch.head], blobs, text)
    if relation == "behind" and beside is not None:
        parents.append(beside.id)
    published = bench.commit(branch.upstream, parents, blobs, text)
    memory.remember_published(desk.repository, branch, published.id)
    if not remote.push(desk.repository, branch, published.id):
        return False
    desk.say(f"published {len(batch)} cache(s) on {branch.remote} as {published.id[:10]}")
    if relation == "ahead":
        beside = bench.commit(branch.head, [branch.head, published.id], blobs, _merge_text(text))
    _adopt(desk, branch, beside or published, blobs)
    return True


def _relation(desk: Desk, branch: Branch) -> str:
    """Where HEAD stands to its upstream: even, ahead, behind or diverged."""
    if branch.head == branch.upstream:
        return "even"
    base = survey.merge_base(desk.repository, branch)
    return {branch.upstream: "ahead", branch.head: "behind"}.get(base, "diverged")


def _write_blobs(desk: Desk, bench: Workbench, batch: dict[str, Found]) -> dict[str, str]:
    if desk.plain_git:
        written = bench.write_files([desk.repository.root / path for path in batch])
    else:
        written = bench.write_pointers([found.pointer for found in batch.values()])
    for blob, (path, found) in zip(written, batch.items(), strict=True):
        if blob != found.version:
            raise Held(f"{path} changed while it was read")
    return dict(zip(batch, written, strict=True))


def _adopt(desk: Desk, branch: Branch, commit: Commit, blobs: dict[str, str]) -> None:
    entries: dict[str, str | None] = dict(blobs)
    if commit.attributes and forward.extend_attributes(desk.repository, attribute_lines(desk)):
        entries[attributes.FILE] = commit.attributes
    adopt.adopt(desk.repository, branch.ref, branch.head, commit.id, entries)


def _forward(desk: Desk, branch: Branch, arrived: list[str]) -> Branch:
    """Moves HEAD on through commits of others that hold nothing but caches."""
    if desk.open_store is None or branch.upstream in (None, branch.head):
        return branch
    bringer = Materialiser(desk.repository, desk.storage, desk.open_store, desk.config.allow)
    try:
        moved = forward.through_cache_commits(desk.repository, desk.config, branch, bringer)
    finally:
        bringer.close()
    if moved is None:
        return branch
    arrived.extend(moved)
    desk.say(f"{len(moved)} cache(s) arrived from {branch.remote}")
    return branches.current(desk.repository)


def _merge_text(text: str) -> str:
    return text.replace("cacheferry: ", "cacheferry: merge ", 1)


def attribute_lines(desk: Desk) -> list[str]:
    """The lines that each commit of ours makes sure of."""
    return [attributes.line(glob, desk.plain_git) for glob in desk.config.track]


def _refuse_while_busy(desk: Desk) -> None:
    if why := busy.reason(desk.repository):
        raise Held(why)


@contextmanager
def _alone(repository: Repository) -> Iterator[None]:
    """One pass at a time in a work tree, whoever runs it."""
    try:
        repository.state_dir.mkdir(exist_ok=True)
        with filelock.FileLock(repository.state_dir / "pass.lock", timeout=120):
            yield
    except filelock.Timeout:
        raise Held("another cacheferry is at work in this repository") from None
    except PermissionError as error:
        where = error.filename or os.fspath(repository.git_dir)
        raise ReadOnly(f"{where} cannot be written") from None
