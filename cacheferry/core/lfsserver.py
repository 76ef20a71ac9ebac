"""Where the LFS server of a repository lies, as git-lfs decides it (`store: lfs`).

Source: git-lfs docs/api/server-discovery.md. Git's own settings are the user's words; those of a
committed `.lfsconfig` count only where git says nothing, and are somebody else's.
"""

import os
import re
from pathlib import Path
from typing import NamedTuple, TypeGuard
from urllib.parse import SplitResult, urlsplit

from cacheferry.core.errors import ConfigurationError
from cacheferry.core.git import Git
from cacheferry.core.repository import Repository
from cacheferry.core.storeurl import names_one_host, redacted, without_user

AGENTS = "cacheferry::"
"""An `lfs.url` that begins so names no server: it binds git-lfs to our agent."""

_FILE = ".lfsconfig"
_UNNAMED = "cacheferry-lfs"
_SCP_LIKE = re.compile(r"(?!-)[^/:\\]{2,}:(?!//)")  # one letter and a colon is a drive of Windows


class LfsServer(NamedTuple):
    """`url` is https://…, http://…, ssh://…, USER@HOST:PATH, or the path of a repository.

    It may hold the user's own credentials: `address` is what may be shown. `own` is False where
    only a committed file names it, on another host than the remote's.
    """

    url: str
    source: str
    own: bool = True

    @property
    def address(self) -> str:
        """The server for messages, without credentials."""
        return redacted(without_user(self.url))

    @property
    def kind(self) -> str:
        """`http`, `ssh`, or `folder`."""
        return _kind(self.url)


def find(repository: Repository, operation: str) -> LfsServer | None:
    """The server for `upload` or `download`; None without any remote.

    Raises ConfigurationError where the remote has no LFS server that we could speak to.
    """
    git = repository.git
    name = _remote(git)
    remote = _remote_url(git, name, operation)
    for key in _keys(name, operation):
        if _names_a_server(url := git.ask("config", "--get", key)):
            return LfsServer(_resolved(git, url), f"git config {key}")
        if _names_a_server(url := _committed(repository, key)):
            url = _resolved(git, url)
            _require_one_host(url)
            return LfsServer(url, _FILE, remote is not None and _is_same_host(url, remote))
    if remote is None:
        return None
    return LfsServer(_of_remote(remote, git), f"the remote {name}")


def _remote(git: Git) -> str:
    """The remote that git-lfs would take: the current branch's, else the default one."""
    branch = git.ask("symbolic-ref", "--short", "-q", "HEAD")
    followed = git.ask("config", "--get", f"branch.{branch}.remote") if branch else None
    if followed and followed != ".":
        return followed
    if default := git.ask("config", "--get", "remote.lfsdefault"):
        return default
    known = (git.ask("remote") or "").splitlines()
    return known[0] if len(known) == 1 else "origin"


def _remote_url(git: Git, name: str, operation: str) -> str | None:
    pushing = ("--push",) if operation == "upload" else ()
    return git.ask("remote", "get-url", *pushing, "--", name)


def _keys(remote: str, operation: str) -> list[str]:
    pushing = operation == "upload"
    return [
        *(["lfs.pushurl"] if pushing else []),
        "lfs.url",
        *([f"remote.{remote}.lfspushurl"] if pushing else []),
        f"remote.{remote}.lfsurl",
    ]


def _committed(repository: Repository, key: str) -> str | None:
    file = repository.root / _FILE
    if file.is_symlink() or not file.is_file():
        return None  # a link may lead out of the repository
    return repository.git.ask("config", "--file", os.fspath(file), "--get", key)


def _names_a_server(url: str | None) -> TypeGuard[str]:
    return bool(url) and not str(url).startswith(AGENTS)


def _require_one_host(url: str) -> None:
    # What is shown and accepted has to be what is connected to.
    if not names_one_host(url):
        raise ConfigurationError(
            f"the host of {redacted(url)} in {_FILE} is not plain to see",
            "name the server yourself: git config lfs.url URL",
        )


def _resolved(git: Git, url: str) -> str:
    """The address after the user's `url.<base>.insteadOf`."""
    # As a remote that only the environment knows: a password may stand in the address, and what
    # stands on a command line is anybody's to read.
    number = int(os.environ.get("GIT_CONFIG_COUNT") or 0)
    setting = {
        "GIT_CONFIG_COUNT": str(number + 1),
        f"GIT_CONFIG_KEY_{number}": f"remote.{_UNNAMED}.url",
        f"GIT_CONFIG_VALUE_{number}": url,
    }
    return Git(git.folder, env=setting).ask("ls-remote", "--get-url", _UNNAMED) or url


def _of_remote(url: str, git: Git) -> str:
    scheme, separator, rest = url.partition("://")
    if separator and scheme in ("git", "http", "https"):
        if scheme == "git":
            scheme = git.ask("config", "--get", "lfs.gitprotocol") or "https"
        path = rest.rstrip("/")
        return f"{scheme}://{path}{'' if path.endswith('.git') else '.git'}/info/lfs"
    if separator and scheme not in ("ssh", "git+ssh", "ssh+git", "file"):
        raise ConfigurationError(
            f"the remote {redacted(url)} has no LFS server", "name one: git config lfs.url URL"
        )
    return url


def _kind(url: str) -> str:
    scheme, separator, _ = url.partition("://")
    if separator and scheme in ("http", "https"):
        return "http"
    if (separator and scheme in ("ssh", "git+ssh", "ssh+git")) or _SCP_LIKE.match(url):
        return "ssh"
    if "::" in url or (separator and scheme != "file"):
        raise ConfigurationError(
            f"{redacted(url)} is no LFS server that cacheferry can speak to",
            "https://, ssh://, or the path of a repository",
        )
    return "folder"


def _is_same_host(url: str, remote: str) -> bool:
    """True where a credential for the remote is safe with `url`: its host, encrypted as before."""
    if "folder" in (_kind(url), _kind(remote)):
        return False
    ours, theirs = split(remote), split(url)
    if not ours.hostname or ours.hostname != theirs.hostname:
        return False
    return theirs.scheme != "http" or (theirs.scheme, theirs.port) == (ours.scheme, ours.port)


def split(url: str) -> SplitResult:
    """The parts of an address; `USER@HOST:PATH` is read as ssh. Raises ConfigurationError."""
    if "://" not in url:
        host, _, path = url.partition(":")
        url = f"ssh://{host}/{path}"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise ConfigurationError(f"{redacted(url)} is no address: {error}") from None
    return parts


def folder(server: LfsServer, root: Path) -> Path:
    """The LFS storage's objects of a remote that is a repository on disk, as git-lfs keeps them.

    Raises ConfigurationError where there is no repository.
    """
    path = server.url
    if path.startswith("file://"):
        from urllib.request import url2pathname

        path = url2pathname(urlsplit(path).path)
    place = root / path
    git = Git(place)
    common = git.ask("rev-parse", "--git-common-dir") if place.is_dir() else None
    if common is None:
        raise ConfigurationError(f"{server.source}: {place} is no git repository")
    own = git.ask("config", "--get", "--type=path", "lfs.storage")
    return Path(os.path.normpath(place / common)) / (own or "lfs") / "objects"
