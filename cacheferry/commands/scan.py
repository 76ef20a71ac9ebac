"""`cacheferry scan`: is it safe to unpickle? Found out without unpickling."""

from pathlib import Path

import click

from cacheferry.core import configfile, repository
from cacheferry.core.errors import ConfigurationError
from cacheferry.core.pickles import Scan, scan


@click.command("scan")
@click.argument("paths", nargs=-1, required=True, type=click.Path())
def command(paths: tuple[str, ...]) -> int:
    """Say whether PATHS are safe to unpickle; exit 1 where one is unsafe or incomplete.

    A folder stands for the pickles below it. `safety.allow` of the repository around applies.
    """
    files = [file for path in paths for file in _files(Path(path))]
    allow = _allowed_here()
    return max([_report(file, scan(file, allow)) for file in files], default=0)


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise ConfigurationError(f"{path} does not exist")
    if path.is_dir():
        suffixes = (".pkl", ".pickle", ".pk", ".p")
        return sorted(file for file in path.rglob("*") if file.suffix in suffixes)
    return [path]


def _allowed_here() -> tuple[str, ...]:
    try:
        around = repository.find()
    except ConfigurationError:
        return ()
    return configfile.load(around).allow if around.config_file.exists() else ()


def _report(file: Path, scanned: Scan) -> int:
    word = scanned.content if scanned.content == "incomplete" else scanned.safety
    if scanned.safety == "unsafe":
        word = "unsafe"
    details = f": {', '.join(scanned.refused)}" if scanned.refused else ""
    click.echo(f"{word:<11} {file}{details}")
    return 1 if word in ("unsafe", "incomplete") else 0
