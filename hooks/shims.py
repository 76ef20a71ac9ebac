"""Installs and removes the hook scripts; whatever hook was there before runs first."""

import os
import shlex
import sys
from contextlib import suppress
from pathlib import Path

from cacheferry.core import atomic
from cacheferry.core.errors import ConfigurationError
from cacheferry.core.repository import Repository

HOOKS = ("pre-commit", "post-merge", "post-checkout", "post-rewrite")
REFUSED = 97
"""The exit code with which pre-commit refuses; 1 and 2 are those of a Python that cannot start."""

_MARK = "# written by `cacheferry hooks install`; `cacheferry hooks uninstall` takes it out again"
_BEFORE = ".before-cacheferry"
_SHIM = """\
#!/bin/sh
{mark}
before="$(cd "$(dirname -- "$0")" && pwd -P)/{hook}{suffix}"
# A tool that has moved this script and calls it may itself be what we call: once round is enough.
[ "$CACHEFERRY_CHAIN" != "$before" ] || exit 0
python={python}
program={program}
status=0
if [ -x "$before" ]; then
    CACHEFERRY_CHAIN="$before" "$before" "$@" || status=$?
    {stop}
fi
if [ -x "$python" ] && [ -f "$program" ]; then
    "$python" -I "$program" {hook} "$@" </dev/null
    [ $? -ne {refused} ] || status=1
else
    echo "cacheferry: warning: $program is gone, so the {hook} hook checks nothing" >&2
fi
exit $status
"""


def install(repository: Repository) -> list[str]:
    """Installs what is missing or outdated; returns the names of the hooks that changed.

    Raises ConfigurationError where core.hooksPath leads out of the repository.
    """
    folder = hooks_folder(repository)
    atomic.make_folder(folder)
    return [hook for hook in HOOKS if _install(folder, hook)]


def uninstall(repository: Repository) -> list[str]:
    """Removes our hooks and puts those that were there before back, byte for byte."""
    folder = hooks_folder(repository)
    return [hook for hook in HOOKS if _uninstall(folder, hook)]


def status(repository: Repository) -> dict[str, str]:
    """For each hook: installed, chained (with one that was there before), outdated or absent."""
    folder = hooks_folder(repository)
    return {hook: _status(folder, hook) for hook in HOOKS}


def hooks_folder(repository: Repository) -> Path:
    """Where git looks for hooks of this repository."""
    answer = repository.git.text("rev-parse", "--git-path", "hooks")
    folder = Path(os.path.normpath(repository.root / answer))
    homes = (repository.root, repository.common_dir)
    if not any(folder.resolve().is_relative_to(home.resolve()) for home in homes):
        raise ConfigurationError(
            f"core.hooksPath is {folder}, outside of the repository: hooks are not installed",
            "git config core.hooksPath .git/hooks, or call cacheferry from your own hooks",
        )
    return folder


def _install(folder: Path, hook: str) -> bool:
    file, wanted = folder / hook, _shim(hook).encode()
    if os.path.lexists(file):
        present = _text(file)
        if present == wanted and os.access(file, os.X_OK):
            return False
        if not _is_ours(present):
            _set_aside(file, folder / (hook + _BEFORE))
    atomic.write(file, wanted)
    readable = file.stat().st_mode
    file.chmod(readable | (readable & 0o444) >> 2)  # whoever may read it may run it
    return True


def _set_aside(file: Path, before: Path) -> None:
    # Another tool has written over our shim: git-lfs's are the same again, others would be lost.
    if os.path.lexists(before) and _text(before) != _text(file):
        raise ConfigurationError(
            f"{file} and {before.name} beside it are both hooks of others",
            f"put into {before.name} what both of them do, remove {file.name}, and try again",
        )
    os.replace(file, before)


def _uninstall(folder: Path, hook: str) -> bool:
    file, before = folder / hook, folder / (hook + _BEFORE)
    if not _is_ours(_text(file)):
        return False
    if os.path.lexists(before):
        os.replace(before, file)
    else:
        file.unlink()
    return True


def _status(folder: Path, hook: str) -> str:
    file = folder / hook
    if not _is_ours(_text(file)):
        return "absent"
    if _text(file) != _shim(hook).encode():
        return "outdated"
    return "chained" if os.path.lexists(folder / (hook + _BEFORE)) else "installed"


def _text(file: Path) -> bytes:
    """The hook's bytes; none where there is no hook, or a symlink to nowhere."""
    with suppress(FileNotFoundError):
        return file.read_bytes()
    return b""


def _is_ours(text: bytes) -> bool:
    return _MARK.encode() in text


def _shim(hook: str) -> str:
    return _SHIM.format(
        mark=_MARK,
        hook=hook,
        refused=REFUSED,
        suffix=_BEFORE,
        python=shlex.quote(Path(sys.executable).as_posix()),
        program=shlex.quote(program().as_posix()),
        stop="[ $status -eq 0 ] || exit $status" if hook == "pre-commit" else ":",
    )


def program() -> Path:
    """The file that the shims start."""
    return Path(__file__).absolute().with_name("__main__.py")
