"""`cacheferry trust`: accepts the store that `cacheferry.yaml` now names (contract 3)."""

import click

from cacheferry.core import chosen, configfile, repository
from cacheferry.setup import agent


@click.command("trust")
def command() -> None:
    """Accept the store that cacheferry.yaml names, for this repository and this user."""
    around = repository.find()
    url = chosen.accept(around, configfile.load(around).store)
    if url.needs_agent:
        agent.suit(around.git, url)
    click.echo(f"accepted the store {url.text} for {around.root}")
