"""Pointers become bytes: from the store into the LFS storage, from there into the work tree."""

import errno
import os
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import NamedTuple

from cacheferry.core import atomic, many
from cacheferry.core.copying import copy_file, mode_of, on_its_way_to_disk, put_across
from cacheferry.core.errors import CacheferryError, ConfigurationError, ObjectCorrupt
from cacheferry.core.indexstat import Seen
from cacheferry.core.lfsstorage import LfsStorage
from cacheferry.core.pickles import scan
from cacheferry.core.pointer import Pointer
from cacheferry.core.repository import Repository
from cacheferry.core.staging import staging
from cacheferry.core.store import Progress, Store, announce, no_progress, within
from cacheferry.core.together import together

_BATCH = 32 << 20
"""Bytes that are put in their places at once, while the next ones are fetched."""

_READERS = 4
"""Threads where nothing is to be fetched."""


class UnsafeCache(CacheferryError):
    """The bytes have arrived, and are a pickle that imports what is not allowed."""


class InTheWay(CacheferryError):
    """What has been written at the path meanwhile is not to be replaced."""


class Item(NamedTuple):
    """A cache to bring: its path, its pointer, and the blob in which Git holds the pointer.

    Fetching may take minutes, so `may_replace` is asked at the last moment.
    """

    path: str
    pointer: Pointer
    blob: str
    may_replace: Callable[[], bool]


Failed = dict[str, CacheferryError | OSError]


class Prepared(NamedTuple):
    """An object in the staging folder (None: it lies in the storage), and copies to put in place.

    `failed` has the items that there is no copy for.
    """

    pointer: Pointer
    incoming: str | None
    copies: list[tuple[Item, str]]
    failed: Failed


