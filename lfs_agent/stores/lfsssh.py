"""Asks a Git host over ssh where its LFS server is, and for the headers that open it.

Source: git-lfs docs/api/server-discovery.md: `ssh HOST git-lfs-authenticate PATH OPERATION`.
"""

import json
import os
import shlex
import subprocess
import time
from pathlib import Path
from typing import Any, NamedTuple

from cacheferry.core.errors import ConfigurationError, StoreDenied, StoreUnavailable
from cacheferry.core.git import Git, environment
from cacheferry.core.lfsserver import LfsServer, split

_SECONDS = 60.0
_MARGIN = 5.0
_USUAL_LIFE, _LONGEST_LIFE = 600.0, 86400.0


class Door(NamedTuple):
    """The address of an LFS API and the headers for it, until a moment of the monotonic clock."""

    address: str
    headers: dict[str, str]
    until: float = float("inf")

    def is_over(self) -> bool:
        """True where it has to be asked for anew."""
        return time.monotonic() > self.until


def authenticate(server: LfsServer, operation: str, root: Path, anonymous: bool) -> Door:
    """Asks the host. Raises StoreUnavailable, StoreDenied, or ConfigurationError."""
    if anonymous:
        raise ConfigurationError(
            f"{server.address} is asked over ssh, which shows your key to a server that "
            f"{server.source} names and nobody has accepted",
            "cacheferry trust",
        )
    parts = split(server.url)
    host, path = parts.hostname or "", parts.path
    if "://" not in server.url:
        path = path.removeprefix("/")
    if not host or host.startswith("-") or (parts.username or "").startswith("-"):
        raise ConfigurationError(f"{server.address} names no host")
    user = f"{parts.username}@" if parts.username else ""
    program = _ssh(root)
    port = ["-P" if _is_putty(program) else "-p", str(parts.port)] if parts.port else []
    remote = f"git-lfs-authenticate {shlex.quote(path)} {operation}"
    said = _run([*program, *port, f"{user}{host}", remote], server, root)
    path = path.strip("/")
    usual = f"https://{host}/{path}{'' if path.endswith('.git') else '.git'}/info/lfs"
    return _door(said, usual)


def _ssh(root: Path) -> list[str]:
    """The user's ssh, as git chooses it, that asks nobody anything."""
    git = Git(root)
    words = os.environ.get("GIT_SSH_COMMAND") or git.ask("config", "--get", "core.sshCommand")
    program = shlex.split(words) if words else [os.environ.get("GIT_SSH") or "ssh"]
    program = [os.path.expanduser(word) for word in program]
    if _is_putty(program):
        return [*program, "-batch"]
    is_openssh = Path(program[0]).stem.lower() == "ssh"
    return program + (["-oBatchMode=yes"] if is_openssh else [])


def _is_putty(program: list[str]) -> bool:
    return "plink" in Path(program[0]).stem.lower()


def _run(command: list[str], server: LfsServer, root: Path) -> dict[str, Any]:
    try:
        done = subprocess.run(
            command,
            cwd=root,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise StoreUnavailable(f"{server.address} does not answer over ssh") from None
    except OSError as error:
        raise ConfigurationError(f"cannot start {command[0]}: {error.strerror}") from None
    if done.returncode != 0:
        lines = done.stderr.decode("utf-8", "replace").split("\n")
        words = " | ".join(line.strip() for line in lines if line.strip()) or "no message"
        where = f"{server.address}, asked by `git-lfs-authenticate` over ssh: {words:.500}"
        if done.returncode == 255 and "denied" not in words and "verification failed" not in words:
            raise StoreUnavailable(where)
        raise StoreDenied(where, "does `ssh` to that host work, and does it serve LFS?")
    try:
        said = json.loads(done.stdout)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise StoreDenied(f"{server.address} does not answer `git-lfs-authenticate` with JSON")
    return said


def _door(said: dict[str, Any], usual: str) -> Door:
    href, headers, life = said.get("href"), said.get("header"), said.get("expires_in")
    address = href if isinstance(href, str) and href else usual
    if not address.startswith(("https://", "http://")):
        raise StoreDenied("the LFS server that ssh names is no https:// address")
    given = headers.items() if isinstance(headers, dict) else ()
    kept = {key: value for key, value in given if isinstance(key, str) and isinstance(value, str)}
    known = isinstance(life, int | float) and 0 < life < _LONGEST_LIFE
    seconds = float(life or 0) if known else _USUAL_LIFE
    return Door(address.rstrip("/"), kept, time.monotonic() + seconds - _MARGIN)
