"""What a user's own script may ask: is this cache whole, safe and of the current config?"""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from cacheferry.core import configfile, repository
from cacheferry.core.confighash import config_hash as _hash
from cacheferry.core.confighash import parse_strategy
from cacheferry.core.errors import ConfigurationError
from cacheferry.core.verdict import Verdict, verdict_of


def verdict(path: str | PathLike[str]) -> Verdict:
    """The verdict of one cache on disk: freshness, content and safety; `sync` is None.

    Raises ConfigurationError outside of a repository with a sound `cacheferry.yaml`.
    """
    file = Path(path)
    around = repository.find(_existing_folder(file))
    inside = repository.inside(around.root, file)
    if inside is None:
        raise ConfigurationError(f"{file} is not in the repository {around.root}")
    return verdict_of(around, configfile.load(around), inside)


def config_hash(files: Sequence[str | PathLike[str]], strategy: str = "md5-text") -> str:
    """The hash of config files (contract 4). Raises ConfigurationError, or OSError to read one."""
    parsed = parse_strategy(strategy)
    if parsed is None:
        raise ConfigurationError(
            f"unknown hash strategy {strategy!r}", "md5-text or canonical, each also with :DIGITS"
        )
    return _hash(parsed, [(str(file), Path(file).read_bytes()) for file in files])


def _existing_folder(file: Path) -> Path:
    folder = Path.cwd() / file
    return next(parent for parent in folder.parents if parent.is_dir())
