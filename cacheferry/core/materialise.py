"""Pointers become bytes: from the store into the LFS storage, from there into the work tree."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cacheferry.core import atomic
from cacheferry.core.errors import CacheferryError, ObjectCorrupt
from cacheferry.core.lfsstorage import LfsStorage
from cacheferry.core.oid import hash_file
from cacheferry.core.pickles import scan
from cacheferry.core.pointer import Pointer
from cacheferry.core.repository import Repository
from cacheferry.core.store import Progress, Store, announce, no_progress


class UnsafeCache(CacheferryError):
    """The bytes have arrived, and are a pickle that imports what is not allowed."""


class InTheWay(CacheferryError):
    """What has been written at the path meanwhile is not to be replaced."""


class Materialiser:
    """Brings caches of one repository; the store is opened when an object is first missed."""

    def __init__(
        self,
        repository: Repository,
        storage: LfsStorage,
        open_store: Callable[[], Store],
        allow: tuple[str, ...] = (),
    ) -> None:
        self._repository = repository
        self._storage = storage
        self._open_store = open_store
        self._allow = allow
        self._store: Store | None = None

    def materialise(
        self,
        path: str,
        pointer: Pointer,
        progress: Progress = no_progress,
        may_replace: Callable[[], bool] = lambda: True,
    ) -> None:
        """Puts the verified bytes at a path of the work tree, atomically.

        Bringing them may take minutes, so `may_replace` is asked at the last moment. Raises
        InTheWay where it says no, a StoreError where the bytes cannot be had, and UnsafeCache
        where they may not lie there; the work tree is untouched then.
        """
        self.bring(pointer, progress)
        scanned = scan(self._storage.path(pointer.oid), self._allow, name=path)
        if scanned.safety == "unsafe":
            raise UnsafeCache("unsafe pickle: " + ", ".join(scanned.refused))
        if not may_replace():
            raise InTheWay("another file has come to lie there; it stays")
        self._storage.copy_out(pointer, self._repository.root / path)

    def bring(self, pointer: Pointer, progress: Progress = no_progress) -> None:
        """Makes the LFS storage have the object, whole, from the store if need be."""
        if self._storage.is_whole(pointer):
            progress(pointer.size)
            return
        incoming = self._storage.incoming()
        try:
            self._get(pointer, incoming, progress)
            if hash_file(incoming) != pointer:
                raise ObjectCorrupt(f"object {pointer.oid} came damaged from the store")
            self._storage.move_in(incoming, pointer)
        finally:
            with suppress(OSError):
                incoming.unlink()

    def write_pointer(self, path: str, pointer: Pointer) -> None:
        """Puts the pointer itself at a path of the work tree."""
        target = self._repository.root / path
        atomic.make_folder(target.parent)
        atomic.write(target, pointer.text())

    def _get(self, pointer: Pointer, incoming: Path, progress: Progress) -> None:
        if self._store is None:
            self._store = self._open_store()
        announce(self._store, {pointer.oid: pointer.size})
        self._store.get(pointer.oid, incoming, progress)

    def close(self) -> None:
        """Ends the store's connections."""
        if self._store is not None:
            self._store.close()
