"""The LFS server of the Git host: GitHub's, GitLab's, Gitea's and whoever speaks the batch API."""

import json
import threading
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from cacheferry.core.errors import NotOffered, ObjectMissing, StoreDenied
from cacheferry.core.lfsserver import LfsServer
from cacheferry.core.oid import is_oid
from cacheferry.core.store import Progress, Stored, missing
from cacheferry.core.storeurl import without_user
from cacheferry.core.types import StrPath
from lfs_agent.stores.lfsbatch import TYPE, Action, Batches, Offer
from lfs_agent.stores.lfsssh import Door, authenticate
from lfs_agent.stores.web import Answer, Body, Web
from lfs_agent.stores.webget import fetched
from lfs_agent.streams import receive, size_of, verified_pieces


class LfsHost:
    """A Store on an LFS server. See core.store.Store for what each method promises.

    The server wants each object's size with its oid: `announce` tells them, and lets one request
    ask for a hundred objects.
    """

    workers = 8

    def __init__(
        self, server: LfsServer, operation: str, root: Path, ref: str | None, anonymous: bool
    ) -> None:
        self._server = server
        self._operation = operation
        self._root = root
        self._anonymous = anonymous
        self._lock = threading.Lock()
        self._door: Door | None = None
        self._web: Web | None = None
        # For what the server has signed itself, wherever it lies: none of our credentials.
        self._signed = Web("", anonymous=True)
        self._batches = Batches(self._post, self._address, ref)

    def announce(self, sizes: Mapping[str, int]) -> None:
        """Says which objects will be asked for, by oid and size in bytes."""
        self._batches.announce(sizes)

    def size(self, oid: str) -> int | None:
        """The object's size as the server says it."""
        offer = self._offer("download", oid)
        if isinstance(offer.error, ObjectMissing):
            return None
        if offer.error:
            raise offer.error
        return offer.size if "download" in offer.actions else None

    def put(self, oid: str, source: StrPath, progress: Progress) -> None:
        """Sends the source, unless the server says that it has the object."""
        size = size_of(source)
        offer = self._offer("upload", oid, size)
        if offer.error:
            raise offer.error
        self._batches.forget(oid)
        if upload := offer.actions.get("upload"):
            pieces = partial(verified_pieces, oid, source, progress)
            # Nobody asks an empty body for its bytes, nor so whether they are right.
            body = Body(size, pieces) if size else b"".join(pieces())
            headers = {"Content-Type": "application/octet-stream"}
            self._send("PUT", upload, headers, body)
            if verify := offer.actions.get("verify"):
                said = json.dumps({"oid": oid, "size": size}).encode()
                self._send("POST", verify, {"Accept": TYPE, "Content-Type": TYPE}, said)
        else:
            progress(size)

    def get(self, oid: str, target: StrPath, progress: Progress) -> None:
        """Fetches the object while hashing it; goes on where a connection breaks."""
        offer = self._offer("download", oid)
        if offer.error:
            raise offer.error
        self._batches.forget(oid)
        download = offer.actions.get("download")
        if download is None:
            raise missing(oid, self._server.address)
        pieces = self._pieces(oid, download)
        receive(oid, self._server.address, target, pieces, progress)

    def objects(self) -> Iterator[Stored]:
        """Not offered."""
        raise NotOffered(f"an LFS server does not list its objects ({self._server.address})")

    def delete(self, oid: str) -> None:
        """Not offered."""
        raise NotOffered(f"an LFS server does not delete objects ({self._server.address})")

    def close(self) -> None:
        """Ends the connections."""
        for web in (self._web, self._signed):
            if web:
                web.close()

    def _offer(self, operation: str, oid: str, size: int | None = None) -> Offer:
        if not is_oid(oid):
            raise ObjectMissing(f"not an oid: {oid!r:.80}")
        return self._batches.offer(operation, oid, size)

    def _pieces(self, oid: str, action: Action) -> Iterator[bytes]:
        try:
            yield from fetched(self._web_for(action), action.href, action.headers)
        except ObjectMissing:
            raise missing(oid, self._server.address) from None

    def _send(
        self, method: str, action: Action, headers: dict[str, str], body: Body | bytes
    ) -> None:
        given = {key.lower() for key in action.headers}
        own = {key: value for key, value in headers.items() if key.lower() not in given}
        web = self._web_for(action)
        try:
            web.send(method, action.href, own | action.headers, body).close()
        except ObjectMissing as error:
            raise StoreDenied(error.message) from None

    def _web_for(self, action: Action) -> Web:
        return self._signed if action.authorized else self._speaker()

    def _post(self, path: str, body: bytes, passing: tuple[int, ...]) -> Answer:
        web, door = self._speaker(), self._entered()
        headers = {"Accept": TYPE, "Content-Type": TYPE} | door.headers
        return web.send("POST", door.address + path, headers, body, passing)

    def _address(self) -> str:
        return self._entered().address

    def _speaker(self) -> Web:
        door = self._entered()
        with self._lock:
            if self._web is None:
                named = self._server.url if self._server.kind == "http" else door.address
                self._web = Web(named, self._anonymous)
            return self._web

    def _entered(self) -> Door:
        """Where the API lies, with what opens it; asked for anew where that has expired."""
        if self._server.kind == "http":
            return Door(without_user(self._server.url).rstrip("/"), {})
        with self._lock:
            if self._door is None or self._door.is_over():
                self._door = authenticate(
                    self._server, self._operation, self._root, self._anonymous
                )
            return self._door
