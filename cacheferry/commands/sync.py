"""`cacheferry sync`: one pass now; exit 0 only when every cache is on the remote."""

import random
import time
from collections.abc import Callable

import click

from cacheferry import fetching, reporting
from cacheferry.progress import bar
from cacheferry.session import Session, begin
from daemon import memory
from daemon.busy import InPassing
from daemon.desk import Desk, desk
from daemon.onepass import Outcome, one_pass
from daemon.survey import Disk

_PATIENCE = 2.0  # seconds that a git command of the user's may take before we give up


@click.command("sync")
def command() -> int:
    """Publish every finished cache now; exit 0 only when every cache is on the remote."""
    session = begin()
    table = desk(session.repository, session.config, session.writer(), click.echo, bar)
    outcome = _pass_until_settled(table, session.config.sync.max_wait)
    for path in outcome.published:
        click.echo(f"  published  {path}")
    fetching.keep_status_clean(session)
    _name_what_is_left(session, outcome)
    if not outcome.held and not outcome.unsettled:
        click.echo("every cache is on the remote")
        return 0
    return 1


def _pass_until_settled(table: Desk, max_wait: float) -> Outcome:
    """Passes until no file is younger than `settle`, `max_wait` seconds at most."""
    until = time.monotonic() + max_wait
    done = Outcome((), {}, {})
    while True:
        late = time.monotonic() >= until
        outcome = _pass(table, _anything if late else _all_settled)
        done = outcome._replace(published=tuple(sorted({*done.published, *outcome.published})))
        if not outcome.unsettled or late:
            return done
        rest = min(outcome.unsettled.values())
        time.sleep(max(0.02, min(rest, until - time.monotonic())))


def _all_settled(disk: Disk) -> bool:
    return not disk.unsettled


def _anything(_disk: Disk) -> bool:
    return True


def _pass(table: Desk, publish_now: Callable[[Disk], bool]) -> Outcome:
    """One pass; what is over in a moment (a lock, the user's own git) is waited for."""
    until = time.monotonic() + _PATIENCE
    published: set[str] = set()
    while True:
        try:
            outcome = one_pass(table, fetch_first=True, publish_now=publish_now)
            published.update(outcome.published)
            if not outcome.waiting:
                return outcome._replace(published=tuple(published))
            raise InPassing(outcome.waiting)
        except InPassing:
            if time.monotonic() > until:
                raise
            time.sleep(random.uniform(0.02, 0.1))


def _name_what_is_left(session: Session, outcome: Outcome) -> None:
    aside = memory.conflicts(session.repository)
    for path, reason in sorted(outcome.held.items()):
        reporting.warn(f"cacheferry: held: {path}: {reason}")
        if reason == "conflict" and path in aside:
            oid = aside[path]["oid"]
            reporting.warn(
                f"cacheferry: hint: another version was published first; yours is kept as {oid} in "
                f"{session.storage.path(oid)}; `cacheferry pull` takes the published one"
            )
    for path in sorted(outcome.unsettled):
        reporting.warn(f"cacheferry: waiting: {path}: still being written")
