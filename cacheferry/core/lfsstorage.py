"""The LFS storage of a repository: objects by oid, as git-lfs keeps them in `.git/lfs`."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from cacheferry.core import atomic
from cacheferry.core.errors import ObjectCorrupt
from cacheferry.core.oid import chunks, hash_file, relative_path
from cacheferry.core.pointer import Pointer


class LfsStorage:
    """Objects lie where git-lfs looks for them; a file under its final name is whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, oid: str) -> Path:
        """Where the object lies or would lie."""
        return self.folder / "objects" / relative_path(oid)

    def has(self, pointer: Pointer) -> bool:
        """True where a file of the right size lies there; its bytes are not looked at."""
        with suppress(OSError):
            return os.stat(self.path(pointer.oid)).st_size == pointer.size
        return False

    def is_whole(self, pointer: Pointer) -> bool:
        """True where the object's bytes hash to its oid."""
        with suppress(OSError):
            return hash_file(self.path(pointer.oid)) == pointer
        return False

    def take_in(self, source: Path) -> Pointer:
        """Copies a file into the storage while hashing it. Returns what it was copied as.

        A damaged object of the same oid is replaced. Raises OSError.
        """
        digest, size = hashlib.sha256(), 0
        incoming = self.incoming()
        try:
            with open(source, "rb", buffering=0) as stream, open(incoming, "xb") as target:
                for chunk in chunks(stream):
                    digest.update(chunk)
                    size += target.write(chunk)
                target.flush()
                os.fsync(target.fileno())
            pointer = Pointer(digest.hexdigest(), size)
            self.move_in(incoming, pointer)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(incoming)
        return pointer

    def incoming(self) -> Path:
        """A fresh path in the storage's temporary folder, for `move_in`."""
        folder = self.folder / "tmp"
        atomic.make_folder(folder)
        return folder / f"{atomic.PREFIX}{os.getpid()}-{os.urandom(6).hex()}"

    def move_in(self, incoming: Path, pointer: Pointer) -> None:
        """Gives a verified file its final name."""
        target = self.path(pointer.oid)
        target.parent.mkdir(parents=True, exist_ok=True)  # a lost folder costs another copy
        os.replace(incoming, target)
        atomic.sync_folder(target.parent)

    def copy_out(self, pointer: Pointer, target: Path) -> None:
        """Puts the object at `target`, whole and verified or not at all.

        Raises ObjectCorrupt where the storage's own bytes are damaged, OSError otherwise.
        """
        digest = hashlib.sha256()
        atomic.make_folder(target.parent)
        with (
            open(self.path(pointer.oid), "rb", buffering=0) as source,
            atomic.replacing(target, _mode_of(target)) as copy,
        ):
            for chunk in chunks(source):
                digest.update(chunk)
                copy.write(chunk)
            if digest.hexdigest() != pointer.oid:
                raise ObjectCorrupt(f"object {pointer.oid} is damaged in {self.folder}")


def _mode_of(target: Path) -> int | None:
    try:
        return os.stat(target).st_mode & 0o777
    except OSError:
        return None
