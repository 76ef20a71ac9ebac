"""Reads the address of a store (contract 3). Credentials in one are refused, and never shown."""

import os
import re
from pathlib import Path
from typing import NamedTuple

from cacheferry.core.errors import ConfigurationError

REMOTE_SCHEMES = ("http", "https", "s3", "gs", "az", "sftp", "kaggle")
WITHOUT_AGENT = ("lfs", "git")
_SECRET_WORDS = ("secret", "password", "passwd", "token", "access_key", "accesskey", "sas", "sig")
_COLON = re.compile(":|%3a", re.IGNORECASE)
_BEHIND_HOST = re.compile("[/?#]")
_UNDECODED = re.compile("[\udc80-\udcff]")  # bytes of a file's name that are no UTF-8
_USER_MAY_STAND_IN = ("sftp",)  # elsewhere a lone user name is most often a token


class StoreUrl(NamedTuple):
    """A store's address: `scheme` is file, lfs, git or one of REMOTE_SCHEMES.

    `text` may be shown to anybody and tells stores apart: two addresses of one store are equal.
    `folder` is absolute, and only there for `file`.
    """

    scheme: str
    text: str
    folder: Path | None = None

    @property
    def needs_agent(self) -> bool:
        """False for the LFS server of the Git host, and for plain Git."""
        return self.scheme not in WITHOUT_AGENT


def parse(text: str, root: Path) -> StoreUrl:
    """The address that `text` is; a relative folder counts from `root`.

    Raises ConfigurationError for an unknown scheme, a credential, or no address at all.
    """
    text = text.strip()
    _require_printable(text)
    if text in WITHOUT_AGENT:
        return StoreUrl(text, text)
    scheme, separator, rest = text.partition("://")
    if not separator:
        return _folder(Path(os.path.expanduser(text)), root)
    if scheme == "file":
        return _folder(_file_url_path(text, rest), root)
    if scheme not in REMOTE_SCHEMES:
        known = ", ".join(f"{name}://" for name in ("file", *REMOTE_SCHEMES))
        raise ConfigurationError(
            f"unknown store scheme in {redacted(text)}", f"a folder, {known}, lfs or git"
        )
    _refuse_credentials(text, scheme, rest)
    from cacheferry.core import remoteurl  # its parser takes longer than a hook has

    return StoreUrl(scheme, remoteurl.checked(text, scheme))


def redacted(text: str) -> str:
    """The text with passwords, tokens and secret parameters as `***`, fit for a message."""
    head, separator, rest = text.partition("://")
    if not separator:
        return text
    authority, slash, path = _split_authority(rest)
    userinfo, at, host = authority.rpartition("@")
    if at:
        user, colon, _ = _COLON.sub(":", userinfo, count=1).partition(":")
        alone = user if head in _USER_MAY_STAND_IN else "***"
        authority = (f"{user}:***" if colon else alone) + "@" + host
    path, question, query = path.partition("?")
    fields = [_redacted_field(field) for field in query.split("&")]
    return head + separator + authority + slash + path + question + "&".join(fields)


def without_user(text: str) -> str:
    """A web address without its user and password; any other text as it is.

    Read as whoever connects reads it: the host ends at the first slash.
    """
    head, separator, rest = text.partition("://")
    if head not in ("http", "https") or not separator:
        return text
    authority = _plain_authority(rest)
    return head + separator + authority.rpartition("@")[2] + rest[len(authority) :]


def names_one_host(text: str) -> bool:
    """False where an `@` behind a slash could be taken for the end of a password, or of a path."""
    _, separator, rest = text.partition("://")
    return not separator or _split_authority(rest)[0] == _plain_authority(rest)


def _folder(path: Path, root: Path) -> StoreUrl:
    # Resolved, so that a symlink of the repository cannot point an accepted address elsewhere.
    try:
        resolved = (root / path).resolve()
    except (OSError, RuntimeError):  # RuntimeError: symlinks that lead round in a circle
        raise ConfigurationError(f"the store {path} cannot be followed to its end") from None
    return StoreUrl("file", resolved.as_posix(), resolved)


def _file_url_path(text: str, rest: str) -> Path:
    host, _, path = rest.partition("/")
    if host not in ("", "localhost") or not path:
        raise ConfigurationError(f"{redacted(text)} is not a file URL", "write file:///PATH")
    from urllib.request import url2pathname

    decoded = url2pathname("/" + path)
    _require_printable(decoded)
    return Path(decoded)


def _require_printable(text: str) -> None:
    if not text or not _UNDECODED.sub("", text).isprintable():
        raise ConfigurationError("the store is empty or has unprintable characters")


def _plain_authority(rest: str) -> str:
    return _BEHIND_HOST.split(rest, maxsplit=1)[0]


def _split_authority(rest: str) -> tuple[str, str, str]:
    # A password may itself hold a slash, so the authority ends at the last @ before any query.
    before_query = rest.partition("?")[0]
    start = before_query.rfind("@") + 1
    cut = rest.find("/", start)
    cut = len(before_query) if cut < 0 else min(cut, len(before_query))
    return rest[:cut], rest[cut : cut + 1].replace("?", ""), rest[cut:].lstrip("/")


def _redacted_field(field: str) -> str:
    key, equals, _ = field.partition("=")
    return f"{key}=***" if equals and _is_secret(key) else field


def _is_secret(key: str) -> bool:
    return any(word in key.lower() for word in _SECRET_WORDS)


def _refuse_credentials(text: str, scheme: str, rest: str) -> None:
    authority, _, path = _split_authority(rest)
    userinfo, at, _ = authority.rpartition("@")
    keys = [field.partition("=")[0] for field in path.partition("?")[2].split("&")]
    lone_user = at and (_COLON.search(userinfo) or scheme not in _USER_MAY_STAND_IN)
    if lone_user or any(_is_secret(key) for key in keys):
        raise ConfigurationError(
            f"a credential stands in the store's address {redacted(text)}",
            "take it out: stores find credentials as their own tools do (docs/stores.md)",
        )
