"""A stand-in for Google Cloud Storage, whose XML API is that of S3 but for the signature.

No emulator speaks that API: gcp-storage-emulator has no HEAD, list or multipart upload in it,
fake-gcs-server takes no PUT. So SeaweedFS keeps the bytes, and a proxy before it asks for a
bearer token as Google does.
"""

import functools

from tests.servers import seaweedfs
from tests.servers.between import Answer, Between, Request

TOKEN = "the-bearers-token"


class Google(Between):
    """The proxy, which runs as long as the test process."""

    def __init__(self, server: seaweedfs.SeaweedFS) -> None:
        super().__init__(server.endpoint)
        self.server = server
        self.decide = self._refuse_without_token
        self.headers = lambda request: {
            name: value for name, value in request.headers.items() if name != "authorization"
        }

    def _refuse_without_token(self, request: Request) -> Answer | None:
        if request.headers.get("authorization") == f"Bearer {TOKEN}":
            return None
        return Answer(403, b"<Error><Code>AccessDenied</Code></Error>")


class GooglePlace(seaweedfs.S3Place):
    """A fresh prefix of its bucket."""

    def __init__(self, google: Google) -> None:
        super().__init__(google.server, "interop")
        self.url = f"gs://interop/{self.prefix}?endpoint={google.endpoint}"
        self.env = {"GOOGLE_BEARER_TOKEN": TOKEN}


@functools.cache
def server() -> Google:
    """The server of this process; skips where SeaweedFS is not installed."""
    return Google(seaweedfs.server())
