"""The command line: one module a command, imported when it is called."""

import importlib
import os
import re
import sys
from collections.abc import Sequence

import click

from cacheferry import __version__
from cacheferry.core.errors import CacheferryError

COMMANDS = {
    "check": "Say what is wrong with the caches; exit 1 where something is.",
    "daemon": "Publish finished caches in the background.",
    "demo": "Tell the whole story on a scratch repository.",
    "doctor": "Say what must hold, whether it does, and what mends it.",
    "fsck": "Verify objects and heal them from whichever side is whole.",
    "gc": "Remove from the store what nothing needs.",
    "hash": "Print the hash of config files.",
    "hooks": "Install, remove or show the git hooks.",
    "init": "Set a repository up.",
    "kaggle": "Print the start-up script for a Kaggle kernel; mirror caches to a dataset.",
    "migrate": "Move everything to another store, and switch to it.",
    "pull": "Fetch caches and put them into the work tree.",
    "scan": "Say whether pickles are safe, without unpickling them.",
    "status": "Show every cache, what is queued and what is held.",
    "sync": "Publish every finished cache now.",
    "trust": "Accept the store that cacheferry.yaml names.",
}

LATER = (
    "cacheferry prune",
    "cacheferry daemon install",
    "cacheferry daemon uninstall",
)


class LazyGroup(click.Group):
    """Knows its commands by name and help line; `cacheferry.commands.NAME` has the function."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"cacheferry.commands.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cacheferry")
def cacheferry() -> None:
    """What one side has computed is a cache HIT on every other side."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line; returns its exit code (contract 6)."""
    _make_consoles_write_anything()
    try:
        code = cacheferry.main(arguments, prog_name="cacheferry", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.exceptions.Abort:
        return 130
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return 2
    except click.UsageError as error:
        return _complain(error.format_message(), _hint(error), 2)
    except click.ClickException as error:
        return _complain(error.format_message(), None, 2)
    except CacheferryError as error:
        return _complain(error.message, error.hint, error.exit_code)
    except KeyboardInterrupt:
        return _complain("interrupted", None, 130)
    except BrokenPipeError:
        # Whoever read our output has gone; what is left in the buffer must not raise at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _complain(*_of_system(error))


def _hint(error: click.UsageError) -> str | None:
    where = error.ctx.command_path if error.ctx else "cacheferry"
    given = re.search("'(.*)'", str(error.message))
    later = given and f"{where} {given[1]}" in LATER
    return f"{'not in this version; ' if later else ''}{where} --help"


def _complain(message: str, hint: str | None, code: int) -> int:
    sys.stdout.flush()
    print(f"cacheferry: error: {message}", file=sys.stderr)
    if hint:
        print(f"cacheferry: hint: {hint}", file=sys.stderr)
    return code


def _of_system(error: OSError) -> tuple[str, str | None, int]:
    place = f" {error.filename}" if error.filename else ""
    return f"{(error.strerror or str(error)).lower()}:{place}", None, 4


def _make_consoles_write_anything() -> None:
    # A Windows console may know no ✅ and a path may be no UTF-8: neither may end a command.
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")
