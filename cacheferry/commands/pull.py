"""`cacheferry pull`: fetches and materialises caches."""

import click

from cacheferry import fetching, reporting
from cacheferry.core.errors import RemoteUnreachable, StoreError, StoreUnavailable
from cacheferry.core.materialise import UnsafeCache
from cacheferry.fetching import Failure, Wanted
from cacheferry.progress import bar
from cacheferry.session import Session, begin, selected_paths


@click.command("pull")
@click.option("--needed", is_flag=True, help="What the current configs can use (the default).")
@click.option("--all", "everything", is_flag=True, help="Stale and unknown caches too.")
@click.option("--quiet", is_flag=True, help="Do not fetch; say only what went wrong.")
@click.argument("paths", nargs=-1, type=click.Path())
def command(needed: bool, everything: bool, quiet: bool, paths: tuple[str, ...]) -> int:
    """Fetch the caches that are needed and put them into the work tree.

    PATHS narrow that to what lies at or below them.
    """
    if needed and everything:
        raise click.UsageError("--needed and --all exclude each other")
    session = begin()
    failures = [] if quiet else fetching.settle_conflicts(session)
    arrived = [] if quiet else _move_on(session)
    side = session.git_side()
    chosen, stay = fetching.wanted(session, side, everything, selected_paths(session, paths))
    total = 0 if quiet else sum(one.pointer.size for one in chosen)
    with bar("pulling", total) as progress:
        failures += fetching.bring(session, chosen, progress)
    fetching.keep_status_clean(session)
    if not quiet:
        _summary(chosen, failures, len(stay), bool(arrived))
    return _name(session, failures) or (4 if arrived is None else 0)


def _move_on(session: Session) -> list[str] | None:
    """The caches that others' commits brought; None where remote or store is out of reach."""
    try:
        arrived = fetching.move_on(session)
    except (RemoteUnreachable, StoreError) as error:
        reporting.warn(f"cacheferry: error: {error.message}")
        return None
    for path in arrived:
        click.echo(f"  arrived  {path}")
    return arrived


def _summary(chosen: list[Wanted], failures: list[Failure], stay: int, more: bool) -> None:
    failed = {failure.wanted.path for failure in failures}
    done = [one for one in chosen if one.path not in failed]
    size = reporting.human_size(sum(one.pointer.size for one in done))
    away = f"; {stay} not needed stay away (--all brings them)" if stay else ""
    number = (
        reporting.caches(len(done)).replace(" ", " more ") if more else reporting.caches(len(done))
    )
    click.echo(f"{number} brought ({size}){away}")


def _name(session: Session, failures: list[Failure]) -> int:
    """One line on stderr for each failure; the exit code."""
    for one in failures:
        what = f"{one.wanted.path}: {one.wanted.pointer.oid}: {one.error.message}"
        reporting.warn(f"cacheferry: error: {what}")
        if isinstance(one.error, UnsafeCache):
            session_storage = session.storage.path(one.wanted.pointer.oid)
            reporting.warn(f"cacheferry: hint: its bytes stay in {session_storage}")
    for hint in sorted({_hint(session, one) for one in failures} - {""}):
        reporting.warn(f"cacheferry: hint: {hint}")
    if failures and all(one.is_the_store for one in failures):
        return 4
    return 1 if failures else 0


def _hint(session: Session, one: Failure) -> str:
    if isinstance(one.error, StoreUnavailable) and session.chosen.url.folder:
        return "if the store has another name here: git config cacheferry.store PATH"
    return one.error.hint or ""
