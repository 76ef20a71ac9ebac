"""What `cacheferry.yaml` says (contract 2), once it has been read and found sound."""

import re
from typing import NamedTuple

from cacheferry.core.confighash import Strategy
from cacheferry.core.patterns import folder_of, glob_regex, template_regex

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
