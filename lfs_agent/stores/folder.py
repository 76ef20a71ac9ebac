"""A folder: a NAS, a synced folder, a read-only input. `ab/cd/<oid>` below it, the raw bytes.

Symlinks in it are followed when reading: what counts is what the bytes hash to.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from contextlib import contextmanager, suppress

from cacheferry.core import atomic
from cacheferry.core.errors import ObjectCorrupt, ObjectMissing, StoreDenied, StoreUnavailable
from cacheferry.core.oid import is_oid, relative_path
from cacheferry.core.storebasics import is_aging, missing, no_progress
from lfs_agent.files import NotRegular, open_regular, open_source, pieces, source_pieces
from lfs_agent.streams import Digest, receive
from lfs_agent.sweep import subfolders, sweep_store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO

    from cacheferry.core.store import Progress, Stored
    from cacheferry.core.storeurl import StoreUrl
    from cacheferry.core.types import StrPath

# What a network folder answers while it is away. Anything else needs a person.
_PASSING = (
    errno.ETIMEDOUT, errno.ESTALE, errno.EIO, errno.EAGAIN, errno.EBUSY, errno.EINTR,
    errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETUNREACH, errno.ENOTCONN,
    errno.ECONNRESET, errno.ECONNREFUSED, errno.ECONNABORTED,
)  # fmt: skip


class FolderStore:
    """A Store whose objects are files. See core.store.Store for what each method promises."""

    workers = 2

    def __init__(self, folder: StrPath) -> None:
        self.folder = os.fspath(folder)
        self._swept = False

    def size(self, oid: str) -> int | None:
        """The object's size, None where there is none."""
        return _size(self._path(oid))

    def put(self, oid: str, source: StrPath, progress: Progress) -> None:
        """Copies the source in, unless a whole object is there already."""
        path = self._path(oid)
        with open_source(source) as stream:
            size = os.fstat(stream.fileno()).st_size
            if _size(path) == size:
                self._make_young(oid)
                # Asked again: a gc that has not seen that yet may have removed it.
                if self._is_whole(oid, progress) and _size(path) == size:
                    return
                progress = no_progress  # the damaged object's bytes have been counted
            with _errors_of(path):
                above = self._prepare(os.path.dirname(path))
                _copy_in(oid, source, stream, path, progress)
                for folder in above:
                    atomic.sync_folder(folder)

    def get(self, oid: str, target: StrPath, progress: Progress) -> None:
        """Copies the object out while hashing it."""
        with self._opened(oid) as stream:
            data = pieces(stream, lambda error: _translated(error, self._path(oid)))
            receive(oid, self.folder, target, data, progress)

    def objects(self) -> Iterator[Stored]:
        """What lies where an object of its name belongs."""
        with _errors_of(self.folder):
            self._require_folder()
            for first in subfolders(self.folder):
                for second in subfolders(first):
                    yield from _objects_in(second)

    def delete(self, oid: str) -> None:
        """Unlinks the object; its folders stay, as somebody may be writing into them."""
        path = self._path(oid)
        with _errors_of(path), suppress(FileNotFoundError):
            os.unlink(path)

    def close(self) -> None:
        """Nothing is held open."""

    def _path(self, oid: str) -> str:
        if not is_oid(oid):
            raise ObjectMissing(f"not an oid: {oid!r:.80}")
        return os.path.join(self.folder, relative_path(oid))

    def _opened(self, oid: str) -> FileIO:
        path = self._path(oid)
        with _errors_of(path):
            try:
                return open_regular(path)
            except FileNotFoundError:
                self._require_folder()
                raise missing(oid, self.folder) from None
            except NotRegular:
                raise ObjectCorrupt(
                    f"object {oid} in the store {self.folder} is not a regular file"
                ) from None

    def _is_whole(self, oid: str, progress: Progress) -> bool:
        digest = hashlib.sha256()
        with self._opened(oid) as stream:
            for piece in pieces(stream, lambda error: _translated(error, self._path(oid))):
                digest.update(piece)
                progress(len(piece))
        return digest.hexdigest() == oid

    def _make_young(self, oid: str) -> None:
        path = self._path(oid)
        with suppress(OSError):  # not ours to touch: then it is as young as it looks
            if is_aging(os.stat(path).st_mtime):
                os.utime(path)

    def _prepare(self, folder: str) -> list[str]:
        """Creates an object's folder; the folders to sync once the object is there."""
        if not os.path.isdir(folder) and not os.path.isdir(os.path.dirname(self.folder)):
            self._require_folder()
        above = atomic.create_folder(folder)
        if not self._swept:
            self._swept = True
            sweep_store(self.folder)
        return above

    def _require_folder(self) -> None:
        if not os.path.lexists(self.folder):
            raise StoreUnavailable(
                f"the store folder {self.folder} is not there", "is its drive mounted?"
            )


def from_address(url: StoreUrl, _anonymous: bool) -> FolderStore:
    """The store at a folder's address; nobody has to be told who reads it."""
    return FolderStore(url.folder or url.text)


def _size(path: str) -> int | None:
    with _errors_of(path):
        try:
            found = os.stat(path)
        except FileNotFoundError:
            return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _copy_in(oid: str, source: StrPath, stream: FileIO, path: str, progress: Progress) -> None:
    with atomic.replacing(path) as copy, Digest() as digest:
        for piece in source_pieces(stream, source):
            digest.update(piece)
            copy.write(piece)
            progress(len(piece))
        if digest.hexdigest() != oid:
            raise ObjectCorrupt(f"{source} does not hash to its oid {oid}; not stored")


def _objects_in(folder: str) -> Iterator[Stored]:
    from cacheferry.core.store import Stored

    with os.scandir(folder) as entries:
        for entry in entries:
            belongs = os.path.join(folder, "..", "..", relative_path(entry.name))
            if is_oid(entry.name) and os.path.normpath(belongs) == entry.path and entry.is_file():
                found = entry.stat()
                yield Stored(entry.name, found.st_size, found.st_mtime)


@contextmanager
def _errors_of(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _translated(error, path) from None


def _translated(error: OSError, path: str) -> StoreDenied | StoreUnavailable:
    where = error.filename2 or error.filename or path
    message = f"the store refuses {os.fsdecode(where)}: {error.strerror or error}"
    kind = StoreUnavailable if error.errno in _PASSING else StoreDenied
    return kind(message)
