"""`cacheferry daemon`: publishes finished caches, in the foreground or the background."""

import sys
import time
from datetime import datetime
from pathlib import Path

import click

import cacheferry
from cacheferry.core.repository import Repository
from cacheferry.session import begin
from daemon import control, state
from daemon.desk import Desk, desk


@click.group("daemon")
def command() -> None:
    """Publish finished caches in the background."""


@command.command("run")
@click.option("--background", is_flag=True, hidden=True)
def run(background: bool) -> None:
    """Be the daemon, in the foreground, until Ctrl-C."""
    around = begin().repository
    control.run(around, lambda: _desk(around), to_console=not background)


@command.command("start")
def start() -> None:
    """Start the daemon in the background; it outlives this terminal."""
    _start(begin().repository)


@command.command("stop")
def stop() -> None:
    """Stop the daemon."""
    _stop(begin().repository)


@command.command("restart")
def restart() -> None:
    """Stop the daemon and start it again."""
    around = begin().repository
    _stop(around)
    _start(around)


@command.command("status")
def status() -> int:
    """Say whether the daemon runs: exit 0 if it does, 1 if not."""
    around = begin().repository
    pid = control.running(around)
    if pid is None:
        click.echo("not running")
        return 1
    said = state.read(around)
    click.echo(f"running (pid {pid}) since {_when(said.get('started'))}")
    click.echo(f"last published: {_when(said.get('last_published'))}")
    for word in ("busy", "error"):
        if said.get(word):
            click.echo(f"{'waiting' if word == 'busy' else 'last error'}: {said[word]}")
    return 0


@command.command("logs")
@click.option("-f", "--follow", is_flag=True, help="Go on printing what is added.")
@click.option("-n", "lines", default=50, show_default=True, help="How many lines to begin with.")
def logs(follow: bool, lines: int) -> None:
    """Print the end of the daemon's log."""
    around = begin().repository
    for line in control.tail(around, lines):
        click.echo(line)
    if follow:
        _follow(control.log_file(around))


def _desk(around: Repository) -> Desk:
    session = begin(around.root)
    return desk(session.repository, session.config, session.writer())


def _start(around: Repository) -> None:
    program = Path(cacheferry.__file__).with_name("__main__.py")
    command = [sys.executable, "-I", str(program), "daemon", "run", "--background"]
    pid = control.start(around, command)
    click.echo("already running" if pid is None else f"started (pid {pid})")


def _stop(around: Repository) -> None:
    pid = control.stop(around)
    click.echo("not running" if pid is None else f"stopped (pid {pid})")


def _when(seconds: float | None) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S") if seconds else "never"


def _follow(file: Path) -> None:
    position = file.stat().st_size if file.exists() else 0
    while True:
        time.sleep(0.2)
        size = file.stat().st_size if file.exists() else 0
        if size < position:  # rotated
            position = 0
        if size > position:
            with open(file, encoding="utf-8", errors="replace") as stream:
                stream.seek(position)
                click.echo(stream.read(), nl=False)
                position = stream.tell()
