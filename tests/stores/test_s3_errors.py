"""What a person reads when a bucket cannot be used, and how long they wait for it."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cacheferry.core import storeurl
from cacheferry.core.errors import (
    CacheferryError,
    ConfigurationError,
    StoreDenied,
    StoreUnavailable,
)
from cacheferry.core.store import no_progress
from lfs_agent.stores import open_store
from lfs_agent.stores.buckets import aws
from lfs_agent.stores.objectstore import ObjectStore
from tests.servers import azurite, seaweedfs
from tests.servers.between import Answer, Between
from tests.servers.place import oid_of
from tests.servers.seaweedfs import ADMIN, WRITER

OID = oid_of(b"data")


@pytest.fixture(autouse=True)
def writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in WRITER.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def between() -> Iterator[Between]:
    proxy = Between("http://127.0.0.1:1")
    yield proxy
    proxy.close()


def refusal(url: str, folder: Path, kind: type[CacheferryError], action: str = "get") -> str:
    store = ObjectStore(storeurl.parse(url, folder))
    source = folder / "source"
    source.write_bytes(b"data")
    with pytest.raises(kind) as error:
        if action == "get":
            store.get(OID, folder / "target", no_progress)
        elif action == "put":
            store.put(OID, source, no_progress)
        else:
            list(store.objects())
    assert type(error.value) is kind
    text = f"{error.value.message}\n{error.value.hint}"
    assert "the-writers-secret" not in text and "Debug source" not in text
    return text


def failing(between: Between, status: int, code: str, more: str = "") -> str:
    """An address whose server answers every GET so, and every HEAD without words."""
    body = f"<Error><Code>{code}</Code><Message>the-writers-secret</Message>{more}</Error>"
    between.decide = lambda request: Answer(
        status, b"" if request.method == "HEAD" else body.encode()
    )
    return f"s3://bucket/p?endpoint={between.endpoint}"


@pytest.mark.parametrize("action", ["get", "put", "list"])
def test_no_bucket(action, tmp_path, monkeypatch):
    for name, value in ADMIN.items():
        monkeypatch.setenv(name, value)
    url = f"s3://nonesuch/p?endpoint={seaweedfs.server().endpoint}"
    said = refusal(url, tmp_path, StoreDenied, action)
    assert "there is no bucket nonesuch at http://127.0.0.1" in said


@pytest.mark.parametrize("action", ["get", "put", "list"])
def test_no_container(action, tmp_path, monkeypatch):
    monkeypatch.setenv("AZURE_STORAGE_KEY", azurite.KEY)
    url = f"az://nonesuch/p?endpoint={azurite.server().endpoint}"
    assert "there is no bucket nonesuch" in refusal(url, tmp_path, StoreDenied, action)


@pytest.mark.parametrize("action", ["get", "put"])
@pytest.mark.parametrize(
    ("status", "code", "kind", "words"),
    [
        (403, "AccessDenied", StoreDenied, "refuses access (signed with AWS_ACCESS_KEY_ID)"),
        (403, "RequestTimeTooSkewed", StoreDenied, "clock"),
        (400, "ExpiredToken", StoreDenied, "has expired"),
        (403, "QuotaExceeded", StoreDenied, "is full"),
        (400, "Whatever", StoreDenied, "refuses: Whatever (HTTP 400)"),
        (503, "SlowDown", StoreUnavailable, "is busy"),
        (500, "InternalError", StoreUnavailable, "is busy"),
        (429, "TooManyRequests", StoreUnavailable, "is busy"),
    ],
)
def test_refusals(status, code, kind, words, action, between, tmp_path):
    assert words in refusal(failing(between, status, code), tmp_path, kind, action)


@pytest.mark.parametrize("action", ["get", "put"])
def test_region_that_the_server_names(between, tmp_path, action):
    url = failing(between, 400, "AuthorizationHeaderMalformed", "<Region>eu-west-3</Region>")
    said = refusal(url, tmp_path, ConfigurationError, action)
    assert "is in region eu-west-3" in said and "add region=eu-west-3" in said


def test_region_that_aws_tells_when_asked(between, tmp_path, monkeypatch):
    def decide(request):
        if request.path == "/bucket" and request.method == "HEAD":
            return Answer(403, headers=(("x-amz-bucket-region", "ap-south-1"),))
        return Answer(301, b"<Error><Code>PermanentRedirect</Code></Error>")

    between.decide = decide
    monkeypatch.setattr(aws, "ANY_REGION", between.endpoint)
    url = f"s3://bucket/p?endpoint={between.endpoint}"
    assert "is in region ap-south-1" in refusal(url, tmp_path, ConfigurationError)


def test_busy_store_is_asked_again(tmp_path, monkeypatch):
    between = Between(seaweedfs.server().endpoint)
    place = seaweedfs.S3Place(seaweedfs.server(), endpoint=between.endpoint)
    between.decide = lambda _request: Answer(503) if len(between.requests) in (1, 3) else None
    (tmp_path / "source").write_bytes(b"data")
    open_store(storeurl.parse(place.url, tmp_path)).put(OID, tmp_path / "source", no_progress)
    between.close()
    assert place.held(OID) == b"data"


@pytest.mark.parametrize(
    ("endpoint", "kind", "words"),
    [
        ("http://127.0.0.1:1", StoreUnavailable, "cannot reach http://127.0.0.1:1"),
        ("http://nonesuch.invalid", StoreUnavailable, "no address is known for http://nonesuch"),
    ],
)
def test_endpoint_that_is_not_there(endpoint, kind, words, tmp_path):
    assert words in refusal(f"s3://bucket/p?endpoint={endpoint}", tmp_path, kind)


def test_server_without_tls(tmp_path):
    endpoint = seaweedfs.server().endpoint.replace("http:", "https:")
    said = refusal(f"s3://shared/p?endpoint={endpoint}", tmp_path, ConfigurationError)
    assert "does not speak TLS" in said and "http://" in said


@pytest.mark.timeout(60)  # a quarter of it where the machine has nothing else to do
@pytest.mark.slow
def test_store_that_is_down_is_given_up_in_seconds(tmp_path):
    """Whether it refuses connections or lets them hang, and with every retry."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(8)]
        for one in waiting:  # Linux keeps no more than two, and drops what comes then
            one.setblocking(False)
            one.connect_ex(address)
        for endpoint in (f"http://127.0.0.1:{address[1]}", "http://127.0.0.1:1"):
            store = open_store(storeurl.parse(f"s3://bucket/p?endpoint={endpoint}", tmp_path))
            with pytest.raises(StoreUnavailable, match="cannot reach"):
                store.get(OID, tmp_path / "target", no_progress)
        for one in waiting:
            one.close()


