"""`cacheferry hash`: the hash of config files (contract 4)."""

import click

from cacheferry.core.errors import ConfigurationError
from cacheferry.verdicts import config_hash


@click.command("hash")
@click.option("--strategy", default="md5-text", show_default=True, metavar="S")
@click.argument("files", nargs=-1, required=True, type=click.Path())
def command(strategy: str, files: tuple[str, ...]) -> None:
    """Print the hash of FILES, one or several, in the order given.

    S is md5-text or canonical, each also with :DIGITS.
    """
    try:
        click.echo(config_hash(files, strategy))
    except OSError as error:
        raise ConfigurationError(f"{error.filename}: {(error.strerror or '').lower()}") from None
