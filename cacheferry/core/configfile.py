"""Loads `cacheferry.yaml` (contract 2): every problem in one error, each with its line.

The file comes with a clone and is untrusted: it is composed into nodes and checked node by
node; no YAML constructor ever runs on it.
"""

from cacheferry.core import configreader
from cacheferry.core.config import Config
from cacheferry.core.errors import ConfigurationError
from cacheferry.core.repository import Repository


def load(repository: Repository) -> Config:
    """The configuration of a work tree. Raises ConfigurationError, with every problem there is."""
    return parse(read(repository))


def read(repository: Repository) -> bytes:
    """The bytes of `cacheferry.yaml`. Raises ConfigurationError where it is no regular file."""
    file = repository.config_file
    # A symlink may lead out of the repository, or to a device that never ends.
    if file.is_symlink() or (file.exists() and not file.is_file()):
        raise ConfigurationError(f"{file} is no regular file")
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise ConfigurationError(
            f"{repository.root} has no {file.name}", "run `cacheferry init --store URL`"
        ) from None


def parse(data: bytes) -> Config:
    """The configuration that these bytes of a `cacheferry.yaml` are; see `load`."""
    return configreader.read(data)
