"""One publish is one version of the dataset, and each version names its full set of files.

Kaggle's API cannot carry a file over from the version before: whatever a new version shall hold
is sent again.
"""

import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from hashlib import file_digest
from pathlib import Path
from tempfile import TemporaryDirectory

from cacheferry.core.errors import ObjectCorrupt, ObjectMissing, StoreUnavailable
from cacheferry.core.oid import hash_file, is_oid, relative_path
from cacheferry.core.store import Progress, no_progress
from cacheferry.core.together import together
from lfs_agent.files import creating, open_source, write_all
from lfs_agent.stores.kaggleapi import Api, File
from lfs_agent.stores.kagglehttp import WORKERS
from lfs_agent.streams import is_whole, receive, size_of, verified_pieces

_RACES = 5


def place_of(name: str) -> str:
    """Where a file of a version belongs: an object by its oid, whatever Kaggle made of its path."""
    last = name.rpartition("/")[2]
    return relative_path(last) if is_oid(last) else name


def by_place(files: list[File]) -> dict[str, File]:
    """A version's files by the place where they belong."""
    return {place_of(file.name): file for file in files}


def current_files(api: Api, current: int) -> dict[str, File]:
    """The files of the version that is current, by place; none where there is no version (0).

    A list that is not there yet is no empty one: what it does not name would be lost.
    """
    try:
        return by_place(api.files(current))
    except ObjectMissing:
        raise StoreUnavailable(f"kaggle does not list its version {current} yet") from None


def publish(api: Api, sources: Mapping[str, Path], progress: Progress) -> None:
    """Makes the current version hold all sources, whole, beside all that any version since held.

    Two writers who publish at once replace each other's version: so it is looked at again when
    Kaggle has accepted it, and what another one has brought or lost is put together anew.
    """
    count = _Once(sources, progress)
    kept: dict[str, File] = {}
    tokens: dict[str, str] = {}
    seen = made = None
    for _ in range(_RACES):
        current = api.settled(made)
        for number in range(current if seen is None else seen + 1, current):
            with suppress(ObjectMissing):  # Kaggle could not process it
                kept |= by_place(api.files(number))
        here = current_files(api, current)
        kept |= here
        lacking = _lacking(api, here, sources)
        count.all(sources.keys() - lacking)
        if not lacking and kept.keys() == here.keys():
            return
        _send(api, sources, kept, tokens, count)
        kept = {place: file for place, file in kept.items() if place in tokens}
        seen = current
        if not current or api.version() == current:
            api.create(current, tokens, f"{len(tokens)} files")
            made, tokens = current, {}
    raise StoreUnavailable("other writers publish to the dataset all the time")


def _lacking(api: Api, here: Mapping[str, File], sources: Mapping[str, Path]) -> set[str]:
    """The sources that the version does not hold whole."""

    def lacks(oid: str) -> bool:
        file = here.get(relative_path(oid))
        return file is None or file.size != size_of(sources[oid]) or not _same(api, file, oid)

    def _same(api: Api, file: File, oid: str) -> bool:
        with api.download(relative_path(oid), file.name, version=file.version) as found:
            if found is None:
                return False
            if found.md5 and not found.zipped:
                return found.md5 == _md5(sources[oid])
            with suppress(ObjectCorrupt):
                return is_whole(oid, found.pieces(), no_progress)
            return False

    answers = together(lambda oid: (oid, lacks(oid)), list(sources), WORKERS)
    return {oid for oid, lack in answers if lack}


def _md5(source: Path) -> str:
    from base64 import b64encode

    with open_source(source) as stream:
        return b64encode(file_digest(stream, "md5").digest()).decode()


def _send(
    api: Api,
    sources: Mapping[str, Path],
    kept: Mapping[str, File],
    tokens: dict[str, str],
    count: "_Once",
) -> None:
    """Sends every file of the next version that has no token yet."""
    mine = {relative_path(oid): oid for oid in sources}
    beside = _Beside(sources)

    def send(place: str) -> None:
        token: str | None
        if oid := mine.get(place):
            token = _upload(api, place, sources[oid], count.progress(oid))
        elif local := beside.find(kept[place], place):
            token = _upload(api, place, local, no_progress)
        else:
            token = _send_again(api, place, kept[place])
        if token:
            tokens[place] = token

    for _ in together(send, sorted((mine.keys() | kept.keys()) - tokens.keys()), WORKERS):
        pass


def _upload(api: Api, place: str, source: Path, progress: Progress) -> str:
    name = place.rpartition("/")[2]
    return api.upload(name, size_of(source), partial(verified_pieces, name, source, progress))


def _send_again(api: Api, place: str, file: File) -> str | None:
    """Carries a file over; None for an object that is damaged: without it, a put can heal it."""
    name = place.rpartition("/")[2]
    with TemporaryDirectory(prefix="cacheferry-") as folder:
        copy = Path(folder, "copy")
        with api.download(place, file.name, version=file.version) as found:
            if found is None:
                raise StoreUnavailable(f"kaggle lists {file.name} and does not give it")
            if not is_oid(name):
                with creating(copy) as stream:
                    for piece in found.pieces():
                        write_all(stream, memoryview(piece))
                name = hash_file(copy)[0]
            else:
                try:
                    receive(name, "", copy, found.pieces(), no_progress)
                except ObjectCorrupt:
                    return None
        data = partial(verified_pieces, name, copy, no_progress)
        return api.upload(place.rpartition("/")[2], size_of(copy), data)


class _Beside:
    """Copies of other objects that lie beside the sources, as in an LFS storage: they need not be
    fetched to be sent again."""

    def __init__(self, sources: Mapping[str, Path]) -> None:
        self._folders = {
            source.parents[2]
            for oid, source in sources.items()
            if source.as_posix().endswith(f"/{relative_path(oid)}")
        }

    def find(self, file: File, place: str) -> Path | None:
        """A whole copy of the object that belongs at a place."""
        for folder in self._folders:
            path = folder / place
            with suppress(OSError):
                if path.stat().st_size == file.size and hash_file(path)[0] == path.name:
                    return path
        return None


class _Once:
    """Counts every source's bytes once, from any thread."""

    def __init__(self, sources: Mapping[str, Path], progress: Progress) -> None:
        self._left = {oid: size_of(source) for oid, source in sources.items()}
        self._progress = progress
        self._lock = threading.Lock()

    def progress(self, oid: str) -> Progress:
        """A Progress for one source."""

        def moved(count: int) -> None:
            with self._lock:
                count = min(count, self._left[oid])
                self._left[oid] -= count
                if count:
                    self._progress(count)

        return moved

    def all(self, oids: set[str]) -> None:
        """Counts what needs not be sent."""
        for oid in oids:
            self.progress(oid)(self._left[oid])
