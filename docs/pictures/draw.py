"""Draws demo.svg and times.svg from one run of the demo; the standard library alone.

cacheferry demo --json >docs/pictures/demo.json 2>docs/pictures/demo.txt
python docs/pictures/draw.py            # or: draw.py FOLDER, draw.py --text
"""

import json
import math
import re
import sys
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SCENARIO = "traffic_light_control"
_CACHES = "validation_ch7/cache/section_7_6/"
# Of the demo's output: its steps and, of one scenario, what is found, computed, taken or stale.
_KEPT = re.compile(
    rf"\[\d/5\]|No cache found for {SCENARIO}|Using cache for {SCENARIO}"
    rf"|^    {SCENARIO} |caches brought \(8|stale: .*{SCENARIO}"
)
_COLOURS = (
    (r"^\[\d/5\].*", "#7dcfff"),
    (r"\bHIT\b|✅", "#9ece6a"),
    (r"\bMISS\b|\bNo cache found\b", "#e0af68"),
    (r"\bstale\b|\bwarning\b", "#f7768e"),
    (r"^ *…$", "#565f89"),
    (r"\[CACHE[ A-Z]*\]|\[cacheferry\]", "#bb9af7"),
)


def table(figures: dict[str, Any]) -> list[str]:
    """The lines with which `cacheferry demo` ends."""
    lines = [
        f"{'':<24}{'without':>10}{'local':>10}{'Kaggle':>10}{'time':>10}",
        f"{'scenario':<24}{'cache':>10}{'cache':>10}{'cache':>10}{'saved':>10}",
    ]
    rows = figures["scenarios"]
    for name, row in rows.items():
        lines.append(f"{name:<24}" + "".join(f"{row[key]:>8.2f} s" for key in row))
    total = sum(row["saved_seconds"] for row in rows.values())
    return [
        *lines,
        "",
        f"{total:.1f} s saved by what Kaggle and the laptop had computed for each other",
        f"the daemon had published {figures['daemon_published_seconds']:.1f} s "
        "after the simulation ended",
        f"git pull took {figures['pull_seconds']:.1f} s; the demo {figures['seconds']:.0f} s",
    ]


def shortened(output: str, figures: dict[str, Any]) -> list[str]:
    """The demo's output; `…` ends each step of which lines were left out."""
    return ["$ cacheferry demo", *_kept(output.splitlines()), "", *table(figures)]


def _kept(lines: Iterable[str]) -> Iterator[str]:
    left_out = False
    for line in map(str.rstrip, lines):
        if not _KEPT.search(line):
            left_out = left_out or bool(line)
            continue
        if line.startswith("["):
            yield from ["    …", ""] if left_out else [""]
            left_out = False
        yield line.replace(_CACHES, "…/")
    if left_out:
        yield "    …"


def terminal(lines: list[str]) -> str:
    """The lines as a picture of a terminal."""
    width, height = 24 + 8.0 * max(map(len, lines)), 46 + 17 * len(lines)
    rows = "".join(
        f'<text x="16" y="{50 + 17 * number}" xml:space="preserve">{_coloured(line)}</text>\n'
        for number, line in enumerate(lines)
    )
    dots = "".join(
        f'<circle cx="{18 + 18 * place}" cy="17" r="5.5" fill="{colour}"/>'
        for place, colour in enumerate(("#f7768e", "#e0af68", "#9ece6a"))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" '
        f'viewBox="0 0 {width:.0f} {height}" font-size="13" fill="#c0caf5" '
        "font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, 'Segoe UI Emoji', "
        "'Noto Color Emoji', monospace\">\n"
        f'<rect width="100%" height="100%" rx="8" fill="#1a1b26"/>\n{dots}\n{rows}</svg>\n'
    )


def _coloured(line: str) -> str:
    pattern = "|".join(f"({text})" for text, _ in _COLOURS)
    done, parts = 0, []
    for match in re.finditer(pattern, line):
        colour = _COLOURS[(match.lastindex or 1) - 1][1]
        parts.append(escape(line[done : match.start()]))
        parts.append(f'<tspan fill="{colour}">{escape(match[0])}</tspan>')
        done = match.end()
    return "".join(parts) + escape(line[done:])


_BARS = (
    ("without_cache_seconds", "no cache: computed", "#c0504d"),
    ("local_cache_seconds", "cache of this side", "#4f81bd"),
    ("kaggle_cache_seconds", "cache of the other side", "#2e9e6b"),
)
_LEFT, _ROOM, _LEAST, _MOST = 190, 480, 0.001, 100.0


def times(figures: dict[str, Any]) -> str:
    """Bars on a logarithmic scale: how long each scenario takes to have its results."""
    rows = figures["scenarios"]
    height = 96 + 84 * len(rows)
    parts = [_axis(height - 50)]
    for number, (name, row) in enumerate(rows.items()):
        top = 40 + 84 * number
        parts.append(f'<text x="{_LEFT - 12}" y="{top + 35}" text-anchor="end">{name}</text>')
        parts += [
            _bar(top + 22 * place, row[key], colour) for place, (key, _, colour) in enumerate(_BARS)
        ]
    parts.append(_legend())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="760" height="{height}" '
        f'viewBox="0 0 760 {height}" font-size="13" fill="#222" '
        "font-family=\"system-ui, 'DejaVu Sans', sans-serif\">\n"
        '<rect width="100%" height="100%" fill="#ffffff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _x(seconds: float) -> float:
    return _LEFT + _ROOM * math.log(seconds / _LEAST) / math.log(_MOST / _LEAST)


def _bar(top: int, seconds: float, colour: str) -> str:
    end = _x(seconds)
    return (
        f'<rect x="{_LEFT}" y="{top}" width="{end - _LEFT:.1f}" height="17" fill="{colour}"/>'
        f'<text x="{end + 6:.1f}" y="{top + 13}">{seconds:.{1 if seconds >= 1 else 3}f} s</text>'
    )


def _axis(bottom: int) -> str:
    ticks = "".join(
        f'<line x1="{_x(at):.1f}" y1="32" x2="{_x(at):.1f}" y2="{bottom}" stroke="#dddddd"/>'
        f'<text x="{_x(at):.1f}" y="{bottom + 18}" text-anchor="middle" fill="#555">{at:g} s</text>'
        for at in (0.001, 0.01, 0.1, 1.0, 10.0, 100.0)
    )
    words = "baseline and RL results of one scenario; logarithmic scale"
    return f'{ticks}<text x="{_LEFT}" y="{bottom + 38}" fill="#555">{words}</text>'


def _legend() -> str:
    return "".join(
        f'<rect x="{_LEFT + 175 * place}" y="10" width="12" height="12" fill="{colour}"/>'
        f'<text x="{_LEFT + 18 + 175 * place}" y="21">{words}</text>'
        for place, (_, words, colour) in enumerate(_BARS)
    )


def main(arguments: list[str]) -> None:
    figures = json.loads((HERE / "demo.json").read_text("utf-8"))
    lines = shortened((HERE / "demo.txt").read_text("utf-8"), figures)
    if arguments == ["--text"]:
        print("\n".join(lines))
        return
    folder = Path(arguments[0]) if arguments else HERE
    (folder / "demo.svg").write_text(terminal(lines), encoding="utf-8", newline="\n")
    (folder / "times.svg").write_text(times(figures), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
