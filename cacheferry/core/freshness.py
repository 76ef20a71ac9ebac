"""Does a cache belong to the current configuration (contract 5, `freshness`)."""

from collections.abc import Callable
from typing import NamedTuple

from cacheferry.core.config import CachePattern, Config
from cacheferry.core.confighash import config_hash
from cacheferry.core.patterns import HASH_FIELD, fields_of, filled
from cacheferry.core.repository import Repository

Read = Callable[[str], bytes | None]
"""Reads a config by its path from the root; None where it is not present."""


class Freshness(NamedTuple):
    """`freshness` is fresh, stale, universal or unknown; the hashes are None where universal.

    `needed` for what the current configs can use: universal, or of the current hash; and, in a
    repository that names no `caches` at all, everything.
    """

    name: str | None
    freshness: str
    config_hash: str | None = None
    expected_hash: str | None = None
    needed: bool = False


class Judge:
    """Judges paths against one state of the configs; each config is hashed once."""

    def __init__(self, config: Config, read: Read) -> None:
        self._config = config
        self._read = read
        self._hashes: dict[tuple[str, tuple[str, ...]], str | None] = {}

    def freshness(self, path: str) -> Freshness:
        """The path's freshness. Raises ConfigurationError for a config that cannot be hashed."""
        found = self._config.pattern_of(path)
        if found is None:
            return Freshness(None, "unknown", needed=not self._config.caches)
        pattern, fields = found
        if HASH_FIELD not in fields_of(pattern.file):
            return Freshness(pattern.name, "universal", needed=True)
        claimed, expected = fields[HASH_FIELD], self.expected(pattern, fields)
        if expected is None:
            return Freshness(pattern.name, "unknown", claimed)
        word = "fresh" if claimed == expected else "stale"
        return Freshness(pattern.name, word, claimed, expected, claimed == expected)

    def expected(self, pattern: CachePattern, fields: dict[str, str]) -> str | None:
        """The current hash of the configs behind a pattern; None where one is not present."""
        names = tuple(filled(template, fields) for template in pattern.configs)
        key = (":".join(map(str, pattern.strategy)), names)
        if key not in self._hashes:
            self._hashes[key] = self._hash(pattern, names)
        return self._hashes[key]

    def _hash(self, pattern: CachePattern, names: tuple[str, ...]) -> str | None:
        files = [(name, data) for name in names if (data := self._read(name)) is not None]
        return config_hash(pattern.strategy, files) if len(files) == len(names) else None


def read_from_disk(repository: Repository) -> Read:
    """Reads configs of the work tree; what a symlink leads out of the repository is not present."""
    root = repository.root.resolve()

    def read(path: str) -> bytes | None:
        try:
            file = (root / path).resolve()
        except RuntimeError:  # symlinks that lead to each other
            return None
        if not file.is_relative_to(root) or not file.is_file():
            return None
        return file.read_bytes()

    return read
