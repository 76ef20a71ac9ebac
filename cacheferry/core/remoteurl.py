"""Checks the address of a store on a network, and brings it into its one form."""

import re
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from cacheferry.core.errors import ConfigurationError

_FORMS = {
    "http": "http://HOST/PATH",
    "https": "https://HOST/PATH",
    "s3": "s3://BUCKET/PREFIX?endpoint=https://HOST&region=NAME",
    "gs": "gs://BUCKET/PREFIX?endpoint=https://HOST",
    "az": "az://CONTAINER/PREFIX?endpoint=https://ACCOUNT.blob.core.windows.net",
    "sftp": "sftp://USER@HOST/PATH",
    "kaggle": "kaggle://OWNER/DATASET",
}
_KAGGLE = re.compile("[A-Za-z0-9-]+/[A-Za-z0-9-]+")
_HOST = re.compile(r"[\w:][\w.:%-]*")
_WITH_OPTIONS = ("s3", "gs", "az")
_OPTIONS = ("endpoint", "region")
_ONE_CASE = ("http", "https", "sftp")  # names of hosts; those of buckets may differ in case


def checked(text: str, scheme: str) -> str:
    """The address without what makes no difference. Raises ConfigurationError for no address.

    `text` holds no credentials.
    """
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port  # asked for the port's ValueError
        query = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError as error:
        raise ConfigurationError(f"{_shown(text)} is no address: {error}", _FORMS[scheme]) from None
    path = parts.path.rstrip("/")
    if not _is_host(host, scheme) or parts.fragment or {"..", "."} & set(unquote(path).split("/")):
        raise ConfigurationError(f"{_shown(text)} is no address of a store", _FORMS[scheme])
    if scheme == "kaggle" and not _KAGGLE.fullmatch(f"{parts.netloc}{path}"):
        raise ConfigurationError(f"{_shown(text)} names no dataset", _FORMS[scheme])
    for key, value in query:
        _check_option(text, scheme, key, value)
    return f"{scheme}://{_authority(parts)}{path}" + (f"?{parts.query}" if parts.query else "")


def options(text: str) -> dict[str, str]:
    """What stands behind the `?` of an address: `endpoint`, `region`."""
    return dict(parse_qsl(urlsplit(text).query))


def _check_option(text: str, scheme: str, key: str, value: str) -> None:
    if scheme not in _WITH_OPTIONS or key not in _OPTIONS or not value:
        raise ConfigurationError(f"{_shown(text)}: `{key}` means nothing there", _FORMS[scheme])
    if key == "endpoint" and not _is_plain_server(value):
        raise ConfigurationError(f"{_shown(text)}: the endpoint is no http:// or https:// address")


def _shown(text: str) -> str:
    # Whoever has put something wrong behind the address may have put a secret there.
    return re.sub("[?#].*", "?***", text)


def _is_plain_server(text: str) -> bool:
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    plain = not parts.query and not parts.fragment and "@" not in parts.netloc
    return parts.scheme in ("http", "https") and _is_host(host, parts.scheme) and plain


def _is_host(name: str | None, scheme: str) -> bool:
    """True for what may be a host: libraries do not agree on where any other one ends.

    The names of buckets are the services' own affair.
    """
    return bool(name) and (scheme not in _ONE_CASE or bool(_HOST.fullmatch(name or "")))


def _authority(parts: SplitResult) -> str:
    user, at, server = parts.netloc.rpartition("@")
    return user + at + (server.lower() if parts.scheme in _ONE_CASE else server)
