"""`cacheferry demo`: laptop, Kaggle, both directions, invalidation; on a scratch repository."""

import importlib.util
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from cacheferry.core.errors import CacheferryError, ConfigurationError
from cacheferry.core.git import Git
from cacheferry.demo.scratch import Scratch
from cacheferry.demo.story import Story
from cacheferry.setup.agent import has_git_lfs


@click.command("demo")
@click.option("--json", "as_json", is_flag=True, help="Print the figures alone, as JSON.")
def command(as_json: bool) -> None:
    """Tell the whole story with a real simulation; exit 1 where a step fails."""
    _require()
    folder = Path(tempfile.mkdtemp(prefix="cacheferry-demo-")).resolve()

    def say(line: str) -> None:
        click.echo(line, err=as_json)
        (sys.stderr if as_json else sys.stdout).flush()

    scratch = Scratch(folder, say)
    began = time.perf_counter()
    try:
        figures = Story(scratch, say).tell()
    except CacheferryError as error:
        _stop_daemon(scratch)
        raise CacheferryError(error.message, f"everything is left in {folder}") from None
    except BaseException:
        _stop_daemon(scratch)
        raise
    figures["seconds"] = time.perf_counter() - began
    shutil.rmtree(folder, ignore_errors=True)
    if as_json:
        click.echo(json.dumps(figures, indent=2))
    else:
        _print(figures)


def _require() -> None:
    missing = [name for name in ("numpy",) if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            "the demo's simulation needs numpy", "pip install 'cacheferry[demo]'"
        )
    if not has_git_lfs(Git(Path.cwd())):
        raise ConfigurationError("the demo needs git-lfs", "install it: https://git-lfs.com")


def _stop_daemon(scratch: Scratch) -> None:
    try:
        scratch.ferry_quietly("daemon", "stop")
    except (CacheferryError, OSError):
        return  # there was none yet


def _print(figures: dict[str, Any]) -> None:
    click.echo(f"\n{'':<24}{'without':>10}{'local':>10}{'Kaggle':>10}{'time':>10}")
    click.echo(f"{'scenario':<24}{'cache':>10}{'cache':>10}{'cache':>10}{'saved':>10}")
    rows = figures["scenarios"]
    for name, row in rows.items():
        numbers = "".join(f"{row[key]:>8.2f} s" for key in row)
        click.echo(f"{name:<24}{numbers}")
    total = sum(row["saved_seconds"] for row in rows.values())
    publish = figures["daemon_published_seconds"]
    click.echo(f"\n{total:.1f} s saved by what Kaggle and the laptop had computed for each other")
    click.echo(f"the daemon had published {publish:.1f} s after the simulation ended")
    click.echo(
        f"git pull took {figures['pull_seconds']:.1f} s; the demo {figures['seconds']:.0f} s"
    )
