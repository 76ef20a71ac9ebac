"""`cacheferry gc`: removes from the store what nothing needs."""

import sys
from collections.abc import Collection, Mapping
from contextlib import closing
from datetime import UTC, datetime

import click

from cacheferry import collecting, reporting
from cacheferry.collecting import Garbage
from cacheferry.core.errors import CacheferryError, ConfigurationError
from cacheferry.core.store import GRACE, Store, Stored
from cacheferry.session import Session, begin

_SCREEN = 30


@click.command("gc")
@click.option("--dry-run", is_flag=True, help="Say what would go; remove nothing.")
def command(dry_run: bool) -> int:
    """Remove from the store what no branch, ref, stash, reflog or work tree needs.

    Fetches first. What was put there within the last 14 days stays.
    """
    session = begin()
    open_store = session.writer()
    if open_store is None:
        raise ConfigurationError("`store: git` keeps caches in Git itself", "git gc")
    collecting.require_whole_clone(session.repository)
    with collecting.alone(session.repository), closing(open_store()) as store:
        garbage = collecting.find(session, store)
        _show(session, garbage)
        if dry_run or not garbage.old:
            return 0
        if _is_terminal() and not click.confirm(_QUESTION):
            click.echo("nothing removed")
            return 1
        return _remove(session, store, garbage)


_QUESTION = "Remove them? Other repositories that use this store would lose what they share"


def _show(session: Session, garbage: Garbage) -> None:
    oldest = sorted(garbage.old.values(), key=lambda one: one.modified)
    for one in oldest[:_SCREEN]:
        put = datetime.fromtimestamp(one.modified, UTC).date()
        click.echo(f"  {one.oid}  {reporting.human_size(one.size):>9}  put {put}")
    if len(oldest) > _SCREEN:
        click.echo(f"  … and {len(oldest) - _SCREEN} more")
    click.echo(f"{_amount(oldest)} that nothing needs in {session.chosen.url.text}")
    if garbage.young:
        days = int(GRACE / 86400)
        click.echo(f"{_amount(garbage.young.values())} younger than {days} days: not yet")


def _remove(session: Session, store: Store, garbage: Garbage) -> int:
    gone, failed = collecting.remove(session, store, garbage)
    click.echo(f"removed {_amount(gone)}")
    back, lost = collecting.mend(session, store, gone)
    for one in back:
        click.echo(f"put back, as somebody has published it meanwhile: {one}")
    for one in lost:
        reporting.warn(f"cacheferry: error: published while it was removed: {one}")
    if lost:
        reporting.warn("cacheferry: hint: run `cacheferry fsck --store` in the clone that did")
    _name(failed)
    return 4 if failed else 1 if lost else 0


def _name(failed: Mapping[str, CacheferryError]) -> None:
    for oid, error in list(failed.items())[:_SCREEN]:
        reporting.warn(f"cacheferry: error: {oid}: {error.message}")
    if len(failed) > _SCREEN:
        reporting.warn(f"cacheferry: error: … and {len(failed) - _SCREEN} more")


def _amount(objects: Collection[Stored]) -> str:
    size = reporting.human_size(sum(one.size for one in objects))
    return f"{len(objects)} object{'' if len(objects) == 1 else 's'} ({size})"


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()
