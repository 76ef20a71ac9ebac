"""A place in a bucket, seen with its administrator's rights."""

import itertools
import os
from typing import Any

import obstore

_numbers = itertools.count()


class BucketPlace:
    """A fresh prefix of a bucket; `store` is obstore's own."""

    url: str
    env: dict[str, str]

    def __init__(self, store: Any) -> None:
        self.prefix = f"w{os.getpid()}/{next(_numbers)}"
        self.store = store

    def keep(self, oid: str, data: bytes) -> None:
        obstore.put(self.store, self._key(oid), data, use_multipart=False)

    def held(self, oid: str) -> bytes | None:
        try:
            return bytes(obstore.get(self.store, self._key(oid)).bytes())
        except FileNotFoundError:
            return None

    def names(self) -> list[str]:
        found = [one["path"] for batch in obstore.list(self.store, self.prefix) for one in batch]
        return sorted(path.removeprefix(f"{self.prefix}/") for path in found)

    def empty(self) -> None:
        for name in self.names():
            obstore.delete(self.store, f"{self.prefix}/{name}")

    def _key(self, oid: str) -> str:
        return f"{self.prefix}/{oid[:2]}/{oid[2:4]}/{oid}"
