"""The parts of an address `s3://BUCKET/PREFIX?endpoint=…&region=…`, and what opening one takes."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from cacheferry.core import remoteurl
from cacheferry.core.errors import ConfigurationError
from cacheferry.core.storeurl import StoreUrl

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_OF_SERVICES = ("AWS_", "GOOGLE_", "AZURE_")


class Address(NamedTuple):
    """What an address names; `endpoint` and `region` are empty where it does not say."""

    bucket: str
    prefix: str
    endpoint: str
    region: str


class Opening(NamedTuple):
    """How to open a bucket: obstore's keyword arguments, and who is asked.

    `how` says in a few words where the credentials came from; it is empty where there are none
    and requests go out unsigned. `credentials` hands out those that obstore does not find itself.
    """

    options: Mapping[str, Any]
    endpoint: str
    how: str
    credentials: Callable[[], Any] | None = None
    authorities: str = ""
    """A file of certificates that the service's own tools were told to trust; mostly empty."""


def parse(url: StoreUrl) -> Address:
    """The parts of a checked address."""
    parts, options = urlsplit(url.text), remoteurl.options(url.text)
    prefix = unquote(parts.path).strip("/")
    endpoint = options.get("endpoint", "").rstrip("/")
    return Address(parts.netloc, prefix, endpoint, options.get("region", ""))


def require_sealed(endpoint: str) -> None:
    """Raises ConfigurationError where a token would cross a network in the clear."""
    parts = urlsplit(endpoint)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ConfigurationError(
            f"the endpoint {endpoint} is not encrypted, and requests to it carry a token",
            "write https:// (http:// is for this machine alone)",
        )


def first_of(*names: str) -> str:
    """The first of these environment variables that is set and not empty."""
    return next((value for name in names if (value := os.environ.get(name))), "")


@contextmanager
def without_environment() -> Iterator[None]:
    """Hides every variable that a service's tools read: obstore would send keys found there."""
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if _is_theirs(name)}
    try:
        yield
    finally:
        os.environ.update(hidden)


def _is_theirs(name: str) -> bool:
    return name.upper().startswith(_OF_SERVICES)
