"""Which store a repository uses now, and who said so (contract 3)."""

import os
from typing import NamedTuple

from cacheferry.core import storeurl, trust
from cacheferry.core.errors import ConfigurationError
from cacheferry.core.repository import Repository
from cacheferry.core.storeline import plain_store_line
from cacheferry.core.storeurl import StoreUrl

ENVIRONMENT = "CACHEFERRY_STORE"
SETTING = "cacheferry.store"


class Chosen(NamedTuple):
    """The store in force; `source` is the environment variable, the git setting or the file."""

    url: StoreUrl
    source: str
    trusted: bool


def chosen_store(repository: Repository) -> Chosen:
    """The store in force: the environment, else git config, else `cacheferry.yaml`.

    The first two are the user's own words and trusted as they stand.
    """
    if own := os.environ.get(ENVIRONMENT):
        return Chosen(storeurl.parse(own, repository.root), ENVIRONMENT, True)
    if own := repository.git.ask("config", "--get", SETTING):
        return Chosen(storeurl.parse(own, repository.root), f"git config {SETTING}", True)
    url = storeurl.parse(_from_file(repository), repository.root)
    return Chosen(url, repository.config_file.name, trust.is_trusted(repository, url))


def require_trust(repository: Repository, chosen: Chosen) -> None:
    """Raises ConfigurationError where the store came with a clone or a pull, not accepted."""
    if chosen.trusted:
        return
    before = trust.accepted(repository)
    was = f", accepted was {before}" if before else " and was not accepted here"
    raise ConfigurationError(
        f"the store {chosen.url.text} comes from {chosen.source}{was}",
        "run `cacheferry trust` in the repository to accept it",
    )


def _from_file(repository: Repository) -> str:
    from cacheferry.core import configfile

    data = configfile.read(repository)
    named = plain_store_line(data) or configfile.parse(data).store
    if not named:
        raise ConfigurationError(
            "cacheferry.yaml names no store", "run `cacheferry init --store URL`"
        )
    return named
