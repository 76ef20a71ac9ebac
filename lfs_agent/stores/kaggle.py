"""A dataset of Kaggle. Read from a kernel's `/kaggle/input` where it is attached, else fetched.

Objects lie in it at `ab/cd/<oid>`. Writing goes through Kaggle's API, all objects of a publish in
one new version: it takes minutes until Kaggle has processed one.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cacheferry.core.errors import (
    ConfigurationError,
    NotOffered,
    ObjectMissing,
    StoreDenied,
    StoreUnavailable,
)
from cacheferry.core.oid import is_oid, relative_path
from cacheferry.core.store import Progress, Stored, missing
from cacheferry.core.storeurl import StoreUrl
from cacheferry.core.types import StrPath
from lfs_agent.stores.kagglemount import mounted
from lfs_agent.streams import receive, size_of

if TYPE_CHECKING:
    from lfs_agent.stores.kaggleapi import Api, File


class KaggleStore:
    """A Gathering store on a dataset. See core.store for what each method promises."""

    workers = 8

    def __init__(self, url: StoreUrl, anonymous: bool = False) -> None:
        self._url = url.text
        self._anonymous = anonymous
        self._mounted = mounted(*url.text.removeprefix("kaggle://").split("/"))
        self._listed: tuple[int, dict[str, File]] = (0, {})

    def size(self, oid: str) -> int | None:
        """From the attached folder, else as Kaggle lists it."""
        _require_oid(oid)
        if self._mounted and (place := self._mounted.find(oid)):
            return place.size
        file = self._files().get(relative_path(oid))
        return file.size if file else None

    def put(self, oid: str, source: StrPath, progress: Progress) -> None:
        """A version of its own: `put_together` is cheaper for many."""
        self.put_together({oid: Path(source)}, progress)

    def put_together(self, sources: Mapping[str, Path], progress: Progress) -> None:
        """One new version with all that the dataset has and the sources; none if it has them."""
        for oid, source in sources.items():
            _require_oid(oid)
            size_of(source)
        self._require_credentials()
        from lfs_agent.stores.kaggleversions import publish

        publish(self._api, sources, progress)

    def get(self, oid: str, target: StrPath, progress: Progress) -> None:
        """From the attached folder, else from Kaggle; verified."""
        _require_oid(oid)
        if self._mounted and (place := self._mounted.find(oid)):
            data = self._mounted.pieces(oid, place)
            return receive(oid, self._url, target, data, progress)
        try:
            self._fetch(oid, target, progress)
        except (ConfigurationError, StoreDenied, StoreUnavailable):
            if not self._mounted:
                raise
            raise ObjectMissing(
                f"object {oid} is not in the attached version of {self._url}",
                "attach its newest version, or switch the kernel's internet on",
            ) from None

    def objects(self) -> Iterator[Stored]:
        """What Kaggle lists."""
        for place, file in self._files().items():
            oid = place.rpartition("/")[2]
            if is_oid(oid):
                yield Stored(oid, file.size, file.modified)

    def delete(self, oid: str) -> None:
        """Kaggle cannot; raises NotOffered."""
        _require_oid(oid)
        raise NotOffered(
            f"a dataset keeps what it has: {self._url}",
            "to begin anew, name another dataset and delete this one on kaggle.com",
        )

    def close(self) -> None:
        """Ends the connections, if there are any."""
        if "_api" in self.__dict__:
            self._api.close()

    @cached_property
    def _api(self) -> "Api":
        try:
            from lfs_agent.stores.kaggleapi import Api

            return Api(self._url, self._anonymous)
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                f"kaggle:// stores need {error.name}, which is not installed",
                "pip install 'cacheferry[kaggle]'",
            ) from None

    def _require_credentials(self) -> None:
        if not self._api.has_credentials:
            from lfs_agent.stores.kagglehttp import CREDENTIALS

            raise ConfigurationError(f"no credentials to write to {self._url}", CREDENTIALS)

    def _files(self) -> "dict[str, File]":
        current = self._api.version()  # says so where Kaggle's library is not installed
        from lfs_agent.stores.kaggleversions import current_files

        if current != self._listed[0]:
            self._listed = current, current_files(self._api, current)
        return self._listed[1]

    def _fetch(self, oid: str, target: StrPath, progress: Progress) -> None:
        usual = relative_path(oid)
        if self._fetched(oid, usual, target, progress):
            return
        listed = self._files().get(usual)
        if listed is None or not self._fetched(oid, listed.name, target, progress):
            raise missing(oid, self._url)

    def _fetched(self, oid: str, name: str, target: StrPath, progress: Progress) -> bool:
        with self._api.download(name) as found:
            if found:
                receive(oid, self._url, target, found.pieces(), progress)
            return found is not None


def _require_oid(oid: str) -> None:
    if not is_oid(oid):
        raise ObjectMissing(f"not an oid: {oid!r:.80}")
