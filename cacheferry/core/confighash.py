"""The config hash (contract 4): which configuration a result was computed with."""

import hashlib
from collections.abc import Iterable
from datetime import date
from itertools import chain
from typing import Any, NamedTuple

from cacheferry.core.errors import ConfigurationError

_LONGEST = {"md5-text": 32, "canonical": 64}
_DEFAULT_DIGITS = 8
_MOST_NODES = 1_000_000  # a small file of aliases can unfold without end


class Strategy(NamedTuple):
    """How config files become a hash: `kind` is md5-text or canonical; the first `digits` count."""

    kind: str = "md5-text"
    digits: int = _DEFAULT_DIGITS


def parse_strategy(text: str) -> Strategy | None:
    """`md5-text`, `canonical`, or either with `:DIGITS`; None for anything else."""
    kind, colon, digits = text.partition(":")
    if kind not in _LONGEST or (colon and not (digits.isascii() and digits.isdigit())):
        return None
    count = int(digits) if colon else _DEFAULT_DIGITS
    return Strategy(kind, count) if 1 <= count <= _LONGEST[kind] else None


def config_hash(strategy: Strategy, files: Iterable[tuple[str, bytes]]) -> str:
    """The hash of config files, given as (name, bytes) in their listed order.

    Raises ConfigurationError that names the file where one cannot be hashed.
    """
    digests = [_digest(strategy.kind, name, data) for name, data in files]
    if len(digests) == 1:
        return digests[0][: strategy.digits]
    joined = "".join(digests).encode("ascii")
    return _hasher(strategy.kind, joined)[: strategy.digits]


def _digest(kind: str, name: str, data: bytes) -> str:
    try:
        return _hasher(kind, _universal(data) if kind == "md5-text" else _canonical(data))
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{name} is not UTF-8 (byte {error.start})") from None
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{name} cannot be hashed: {error}") from None


def _hasher(kind: str, data: bytes) -> str:
    if kind == "md5-text":
        return hashlib.md5(data, usedforsecurity=False).hexdigest()
    return hashlib.sha256(data).hexdigest()


def _universal(data: bytes) -> bytes:
    """Only CR LF and CR become LF; a byte order mark counts."""
    data.decode("utf-8")
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _canonical(data: bytes) -> bytes:
    import json

    import yaml

    text = data.decode("utf-8")
    try:
        _refuse_bombs(yaml.compose(text, Loader=yaml.SafeLoader))
        value = yaml.safe_load(text)
    except (yaml.YAMLError, LookupError, AttributeError, ArithmeticError) as error:
        # The last three are how PyYAML says that a tag does not fit its value: `!!bool maybe`.
        raise ValueError(" ".join(str(error).split()) or "a tag does not fit its value") from None
    _refuse_other_keys(value)
    compact = json.dumps(
        value,
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
        default=_iso_text,
    )
    return compact.encode("utf-8")


def _refuse_bombs(node: Any) -> None:
    """Refuses what unfolds without end, before merge keys (`<<`) copy it."""
    todo, seen = [node], 0
    while todo:
        value = getattr(todo.pop(), "value", None)
        seen += 1
        if seen > _MOST_NODES:
            raise ValueError(f"it unfolds to more than {_MOST_NODES:,} values")
        if isinstance(value, list):
            pairs = value and isinstance(value[0], tuple)
            todo.extend(chain.from_iterable(value) if pairs else value)


def _refuse_other_keys(value: object) -> None:
    """Refuses keys that are no strings, which json would turn into some."""
    todo = [value]
    while todo:
        node = todo.pop()
        if isinstance(node, dict):
            if not_text := [key for key in node if not isinstance(key, str)]:
                raise ValueError(f"the key {not_text[0]!r} is no string")
            todo.extend(node.values())
        elif isinstance(node, (list, tuple)):  # tuples are the pairs of !!omap and !!pairs
            todo.extend(node)


def _iso_text(value: object) -> str:
    if isinstance(value, date):  # a datetime is one too
        return value.isoformat()
    raise ValueError(f"a {type(value).__name__} has no canonical form")
