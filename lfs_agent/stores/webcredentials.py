"""Finds the credential for one web server: a token, netrc, Git's credential helpers."""

import base64
import ipaddress
import netrc
import os
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from cacheferry.core.errors import CacheferryError, ConfigurationError
from cacheferry.core.git import Git
from lfs_agent import usual

_PATIENCE = 30.0
"""Seconds that a credential helper may take."""

# A daemon, a kernel and git-lfs's agent have nobody in front of them who could be asked.
_NO_PROMPT = {"GIT_ASKPASS": "", "SSH_ASKPASS": "", "GCM_INTERACTIVE": "never"}
_NO_PROMPT_EITHER = ("core.askPass=", "credential.interactive=false")


class Credentials:
    """The values of the header `Authorization` for one server, in the order they are tried.

    There are none over http:// to another machine, as anybody on the way could read them. Several
    threads may ask.
    """

    def __init__(self, address: str, anonymous: bool, token: str | None) -> None:
        self._address = address
        self._none_because = _why_none(address, anonymous)
        self._lock = threading.Lock()
        self._from_git = ""  # the description that `git credential` takes
        self._current: str | None = None
        if not self._none_because:
            self._current = _bearer(token) or _from_netrc(urlsplit(address).hostname or "")
        self._may_ask_git = not self._none_because and not token

    def current(self) -> str | None:
        """The value to send; None where none is known without asking Git's helpers."""
        return self._current

    def another_than(self, refused: str | None) -> str | None:
        """The value to send after a 401 to `refused`; None where there is no other."""
        with self._lock:
            if self._current == refused:
                self._current = self._next()
            return self._current

    def worked(self, value: str) -> None:
        """Lets Git's helpers keep what they have given."""
        with self._lock:
            if self._from_git and self._current == value:
                self._git("approve", self._from_git)
                self._from_git = ""

    def hint(self) -> str:
        """What a person can do after a 401."""
        return self._none_because or (
            "CACHEFERRY_TOKEN, ~/.netrc and Git's credential helpers are looked at: "
            "docs/stores-http.md"
        )

    def _next(self) -> str | None:
        if self._from_git:
            self._git("reject", self._from_git)
            self._from_git = ""
        if not self._may_ask_git:
            return None
        self._may_ask_git = False
        self._from_git = self._git("fill", _described(self._address))
        found = dict(line.split("=", 1) for line in self._from_git.splitlines() if "=" in line)
        if not found.get("password"):
            self._from_git = ""
            return None
        return _basic(found.get("username", ""), found["password"])

    def _git(self, action: str, description: str) -> str:
        """What `git credential` prints; '' where it knows nothing."""
        if not description:
            return ""
        git = Git(Path(usual.work_folder()), env=_NO_PROMPT, config=_NO_PROMPT_EITHER)
        with suppress(CacheferryError, subprocess.TimeoutExpired):
            data = (description.rstrip("\n") + "\n\n").encode()
            return git.run("credential", action, data=data, timeout=_PATIENCE).decode(
                errors="replace"
            )
        return ""


def is_loopback(host: str) -> bool:
    """True for a name or an address of this machine."""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def _why_none(address: str, anonymous: bool) -> str:
    parts = urlsplit(address)
    if anonymous:
        return "nobody has accepted this store, so no credential was sent: `cacheferry trust`"
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        return "no credential is sent over http://, where it could be read: use https://"
    return ""


def _described(address: str) -> str:
    parts = urlsplit(address)
    fields = {
        "protocol": parts.scheme,
        "host": parts.netloc.rpartition("@")[2],
        "username": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "path": unquote(parts.path).strip("/"),
    }
    if not all(value.isprintable() for value in fields.values()):
        return ""  # a line's end would begin a field of its own
    return "".join(f"{key}={value}\n" for key, value in fields.items() if value)


def _bearer(token: str | None) -> str | None:
    if not token:
        return None
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise ConfigurationError("the token in CACHEFERRY_TOKEN has characters that no token has")
    return f"Bearer {token}"


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _from_netrc(host: str) -> str | None:
    named = os.environ.get("NETRC")
    for name in [named] if named else ["~/.netrc", "~/_netrc"]:
        # A netrc of no use is nobody's error here: the server will say whether one is needed.
        with suppress(OSError, netrc.NetrcParseError, ValueError):
            found = netrc.netrc(os.path.expanduser(name)).authenticators(host)
            if found and found[2]:
                return _basic(found[0], found[2])
    return None
