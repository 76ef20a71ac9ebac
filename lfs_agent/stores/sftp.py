"""A folder on an SSH server. `ab/cd/<oid>` below it, the raw bytes."""

import os
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from cacheferry.core.atomic import PREFIX
from cacheferry.core.errors import (
    ConfigurationError,
    ObjectCorrupt,
    ObjectMissing,
    StoreDenied,
    StoreError,
    StoreUnavailable,
)
from cacheferry.core.oid import CHUNK, is_oid, relative_path
from cacheferry.core.store import Progress, Stored, is_aging, missing, no_progress
from cacheferry.core.storeurl import StoreUrl
from cacheferry.core.types import StrPath
from lfs_agent.retry import DELAYS
from lfs_agent.stores.ssh import END, REQUEST, Address, File, Found, NotThere, Server
from lfs_agent.streams import is_whole, receive, size_of, verified_pieces
from lfs_agent.sweep import BUDGET, STALE, from_anywhere

_PIECES = 2  # of 1 MiB each, on their way at once: as much as a channel of OpenSSH holds
_LISTINGS = 32  # folders that are listed at once

_Result = TypeVar("_Result")


class _Changed(StoreUnavailable):
    """What was read so far is of no use; from the start on it may be."""


class SftpStore:
    """A Store whose objects are files. See core.store.Store for what each method promises."""

    workers = 8

    def __init__(self, url: StoreUrl, anonymous: bool = False) -> None:
        if anonymous:
            raise ConfigurationError(
                f"the store {url.text} was not accepted here, and SSH shows who you are",
                "run `cacheferry trust` in the repository to accept it",
            )
        self._text = url.text
        self._folder = _folder(url)
        self._server = Server(_address(url))
        self._swept = False
        self._left = deque[str]()

    def size(self, oid: str) -> int | None:
        """The object's size, None where there is none."""
        found = self._server.find(self._path(oid))
        return found.size if found and found.is_file else None

    def put(self, oid: str, source: StrPath, progress: Progress) -> None:
        """Sends the source, unless a whole object is there already."""
        size = size_of(source)
        if self.size(oid) == size:
            self._make_young(oid)
            # Asked again: a gc that has not seen that yet may have removed it.
            if is_whole(oid, self._pieces(oid), progress) and self.size(oid) == size:
                return
            progress = no_progress  # the damaged object's bytes have been counted
        self._sweep()
        with self._replacing(self._path(oid)) as file:
            for _ in _ahead(_writes(file, verified_pieces(oid, source, progress)), _PIECES):
                pass

    def get(self, oid: str, target: StrPath, progress: Progress) -> None:
        """Fetches the object; goes on where it was when the connection breaks."""
        with closing(self._pieces(oid)) as pieces:
            receive(oid, self._text, target, pieces, progress)

    def objects(self) -> Iterator[Stored]:
        """What lies where an object of its name belongs."""
        firsts = _subfolders(self._listed([self._folder]))
        for found in self._listed(_subfolders(self._listed(firsts))):
            oid = _name(found.path)
            if is_oid(oid) and found.is_file and found.path == self._path(oid):
                yield Stored(oid, found.size, found.modified)

    def delete(self, oid: str) -> None:
        """Removes the object; its folders stay, as somebody may be writing into them."""
        with suppress(NotThere):
            self._server.remove(self._path(oid))

    def close(self) -> None:
        """Ends the connection."""
        self._server.close()

    def _path(self, oid: str) -> str:
        if not is_oid(oid):
            raise ObjectMissing(f"not an oid: {oid!r:.80}")
        return f"{self._folder}/{relative_path(oid)}"

    def _make_young(self, oid: str) -> None:
        path = self._path(oid)
        with suppress(StoreDenied, NotThere):  # not ours to touch: then it is as young as it looks
            found = self._server.find(path)
            if found and is_aging(found.modified):
                self._server.touch(path)

    def _pieces(self, oid: str) -> Generator[bytes, None, None]:
        """The object's bytes; where the connection breaks, on from there on a new one."""
        offset, first, delays = 0, None, iter(DELAYS)
        while True:
            try:
                with self._opened(oid) as file:
                    if first not in (None, file.found):
                        raise _Changed(f"object {oid} changes while it is read")
                    first = file.found
                    for piece in _ahead(_reads(file, offset), _PIECES):
                        offset, delays = offset + len(piece), iter(DELAYS)
                        yield piece
                    return
            except StoreUnavailable as error:
                delay = next(delays, None)
                if offset == 0 or delay is None or isinstance(error, _Changed):
                    raise
                time.sleep(delay)

    @contextmanager
    def _opened(self, oid: str) -> Iterator[File]:
        try:
            file = self._server.open(self._path(oid))
        except NotThere:
            raise missing(oid, self._text) from None
        try:
            if not file.found.is_file:
                raise ObjectCorrupt(f"object {oid} in the store {self._text} is no regular file")
            yield file
        finally:
            file.close()

    @contextmanager
    def _replacing(self, path: str) -> Iterator[File]:
        """A new file that is at `path`, whole and flushed, when the block ends well."""
        temporary = f"{_parent(path)}/{PREFIX}{os.urandom(8).hex()}"
        file = self._created(temporary)
        try:
            yield file
            file.sync().result()
            file.close().result()
            self._server.replace(temporary, path)
        except BaseException as error:
            file.close()
            hurried = isinstance(error, StoreUnavailable) or not isinstance(error, Exception)
            self._discard(temporary, END if hurried else REQUEST)
            raise

    def _created(self, path: str) -> File:
        try:
            return self._server.create(path)
        except NotThere:
            self._make_folder(_parent(path))
            return self._server.create(path)

    def _make_folder(self, path: str) -> None:
        try:
            self._server.make_folder(path)
        except NotThere:
            if path == self._folder:
                raise StoreDenied(
                    f"the store {self._text} lies in no folder",
                    "the first upload makes the store's own folder; make the one around it",
                ) from None
            self._make_folder(_parent(path))
            self._server.make_folder(path)

    def _discard(self, path: str, patience: float) -> None:
        """Removes a temporary file, or remembers it until the server is back."""
        try:
            self._server.remove(path, patience)
        except NotThere:
            pass
        except StoreError:
            self._left.append(path)

    def _sweep(self) -> None:
        """Removes what uploads have left: broken ones of ours, and killed ones of anybody's."""
        while self._left:
            with suppress(NotThere):
                self._server.remove(self._left.pop())
        if not self._swept:
            self._swept = True
            with suppress(StoreError):
                self._sweep_stale(time.monotonic() + BUDGET, time.time() - STALE)

    def _sweep_stale(self, end: float, before: float) -> None:
        """From a random folder on, until `end`; the next process sweeps on elsewhere."""
        for first in from_anywhere(list(_subfolders(self._listed([self._folder])))):
            for second in from_anywhere(list(_subfolders(self._listed([first])))):
                for found in self._listed([second]):
                    stale = found.is_file and found.modified < before
                    if stale and _name(found.path).startswith(PREFIX):
                        self._server.remove(found.path)
                if time.monotonic() > end:
                    return

    def _listed(self, folders: Iterable[str]) -> Iterator[Found]:
        """What lies in all the folders."""
        for found in _ahead(map(self._server.list, folders), _LISTINGS):
            yield from found