def test_certificate_that_nobody_vouches_for(tmp_path, monkeypatch):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", str(key), "-out", str(certificate), "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
         "-addext", "basicConstraints=critical,CA:FALSE"],
        capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("needs openssl")
    between = Between("http://127.0.0.1:1", sealed_with=(certificate, key))
    between.decide = lambda _request: Answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
    url = f"s3://bucket/p?endpoint={between.endpoint}"
    assert "certificate" in refusal(url, tmp_path, ConfigurationError)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    assert ObjectStore(storeurl.parse(url, tmp_path)).size(OID) is None
    between.close()


def test_missing_library_says_what_to_install(tmp_path):
    """Without site-packages, as where the extra was not installed."""
    code = (
        "from pathlib import Path; from cacheferry.core import storeurl;"
        "from lfs_agent.stores import open_store;"
        "open_store(storeurl.parse('az://c/p', Path.cwd()))"
    )
    checkout = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=checkout, capture_output=True, text=True,
        check=False, env={**os.environ, "PYTHONPATH": str(checkout)},
    )  # fmt: skip
    assert "ConfigurationError: az:// stores need obstore" in done.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "obstore", None)
        patch.delitem(sys.modules, "lfs_agent.stores.objectstore")
        with pytest.raises(ConfigurationError) as error:
            open_store(storeurl.parse("s3://bucket/p", tmp_path))
    assert error.value.hint == "pip install 'cacheferry[s3]'"


def test_a_bucket_that_no_address_can_hold_is_in_no_region():
    assert aws.region_of("no bucket") == ""
