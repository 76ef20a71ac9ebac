"""`cacheferry kaggle`: the start-up script for a kernel, and a dataset for one without internet."""

import shlex
from pathlib import Path

import click

from cacheferry import mirroring, reporting
from cacheferry.core import storeurl
from cacheferry.core.errors import ConfigurationError
from cacheferry.core.repository import find
from cacheferry.core.storeurl import StoreUrl, without_user
from cacheferry.session import Session, begin

_TEMPLATE = Path(__file__).parent.parent / "kaggle_start.sh"
_NOTHING = "echo 'nothing to run: name your command in CACHEFERRY_RUN'"


@click.group("kaggle", invoke_without_command=True)
@click.option("--run", "run", metavar="COMMAND", help="What to run in the repository.")
@click.pass_context
def command(context: click.Context, run: str | None) -> None:
    """Print the start-up script for a kernel: clone, set up, fetch, run, publish.

    It is both a Python cell and a shell script. The clone's URL and branch are those of the
    current repository; CACHEFERRY_REPOSITORY, _BRANCH, _FOLDER and _RUN change them there.
    """
    if context.invoked_subcommand is None:
        click.echo(script(run or _NOTHING), nl=False)


@command.command("mirror")
@click.argument("dataset", required=False, metavar="[kaggle://OWNER/DATASET]")
def mirror(dataset: str | None) -> int:
    """Put the caches that the current configs need into a Kaggle dataset.

    For kernels without internet, which read it where it is attached. Without an address it is
    the store that is in force.
    """
    session = begin()
    url = _dataset(session, dataset)
    reporting.warn(f"mirroring to {url.text}: Kaggle takes minutes to accept what is new")
    done = mirroring.mirror(session, url, explicit=dataset is not None)
    for path, error in done.failed.items():
        reporting.warn(f"cacheferry: error: {path}: {error.message}")
    size = reporting.human_size(done.size)
    news = f"{done.new} of them new" if done.new else "all there already"
    click.echo(f"{url.text}: {reporting.caches(done.number)} ({size}), {news}")
    return 1 if done.failed else 0


def _dataset(session: Session, text: str | None) -> StoreUrl:
    url = storeurl.parse(text, session.repository.root) if text else session.chosen.url
    if url.scheme != "kaggle":
        raise ConfigurationError(
            f"{url.text} is no Kaggle dataset", "cacheferry kaggle mirror kaggle://OWNER/DATASET"
        )
    return url


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
