"""Azurite, Microsoft's emulator of Azure Blob Storage, from npm.

`tools/setup.sh` installs it into `azurite` below the user's cache folder.
"""

import base64
import functools
import hashlib
import hmac
import os
import shutil
import urllib.error
import urllib.request
from email.utils import formatdate
from pathlib import Path

import pytest
from obstore.store import AzureStore

from tests.servers import starting
from tests.servers.bucketplace import BucketPlace

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Every Azurite's, and in its documentation."""

_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cacheferry" / "azurite"
_PROGRAM = _CACHE / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"


class Azurite:
    """A server that runs, with a container `shared`, and `public` for whoever comes."""

    def __init__(self) -> None:
        port = starting.free_ports(1)[0]
        self.endpoint = f"http://127.0.0.1:{port}/{ACCOUNT}"
        command = ["node", str(_PROGRAM), "--blobHost", "127.0.0.1", "--blobPort", str(port)]
        command += ["--location", ".", "--silent", "--disableTelemetry", "--skipApiVersionCheck"]
        starting.start(command, starting.scratch("azurite") / "log", self._is_ready)

    def _is_ready(self) -> bool:
        try:
            self._make("shared", {})
            self._make("public", {"x-ms-blob-public-access": "container"})
        except urllib.error.HTTPError as error:
            assert error.code == 409, error.read()  # there already
        except OSError:
            return False
        return True

    def _make(self, container: str, headers: dict[str, str]) -> None:
        headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-12-02", **headers}
        named = "".join(f"{key}:{value}\n" for key, value in sorted(headers.items()))
        resource = f"/{ACCOUNT}/{ACCOUNT}/{container}\nrestype:container"
        text = ("PUT" + "\n" * 12 + named + resource).encode()
        signed = hmac.new(base64.b64decode(KEY), text, hashlib.sha256).digest()
        headers["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(signed).decode()}"
        address = f"{self.endpoint}/{container}?restype=container"
        request = urllib.request.Request(address, method="PUT", headers=headers)
        urllib.request.urlopen(request, timeout=10).close()


class AzurePlace(BucketPlace):
    """A fresh prefix of the container `shared`."""

    def __init__(self, server: Azurite, container: str = "shared") -> None:
        store = AzureStore(
            container, account_name=ACCOUNT, account_key=KEY, endpoint=server.endpoint,
            client_options={"allow_http": True},
        )  # fmt: skip
        super().__init__(store)
        self.url = f"az://{container}/{self.prefix}?endpoint={server.endpoint}"
        self.env = {"AZURE_STORAGE_KEY": KEY}


@functools.cache
def server() -> Azurite:
    """The server of this process; skips where it is not installed."""
    if not _PROGRAM.exists() or shutil.which("node") is None:
        pytest.skip(f"needs Azurite: npm install --prefix {_CACHE} azurite")
    return Azurite()
