"""`cacheferry trust`: accepts the store that `cacheferry.yaml` now names (contract 3)."""

import click

from cacheferry.core import configfile, repository, storeurl, trust
from cacheferry.setup import agent


@click.command("trust")
def command() -> None:
    """Accept the store that cacheferry.yaml names, for this repository and this user."""
    around = repository.find()
    url = storeurl.parse(configfile.load(around).store, around.root)
    trust.accept(around, url)
    if url.needs_agent:
        agent.suit(around.git, url)
    click.echo(f"accepted the store {url.text} for {around.root}")
