"""Kaggle's API for one dataset: the only file that knows kagglesdk, whose messages it sends."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple
from urllib.parse import urljoin

from kagglesdk.blobs.services.blob_api_service import BlobApiClient
from kagglesdk.blobs.types.blob_api_service import ApiBlobType, ApiStartBlobUploadRequest
from kagglesdk.datasets.services.dataset_api_service import DatasetApiClient
from kagglesdk.datasets.types.dataset_api_service import (
    ApiCreateDatasetRequest,
    ApiCreateDatasetVersionRequest,
    ApiCreateDatasetVersionRequestBody,
    ApiDatasetNewFile,
    ApiDownloadDatasetRequest,
    ApiGetDatasetRequest,
    ApiGetDatasetStatusRequest,
    ApiListDatasetFilesRequest,
    ApiUploadDirectoryInfo,
)
from kagglesdk.kaggle_env import KaggleEnv, get_endpoint, get_env

from cacheferry.core.errors import ObjectMissing, StoreDenied, StoreError, StoreUnavailable
from lfs_agent.stores.kagglehttp import (
    BROKEN,
    PASSING,
    PLAIN,
    STREAM,
    TRIES,
    Body,
    Download,
    credentials,
    errors_of,
    require_ok,
    session,
)

PATIENCE = 600.0
"""Seconds in which Kaggle should have processed a version."""

_PAGE = 200
_STILL_BUSY = ("process", "pending", "in progress", "concurrent", "try again")


class File(NamedTuple):
    """A file of a version: its path there, its size in bytes, and when it came (Unix time)."""

    name: str
    size: int
    modified: float
    version: int


class Api:
    """One dataset. Every method raises StoreDenied, or StoreUnavailable for what can pass."""

    def __init__(
        self, url: str, anonymous: bool, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._url = url
        self._owner, self._dataset = url.removeprefix("kaggle://").split("/")
        self._sleep = sleep
        auth = None if anonymous else credentials()
        self.has_credentials = auth is not None
        self._sessions = session(auth), session(None)
        caller = _Caller(self._sessions[0], url, self.has_credentials)
        self._datasets, self._blobs = DatasetApiClient(caller), BlobApiClient(caller)

    def version(self) -> int:
        """The number of the version that is current; 0 where there is none yet."""
        request = self._about(ApiGetDatasetRequest())
        try:
            return self._datasets.get_dataset(request).current_version_number or 0
        except ObjectMissing:
            return 0

    def settled(self, beyond: int | None = None) -> int:
        """As `version`, when Kaggle has processed all that it was given.

        `beyond` is the version that one of ours follows: it may take some time to appear at all.
        """
        waited, delay = 0.0, 0.2
        while waited < PATIENCE:
            status = self._status()
            if status is None and beyond is None:
                return 0
            if status in ("READY", "FAILED") and (current := self.version()) > (beyond or 0):
                return current
            if status == "FAILED":
                raise StoreDenied(
                    f"kaggle could not process the last version of {self._url}",
                    "its page on kaggle.com says why",
                )
            self._sleep(delay)
            waited, delay = waited + delay, min(delay * 1.5, 15)
        raise StoreError(
            f"kaggle is still processing the last version of {self._url}",
            "nothing is lost: try again later",
        )

    def files(self, version: int) -> list[File]:
        """Every file of a version. Raises ObjectMissing for one that Kaggle has not processed."""
        found: list[File] = []
        request = self._about(ApiListDatasetFilesRequest())
        request.dataset_version_number, request.page_size = version, _PAGE
        while version:
            answer = self._datasets.list_dataset_files(request)
            if answer.error_message:
                raise StoreDenied(f"kaggle refuses to list {self._url}: {answer.error_message}")
            for file in answer.dataset_files:
                made = file.creation_date.timestamp() if file.creation_date else 0.0
                found.append(File(file.name, file.total_bytes, made, version))
            if not answer.next_page_token:
                break
            request.page_token = answer.next_page_token
        return found

    @contextmanager
    def download(self, *names: str, version: int | None = None) -> "Iterator[Download | None]":
        """A file of a version, by default the current one, to be read; None where it is not.

        It is the first that is there: Kaggle may list a file under another path than its own.
        """
        for name in names:
            with suppress(ObjectMissing):
                where = self._address(name, version)
                break
        else:
            yield None
            return
        with errors_of(self._url), self._sessions[1].get(where, **STREAM) as answer:
            require_ok(answer, self._url, True)
            yield Download(self._sessions[1], answer, name.rpartition("/")[2], self._url)

    def upload(self, name: str, size: int, data: Callable[[], Iterator[bytes]]) -> str:
        """Sends a file's bytes; the token that puts them into a version.

        `data` gives them from the start, each time it is called: what breaks off is resumed.
        """
        if not size:
            list(data())  # nobody asks an empty body for its bytes, nor so whether they are right
        request = ApiStartBlobUploadRequest()
        request.type, request.name = ApiBlobType.DATASET, name
        request.content_length, request.last_modified_epoch_seconds = size, int(time.time())
        started = self._blobs.start_blob_upload(request)
        arrived = 0
        for number in range(1, TRIES + 1):
            body = Body(data(), arrived, size)
            with suppress(*BROKEN):
                if self._sent(started.create_url, body):
                    return str(started.token)
            self._sleep(0.2 * number)
            there = self._arrived(started.create_url, size)
            if there is None:
                return str(started.token)
            arrived = there
        raise StoreUnavailable(f"the upload to {self._url} broke off {TRIES} times")

    def create(self, after: int, tokens: dict[str, str], notes: str) -> None:
        """Makes the version that follows `after`: exactly these files, path to token.

        Where there is no dataset yet (0), it is made, private.
        """
        tree = _tree(tokens)
        if not after:
            first = ApiCreateDatasetRequest()
            first.owner_slug, first.slug = self._owner, self._dataset
            first.title = self._dataset.ljust(6, "-")  # Kaggle wants six characters or more
            first.is_private = True
            first.files, first.directories = tree.files, tree.directories
            return self._require_done(self._datasets.create_dataset(first))
        request = self._about(ApiCreateDatasetVersionRequest())
        request.body = ApiCreateDatasetVersionRequestBody()
        request.body.version_notes = notes
        request.body.files, request.body.directories = tree.files, tree.directories
        try:
            self._require_done(self._datasets.create_dataset_version(request))
        except StoreDenied:
            if self._status() == "READY":
                raise
            # While it processes the first version, Kaggle calls a second one forbidden.
            raise StoreUnavailable(f"kaggle still processes a version of {self._url}") from None

    def close(self) -> None:
        """Ends the connections."""
        for one in self._sessions:
            one.close()

    def _about(self, request: Any) -> Any:
        request.owner_slug, request.dataset_slug = self._owner, self._dataset
        return request

    def _address(self, name: str, version: int | None) -> str:
        """Where a file is to be had: signed, on a host that has no use for our credentials."""
        request = self._about(ApiDownloadDatasetRequest())
        request.file_name = name
        if version is not None:
            request.dataset_version_number = version
        answer = self._datasets.download_dataset(request)
        return str(urljoin(answer.url, answer.headers.get("Location", "/")))

    def _status(self) -> str | None:
        try:
            answer = self._datasets.get_dataset_status(self._about(ApiGetDatasetStatusRequest()))
        except ObjectMissing:
            return None
        except StoreDenied:
            # Kaggle does not tell those who may not see it whether there is such a dataset.
            # Making it will say.
            return None
        return str(answer.status.name)

    def _require_done(self, answer: Any) -> None:
        words = (answer.error or "").strip()
        if not words:
            return
        if any(sign in words.lower() for sign in (*_STILL_BUSY, "already")):
            raise StoreUnavailable(f"kaggle refuses a version of {self._url}: {words}")
        raise StoreDenied(f"kaggle refuses a version of {self._url}: {words}")

    def _sent(self, where: str, body: Body) -> bool:
        data = body if len(body) else b""
        answer = self._sessions[1].put(where, data=data, headers=body.headers(), **PLAIN)
        if answer.status_code == 308 or answer.status_code in PASSING:
            return False
        self._require_accepted(answer)
        return True

    def _arrived(self, where: str, size: int) -> int | None:
        """How many bytes of a broken upload are there; None for all."""
        with errors_of(self._url):
            headers = {"Content-Range": f"bytes */{size}"}
            answer = self._sessions[1].put(where, headers=headers, **PLAIN)
        if answer.status_code != 308:
            self._require_accepted(answer)
            return None
        there = answer.headers.get("Range")
        return int(there.rpartition("-")[2]) + 1 if there else 0

    def _require_accepted(self, answer: Any) -> None:
        try:
            require_ok(answer, self._url, True)
        except ObjectMissing:
            raise StoreUnavailable(f"kaggle has forgotten an upload to {self._url}") from None


class _Caller:
    """What kagglesdk's services call."""

    def __init__(self, session: Any, url: str, known: bool) -> None:
        self._session, self._url, self._known = session, url, known
        env = get_env()
        self._base = get_endpoint(env) + ("" if env is KaggleEnv.PROD else "/api")

    def call(self, service: str, name: str, request: Any, kind: Any) -> Any:
        """Sends one request; the answer as kagglesdk understands it."""
        with errors_of(self._url):
            answer = self._session.post(
                f"{self._base}/v1/{service}/{name}", json=type(request).to_dict(request), **PLAIN
            )
        require_ok(answer, self._url, self._known)
        return kind.prepare_from(answer)


def _tree(tokens: dict[str, str]) -> ApiUploadDirectoryInfo:
    root = ApiUploadDirectoryInfo()
    folders = {"": root}
    for path, token in sorted(tokens.items()):
        file = ApiDatasetNewFile()
        file.token = token
        folder = _folder(folders, path.rpartition("/")[0])
        folder.files = [*folder.files, file]
    return root


def _folder(folders: dict[str, ApiUploadDirectoryInfo], path: str) -> ApiUploadDirectoryInfo:
    if path not in folders:
        above, _, name = path.rpartition("/")
        folders[path] = ApiUploadDirectoryInfo()
        folders[path].name = name
        parent = _folder(folders, above)
        parent.directories = [*parent.directories, folders[path]]
    return folders[path]
