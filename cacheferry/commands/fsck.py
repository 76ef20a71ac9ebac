"""`cacheferry fsck`: verifies objects, and heals them from whichever side is whole."""

from collections.abc import Callable

import click

from cacheferry import reporting, verifying
from cacheferry.core.errors import ConfigurationError, StoreDenied, StoreUnavailable
from cacheferry.core.store import Progress
from cacheferry.progress import bar
from cacheferry.session import Session, begin
from cacheferry.verifying import Report, Sought

_SCREEN = 30


@click.command("fsck")
@click.option("--store", "also_store", is_flag=True, help="Fetch and verify the store's, too.")
def command(also_store: bool) -> int:
    """Verify the objects of the LFS storage; heal what is damaged or missing.

    Healed from the work tree, else from the store; with --store, the store's from here.
    """
    session = begin()
    if session.plain_git:
        raise ConfigurationError("`store: git` keeps caches in Git itself", "git fsck")
    code = _look(session, "here", verifying.sought_here(session), verifying.look_here)
    if also_store:
        sought = verifying.sought_in_store(session)
        code = max(code, _look(session, "store", sought, verifying.look_in_store))
    return code


def _look(
    session: Session,
    where: str,
    sought: Sought,
    look: Callable[[Session, Sought, Progress], Report],
) -> int:
    """Looks at one side and says what it found; the exit code."""
    with bar("verifying", sum(sought.sizes.values())) as progress:
        found = look(session, sought, progress)
    _say(where, sought, found)
    if all(isinstance(error, StoreUnavailable | StoreDenied) for error in found.lost.values()):
        return 4 if found.lost else 0
    return 1


def _say(where: str, sought: Sought, found: Report) -> None:
    whole = len(sought.sizes) - len(found.healed) - len(found.lost)
    parts = [f"{whole} whole"]
    parts += [f"{len(found.healed)} healed"] if found.healed else []
    parts += [f"{len(found.lost)} not whole"] if found.lost else []
    click.echo(f"{where}: {', '.join(parts)}")
    for oid, source in list(found.healed.items())[:_SCREEN]:
        click.echo(f"  healed from {source}: {_named(sought, oid)}")
    for oid, error in list(found.lost.items())[:_SCREEN]:
        reporting.warn(f"cacheferry: error: {_named(sought, oid)}: {error.message}")
    if len(found.lost) > _SCREEN:
        reporting.warn(f"cacheferry: error: … and {len(found.lost) - _SCREEN} more")
    for hint in {error.hint for error in found.lost.values() if error.hint}:
        reporting.warn(f"cacheferry: hint: {hint}")


def _named(sought: Sought, oid: str) -> str:
    return f"{sought.paths[oid]}: {oid}" if oid in sought.paths else oid
