"""Moves one object: from git-lfs's line to the store and back, with progress."""

from __future__ import annotations

import os

from cacheferry.core import atomic
from cacheferry.core.errors import CacheferryError, ObjectCorrupt
from cacheferry.core.oid import is_oid
from cacheferry.core.storebasics import within
from lfs_agent.files import open_source
from lfs_agent.sweep import sweep_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cacheferry.core.store import Store
    from lfs_agent.protocol import Transfer

STEP = 1 << 20
"""Bytes between two messages of progress."""


def checked_size(request: Transfer) -> int:
    """The object's size. Raises CacheferryError for an oid or a size that can be none."""
    if not is_oid(request.oid):
        raise CacheferryError(f"not an oid: {request.oid!r:.80}", "64 lower-case hex digits")
    size = request.size
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise CacheferryError(f"object {request.oid} has no valid size: {size!r:.80}")
    return size


def upload(store: Store, request: Transfer, size: int, progress: Reporter) -> None:
    """Puts the request's file into the store."""
    if not isinstance(request.path, str) or not request.path:
        raise CacheferryError(f"object {request.oid} comes without a path")
    source = request.path
    with open_source(source) as stream:
        found = os.fstat(stream.fileno()).st_size
    if found != size:
        raise ObjectCorrupt(f"{source} has {found} bytes, object {request.oid} has {size}")
    store.put(request.oid, source, progress)
    progress.finish()


class Downloads:
    """The folder for downloads: on the LFS storage's file system, as git-lfs renames the file."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._swept = False

    def download(self, store: Store, request: Transfer, size: int, progress: Reporter) -> str:
        """The path of a new file with the object's verified bytes."""
        self._prepare()
        name = f"{atomic.PREFIX}{request.oid}-{os.urandom(6).hex()}"
        target = os.path.join(self._folder, name)
        store.get(request.oid, target, within(request.oid, size, progress))
        try:
            _require_size(target, request.oid, size)
            progress.finish()
        except BaseException:
            os.unlink(target)
            raise
        return target

    def _prepare(self) -> None:
        if self._swept:
            return
        try:
            self._folder.encode("utf-8")
            atomic.make_folder(self._folder)
        except UnicodeEncodeError:
            message = f"the path {self._folder!r} is not UTF-8"
            raise CacheferryError(message, "git-lfs cannot be told of it; move the clone") from None
        except OSError as error:
            raise CacheferryError(f"cannot create {self._folder}: {error.strerror}") from None
        sweep_folder(self._folder)
        self._swept = True


def _require_size(path: str, oid: str, size: int) -> None:
    found = os.stat(path).st_size
    if found != size:
        raise ObjectCorrupt(f"object {oid} has {found} bytes in the store, its pointer says {size}")


class Reporter:
    """A Progress that says how far an object is: at once, every STEP bytes, and at the end.

    What it says is monotonic and ends at the size, whatever a store reports.
    """

    def __init__(self, size: int, say: Callable[[int, int], None]) -> None:
        self._size = size
        self._say = say
        self._moved = 0
        self._said: int | None = None

    def __call__(self, moved: int) -> None:
        self._moved = min(self._moved + moved, self._size)
        is_end = self._moved == self._size  # which `finish` says, once it is certain
        if not is_end and (self._said is None or self._moved - self._said >= STEP):
            self._tell()

    def finish(self) -> None:
        """Says what is missing from the size; the size 0 is said, too."""
        self._moved = self._size
        if self._said != self._size:
            self._tell()

    def _tell(self) -> None:
        self._say(self._moved, self._moved - (self._said or 0))
        self._said = self._moved
