"""The LFS storage of a repository: objects by oid, as git-lfs keeps them in `.git/lfs`."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from cacheferry.core import atomic
from cacheferry.core.errors import ObjectCorrupt
from cacheferry.core.oid import chunks, hash_file, relative_path
from cacheferry.core.pointer import Pointer
from cacheferry.core.store import Progress, Store, within
from cacheferry.core.types import StrPath


class LfsStorage:
    """Objects lie where git-lfs looks for them; a file under its final name is whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, oid: str) -> Path:
        """Where the object lies or would lie."""
        return Path(self._place(oid))

    def has(self, pointer: Pointer) -> bool:
        """True where a file of the right size lies there; its bytes are not looked at."""
        with suppress(OSError):
            return os.stat(self._place(pointer.oid)).st_size == pointer.size
        return False

    def is_whole(self, pointer: Pointer) -> bool:
        """True where the object's bytes hash to its oid."""
        with suppress(OSError):
            return hash_file(self._place(pointer.oid)) == pointer
        return False

    def take_in(self, source: Path) -> Pointer:
        """Copies a file into the storage while hashing it. Returns what it was copied as.

        A damaged object of the same oid is replaced. Raises OSError.
        """
        digest, size = hashlib.sha256(), 0
        incoming = self._incoming()
        try:
            with open(source, "rb", buffering=0) as stream, open(incoming, "xb") as target:
                for chunk in chunks(stream):
                    digest.update(chunk)
                    size += target.write(chunk)
                target.flush()
                os.fsync(target.fileno())
            pointer = Pointer(digest.hexdigest(), size)
            self.make_folder_for(pointer)
            atomic.sync_folder(os.path.dirname(self.move_in(incoming, pointer)))
        finally:
            with suppress(FileNotFoundError):
                os.unlink(incoming)
        return pointer

    def fetch(self, store: Store, pointer: Pointer, progress: Progress) -> None:
        """Puts the store's object here, whatever lies here. Raises a StoreError, OSError."""
        incoming = self._incoming()
        try:
            store.get(pointer.oid, incoming, within(*pointer, progress))
            if incoming.stat().st_size != pointer.size:
                raise ObjectCorrupt(f"object {pointer.oid} has not the size that its pointer says")
            # Private until here; now by the umask.
            os.chmod(incoming, incoming.parent.stat().st_mode & 0o666)
            self.make_folder_for(pointer)
            atomic.sync_folder(os.path.dirname(self.move_in(incoming, pointer)))
        finally:
            with suppress(FileNotFoundError):
                os.unlink(incoming)

    def make_folder_for(self, pointer: Pointer) -> None:
        """Makes the folder that `move_in` needs; losing it would cost another copy, no more."""
        os.makedirs(os.path.dirname(self._place(pointer.oid)), exist_ok=True)

    def move_in(self, incoming: StrPath, pointer: Pointer) -> str:
        """Gives a verified file its final name, which the caller makes durable. Returns it."""
        target = self._place(pointer.oid)
        os.replace(incoming, target)
        return target

    def _place(self, oid: str) -> str:
        # As text: it is asked for several times a cache, and building a Path takes its time.
        return os.path.join(self.folder, "objects", relative_path(oid))

    def _incoming(self) -> Path:
        folder = self.folder / "tmp"
        atomic.make_folder(folder)
        return folder / f"{atomic.PREFIX}{os.getpid()}-{os.urandom(6).hex()}"
