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


def located(repository: Repository, chosen: Chosen) -> Chosen:
    """The same, with the address of the LFS server where the store is `lfs`.

    A server that only a committed `.lfsconfig` names, on another host than the remote's, is
    trusted once accepted, whoever has said `lfs`.
    """
    if chosen.url.scheme != "lfs":
        return chosen
    from cacheferry.core import lfsserver  # its parser takes longer than a hook has

    found = [lfsserver.find(repository, one) for one in ("download", "upload")]
    servers = [server for server in found if server]
    if not servers:
        return chosen
    text = " ".join(["lfs", *dict.fromkeys(server.address for server in servers)])
    url = StoreUrl("lfs", text)
    foreign = [server.source for server in servers if not server.own]
    trusted = not foreign or trust.accepted(repository) == text
    return Chosen(url, foreign[0] if foreign else chosen.source, trusted)


def accept(repository: Repository, named: str) -> StoreUrl:
    """Remembers the store that `cacheferry.yaml` names as accepted; its address."""
    url = storeurl.parse(named, repository.root)
    url = located(repository, Chosen(url, "", False)).url
    trust.accept(repository, url)
    return url


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
