"""A folder on a web server: WebDAV where there is, else plain GET, HEAD and PUT.

`ab/cd/<oid>` below the store's address, the raw bytes. An upload goes to a temporary name and is
renamed; where the server cannot rename it goes straight to its place, its last bytes only when
all of them have hashed to the oid.
"""

import os
import re
import time
from collections.abc import Iterator

from cacheferry.core.errors import ObjectCorrupt, ObjectMissing, StoreDenied, StoreUnavailable
from cacheferry.core.oid import CHUNK, is_oid, relative_path
from cacheferry.core.store import Progress, Stored, missing, no_progress
from cacheferry.core.storeurl import StoreUrl
from cacheferry.core.together import together
from cacheferry.core.types import StrPath
from lfs_agent.stores.web import Body, Web
from lfs_agent.stores.webdav import WebDav, temporary
from lfs_agent.stores.webget import fetched
from lfs_agent.streams import is_whole, receive, size_of, verified_pieces

TOKEN = "CACHEFERRY_TOKEN"
"""The environment variable with a Bearer token for the store's own server."""

_FOLDER = re.compile("[0-9a-f]{2}")
_FRESH = {"Cache-Control": "no-cache"}  # a proxy may remember that an object was not there


class HttpStore:
    """A Store behind http:// or https://. See core.store.Store for what each method promises."""

    workers = 8

    def __init__(self, url: StoreUrl, anonymous: bool = False) -> None:
        self._address = url.text
        self._web = Web(url.text, anonymous, os.environ.get(TOKEN, "").strip() or None)
        self._dav = WebDav(self._web, url.text)

    def size(self, oid: str) -> int | None:
        """The size that the server names, or counted where it names none."""
        url = self._url(oid)
        with self._web.send("HEAD", url, _FRESH, passing=(404, 410)) as answer:
            if answer.status in (404, 410):
                return None
            if answer.length is not None:
                return answer.length
        return sum(len(piece) for piece in self._data(oid))

    def put(self, oid: str, source: StrPath, progress: Progress) -> None:
        """Sends the source, unless a whole object is there already."""
        size = size_of(source)
        if self.size(oid) == size:
            if is_whole(oid, self._data(oid), progress):
                return
            progress = no_progress  # the damaged object's bytes have been counted
        body = _body(oid, source, size, progress)
        if not self._put_beside(oid, body, size):
            self._put_at(relative_path(oid), body)
            self._require_stored(oid, size)
        if isinstance(body, bytes):
            progress(size)

    def get(self, oid: str, target: StrPath, progress: Progress) -> None:
        """Writes the object while hashing it; a connection that breaks is taken up again."""
        try:
            receive(oid, self._address, target, self._data(oid), progress)
        except ObjectCorrupt as error:
            if self._is_page(oid):
                error.hint = "the server sent a web page: does it want a login, or a proxy?"
            raise

    def objects(self) -> Iterator[Stored]:
        """What the server lists where an object of its name belongs."""
        firsts = self._folders("")
        seconds = [f for found in together(self._folders, firsts, self.workers) for f in found]
        for found in together(self._objects_in, seconds, self.workers):
            yield from found

    def delete(self, oid: str) -> None:
        """Deletes the object; its folders stay, as somebody may be writing into them."""
        self._url(oid)
        self._dav.remove(relative_path(oid))

    def close(self) -> None:
        """Ends the connections."""
        self._web.close()

    def _url(self, oid: str) -> str:
        if not is_oid(oid):
            raise ObjectMissing(f"not an oid: {oid!r:.80}")
        return self._dav.url(relative_path(oid))

    def _data(self, oid: str) -> Iterator[bytes]:
        url = self._url(oid)
        try:
            yield from fetched(self._web, url)
        except ObjectMissing:
            raise missing(oid, self._address) from None

    def _put_beside(self, oid: str, body: Body | bytes, size: int) -> bool:
        """Uploads under a temporary name and renames. False where the server cannot rename."""
        path = relative_path(oid)
        folder = path.removesuffix(oid)
        self._dav.make_folder(folder)
        if not self._dav.can_move(folder):
            return False
        name = temporary(folder)
        stored = False
        try:
            self._put_at(name, body)
            if self._dav.move(name, path):
                self._require_stored(oid, size)
                stored = True
            return stored
        finally:
            if not stored:
                self._dav.try_to_remove(name)

    def _put_at(self, path: str, body: Body | bytes) -> None:
        self._dav.make_folder(path.rpartition("/")[0] + "/")
        try:
            with self._web.send(
                "PUT", self._dav.url(path), body=body, passing=(404, 409)
            ) as answer:
                status = answer.status
        except StoreUnavailable:
            self._dav.forget_folders()  # nginx says 500 where one has been removed meanwhile
            raise
        if status in (404, 409):
            self._dav.forget_folders()
            raise StoreUnavailable(
                f"{self._address} has no folder for {path} ({status} for PUT)",
                "it must make folders by itself or with MKCOL: docs/stores-http.md",
            )

    def _require_stored(self, oid: str, size: int) -> None:
        if self.size(oid) != size:
            raise StoreDenied(
                f"{self._address} says that it has stored object {oid}, but has not",
                "is it a WebDAV server, or does a proxy or a login page answer?",
            )

    def _is_page(self, oid: str) -> bool:
        with self._web.send("HEAD", self._url(oid), passing=range(400, 600)) as answer:
            return (answer.header("Content-Type") or "").startswith("text/html")

    def _folders(self, above: str) -> list[str]:
        found = [entry.names for entry in self._dav.listing(above) if entry.names]
        itself = min(map(len, found), default=0)
        names = {names[-1] for names in found if len(names) == itself + 1}
        return [f"{above}{name}/" for name in names if _FOLDER.fullmatch(name)]

    def _objects_in(self, folder: str) -> list[Stored]:
        found = []
        for entry in self._dav.listing(folder):
            oid = entry.names[-1] if entry.names else ""
            belongs = is_oid(oid) and entry.names[-3:] == relative_path(oid).split("/")
            if belongs and entry.size is not None and not entry.is_folder:
                # What has no date is taken for new, so that nothing removes it for its age.
                found.append(Stored(oid, entry.size, entry.modified or time.time()))
        return found


def _body(oid: str, source: StrPath, size: int, progress: Progress) -> Body | bytes:
    """The source's verified bytes: all of them where they are few, so that none is sent in vain."""
    if size <= CHUNK:
        return b"".join(verified_pieces(oid, source, no_progress))
    told = iter([progress])  # what has to be sent again does not count again
    return Body(size, lambda: verified_pieces(oid, source, next(told, no_progress)))