class Materialiser:
    """Brings caches of one repository; the store is opened when an object is first missed.

    `landed` has each file as it was put into the work tree, by path.
    """

    def __init__(
        self,
        repository: Repository,
        storage: LfsStorage,
        open_store: Callable[[], Store],
        allow: tuple[str, ...] = (),
    ) -> None:
        self.landed: dict[str, Seen] = {}
        self._repository = repository
        self._storage = storage
        self._open_store = open_store
        self._allow = allow
        self._store: Store | None = None
        self._opening = threading.Lock()
        self._time = _time_for(repository)

    def materialise(self, items: Iterable[Item], progress: Progress = no_progress) -> Failed:
        """Puts verified bytes at paths of the work tree, each atomically, all of them durably.

        By path, why a cache could not be brought; what lies there is untouched then. InTheWay:
        `may_replace` said no; UnsafeCache: the bytes may not lie there; a StoreError: they cannot
        be had; else the system's own. `progress` is called from several threads. Raises
        ConfigurationError where there is no store, OSError where the LFS storage is read-only.
        """
        failed: Failed = {}
        objects: dict[Pointer, list[Item]] = {}
        for item in items:
            objects.setdefault(item.pointer, []).append(item)
        if not objects:
            return failed
        here = set(filter(self._storage.has, objects))
        workers = _READERS
        if len(here) < len(objects):
            workers = self._opened().workers
            announce(self._opened(), {pointer.oid: pointer.size for pointer in objects})
        with staging(self._storage.folder / "tmp") as folder:
            batch, size, changed = list[Prepared](), 0, set[str]()
            for one in together(
                lambda pointer: self._prepare(
                    folder, pointer, pointer in here, objects[pointer], progress
                ),
                list(objects),
                workers,
            ):
                batch.append(one)
                size += one.pointer.size
                if size >= _BATCH:
                    failed |= self._land(folder, batch, changed)
                    batch, size = [], 0
            failed |= self._land(folder, batch, changed)
            atomic.sync_folders(folder, changed)
        return failed

    def fetch(self, pointers: Iterable[Pointer]) -> dict[str, CacheferryError]:
        """Has the LFS storage take in what it lacks of these; by oid, why it could not.

        Raises as `materialise` does.
        """
        absent = {pointer.oid: pointer for pointer in pointers if not self._storage.has(pointer)}
        if not absent:
            return {}
        store = self._opened()
        announce(store, {oid: pointer.size for oid, pointer in absent.items()})
        return many.each(
            store, absent, lambda oid: self._storage.fetch(store, absent[oid], no_progress)
        )

    def write_pointer(self, path: str, pointer: Pointer) -> None:
        """Puts the pointer itself at a path of the work tree."""
        target = self._repository.root / path
        atomic.make_folder(target.parent)
        atomic.write(target, pointer.text())

    def close(self) -> None:
        """Ends the store's connections."""
        if self._store is not None:
            self._store.close()

    def _prepare(
        self,
        folder: str,
        pointer: Pointer,
        here: bool,
        items: list[Item],
        progress: Progress,
    ) -> Prepared:
        """Everything that takes time and changes nothing that anybody looks at."""
        incoming = None
        try:
            if here and self._storage.is_whole(pointer):
                progress(pointer.size)
            else:
                incoming = self._fetch(folder, pointer, progress)
            prepared = Prepared(pointer, incoming, [], {})
            with on_its_way_to_disk(incoming, pointer.size):
                for number, item in enumerate(items):
                    self._copy(prepared, item, os.path.join(folder, f"{pointer.oid}.{number}"))
        except ConfigurationError:
            raise
        except (CacheferryError, OSError) as error:
            return Prepared(pointer, None, [], {item.path: error for item in items})
        return prepared

    def _fetch(self, folder: str, pointer: Pointer, progress: Progress) -> str:
        """The object in the staging folder; the store has verified what it wrote there."""
        incoming = os.path.join(folder, pointer.oid)
        self._opened().get(pointer.oid, incoming, within(*pointer, progress))
        if os.stat(incoming).st_size != pointer.size:
            raise ObjectCorrupt(f"object {pointer.oid} has not the size that its pointer says")
        os.chmod(incoming, os.stat(folder).st_mode & 0o666)  # private until here; now by the umask
        self._storage.make_folder_for(pointer)
        return incoming

    def _copy(self, prepared: Prepared, item: Item, copy: str) -> None:
        """Adds a copy of the object that may lie in the work tree, or why it may not."""
        source = prepared.incoming or self._storage.path(prepared.pointer.oid)
        scanned = scan(source, self._allow, name=item.path)
        if scanned.safety == "unsafe":
            refused = UnsafeCache("unsafe pickle: " + ", ".join(scanned.refused))
            prepared.failed[item.path] = refused
            return
        copy_file(source, copy)
        if mode := mode_of(os.path.join(self._repository.root, item.path)):
            os.chmod(copy, mode)
        os.utime(copy, ns=(self._time, self._time))
        prepared.copies.append((item, copy))

    def _land(self, folder: str, batch: list[Prepared], changed: set[str]) -> Failed:
        """Puts a batch into the storage and the work tree: bytes first, names second.

        Adds the folders in which names have changed.
        """
        files = [copy for one in batch for _, copy in one.copies]
        atomic.sync_files(folder, files + [one.incoming for one in batch if one.incoming])
        failed: Failed = {}
        for one in batch:
            failed |= one.failed | self._land_one(one, changed)
        return failed

    def _land_one(self, one: Prepared, changed: set[str]) -> Failed:
        """The same for one object, whose bytes are on disk."""
        failed: Failed = {}
        try:
            if one.incoming:
                changed.add(os.path.dirname(self._storage.move_in(one.incoming, one.pointer)))
        except OSError as error:
            return {item.path: error for item, _ in one.copies}
        for item, copy in one.copies:
            try:
                changed.add(os.path.dirname(self._put(item, copy)))
            except (InTheWay, OSError) as error:
                failed[item.path] = error
        return failed

    def _put(self, item: Item, copy: str) -> str:
        target = os.path.join(self._repository.root, item.path)
        if not item.may_replace():
            raise InTheWay("another file has come to lie there; it stays")
        atomic.make_folder(os.path.dirname(target))
        ours = os.lstat(copy)
        try:
            os.replace(copy, target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            put_across(copy, target)
        here = os.lstat(target)
        if (here.st_ino, here.st_size, here.st_mtime_ns) == (
            ours.st_ino,
            ours.st_size,
            ours.st_mtime_ns,
        ):
            self.landed[item.path] = Seen(item.blob, here)
        return target

    def _opened(self) -> Store:
        with self._opening:
            if self._store is None:
                self._store = self._open_store()
            return self._store


def _time_for(repository: Repository) -> int:
    """The time that caches get, in ns: older than the index.

    Git compares what is as young as its index by content, through the filter, each time.
    """
    now = time.time()
    with suppress(OSError):
        now = min(now, os.stat(repository.index_file).st_mtime)
    return max(int(now) - 1, 0) * 10**9
