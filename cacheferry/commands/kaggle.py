"""`cacheferry kaggle`: prints the start-up script for a kernel."""

import shlex
from pathlib import Path

import click

from cacheferry.core.errors import ConfigurationError
from cacheferry.core.repository import find
from cacheferry.core.storeurl import without_user

_TEMPLATE = Path(__file__).parent.parent / "kaggle_start.sh"
_NOTHING = "echo 'nothing to run: name your command in CACHEFERRY_RUN'"


@click.command("kaggle")
@click.option("--run", "run", metavar="COMMAND", help="What to run in the repository.")
def command(run: str | None) -> None:
    """Print the start-up script for a kernel: clone, set up, fetch, run, publish.

    It is both a Python cell and a shell script. The clone's URL and branch are those of the
    current repository; CACHEFERRY_REPOSITORY, _BRANCH, _FOLDER and _RUN change them there.
    """
    click.echo(script(run or _NOTHING), nl=False)


def script(run: str) -> str:
    """The script for the repository around the current folder, running one shell command."""
    git = find().git
    branch = git.ask("symbolic-ref", "-q", "--short", "HEAD") or "main"
    remote = git.ask("config", "--get", f"branch.{branch}.remote") or "origin"
    url = git.ask("remote", "get-url", remote)
    if url is None:
        raise ConfigurationError(
            f"the remote {remote} has no address to clone from", "git remote add origin URL"
        )
    values = {
        "REPOSITORY": without_user(url),
        "BRANCH": branch,
        "FOLDER": _name(url),
        "RUN": run,
    }
    text = _TEMPLATE.read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(f"@{name}@", shlex.quote(value))
    return text


def _name(url: str) -> str:
    last = url.rstrip("/").rpartition("/")[2].rpartition(":")[2]
    return last.removesuffix(".git") or "repository"
