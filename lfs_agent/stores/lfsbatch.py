"""Asks an LFS server for many objects at once: where each is to be had or sent.

Source: git-lfs docs/api/batch.md. What a server answers is looked at before it is believed.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urljoin

from cacheferry.core.errors import ObjectCorrupt, StoreDenied, StoreError, StoreUnavailable
from cacheferry.core.oid import is_oid
from cacheferry.core.store import missing
from lfs_agent.stores.web import Answer
from lfs_agent.stores.weberrors import refused, shown

TYPE = "application/vnd.git-lfs+json"
AT_ONCE = 100  # as git-lfs does; servers limit it
_LIMIT = 4 << 20  # bytes of an answer
_USUAL_LIFE, _LONGEST_LIFE, _MARGIN = 600.0, 3600.0, 5.0  # seconds
_SAID = (400, 403, 404, 406, 410, 413, 422, 507, 509)
_OURS = ("transfer-encoding", "content-length", "host")

Post = Callable[[str, bytes, tuple[int, ...]], Answer]
"""Sends a path below the server's address and a body; statuses in the tuple are no errors."""


class Action(NamedTuple):
    """One request that the server has offered. `authorized` where it needs nothing of ours."""

    href: str
    headers: dict[str, str]
    authorized: bool


class Offer(NamedTuple):
    """What the server says of one object: its size, its actions by name, or what is wrong."""

    size: int
    actions: dict[str, Action]
    error: StoreError | None
    until: float


class Batches:
    """The offers of one server, asked for together where they are announced, by any thread."""

    def __init__(self, post: Post, address: Callable[[], str], ref: str | None) -> None:
        self._post = post
        self._address = address
        self._ref = ref
        self._lock = threading.Lock()
        self._sizes: dict[str, int] = {}
        self._asked: set[tuple[str, str]] = set()
        self._offers: dict[tuple[str, str], Offer] = {}

    def announce(self, sizes: Mapping[str, int]) -> None:
        """Says which objects will be asked for, and their sizes in bytes."""
        with self._lock:
            self._sizes.update(sizes)
            self._asked -= {(one, oid) for oid in sizes for one in ("upload", "download")}

    def offer(self, operation: str, oid: str, size: int | None = None) -> Offer:
        """The server's answer for `upload` or `download` of one object; `error` is in it."""
        with self._lock:
            if size is not None:
                self._sizes[oid] = size
            known = self._offers.get((operation, oid))
            if known is None or known.until < time.monotonic():
                self._ask(operation, oid)
            found = self._offers[operation, oid]
            if found.error:
                del self._offers[operation, oid]  # the next try is another one
            return found

    def forget(self, oid: str) -> None:
        """The object has been sent or fetched: what was said of it is over."""
        with self._lock:
            for operation in ("upload", "download"):
                self._offers.pop((operation, oid), None)

    def _ask(self, operation: str, oid: str) -> None:
        more = [o for o in self._sizes if o != oid and (operation, o) not in self._asked]
        wanted = {o: self._sizes.get(o, 0) for o in [oid, *more[: AT_ONCE - 1]]}
        answers = self._answers(operation, wanted)
        self._asked.update((operation, o) for o in wanted)
        self._offers.update({(operation, o): offer for o, offer in answers.items()})

    def _answers(self, operation: str, wanted: dict[str, int]) -> dict[str, Offer]:
        request: dict[str, Any] = {
            "operation": operation,
            "transfers": ["basic"],
            "objects": [{"oid": oid, "size": size} for oid, size in wanted.items()],
            "hash_algo": "sha256",
        } | ({"ref": {"name": self._ref}} if self._ref else {})
        with self._post("/objects/batch", json.dumps(request).encode(), _SAID) as answer:
            said = _json(answer)
            if answer.status >= 300:
                if operation == "download" and answer.status in (404, 410, 422):
                    # Some servers answer so where none of the objects can be had.
                    error = {"code": answer.status, "message": said.get("message")}
                    return {o: self._offer(o, {"error": error}) for o in wanted}
                raise _refusal(answer, said)
        if said.get("transfer", "basic") != "basic" or said.get("hash_algo", "sha256") != "sha256":
            raise StoreDenied(f"{self._where()} offers no basic transfer")
        entries = said.get("objects")
        found = {
            entry["oid"]: self._offer(entry["oid"], entry)
            for entry in (entries if isinstance(entries, list) else [])
            if isinstance(entry, dict) and is_oid(entry.get("oid")) and entry["oid"] in wanted
        }
        silent = {"error": {"code": 0, "message": "the server has not answered for it"}}
        return {o: found.get(o) or self._offer(o, silent) for o in wanted}

    def _offer(self, oid: str, entry: dict[str, Any]) -> Offer:
        until = time.monotonic() + _USUAL_LIFE
        if error := _error(oid, entry.get("error"), self._where()):
            return Offer(0, {}, error, until)
        size, actions = entry.get("size"), entry.get("actions")
        found = {}
        for name, action in (actions if isinstance(actions, dict) else {}).items():
            found[name] = self._action(action, entry.get("authenticated") is True)
            until = min(until, time.monotonic() + _life(action) - _MARGIN)
        return Offer(size if isinstance(size, int) and size > 0 else 0, found, None, until)

    def _action(self, action: Any, authenticated: bool) -> Action:
        fields = action if isinstance(action, dict) else {}
        href, headers = fields.get("href"), fields.get("header")
        address = self._address()
        target = _joined(address, href)
        schemes = ("https",) if address.startswith("https:") else ("http", "https")
        if target.partition(":")[0].lower() not in schemes:
            raise StoreDenied(f"{self._where()} sends to {shown(target)}, which is not safe")
        given = headers.items() if isinstance(headers, dict) else ()
        kept = {
            k: v for k, v in given if isinstance(v, str) and isinstance(k, str) if not _is_ours(k)
        }
        own = authenticated or any(key.lower() == "authorization" for key in kept)
        return Action(target, kept, own)

    def _where(self) -> str:
        return shown(self._address())


