"""A run's figures: printed, and kept as the table and the plot of docs/benchmarks.md."""

import json
import os
import platform
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"
FIGURES = DOCS / "pictures" / "benchmarks.json"
PLOT = DOCS / "pictures" / "benchmarks.svg"
PAGE = DOCS / "benchmarks.md"
_BEGIN, _END = "<!-- table: make bench -->", "<!-- end -->"


@dataclass(frozen=True)
class Row:
    """Ours beside something else in the same run: medians, in `unit`.

    `at_most` is the ratio that is aimed at; None where there is none.
    """

    work: str
    ours: float
    beside: str
    other: float
    at_most: float | None = None
    unit: str = "s"

    @property
    def ratio(self) -> float:
        """How many times the other's ours is."""
        return self.ours / self.other


def show(title: str, rows: Iterable[Row]) -> None:
    """Prints rows below a title."""
    print(f"\n{title}\n{'':<52}{'ours':>10}{'beside':>10}{'ratio':>8}{'at most':>9}")
    for row in rows:
        print(
            f"{row.work:<52}{_figure(row.ours, row.unit):>10}{_figure(row.other, row.unit):>10}"
            f"{row.ratio:>8.2f}{_target(row):>9}   {row.beside}",
            flush=True,
        )


def keep(rows: list[Row]) -> None:
    """Writes the figures, the table and the plot of the docs."""
    figures = {"machine": machine(), "rows": [asdict(row) for row in rows]}
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8", newline="\n")
    PAGE.write_text(with_table(PAGE.read_text("utf-8"), figures), encoding="utf-8", newline="\n")
    from benchmarks.plot import draw

    draw(rows, PLOT)


def with_table(page: str, figures: dict[str, object]) -> str:
    """The page with the table of these figures between its marks."""
    head, _, rest = page.partition(_BEGIN)
    _, _, tail = rest.partition(_END)
    return f"{head}{_BEGIN}\n\n{_table(figures)}\n\n{_END}{tail}"


def machine() -> dict[str, str]:
    """What the figures depend on."""

    def first_line(*command: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout.partition("\n")[0].strip()

    return {
        "processor": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
        "python": platform.python_version(),
        "git": first_line("git", "--version").removeprefix("git version "),
        "git-lfs": first_line("git", "lfs", "version").partition(" ")[0].removeprefix("git-lfs/"),
    }


def _table(figures: dict[str, object]) -> str:
    where, rows = figures["machine"], figures["rows"]
    assert isinstance(where, dict) and isinstance(rows, list)
    lines = [
        "Measured on: " + "; ".join(f"{key} {value}" for key, value in where.items()) + ".",
        "",
        "| work | cacheferry | beside it | its figure | ratio | aim |",
        "|---|---|---|---|---|---|",
    ]
    for row in (Row(**one) for one in rows):
        ours, other = _figure(row.ours, row.unit), _figure(row.other, row.unit)
        lines.append(
            f"| {row.work} | {ours} | {row.beside} | {other} | {row.ratio:.2f} | {_target(row)} |"
        )
    return "\n".join(lines)


def _figure(value: float, unit: str) -> str:
    if unit == "s" and value < 1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.2f} {unit}" if unit == "s" else f"{value:.0f} {unit}"


def _target(row: Row) -> str:
    return "" if row.at_most is None else f"{row.at_most:g}"
