"""Object stores: S3 and what speaks like it, Google Cloud Storage, Azure Blob Storage.

One key an object, `PREFIX/ab/cd/<oid>`, the raw bytes. A service shows an object only when all of
it is there, so nothing temporary is ever visible.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import obstore
from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, S3Store

from cacheferry.core.errors import (
    CacheferryError,
    ConfigurationError,
    ObjectMissing,
    StoreUnavailable,
)
from cacheferry.core.oid import CHUNK, is_oid, relative_path
from cacheferry.core.store import Progress, Stored, missing, no_progress
from cacheferry.core.storeurl import StoreUrl
from cacheferry.core.types import StrPath
from lfs_agent.stores.buckets import aws, azure, clients, etag, google, refusal
from lfs_agent.stores.buckets.address import Address, Opening, parse, without_environment
from lfs_agent.stores.buckets.refusal import Asked
from lfs_agent.streams import is_whole, receive, size_of, verified_pieces

PART = 8 << 20
"""Bytes of a part, as AWS's own tools have it; what is no larger is sent in one request."""

MOST_PARTS = 10_000
"""Parts that an object may have at AWS."""

PARTS_AT_ONCE = 2
"""More are no faster on loopback and cost 8 MiB of memory each."""


class _Kind(NamedTuple):
    store: Any
    opening: Callable[[Address, bool], Opening]
    keys: str


_KINDS = {
    "s3": _Kind(S3Store, aws.opening, aws.WHERE_KEYS_ARE),
    "gs": _Kind(GCSStore, google.opening, google.WHERE_KEYS_ARE),
    "az": _Kind(AzureStore, azure.opening, azure.WHERE_KEYS_ARE),
}


class _Bucket(NamedTuple):
    """The clients of a bucket (buckets/clients.py), and what errors say about it."""

    brief: Any
    patient: Any
    asked: Asked


class ObjectStore:
    """A Store whose objects are those of a bucket."""

    workers = 8

    def __init__(self, url: StoreUrl, anonymous: bool = False) -> None:
        self._url = url
        self._anonymous = anonymous
        self._address = parse(url)
        self._lock = threading.Lock()
        self._opened: _Bucket | None = None

    def size(self, oid: str) -> int | None:
        """The object's size, None where there is none."""
        found = self._find(self._key(oid))
        return found["size"] if found else None

    def put(self, oid: str, source: StrPath, progress: Progress) -> None:
        """Sends the source, unless a whole object is there already."""
        key, size = self._key(oid), size_of(source)
        found = self._find(key)
        if found and found["size"] == size:
            if self._is_whole(oid, source, found, progress):
                return
            progress = no_progress  # the damaged object's bytes have been counted
        self._require_signature()
        pieces = verified_pieces(oid, source, progress)
        with self._errors(oid):
            if size <= PART:
                whole = b"".join(pieces)
                obstore.put(self._bucket().patient, key, whole, use_multipart=False)
            else:
                # Where the pieces end with an error, the parts that were sent are removed again.
                obstore.put(
                    self._bucket().patient, key, pieces,
                    chunk_size=_part_size(size), max_concurrency=PARTS_AT_ONCE,
                )  # fmt: skip

    def get(self, oid: str, target: StrPath, progress: Progress) -> None:
        """Fetches the object, going on where the connection broke off."""
        self._key(oid)
        receive(oid, self._url.text, target, self._pieces(oid), progress)

    def objects(self) -> Iterator[Stored]:
        """What lies where an object of its name belongs."""
        with self._errors():
            for batch in obstore.list(self._bucket().brief, self._address.prefix or None):
                for found in batch:
                    oid = found["path"].rpartition("/")[2]
                    if is_oid(oid) and found["path"] == self._key(oid):
                        yield Stored(oid, found["size"], found["last_modified"].timestamp())

    def delete(self, oid: str) -> None:
        """Deletes the object; a bucket that keeps versions keeps them."""
        key = self._key(oid)
        self._require_signature()
        try:
            with self._errors(oid):
                obstore.delete(self._bucket().brief, key)
        except ObjectMissing:
            pass  # S3 says nothing about it, Azure does

    def close(self) -> None:
        """Nothing has to be ended: idle connections close with the process."""

    def _key(self, oid: str) -> str:
        if not is_oid(oid):
            raise ObjectMissing(f"not an oid: {oid!r:.80}")
        return "/".join(filter(None, (self._address.prefix, relative_path(oid))))

    def _find(self, key: str) -> Any:
        """What the service says about the key; None where it has none."""
        with self._errors():
            brief = self._bucket().brief
            try:
                return obstore.head(brief, key)
            except FileNotFoundError:
                return None
            except BaseError as error:
                if not refusal.has_no_words(error):
                    raise
                obstore.get(brief, key)  # which is refused, too, and says why
                raise

    def _is_whole(self, oid: str, source: StrPath, found: Any, progress: Progress) -> bool:
        """Compares MD5s; where the service's ETag is none (encrypted, Azure), reads the object."""
        expected = etag.of_file(oid, source, _part_size(found["size"]), progress)
        if (found["e_tag"] or "").strip('"').lower() == expected:
            return True
        return is_whole(oid, self._pieces(oid), no_progress)

    def _pieces(self, oid: str) -> Iterator[bytes]:
        key, moved = self._key(oid), 0
        try:
            with self._errors(oid):
                for piece in obstore.get(self._bucket().brief, key).stream(CHUNK):
                    moved += len(piece)
                    yield piece
            return
        except StoreUnavailable:
            if not moved:
                raise
        with self._errors(oid):
            rest = obstore.get(self._bucket().patient, key, options={"range": {"offset": moved}})
            yield from rest.stream(CHUNK)

    def _require_signature(self) -> None:
        """Raises StoreDenied without credentials: an unsigned upload is not even tried.

        Google's client would go and look for some.
        """
        if not self._bucket().asked.how:
            raise refusal.unsigned(self._bucket().asked)

    def _bucket(self) -> _Bucket:
        with self._lock:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    def _open(self) -> _Bucket:
        kind = _KINDS[self._url.scheme]
        opening = kind.opening(self._address, self._anonymous)
        asked = Asked(
            self._url.text, self._address.bucket, opening.endpoint, opening.how, kind.keys,
            not self._anonymous,
        )  # fmt: skip
        try:
            if opening.how:
                return _Bucket(*clients.of(kind.store, self._address.bucket, opening), asked)
            with without_environment():
                return _Bucket(*clients.of(kind.store, self._address.bucket, opening), asked)
        except (BaseError, ValueError):
            # Its words may quote the file of credentials.
            raise ConfigurationError(
                f"the settings for {self._url.text} cannot be used: "
                + (opening.how or opening.endpoint),
                kind.keys,
            ) from None

    @contextmanager
    def _errors(self, oid: str = "") -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            asked = self._bucket().asked
            if refusal.names_no_bucket(error) or not oid:
                raise refusal.translated(error, asked) from None
            raise missing(oid, self._url.text) from None
        except (BaseError, OSError) as error:
            raise self._translated(error) from None

    def _translated(self, error: Exception) -> CacheferryError:
        asked = self._bucket().asked
        if refusal.wrong_region(error) == "" and self._url.scheme == "s3":
            return refusal.in_another_region(asked, aws.region_of(asked.bucket))
        return refusal.translated(error, asked)


def _part_size(size: int) -> int:
    return max(PART, -(-size // MOST_PARTS))
