"""`cacheferry status`: every cache, what is queued, what is held and why."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import click

from cacheferry import reporting
from cacheferry.core.errors import Held
from cacheferry.core.git import GitFailed
from cacheferry.core.repository import Repository
from cacheferry.core.verdict import Verdict, verdicts
from cacheferry.session import Session, begin
from daemon import branches, busy, control, memory, state


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def command(as_json: bool) -> None:
    """Show every cache, what is queued, what is held and why, and the last publish."""
    session = begin()
    reason = _why_held(session.repository)
    aside = memory.conflicts(session.repository)
    found = verdicts(
        session.repository,
        session.config,
        session.git_side(),
        dict.fromkeys(aside, "conflict"),
        reason,
    )
    # A plain `git pull` settles a conflict, too; the next pass forgets it.
    settled = {one.path for one in found if one.sync == "published"}
    open_ = {path: kept for path, kept in aside.items() if path not in settled}
    facts = _facts(session, reason, open_)
    if as_json:
        click.echo(reporting.as_json(found, **facts))
    else:
        _print(session, found, facts)


def _why_held(repository: Repository) -> str | None:
    if why := busy.reason(repository):
        return why
    try:
        branches.current(repository)
    except Held as held:
        return held.message
    return None


def _facts(
    session: Session, reason: str | None, aside: dict[str, dict[str, str]]
) -> dict[str, Any]:
    said = state.read(session.repository)
    pid = control.running(session.repository)
    return {
        "store": session.chosen.url.text,
        "trusted": session.chosen.trusted,
        "daemon": {"running": pid is not None, "pid": pid},
        "busy": reason,
        "last_published": _iso(_last_published(session.repository, said)),
        "last_error": said.get("error"),
        "next_try": _iso(said.get("next_try")),
        "conflicts": [
            {
                "path": path,
                "oid": kept["oid"],
                "kept_at": str(session.storage.path(kept["oid"])),
            }
            for path, kept in sorted(aside.items())
        ],
    }


def _last_published(repository: Repository, said: dict[str, Any]) -> float | None:
    """When the daemon or a `sync` published last; a commit tells the time of a sync."""
    times = [said.get("last_published") or 0.0]
    with suppress(Held, GitFailed):
        commit = memory.last_published(repository, branches.current(repository)).commit
        if commit:
            times.append(float(repository.git.text("show", "-s", "--format=%ct", commit)))
    return max(times) or None


def _iso(seconds: float | None) -> str | None:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds") if seconds else None


def _print(session: Session, found: list[Verdict], facts: dict[str, Any]) -> None:
    trusted = "" if facts["trusted"] else "  (not accepted here: cacheferry trust)"
    click.echo(f"store:   {facts['store']}{trusted}")
    daemon = facts["daemon"]
    running = f"running (pid {daemon['pid']})" if daemon["running"] else "not running"
    click.echo(f"daemon:  {running}; last published: {facts['last_published'] or 'never'}")
    if facts["busy"]:
        click.echo(f"waiting: {facts['busy']}")
    if facts["last_error"]:
        click.echo(f"error:   {facts['last_error']} (next try {facts['next_try']})")
    click.echo(reporting.counts(found))
    for line in reporting.table(found):
        click.echo(line)
    for lost in facts["conflicts"]:
        click.echo(
            f"conflict: {lost['path']}: another version was published first; yours is "
            f"{lost['oid']}\n  get it back: copy {lost['kept_at']} to another name\n"
            f"  take the published one: cacheferry pull"
        )
