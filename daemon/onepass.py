"""One pass: look, decide, upload, commit, push, and move the user's branch on.

A pass recomputes what is missing from disk and Git alone, so that start-up, a lost event, a crash
and a retry are the same road. Object before pointer: nothing is pushed before the store has it.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import filelock

from cacheferry.core.errors import CacheferryError, Held, ReadOnly, StoreError
from cacheferry.core.repository import Repository
from daemon import branches, busy, forward, indexswap, joining, memory, remote, survey, uploading
from daemon.branches import Branch
from daemon.busy import InPassing
from daemon.desk import Desk
from daemon.joining import Commits
from daemon.plan import Plan, plan
from daemon.survey import Disk, Found

_RACES = 8
_PATIENCE = 1.0  # seconds in which a command of the user's may end


class Outcome(NamedTuple):
    """What a pass did. `held`: path to reason; `unsettled`: path to seconds; `arrived`: paths.

    `waiting` says why HEAD has not followed what was published; the next pass sees to it.
    """

    published: tuple[str, ...]
    held: dict[str, str]
    unsettled: dict[str, float]
    arrived: tuple[str, ...] = ()
    waiting: str = ""


def one_pass(desk: Desk, fetch_first: bool, publish_now: Callable[[Disk], bool]) -> Outcome:
    """Publishes what is finished. `publish_now` may put it off while other files settle.

    Raises Held, StoreError, RemoteUnreachable, RemoteRefused or ReadOnly; what was done until
    then stands, and the next pass goes on from there.
    """
    with alone(desk.repository):
        indexswap.remove_own_leftovers(desk.repository)
        busy.refuse_within_operation(desk.repository)
        branch = branches.current(desk.repository)
        if fetch_first or branch.upstream is None:
            remote.fetch(desk.repository, branch)
            branch = branches.current(desk.repository)
        return _publish(desk, branch, publish_now)


def _publish(desk: Desk, branch: Branch, publish_now: Callable[[Disk], bool]) -> Outcome:
    arrived: list[str] = []
    for _ in range(_RACES):
        branch, waiting, absent = _forward(desk, branch, arrived)
        disk, steps, held = _decide(desk, branch)
        due = steps.publish if steps.publish and publish_now(disk) else {}
        batch, failed = uploading.upload(desk, {p: disk.found[p] for p in due | steps.adrift})
        lost, too = uploading.upload(desk, {p: disk.found[p] for p in steps.beaten})
        failed += too + absent
        done = Outcome((), held, disk.unsettled, tuple(arrived), waiting)
        if not batch and not lost:
            return _or_raise(done, failed)
        made = joining.commits(desk, branch, batch, lost, news=bool(batch.keys() & due))
        if _push(desk, branch, made):
            done = done._replace(published=tuple(sorted(batch.keys() & due)))
            waiting = _adopt(desk, branch, made, batch)
            return _or_raise(done._replace(waiting=waiting), failed)
        remote.fetch(desk.repository, branch)
        branch = branches.current(desk.repository)
    raise InPassing("the remote moved on each time")


def _or_raise(done: Outcome, failed: list[CacheferryError]) -> Outcome:
    """What is in the store is published, whatever has happened to other objects either way."""
    if failed:
        raise failed[0]
    return done


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
    for path, found in lost.items():
        _keep(desk, found, path)
    memory.keep_aside(
        desk.repository,
        {path: (found.version, found.pointer.oid) for path, found in lost.items()},
        undecided=disk.unsettled,
    )
    return disk, steps, disk.held | ignored | dict.fromkeys(lost, "conflict")


def _keep(desk: Desk, found: Found, path: str) -> None:
    """The loser of a conflict stays in the LFS storage under its own hash."""
    if not desk.storage.has(found.pointer):
        desk.storage.take_in(desk.repository.root / path)


def _push(desk: Desk, branch: Branch, made: Commits) -> bool:
    """Publishes what there is to publish; False where another clone was quicker."""
    if made.published is None:
        return True
    busy.refuse(desk.repository, _PATIENCE)
    memory.remember_published(desk.repository, branch, made.published.id, made.blobs)
    if not remote.push(desk.repository, branch, made.published.id):
        return False
    if made.blobs:
        desk.say(f"published on {branch.remote} as {made.published.id[:10]}")
    return True


def _adopt(desk: Desk, branch: Branch, made: Commits, batch: dict[str, Found]) -> str:
    """Moves the user's branch on; why it could not be, '' where it could."""
    try:
        lines = desk.attribute_lines
        blobs = made.blobs | made.beaten
        seen = {} if desk.plain_git else survey.seen(desk.repository, batch)
        forward.move_head(desk.repository, branch, made.head, blobs, lines, seen)
    except Held as held:
        return held.message
    memory.head_has_followed(desk.repository, branch)
    return ""


def _forward(
    desk: Desk, branch: Branch, arrived: list[str]
) -> tuple[Branch, str, list[CacheferryError]]:
    """Moves HEAD on through commits that hold nothing but caches; or why it cannot be now.

    That is what it waits for, '' where for nothing, and what the store answers.

    Beside commits of the user's own it is moved by a merge, and only to what we published.
    """
    if branch.upstream in (None, branch.head):
        return branch, "", []
    ours = memory.last_published(desk.repository, branch).commit == branch.upstream
    waiting, absent = "", list[CacheferryError]()
    with desk.bringer() as bringer:
        try:
            moved = forward.through_cache_commits(
                desk.repository,
                desk.config,
                branch,
                bringer,
                (lambda blobs: joining.merge(desk, branch, blobs)) if ours else None,
            )
        except InPassing as held:
            moved, waiting = None, held.message
        except StoreError as error:
            moved, absent = None, [error]
    arrived.extend(moved or [])
    return branches.current(desk.repository), waiting, absent


@contextmanager
def alone(repository: Repository) -> Iterator[None]:
    """One pass at a time in a work tree, whoever runs it. Raises Held, ReadOnly."""
    try:
        repository.state_dir.mkdir(exist_ok=True)
        with filelock.FileLock(repository.state_dir / "pass.lock", timeout=120):
            yield
    except filelock.Timeout:
        raise Held("another cacheferry is at work in this repository") from None
    except PermissionError as error:
        where = error.filename or os.fspath(repository.git_dir)
        raise ReadOnly(f"{where} cannot be written") from None
