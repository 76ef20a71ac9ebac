"""Which store a person has accepted for a repository; remembered per user, outside of it.

One line a repository, `STORE<TAB>COMMON_DIR`. Reading imports nothing: the agent asks before
its first answer.
"""

import os
import sys

from cacheferry.core.errors import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from cacheferry.core.repository import Repository
    from cacheferry.core.storeurl import StoreUrl


def accepted(repository: "Repository") -> str | None:
    """The address that was accepted last for this repository by this user, or None."""
    return accepted_for(os.fspath(repository.common_dir))


def accepted_for(common_dir: str) -> str | None:
    """As `accepted`, where only the folder that all linked worktrees share is at hand."""
    return _read().get(_key(common_dir))


def is_trusted(repository: "Repository", url: "StoreUrl") -> bool:
    """True where `url` is what was accepted last, or where it names no store of ours."""
    return not url.needs_agent or accepted(repository) == url.text


def accept(repository: "Repository", url: "StoreUrl") -> None:
    """Remembers `url` as accepted; every linked worktree of the repository shares it."""
    import filelock

    from cacheferry.core import atomic

    if "\n" in url.text or "\t" in url.text:
        raise ConfigurationError(f"the store {url.text!r} has a tab or a line's end in its path")
    file = state_folder() / _NAME
    atomic.make_folder(file.parent)
    with filelock.FileLock(file.with_suffix(".lock")):
        known = _read() | {_key(os.fspath(repository.common_dir)): url.text}
        text = "".join(f"{store}\t{key}\n" for key, store in sorted(known.items()))
        atomic.write(file, os.fsencode(text), mode=0o600)


_NAME = "trusted-stores"


def _key(common_dir: str) -> str:
    # One line a repository, whatever its path holds; never read back.
    return os.path.realpath(common_dir).replace("\\", "\\\\").replace("\n", "\\n")


def _read() -> dict[str, str]:
    try:
        with open(os.path.join(_state_folder(), _NAME), "rb") as file:
            lines = os.fsdecode(file.read()).split("\n")
    except FileNotFoundError:
        return {}
    fields = [line.partition("\t") for line in lines]
    return {key: store for store, tab, key in fields if tab}


def state_folder() -> "Path":
    """The user's folder for cacheferry's state, as platformdirs would choose it.

    Not taken from platformdirs: the agent runs without site-packages.
    """
    from pathlib import Path

    return Path(_state_folder())


def _state_folder() -> str:
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or os.path.expanduser("~/AppData/Local")
    elif sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Application Support")
    else:
        base = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return os.path.join(base, "cacheferry")
