"""How verdicts look: as JSON (contract 5) and as lines for people."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence

import click

from cacheferry.core.verdict import Verdict

_JSON_KEYS = (
    "path", "name", "size", "oid", "freshness", "content", "safety", "sync",
    "config_hash", "expected_hash", "reason",
)  # fmt: skip
_MENDS = {
    "stale": "run the computation again, or `git checkout` the config it belongs to",
    "unsafe": "do not load it; if you trust these names, list them in safety.allow",
    "incomplete": "let the computation write it again",
    "conflict": "cacheferry pull",
    "missing": "cacheferry pull",
    "pointer": "cacheferry pull",
    "raw": "git rm --cached -- PATH, then cacheferry sync",
}
_SCREEN = 30


def as_json(verdicts: Sequence[Verdict], **more: object) -> str:
    """The contract's JSON: version 1, the caches, and what a command adds."""
    caches = [
        {key: getattr(one, key) for key in _JSON_KEYS}
        | ({"refused": list(one.refused)} if one.refused else {})
        for one in verdicts
    ]
    return json.dumps({"version": 1, "caches": caches} | more, indent=2, ensure_ascii=False)


def problem_lines(verdicts: Iterable[Verdict]) -> list[str]:
    """One line for each cache with something wrong, and how each kind is mended."""
    bad = [one for one in verdicts if one.problems]
    lines = [f"  {', '.join(one.problems):<12} {one.path}{_detail(one)}" for one in bad[:_SCREEN]]
    if len(bad) > _SCREEN:
        lines.append(f"  … and {len(bad) - _SCREEN} more")
    kinds = dict.fromkeys(problem for one in bad for problem in one.problems)
    return lines + [f"  {kind}: {_MENDS[kind]}" for kind in kinds]


def counts(verdicts: Iterable[Verdict]) -> str:
    """How many caches there are of each freshness and sync state."""
    items = list(verdicts)
    words = Counter(one.freshness for one in items) + Counter(one.sync or "" for one in items)
    listing = ", ".join(f"{number} {word}" for word, number in words.items() if word)
    return caches(len(items)) + (f": {listing}" if listing else "")


def caches(number: int) -> str:
    """`1 cache`, `2 caches`."""
    return f"{number} cache" if number == 1 else f"{number} caches"


def table(verdicts: Iterable[Verdict]) -> list[str]:
    """One line a cache: sync, freshness, content, size, path, reason."""
    return [
        f"  {one.sync or '':<10} {one.freshness:<10} {one.content:<10} "
        f"{human_size(one.size):>9}  {one.path}{_detail(one)}"
        for one in verdicts
    ]


def human_size(size: int | None) -> str:
    """Bytes for people: 131.0 kB."""
    if size is None:
        return "-"
    number = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000 or unit == "GB":
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return ""


def warn(line: str) -> None:
    """A line on stderr."""
    click.echo(line, err=True)


def _detail(one: Verdict) -> str:
    parts = []
    if one.freshness == "stale":
        parts.append(f"has {one.config_hash}, config is {one.expected_hash}")
    if one.safety == "unsafe":
        parts.append("imports " + ", ".join(one.refused))
    if one.reason and one.reason not in (one.safety, *one.problems):
        parts.append(one.reason)
    return f"  ({'; '.join(parts)})" if parts else ""
