"""`cacheferry doctor`: each thing that must hold, whether it does, and what mends it."""

from collections.abc import Callable, Iterable, Iterator

import click

from cacheferry.core import configfile, repository
from cacheferry.core.errors import CacheferryError, ConfigurationError
from cacheferry.diagnosis import places, programs, routing, tools
from cacheferry.diagnosis.finding import Finding, problem
from cacheferry.session import Session, begin

_CHECKS: tuple[Callable[[Session], Finding | Iterable[Finding]], ...] = (
    tools.git_version,
    tools.lfs_version,
    routing.configuration,
    routing.routes,
    routing.lfs_address,
    routing.committed,
    routing.ignored,
    programs.agent,
    programs.lfs_filter,
    programs.hooks,
    programs.pre_push,
    routing.merge_driver,
    places.trust,
    places.store,
    places.upstream,
    places.under_way,
    places.daemon,
    places.writable,
    tools.identity,
    tools.long_paths,
    tools.incomplete_pushes,
    tools.prune,
)


@click.command("doctor")
def command() -> int:
    """Say of each thing that must hold whether it does, and what mends it; exit 1 for a problem."""
    configfile.read(repository.find())  # outside of a repository of ours there is nothing to see
    levels = []
    for one in _findings():
        click.echo(_line(one))
        levels.append(one.level)
    click.echo(f"problems: {levels.count('problem')}, warnings: {levels.count('warning')}")
    return 1 if "problem" in levels else 0


def _line(one: Finding) -> str:
    mend = f"; mend: {one.mend}" if one.mend else ""
    return f"{one.level:<8} {' '.join(one.what.split())}{mend}"


def _findings() -> Iterator[Finding]:
    try:
        session = begin()
    except ConfigurationError as error:
        yield from (problem(line, error.hint or "edit it") for line in error.message.splitlines())
        return
    for check in _CHECKS:
        yield from _answer(check, session)


def _answer(
    check: Callable[[Session], Finding | Iterable[Finding]], session: Session
) -> Iterator[Finding]:
    """What one check found; one that cannot be made has found that, and stops no other."""
    try:
        answer = check(session)
        yield from [answer] if isinstance(answer, Finding) else answer
    except CacheferryError as error:
        yield problem(error.message, error.hint or "")
    except OSError as error:
        place = f": {error.filename}" if error.filename else ""
        yield problem(f"{(error.strerror or str(error)).lower()}{place}", "")
