"""Loads `cacheferry.yaml` (contract 2): every problem in one error, each with its line.

The file comes with a clone and is untrusted: it is composed into nodes and checked node by
node; no YAML constructor ever runs on it.
"""

import re
from typing import NamedTuple

from cacheferry.core.confighash import Strategy
from cacheferry.core.errors import ConfigurationError
from cacheferry.core.patterns import folder_of, glob_regex, template_regex
from cacheferry.core.repository import Repository

DEFAULT_SIZE = 2 << 30


class CachePattern(NamedTuple):
    """One entry of `caches`. Without `{config_hash}` in `file` it is universal, `configs` empty."""

    name: str
    file: str
    configs: tuple[str, ...]
    strategy: Strategy

    def match(self, path: str) -> dict[str, str] | None:
        """The fields of a path that this pattern matches, or None."""
        match = template_regex(self.file, self.strategy.digits).fullmatch(path)
        return match.groupdict() if match else None


class Sync(NamedTuple):
    """When a file counts as finished: seconds, seconds, bytes."""

    settle: float = 0.5
    max_wait: float = 10.0
    max_file_size: int = DEFAULT_SIZE


class Config(NamedTuple):
    """A checked `cacheferry.yaml`; `store` is '' where the file names none."""

    store: str = ""
    caches: tuple[CachePattern, ...] = ()
    track: tuple[str, ...] = ()
    sync: Sync = Sync()
    allow: tuple[str, ...] = ()

    def is_tracked(self, path: str) -> bool:
        """True for a path (forward slashes, from the root) that a track glob matches."""
        return any(glob_regex(glob).fullmatch(path) for glob in self.track)

    def pattern_of(self, path: str) -> tuple[CachePattern, dict[str, str]] | None:
        """The first cache pattern that matches the path, and its fields."""
        for pattern in self.caches:
            if (fields := pattern.match(path)) is not None:
                return pattern, fields
        return None

    def folders(self) -> tuple[str, ...]:
        """The folders below which tracked files lie; '' is the whole repository."""
        folders = sorted({folder_of(glob) if "/" in glob else "" for glob in self.track})
        return tuple(f for f in folders if not any(_below(f, other) for other in folders))


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
    from cacheferry.core import configreader

    return configreader.read(data)


def default_track(caches: tuple[CachePattern, ...]) -> tuple[str, ...]:
    """The folders of `caches`, `**/*.pkl`."""
    folders = dict.fromkeys(folder_of(pattern.file) for pattern in caches)
    return tuple(f"{folder}/**/*.pkl" if folder else "**/*.pkl" for folder in folders)


_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)\s*([KMGT]i?)?B?", re.IGNORECASE)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_UNITS |= {"ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30, "ti": 1 << 40}


def parse_size(text: str) -> int | None:
    """Bytes of `2GiB`, `500 MB`, `131072`; None for anything else."""
    match = _SIZE.fullmatch(text.strip())
    return int(float(match[1]) * _UNITS[(match[2] or "").lower()]) if match else None


def _below(folder: str, other: str) -> bool:
    return folder != other and (other == "" or folder.startswith(other + "/"))
