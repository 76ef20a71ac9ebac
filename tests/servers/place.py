"""What every server of a test offers: an address, credentials, and its files as they are."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol


def oid_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Place(Protocol):
    """A place where a store keeps objects, seen from behind."""

    url: str
    """What `store:` says."""
    env: dict[str, str]
    """The environment in which the store finds its credentials."""

    def keep(self, oid: str, data: bytes) -> None:
        """Puts bytes, right or wrong, where the object belongs."""
        ...

    def held(self, oid: str) -> bytes | None:
        """What lies where the object belongs."""
        ...

    def names(self) -> list[str]:
        """Every file there, temporary ones included, as paths below the store."""
        ...


class FolderPlace:
    """A place whose server keeps its files in a folder."""

    def __init__(self, folder: Path, url: str | None = None, env: dict[str, str] | None = None):
        self.folder = folder
        self.url = url or folder.as_posix()
        self.env = env or {}

    def _path(self, oid: str) -> Path:
        return self.folder / oid[:2] / oid[2:4] / oid

    def keep(self, oid: str, data: bytes) -> None:
        self._path(oid).parent.mkdir(parents=True, exist_ok=True)
        self._path(oid).write_bytes(data)

    def held(self, oid: str) -> bytes | None:
        path = self._path(oid)
        return path.read_bytes() if path.is_file() else None

    def names(self) -> list[str]:
        return sorted(self._files())

    def _files(self) -> Iterator[str]:
        for path in self.folder.rglob("*"):
            if not path.is_dir():
                yield path.relative_to(self.folder).as_posix()
