"""What a web server can do beyond GET and PUT: folders, renaming, listing. Found out by asking."""

import os
import threading
import time
from contextlib import suppress

from cacheferry.core import atomic
from cacheferry.core.errors import CacheferryError, NotOffered, StoreDenied
from lfs_agent.stores import multistatus
from lfs_agent.stores.multistatus import Listed
from lfs_agent.stores.web import Web
from lfs_agent.stores.weberrors import shown

# What a server says of a method that it does not offer, and of a path that does not suit it. Not
# among them: what can pass, and what wants a credential.
_SAYS_NO = frozenset({400, 403, 404, 405, 409, 410, 412, 415, 423, 500, 501, 502})
_NO_SOURCE = (403, 404, 409)  # rclone forbids it
_NOT_OFFERED = (200, 400, 405, 415, 501)
_UNTIL_SEEN = (0.05, 0.2, 0.5, 0.0)


class WebDav:
    """One folder on a web server, and those below it. Paths are relative, folders end with `/`."""

    def __init__(self, web: Web, address: str) -> None:
        self._web = web
        self._address = address
        self._made: set[str] = set()
        self._moves: bool | None = None
        self._lock = threading.Lock()

    def url(self, path: str) -> str:
        """The address of a path."""
        return f"{self._address}/{path}"

    def can_move(self, folder: str) -> bool:
        """Whether the server renames; asked once, about a file that is not there."""
        with self._lock:
            if self._moves is None:
                self._moves = self._move(temporary(folder), temporary(folder)) in _NO_SOURCE
            return self._moves

    def move(self, source: str, target: str) -> bool:
        """Renames, over what is there; False where the server will not, and never was able to."""
        status = self._move(source, target)
        self._moves = status < 300
        return self._moves

    def make_folder(self, folder: str) -> None:
        """Makes the folder and its parents, up to the store's own.

        A server that makes folders by itself, or none at all, may refuse: the upload will tell.
        """
        if folder in self._made:
            return
        if self._mkcol(folder) in (404, 409):
            if not folder:
                raise StoreDenied(
                    f"the folder {shown(self._address)} cannot be made, as its parent is not there",
                    "make it on the server, or mend the path",
                )
            self.make_folder(_parent(folder))
            self._mkcol(folder)
        self._made.add(folder)

    def forget_folders(self) -> None:
        """Has them made again, as somebody has removed one."""
        self._made.clear()

    def remove(self, path: str) -> None:
        """Deletes a file, which need not exist. Raises NotOffered."""
        url = self.url(path)
        with self._web.send("DELETE", url, passing=(404, 410, 405, 501)) as answer:
            if answer.status in (405, 501):
                raise NotOffered(f"{shown(self._address)} does not delete ({answer.status})")

    def try_to_remove(self, path: str) -> None:
        """Deletes what an upload that broke off has left, as far as the server lets it."""
        with suppress(CacheferryError):
            for delay in _UNTIL_SEEN:
                with self._web.send("DELETE", self.url(path), passing=_SAYS_NO) as answer:
                    if answer.status < 300:
                        return
                # The server may not have seen yet that the upload has broken off: rclone says 423
                # until then, and 404 before it has made the file.
                time.sleep(delay)

    def listing(self, folder: str) -> list[Listed]:
        """What lies in a folder; nothing where it is not there. Raises NotOffered."""
        headers = {"Depth": "1", "Content-Type": "application/xml"}
        passing = (*_NOT_OFFERED, 403, 404, 410)
        with self._web.send(
            "PROPFIND", self.url(folder), headers, multistatus.QUESTION, passing
        ) as answer:
            if answer.status in (404, 410):
                return []
            if answer.status == 207:
                try:
                    return multistatus.parse(answer.pieces())
                except multistatus.NoListing as error:
                    raise StoreDenied(
                        f"{shown(answer.url)} answers with no listing: {error}"
                    ) from None
            raise NotOffered(
                f"{shown(self._address)} does not list what it has ({answer.status} for PROPFIND)",
                "nginx does with its dav-ext module: docs/stores-http.md",
            )

    def _move(self, source: str, target: str) -> int:
        headers = {"Destination": self.url(target), "Overwrite": "T"}
        with self._web.send("MOVE", self.url(source), headers, passing=_SAYS_NO) as answer:
            return answer.status

    def _mkcol(self, folder: str) -> int:
        with self._web.send("MKCOL", self.url(folder), passing=_SAYS_NO) as answer:
            return answer.status


def temporary(folder: str) -> str:
    """A new name for a file that is not whole yet."""
    return f"{folder}{atomic.PREFIX}{os.urandom(8).hex()}"


def _parent(folder: str) -> str:
    above = folder.rstrip("/").rpartition("/")[0]
    return f"{above}/" if above else ""