def _json(answer: Answer) -> dict[str, Any]:
    try:
        said = json.loads(answer.read(_LIMIT))
    except (ValueError, RecursionError):
        said = None
    if isinstance(said, dict):
        return said
    if answer.status < 300:
        raise StoreDenied(
            f"{shown(answer.url)} does not answer as an LFS server", "git config lfs.url URL"
        )
    return {}


def _refusal(answer: Answer, said: dict[str, Any]) -> StoreError:
    """Why the server does not take the whole request."""
    told = refused(answer.status, "POST", answer.url, answer.header("Retry-After"))
    message = told.message + _words(said.get("message"))
    if answer.status in (404, 410):
        return StoreDenied(message, "is that the repository's LFS server? git config lfs.url URL")
    return StoreDenied(message, told.hint)


def _error(oid: str, error: Any, store: str) -> StoreError | None:
    """What is wrong with one object; None where nothing is."""
    if not isinstance(error, dict):
        return None
    code, words = error.get("code"), _words(error.get("message"))
    if code in (404, 410):
        told = missing(oid, store)
        return type(told)(told.message + words)
    number = code if isinstance(code, int) else "an error"
    message = f"object {oid}: {store} answers {number}{words}"
    if code in (409, 422):
        return ObjectCorrupt(message)
    if code == 429 or (isinstance(code, int) and code in (500, 502, 503, 504)):
        return StoreUnavailable(message)
    return StoreDenied(message)


def _words(message: Any) -> str:
    return f": {message:.300}" if isinstance(message, str) and message.isprintable() else ""


def _joined(address: str, href: Any) -> str:
    try:
        return urljoin(address, href) if isinstance(href, str) else ""
    except ValueError:
        return ""


def _is_ours(header: str) -> bool:
    return header.lower() in _OURS


def _life(action: Any) -> float:
    """Seconds for which an action may be used."""
    fields = action if isinstance(action, dict) else {}
    lives = [_LONGEST_LIFE]
    if isinstance(given := fields.get("expires_in"), int | float) and 0 < given < _LONGEST_LIFE:
        lives.append(float(given))
    if isinstance(given := fields.get("expires_at"), str):
        lives.append(_until(given))
    return min(lives)


def _until(moment: str) -> float:
    try:
        rest = datetime.fromisoformat(moment).timestamp() - time.time()
    except (ValueError, OverflowError, OSError):
        return _USUAL_LIFE
    return rest if rest > -_LONGEST_LIFE else _USUAL_LIFE  # 0001-01-01 says that it has no end
