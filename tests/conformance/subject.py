"""The agent under test, and what the suite must know about it."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

CHECKOUT = Path(__file__).resolve().parents[2]


class Subject(NamedTuple):
    """`{store}` in a word of `command`, `setup` or `env` stands for the store."""

    command: tuple[str, ...]
    env: Mapping[str, str] = {}
    objects: str | None = "{aa}/{bb}/{oid}"
    """Where an object lies below the store; None where it is in no folder."""
    setup: tuple[str, ...] = ()
    """Makes an empty store; without one, an empty folder is."""
    wrong: tuple[Mapping[str, str], ...] = ()
    """Environments in which init must be answered with an error."""
    memory: int = 60
    """MB that the agent may take at most."""
    patience: float = 20
    """Seconds after which an agent hangs."""


OURS = Subject(
    (sys.executable, "-I", "-S", str(CHECKOUT / "lfs_agent" / "__main__.py")),
    {"CACHEFERRY_STORE": "{store}"},
    wrong=(
        {"CACHEFERRY_STORE": ""},
        {"CACHEFERRY_STORE": "gopher://host/x"},
        {"CACHEFERRY_STORE": "https://me:secret@host/x"},
    ),
)
BUILT_IN = Subject(
    ("git-lfs", "standalone-file"),
    objects="lfs/objects/{aa}/{bb}/{oid}",
    setup=("git", "init", "-q", "--bare", "{store}"),
    wrong=({"GIT_DIR": "/nowhere"},),
    patience=6,
)
_BROKEN = Path(__file__).parent / "broken" / "agent.py"


def model(fault: str = "") -> Subject:
    """The suite's own small agent, right or with one fault."""
    wrong = ({"STORE": ""},)
    command = (sys.executable, "-I", "-S", str(_BROKEN), *([fault] if fault else []))
    return Subject(command, {"STORE": "{store}"}, wrong=wrong, patience=2.5 if fault else 20)


def clean_environment(home: Path) -> dict[str, str]:
    """The caller's environment without his git and his home."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "CACHEFERRY_"))}
    return kept | {
        "HOME": str(home),
        "XDG_STATE_HOME": str(home / "state"),
        "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "LC_ALL": "C.UTF-8",
    }
