"""Speaks to a web server, for several stores: timeouts, proxies, credentials, redirects, errors.

The only file that knows requests. Proxies and an own CA come from the environment: HTTPS_PROXY,
HTTP_PROXY, NO_PROXY; REQUESTS_CA_BUNDLE, SSL_CERT_FILE.
"""

import os
import re
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urljoin, urlsplit

import requests
from requests.exceptions import BaseHTTPError  # type: ignore[attr-defined]

from cacheferry.core.errors import StoreDenied
from lfs_agent.stores.webcredentials import Credentials
from lfs_agent.stores.weberrors import broken_off, failed, refused, shown

TIMEOUTS = (10.0, 60.0)
"""Seconds to connect, and seconds of silence. A body that moves may take as long as it takes."""

_PIECE = 1 << 18
_SMALL = 1 << 16
_REDIRECTS = 5
_NUMBER = re.compile("[0-9]{1,18}")
_READS = ("GET", "HEAD")
# Not requests' own errors alone: urllib3's come through where it is in the middle of a body.
_ERRORS = (OSError, BaseHTTPError)


class Body:
    """What is sent: `size` bytes, and a function that gives them anew each time they are sent."""

    def __init__(self, size: int, pieces: Callable[[], Iterator[bytes]]) -> None:
        self._size = size
        self._pieces = pieces

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces()


