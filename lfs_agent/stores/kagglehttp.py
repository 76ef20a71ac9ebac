"""HTTP as Kaggle's API and its storage speak it, and what its answers mean.

The only file that knows requests and kagglehub. kagglesdk's own client has no timeouts, and looks
for credentials where none may be sent.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from tempfile import TemporaryFile
from typing import Any
from urllib.parse import unquote, urlsplit
from zipfile import BadZipFile, ZipFile

import requests

from cacheferry.core.errors import (
    ConfigurationError,
    ObjectCorrupt,
    ObjectMissing,
    StoreDenied,
    StoreUnavailable,
)
from cacheferry.core.oid import CHUNK
from lfs_agent.stores import zips

CREDENTIALS = (
    "make a token at https://www.kaggle.com/settings and put it into KAGGLE_API_TOKEN, "
    "or its file at ~/.kaggle/kaggle.json"
)
WORKERS = 8
"""Connections at once."""

TRIES = 4
"""How often a transfer that breaks off is resumed."""

BROKEN = (requests.ConnectionError, requests.Timeout)
PASSING = (408, 425, 429, 500, 502, 503, 504)
_TIMEOUT = (10, 60)  # seconds to connect, and between two packets
PLAIN: dict[str, Any] = {"timeout": _TIMEOUT, "allow_redirects": False}
STREAM: dict[str, Any] = {"timeout": _TIMEOUT, "stream": True}


def credentials() -> Any:
    """What proves who the user is, as Kaggle's own tools find it; None where there is nothing."""
    from kagglehub.config import get_kaggle_credentials

    try:
        found = get_kaggle_credentials()
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"kaggle's credentials: {error}", CREDENTIALS) from None
    if found is None:
        return None
    return _Bearer(found.api_key) if found.api_key else (found.username, found.key)


class _Bearer(requests.auth.AuthBase):
    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _Session(requests.Session):
    def rebuild_auth(self, *_: Any) -> None:
        """Nothing: after a redirect, requests would look into ~/.netrc."""


def session(auth: Any) -> requests.Session:
    """Sends `auth` and nothing else that says who the user is."""
    session = _Session()
    # Some auth there must be, or requests takes one from ~/.netrc.
    session.auth = auth or (lambda request: request)
    session.headers.update({"User-Agent": "cacheferry", "Accept-Encoding": "identity"})
    for scheme in ("http://", "https://"):
        session.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=WORKERS))
    return session


class Download:
    """A file on its way; `md5` is that of the bytes as they come, in base64, where Kaggle says it.

    Kaggle sends some files as an archive of themselves: `zipped`.
    """

    def __init__(
        self, session: requests.Session, answer: requests.Response, name: str, url: str
    ) -> None:
        self._session, self._answer, self._name, self._url = session, answer, name, url
        sums = [part.strip() for part in answer.headers.get("X-Goog-Hash", "").split(",")]
        self.md5 = next((part[4:] for part in sums if part.startswith("md5=")), None)
        last = unquote(urlsplit(answer.url).path).rpartition("/")[2]
        self.zipped = last == f"{name}.zip"

    def pieces(self) -> Iterator[bytes]:
        """The file's bytes, 1 MiB at most at a time."""
        return self._unpacked() if self.zipped else self._sent()

    def _sent(self) -> Iterator[bytes]:
        answer, had = self._answer, 0
        for _ in range(TRIES):
            try:
                for piece in answer.iter_content(CHUNK):
                    had += len(piece)
                    yield piece
                return
            except requests.RequestException:
                headers = {"Range": f"bytes={had}-"}
                with errors_of(self._url):
                    answer = self._session.get(self._answer.url, headers=headers, **STREAM)
                if answer.status_code != 206:
                    break
        raise StoreUnavailable(f"the download from {self._url} broke off")

    def _unpacked(self) -> Iterator[bytes]:
        with TemporaryFile() as file:
            for piece in self._sent():
                file.write(piece)
            try:
                with ZipFile(file) as archive:
                    info = zips.objects(archive).get(self._name)
                    if info is None:
                        raise ObjectCorrupt(f"{self._url} sends an archive without {self._name}")
                    yield from zips.pieces(archive, info)
            except BadZipFile as error:
                raise ObjectCorrupt(f"{self._url} sends a damaged archive: {error}") from None


class Body:
    """What is left of a file to send; requests tells the receiver its length."""

    def __init__(self, data: Iterator[bytes], start: int, size: int) -> None:
        self._data, self._start, self._size = data, start, size

    def __len__(self) -> int:
        return self._size - self._start

    def __iter__(self) -> Iterator[bytes]:
        skip = self._start
        for piece in self._data:
            yield piece[skip:]
            skip = max(0, skip - len(piece))

    def headers(self) -> dict[str, str]:
        """What tells the receiver which part of the file it is."""
        part = f"bytes {self._start}-{self._size - 1}/{self._size}"
        return {"Content-Type": "application/octet-stream"} | (
            {"Content-Range": part} if self._size else {}
        )


def require_ok(answer: requests.Response, url: str, known: bool) -> None:
    """Raises what an answer means that is no success; `known`: credentials were sent."""
    code, words = _said(answer)
    if code < 400:
        return
    if code == 404:
        raise ObjectMissing(f"kaggle knows nothing at {url}")
    if code in PASSING:
        after = answer.headers.get("Retry-After", "")
        raise StoreUnavailable(
            f"kaggle answers {code} for {url}", retry_after=float(after) if after.isdigit() else 0
        )
    if code == 401:
        raise StoreDenied(f"kaggle does not accept the credentials for {url}", CREDENTIALS)
    hint = None if known else f"nothing says who you are: {CREDENTIALS}"
    raise StoreDenied(f"kaggle refuses {url}: {code} {words}".rstrip(), hint)


def _said(answer: requests.Response) -> tuple[int, str]:
    """The status and Kaggle's words; the API may say an error as JSON under the status 200."""
    has_words = answer.status_code >= 400 or answer.request.method == "POST"
    with suppress(ValueError, AttributeError, TypeError):
        if has_words and "json" in answer.headers.get("Content-Type", ""):
            told = answer.json()
            return int(told.get("code") or answer.status_code), str(told.get("message") or "")
    return answer.status_code, answer.reason or ""


@contextmanager
def errors_of(url: str) -> Iterator[None]:
    """Says StoreUnavailable where no answer comes at all."""
    try:
        yield
    except requests.RequestException as error:
        raise StoreUnavailable(
            f"kaggle does not answer ({url}): {type(error).__name__}",
            "in a kernel: switch the internet on, or attach the dataset",
        ) from None
