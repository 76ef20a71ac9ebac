"""`cacheferry check`: what is wrong with the caches; what the hooks run."""

import click

from cacheferry import reporting
from cacheferry.core import staged
from cacheferry.core.verdict import Verdict, verdicts
from cacheferry.session import Session, begin, selected_paths
from daemon import memory


@click.command("check")
@click.option("--staged", "only_staged", is_flag=True, help="Judge what is staged, not the disk.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdicts as JSON.")
@click.argument("paths", nargs=-1, type=click.Path())
def command(only_staged: bool, as_json: bool, paths: tuple[str, ...]) -> int:
    """Say what is wrong with the caches (at or below PATHS); exit 1 where something is."""
    session = begin()
    wanted = selected_paths(session, paths)
    found = [one for one in _verdicts(session, only_staged) if wanted(one.path)]
    if as_json:
        click.echo(reporting.as_json(found))
    else:
        for line in reporting.problem_lines(found):
            click.echo(line)
        click.echo(reporting.counts(found))
    return 1 if any(one.problems for one in found) else 0


def _verdicts(session: Session, only_staged: bool) -> list[Verdict]:
    if only_staged:
        return staged.verdicts(session.repository, session.config, session.plain_git)
    lost = dict.fromkeys(memory.conflicts(session.repository), "conflict")
    return verdicts(session.repository, session.config, session.git_side(), lost)