class Answer:
    """What a server answered. Its connection is free again when it is closed."""

    def __init__(self, response: requests.Response, give_back: Callable[[], None]) -> None:
        self._response = response
        self._give_back: Callable[[], None] | None = give_back
        self.status = response.status_code
        self.url = response.url

    def header(self, name: str) -> str | None:
        """A header of the answer; None where it is not there."""
        return self._response.headers.get(name)

    @property
    def length(self) -> int | None:
        """How many bytes the server says the body has; None where it does not, or packs them."""
        text = self.header("Content-Length") or ""
        packed = self.header("Content-Encoding") not in (None, "", "identity")
        return int(text) if _NUMBER.fullmatch(text) and not packed else None

    def pieces(self) -> Iterator[bytes]:
        """The body, 256 KiB at most at a time.

        Raises StoreUnavailable where it breaks off, at the first byte or before the last.
        """
        rest = self.length
        try:
            for piece in self._response.iter_content(_PIECE):
                rest = None if rest is None else rest - len(piece)
                yield piece
        except _ERRORS as error:
            raise failed(error, self.url) from None
        if rest:
            raise broken_off(self.url)

    def read(self, limit: int) -> bytes:
        """The whole body. Raises StoreDenied where it is larger than `limit` bytes."""
        data = bytearray()
        for piece in self.pieces():
            data += piece
            if len(data) > limit:
                raise StoreDenied(f"{shown(self.url)} answers with more than {limit} bytes")
        return bytes(data)

    def close(self) -> None:
        """Ends it; what has not been read is not fetched."""
        empty = self._response.request.method == "HEAD"
        if empty or (self.length is not None and self.length < _SMALL):
            with suppress(*_ERRORS):  # read to its end, it leaves its connection usable
                self._response.raw.read(_SMALL)
        self._response.close()
        if self._give_back:
            self._give_back()
            self._give_back = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Web:
    """The web server of one store, and those that it redirects to. Several threads may use it.

    Credentials go to the origin of `address` alone: `token` as a Bearer token, else what netrc or
    Git's credential helpers know. `anonymous` sends none.
    """

    def __init__(self, address: str, anonymous: bool = False, token: str | None = None) -> None:
        self._origin = origin(address)
        self._credentials = Credentials(address, anonymous, token)
        self._idle: list[requests.Session] = []

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: Body | bytes | None = None,
        passing: Container[int] = (),
    ) -> Answer:
        """The server's answer, with a status below 300 or one in `passing`; close it.

        GET and HEAD follow redirects anywhere but from https:// to http://, other methods within
        the origin alone. Raises ObjectMissing for 404 and 410, StoreUnavailable for what can pass,
        StoreDenied for what cannot; and what giving the body raises.
        """
        sent = dict(headers or {})
        for _ in range(_REDIRECTS):
            answer = self._authorized(method, url, sent, body)
            target = answer.header("Location")
            if answer.status not in (301, 302, 303, 307, 308) or not target:
                return self._checked(answer, method, passing)
            answer.close()
            target = _followed(method, answer, target)
            if origin(target) != origin(url):
                sent = {
                    k: v for k, v in sent.items() if k.lower() not in ("authorization", "cookie")
                }
            url = target
        raise StoreDenied(f"{shown(url)} redirects more than {_REDIRECTS} times")

    def close(self) -> None:
        """Ends the connections that are not in use."""
        while self._idle:
            self._idle.pop().close()

    def _authorized(
        self, method: str, url: str, headers: dict[str, str], body: Body | bytes | None
    ) -> Answer:
        own = origin(url) == self._origin and "authorization" not in map(str.lower, headers)
        credential = self._credentials.current() if own else None
        while True:
            with_it = headers | ({"Authorization": credential} if credential else {})
            answer = self._once(method, url, with_it, body)
            if not own or answer.status != 401:
                break
            another = self._credentials.another_than(credential)
            if not another:
                break
            answer.close()
            credential = another
        if own and credential and (answer.status < 300 or answer.status == 404):
            self._credentials.worked(credential)
        return answer

    def _once(
        self, method: str, url: str, headers: dict[str, str], body: Body | bytes | None
    ) -> Answer:
        # One session is used by one request at a time: requests does not promise more.
        try:
            session = self._idle.pop()
        except IndexError:
            session = _session()
        usual = {"Accept-Encoding": "identity", "User-Agent": "cacheferry"}
        try:
            response = session.request(
                method,
                url,
                headers=usual | headers,
                data=body,
                auth=_as_it_is,
                timeout=TIMEOUTS,
                allow_redirects=False,
                stream=True,
            )
        except BaseException as error:
            session.close()
            if isinstance(error, (*_ERRORS, UnicodeError)):
                raise failed(error, url) from None
            raise
        return Answer(response, lambda: self._idle.append(session))

    def _checked(self, answer: Answer, method: str, passing: Container[int]) -> Answer:
        if answer.status < 300 or answer.status in passing:
            return answer
        answer.close()
        hint = self._hint(answer.url) if answer.status == 401 else None
        raise refused(answer.status, method, answer.url, answer.header("Retry-After"), hint)

    def _hint(self, url: str) -> str:
        if origin(url) == self._origin:
            return self._credentials.hint()
        return "credentials go to the store's own server alone: name this one in `store:`"


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port: what a credential is bound to. Raises StoreDenied for no address."""
    try:
        parts = urlsplit(url)
        usual = {"http": 80, "https": 443}.get(parts.scheme)
        return parts.scheme, parts.hostname or "", parts.port or usual
    except ValueError:
        raise StoreDenied(f"{shown(url)} is no address") from None


class _Session(requests.Session):
    def get_redirect_target(self, _response: requests.Response) -> None:
        """None: even told not to follow, requests would read the whole answer, however long."""


def _session() -> requests.Session:
    session = _Session()
    if not (os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")):
        session.verify = os.environ.get("SSL_CERT_FILE") or True
    return session


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    # An `auth` of our own keeps requests from sending what netrc has to whatever host it comes to.
    return request


def _followed(method: str, answer: Answer, location: str) -> str:
    """The address to go on at. Raises StoreDenied where that would not be safe."""
    try:
        target = urljoin(answer.url, location)
    except ValueError:
        raise StoreDenied(f"{shown(answer.url)} redirects to no address") from None
    before, after = origin(answer.url), origin(target)
    where = f"{shown(answer.url)} redirects to {shown(target)}"
    if after[0] not in ("http", "https") or (before[0], after[0]) == ("https", "http"):
        raise StoreDenied(f"{where}, which is not safe")
    if "@" in urlsplit(target).netloc:
        raise StoreDenied(f"{where}, which holds a credential")
    if method not in _READS and (before != after or answer.status not in (307, 308)):
        raise StoreDenied(where, "let `store:` name the address that it redirects to")
    return target
