"""A dataset that is attached to a kernel: read from its folder, without any network."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile, ZipFile

from cacheferry.core.errors import ObjectCorrupt
from cacheferry.core.oid import is_oid, relative_path
from lfs_agent.files import open_regular
from lfs_agent.files import pieces as file_pieces
from lfs_agent.stores import zips

# kagglehub's own variable for the place, and its default.
_VARIABLE, _INPUTS = "KAGGLE_CACHE_MOUNT_FOLDER", "/kaggle/input"


class Place(NamedTuple):
    """Where an object lies: a file, or a member of an archive that Kaggle has not unpacked."""

    size: int
    file: Path
    zipped: bool = False


def mounted(owner: str, dataset: str) -> "Mounted | None":
    """The attached dataset; None where it is not attached."""
    inputs = Path(os.environ.get(_VARIABLE) or _INPUTS)
    for folder in (inputs / "datasets" / owner / dataset, inputs / dataset):
        if folder.is_dir():
            return Mounted(folder)
    return None


class Mounted:
    """The objects below a folder, wherever Kaggle has put them: what counts is their name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._found: dict[str, Place] | None = None

    def find(self, oid: str) -> Place | None:
        """Where the object lies; None where it does not."""
        usual = self.folder / relative_path(oid)
        with suppress(OSError):
            return Place(usual.stat().st_size, usual)
        if self._found is None:
            self._found = dict(self._walk())
        return self._found.get(oid)

    def pieces(self, oid: str, place: Place) -> Iterator[bytes | memoryview]:
        """The object's bytes. Raises ObjectCorrupt where they cannot be read."""
        try:
            if place.zipped:
                with ZipFile(place.file) as archive:
                    yield from zips.pieces(archive, zips.objects(archive)[oid])
            else:
                with open_regular(place.file) as stream:
                    yield from file_pieces(stream, lambda error: _unreadable(place, error))
        except OSError as error:
            raise _unreadable(place, error) from None

    def _walk(self) -> Iterator[tuple[str, Place]]:
        for folder, _, names in os.walk(self.folder):
            for name in names:
                file = Path(folder, name)
                if is_oid(name):
                    yield name, Place(file.stat().st_size, file)
                elif name.endswith(".zip"):
                    yield from _members(file)


def _members(file: Path) -> Iterator[tuple[str, Place]]:
    with suppress(BadZipFile, OSError), ZipFile(file) as archive:
        for oid, info in zips.objects(archive).items():
            yield oid, Place(info.file_size, file, zipped=True)


def _unreadable(place: Place, error: OSError) -> ObjectCorrupt:
    return ObjectCorrupt(f"cannot read {place.file}: {error.strerror or error}")