def _ahead(requests: Iterable[Future[_Result]], most: int) -> Iterator[_Result]:
    """What the requests come to, in their order; so many of them are under way at once."""
    under_way = deque[Future[_Result]]()
    try:
        for request in requests:
            under_way.append(request)
            if len(under_way) >= most:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        for request in under_way:
            request.cancel()


def _reads(file: File, offset: int) -> Iterator[Future[bytes]]:
    for start in range(offset, file.found.size, CHUNK):
        yield file.read(start, min(CHUNK, file.found.size - start))


def _writes(file: File, pieces: Iterable[bytes]) -> Iterator[Future[int]]:
    offset = 0
    for piece in pieces:
        yield file.write(offset, piece)
        offset += len(piece)


def _subfolders(found: Iterable[Found]) -> Iterator[str]:
    return (one.path for one in found if one.is_folder and len(_name(one.path)) == 2)


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _address(url: StoreUrl) -> Address:
    parts = urlsplit(url.text)
    user = unquote(parts.username) if parts.username else None
    return Address(parts.hostname or "", parts.port, user)


def _folder(url: StoreUrl) -> str:
    """The folder's path on the server; what stands behind `/~/` counts from the home."""
    path = unquote(urlsplit(url.text).path, errors="surrogateescape")
    if not path.strip("/") or "\0" in path:
        raise ConfigurationError(f"{url.text} names no folder", "sftp://USER@HOST/PATH")
    if path == "/~" or path.startswith("/~/"):
        return path[3:] or "."
    return path
