"""`cacheferry hooks`: installs, removes and shows the git hooks."""

import click

from cacheferry.core import repository
from hooks import shims


@click.group("hooks")
def command() -> None:
    """Install, remove or show cacheferry's git hooks."""


@command.command("install")
def install() -> None:
    """Install the hooks; hooks that are there already run first."""
    changed = shims.install(repository.find())
    click.echo(f"installed: {', '.join(changed)}" if changed else "all hooks are installed")


@command.command("uninstall")
def uninstall() -> None:
    """Remove the hooks; those that were there before are as they were."""
    removed = shims.uninstall(repository.find())
    click.echo(f"removed: {', '.join(removed)}" if removed else "no hook of cacheferry is here")


@command.command("status")
def status() -> int:
    """Show the hooks; exit 1 where one is absent or outdated."""
    states = shims.status(repository.find())
    for hook, state in states.items():
        click.echo(f"{hook:<14} {state}")
    return 1 if {"absent", "outdated"} & set(states.values()) else 0
