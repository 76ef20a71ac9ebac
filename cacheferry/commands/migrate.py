"""`cacheferry migrate`: moves a repository to another store."""

from collections.abc import Mapping

import click

from cacheferry import fetching, migrating, reporting
from cacheferry.commands.init import say_what_next, set_up
from cacheferry.core import chosen, storeurl
from cacheferry.core.chosen import Chosen
from cacheferry.core.errors import ConfigurationError, Held, ReadOnly
from cacheferry.core.pointer import Pointer
from cacheferry.migrating import Moved
from cacheferry.progress import bar
from cacheferry.session import Session, begin
from cacheferry.setup import files
from daemon import control
from daemon.onepass import alone


@click.command("migrate")
@click.option("--to", "target", metavar="URL", required=True, help="The new store.")
@click.option("--leave-lost", is_flag=True, help="Switch although neither store has some objects.")
def command(target: str, leave_lost: bool) -> int:
    """Copy every object that any ref needs to another store, verify, then switch to it.

    Nothing is removed from the old store, nothing is committed. Interrupted, it goes on where it
    was when it is run again.
    """
    before = begin()
    _require_the_file_in_force(before)
    after = before._replace(chosen=_chosen(before, target))
    if after.chosen.url == before.chosen.url:
        click.echo(f"the store is {after.chosen.url.text} already")
        _switch(after, None)  # what a death in the switch has left undone
        return 0
    if "git" in (before.chosen.url.scheme, after.chosen.url.scheme):
        _require_no_daemon(before)
        if not _caches_are_here(before):
            return 1
    if after.plain_git:
        with alone(after.repository):
            _switch(after, target)
        click.echo("once these are pushed, `cacheferry sync` commits the caches as ordinary blobs")
        return 0
    return _move_and_switch(before, after, target, leave_lost)


def _move_and_switch(before: Session, after: Session, target: str, leave_lost: bool) -> int:
    bulk = migrating.move(before, after, migrating.needed(before.repository), bar)
    with alone(before.repository):
        # What has been published meanwhile; nothing of ours can be from here on.
        every = migrating.needed(before.repository)
        late = {p: where for p, where in every.items() if p not in bulk.there}
        moved = migrating.move(before, after, late, bar)
        if moved.lost and not leave_lost:
            return _name_lost(moved.lost)
        _report(after, Moved(bulk.there | moved.there, moved.lost))
        _switch(after, target)
    if before.plain_git:
        click.echo("once these are pushed, `cacheferry sync` replaces the blobs by pointers")
    return 0


def _require_the_file_in_force(session: Session) -> None:
    source = session.chosen.source
    if source == chosen.ENVIRONMENT or source.startswith("git config cacheferry"):
        mend = {chosen.ENVIRONMENT: f"unset {chosen.ENVIRONMENT}"}
        raise ConfigurationError(
            f"the store in force is {session.chosen.url.text}, named by {source}, which would "
            "override cacheferry.yaml after a migration, too",
            mend.get(source, f"git config --unset {chosen.SETTING}"),
        )


def _chosen(session: Session, target: str) -> Chosen:
    """The new store; on the command line the user's own words."""
    around = session.repository
    url = storeurl.parse(target, around.root)
    if url.needs_agent:
        from lfs_agent.stores import require_supported

        require_supported(url)
        files.require_no_server(around)
    found = chosen.located(around, Chosen(url, "--to", True))
    if not found.trusted:
        raise ConfigurationError(
            f"{found.source} names the LFS server, on another host than the remote's: "
            f"{found.url.text}",
            "if it is yours, say so: git config lfs.url URL",
        )
    return found


def _require_no_daemon(session: Session) -> None:
    # It would publish the caches in their new form before the files that say so are committed.
    if control.running(session.repository) is not None:
        raise Held("the daemon is running", "cacheferry daemon stop, and start it again afterwards")


def _caches_are_here(session: Session) -> bool:
    """Brings every cache of this branch into the work tree: `sync` publishes them from there."""
    wanted, _ = fetching.wanted(session, session.git_side(), True, lambda _path: True)
    failures = fetching.bring(session, wanted)
    for failure in failures:
        reporting.warn(f"cacheferry: error: {failure.wanted.path}: {failure.error.message}")
    if failures:
        reporting.warn("cacheferry: hint: nothing is switched; `cacheferry pull --all` first")
    return not failures


def _name_lost(lost: Mapping[Pointer, str]) -> int:
    for pointer, where in sorted(lost.items(), key=lambda one: one[1]):
        reporting.warn(f"cacheferry: error: {pointer.oid} is in neither store: {where}")
    reporting.warn(
        "cacheferry: hint: nothing is switched; `git lfs push --all origin` from a clone that has "
        "them, or switch without them: --leave-lost"
    )
    return 1


def _report(after: Session, moved: Moved) -> None:
    size = reporting.human_size(sum(pointer.size for pointer in moved.there))
    number = len(moved.there)
    objects = "1 object" if number == 1 else f"{number} objects"
    click.echo(f"{objects} ({size}) in {after.chosen.url.text}, verified")
    for pointer, where in moved.lost.items():
        reporting.warn(f"cacheferry: warning: {pointer.oid} is left behind, lost: {where}")


def _switch(after: Session, target: str | None) -> None:
    try:
        for line in set_up(after.repository, target):
            click.echo(line)
    except PermissionError as error:
        where = error.filename or after.repository.root
        raise ReadOnly(f"{where} cannot be written") from None
    say_what_next(after.repository)
