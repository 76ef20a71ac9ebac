"""What a web server's answers, and its silence, mean to a store."""

import errno
import os
import ssl
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from cacheferry.core.errors import ObjectMissing, StoreDenied, StoreError, StoreUnavailable
from cacheferry.core.storeurl import redacted

_PASSING = (408, 423, 425, 429, 500, 502, 503, 504)
_HINTS = {
    403: "may this account, or anybody, do that there?",
    405: "does the server allow it? docs/stores-http.md has a configuration",
    407: "name the proxy as http://USER:PASSWORD@HOST:PORT in HTTPS_PROXY",
    413: "raise the server's limit, client_max_body_size in nginx",
    507: "there is no space left on the server",
}


def shown(url: str) -> str:
    """The address as a message may show it: no query, which may be a signature, no password."""
    plain = "".join(letter if letter.isprintable() else "?" for letter in url.partition("?")[0])
    return redacted(plain)


def refused(
    status: int, method: str, url: str, retry_after: str | None = None, hint: str | None = None
) -> StoreError:
    """The error for an answer with a status that is none of success."""
    what = f"{shown(url)} answers {method} with {status} {_phrase(status)}".rstrip()
    if status in (404, 410):
        return ObjectMissing(what)
    if status in _PASSING or status > 507:
        return StoreUnavailable(what, hint, seconds(retry_after))
    return StoreDenied(what, hint or _HINTS.get(status))


def failed(error: BaseException, url: str) -> StoreError:
    """The error for an exchange that did not come to an answer, or to the end of one.

    Never the library's own text, which may hold a proxy's password or a token.
    """
    where = shown(url)
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return StoreDenied(
                f"the certificate of {where} is not valid: {cause.verify_message}",
                "an own CA: SSL_CERT_FILE=/PATH/ca.pem",
            )
    names = {type(cause).__name__ for cause in causes}
    words = " ".join(str(cause) for cause in causes)
    if "Tunnel connection failed: 4" in words:
        proxy = 407 if "failed: 407" in words else 403
        return StoreDenied(f"the proxy refuses the way to {where} ({proxy})", _HINTS.get(proxy))
    if "CA certificate bundle" in words:
        return StoreDenied(
            "the file of certificates that the environment names is not there",
            "look at REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE and SSL_CERT_FILE",
        )
    if names & {"InvalidURL", "InvalidHeader", "InvalidProxyURL", "LocationParseError"}:
        return StoreDenied(f"{where} or its proxy is no address")
    if "UnicodeEncodeError" in names:
        return StoreDenied(f"{where} cannot be asked for with the headers that go with it")
    if "SSLError" in names and not names & {"SSLEOFError", "SSLZeroReturnError"}:
        return StoreDenied(f"{where} does not speak TLS as expected", "http:// or https://?")
    return StoreUnavailable(f"no answer from {where}: {_reason(causes, names)}")


def broken_off(url: str) -> StoreUnavailable:
    """The error for a body that ends too early."""
    return StoreUnavailable(f"the answer of {shown(url)} breaks off")


def seconds(retry_after: str | None) -> float:
    """What Retry-After asks for, a number of seconds or an HTTP date; 0 where it makes no sense."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was made of, as requests and urllib3 nest them."""
    todo, seen = [error], set[int]()
    while todo:
        one = todo.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inner = [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]
        todo += [cause for cause in inner if isinstance(cause, BaseException)]


def _reason(causes: list[BaseException], names: set[str]) -> str:
    if names & {"ConnectTimeout", "ConnectTimeoutError"}:
        return "it does not take the connection in time"
    if any("Timeout" in name for name in names):
        return "it says nothing for too long"
    if names & {"NameResolutionError", "gaierror"}:
        return "its name is not known here"
    numbers = [c.errno for c in causes if isinstance(c, OSError) and isinstance(c.errno, int)]
    if numbers and numbers[-1] in errno.errorcode:
        return os.strerror(numbers[-1])
    return "the connection broke"
