"""Section 7.6: does a learning controller beat a fixed one on Lagos' roads?

Run from anywhere: python validation_ch7/scripts/run_section_7_6.py [--scenario NAME|all]
"""

import argparse
import json
import math
import sys
import time
from pathlib import Path
from typing import Any

_BEGAN = time.perf_counter()
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from arz_model import scenario as scenarios  # noqa: E402
from cacheferry.core.errors import CacheferryError  # noqa: E402
from Code_RL import configuration  # noqa: E402
from validation_ch7 import baseline, caching, learned  # noqa: E402
from validation_ch7.comparison import improvement  # noqa: E402
from validation_ch7.results import Result  # noqa: E402

IMPORT_SECONDS = time.perf_counter() - _BEGAN


def main() -> int:
    """Runs the section; 0 when all is done, cacheferry's exit code where it has an error."""
    _make_console_safe()
    options = _options()
    try:
        summary = run(options)
    except CacheferryError as error:
        hint = f"\nhint: {error.hint}" if error.hint else ""
        print(f"error: {error}{hint}", file=sys.stderr)
        return error.exit_code
    _print_table(summary["scenarios"])
    if options.summary:
        options.summary.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return 0


def run(options: argparse.Namespace) -> dict[str, Any]:
    """What --summary writes."""
    config, config_hash = configuration.load(caching.CONFIG), caching.config_hash()
    print(f"[CACHE] Config hash: {config_hash}")
    names = scenarios.NAMES if options.scenario == "all" else (options.scenario,)
    rows = {name: _run_scenario(name, config, config_hash, options) for name in names}
    return {"config_hash": config_hash, "import_seconds": IMPORT_SECONDS, "scenarios": rows}


def _run_scenario(
    name: str, config: configuration.Config, config_hash: str, options: argparse.Namespace
) -> dict[str, Any]:
    scenario = scenarios.load(name, options.cells)
    duration = options.duration or scenario.t_final
    fixed = baseline.obtain(scenario, math.ceil(duration / scenario.output_dt))
    if options.baseline_only:
        return {"baseline": _row(fixed)}
    learnt = learned.obtain(scenario, config, config_hash, duration)
    gain = improvement(fixed, learnt, scenario, config, duration)
    return {"baseline": _row(fixed), "rl": _row(learnt) | {"improvement": gain}}


def _row(result: Result) -> dict[str, Any]:
    return {
        "hit": result.hit,
        "seconds": result.seconds,
        "compute_seconds": result.contents["compute_seconds"],
        "states": len(result.contents["states"]),
    }


def _print_table(rows: dict[str, Any]) -> None:
    print(f"\n{'scenario':<24}{'baseline':>18}{'RL':>18}{'RL over baseline':>20}")
    for name, row in rows.items():
        cells = f"{_cell(row['baseline']):>18}{_cell(row.get('rl')):>18}"
        gain = f"{row['rl']['improvement']:>+20.1%}" if "rl" in row else ""
        print(f"{name:<24}{cells}{gain}")


def _cell(row: dict[str, Any] | None) -> str:
    return f"{'HIT' if row['hit'] else 'MISS'} {row['seconds']:.2f} s" if row else ""


def _make_console_safe() -> None:
    """A Windows console in cp1252 cannot print ✅: better a `?` than a crash."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")


def _seconds(text: str) -> float:
    if not 0.0 < float(text) < math.inf:
        raise ValueError(text)
    return float(text)


def _cells(text: str) -> int:
    if int(text) < 20:
        raise argparse.ArgumentTypeError("at least 20, or ramp and signs fall between the cells")
    return int(text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Section 7.6: fixed and learning controllers.")
    parser.add_argument("--scenario", choices=(*scenarios.NAMES, "all"), default="all")
    parser.add_argument("--duration", type=_seconds, help="simulated seconds (default: the file's)")
    parser.add_argument("--cells", type=_cells, help="stored cells (default: the file's)")
    parser.add_argument("--baseline-only", action="store_true", help="leave the learning out")
    parser.add_argument("--summary", type=Path, metavar="FILE.json", help="also write figures here")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
