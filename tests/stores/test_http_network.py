"""Proxies, certificates, silence: what stands between a store and its server."""

import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cacheferry.core.errors import StoreDenied, StoreUnavailable
from cacheferry.core.store import no_progress
from cacheferry.core.storeurl import StoreUrl
from lfs_agent.stores import web
from lfs_agent.stores.http import HttpStore
from tests.servers.place import oid_of
from tests.servers.recorder import Handler, Server, serving

OID = oid_of(b"data")
PATH = f"/caches/{OID[:2]}/{OID[2:4]}/{OID}"
NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch) -> None:
    for name in (*NAMES, "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def opened(url: str, anonymous: bool = False) -> HttpStore:
    return HttpStore(StoreUrl(url.partition(":")[0], url), anonymous)


def got(url: str, tmp_path: Path) -> bytes:
    target = tmp_path / "target"
    with closing(opened(url)) as store:
        store.get(OID, target, no_progress)
    return target.read_bytes()


@pytest.mark.parametrize("anonymous", [False, True])
def test_a_proxy_of_the_environment_is_used(monkeypatch, anonymous: bool):
    with serving() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        with closing(opened("http://caches.example.org/caches", anonymous)) as store:
            assert store.size(OID) is None
        assert proxy.asked[0].headers["host"] == "caches.example.org"


def test_no_proxy_is_honoured(monkeypatch, tmp_path: Path):
    with serving() as proxy, serving() as server:
        server.files[PATH] = b"data"
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert got(server.url + "/caches", tmp_path) == b"data"
        assert proxy.asked == []


@pytest.mark.parametrize(("status", "hint"), [(407, "HTTPS_PROXY"), (403, "")])
def test_a_proxy_that_refuses_is_named_without_its_password(monkeypatch, status, hint):
    with serving(lambda request: request.answer(status)) as proxy:
        monkeypatch.setattr(Handler, "do_CONNECT", Handler.handle_any, raising=False)
        with_password = proxy.url.replace("//", "//ada:correct-horse@")
        monkeypatch.setenv("https_proxy", with_password)
        store = opened("https://caches.example.org/caches")
        with closing(store), pytest.raises(StoreDenied, match="the proxy refuses") as error:
            store.size(OID)
    assert hint in (error.value.hint or "")
    assert "correct-horse" not in f"{error.value.message}{error.value.hint}"


def test_a_proxy_that_is_away_may_come_back(monkeypatch):
    monkeypatch.setenv("https_proxy", "http://ada:correct-horse@127.0.0.1:1")
    store = opened("https://caches.example.org/caches")
    with closing(store), pytest.raises(StoreUnavailable) as error:
        store.size(OID)
    assert "correct-horse" not in error.value.message


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that is its own authority, with its key in the same file."""
    if not shutil.which("openssl"):
        pytest.skip("needs openssl")
    file = tmp_path / "own.pem"
    key = tmp_path / "own.key"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1".split()
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(file)]
    subprocess.run(command, check=True, capture_output=True)
    return file


@pytest.fixture
def secure(certificate: Path) -> Iterator[Server]:
    with serving() as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.files[PATH] = b"data"
        yield server


def https(server: Server) -> str:
    return server.url.replace("http:", "https:") + "/caches"


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_an_own_authority_is_named_by_the_environment(
    secure, certificate, tmp_path: Path, monkeypatch, name: str
):
    with pytest.raises(StoreDenied, match=r"certificate .* is not valid") as error:
        got(https(secure), tmp_path)
    assert "SSL_CERT_FILE" in (error.value.hint or "")
    monkeypatch.setenv(name, str(certificate))
    assert got(https(secure), tmp_path) == b"data"


def test_a_file_of_authorities_that_is_not_there_is_named(secure, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nothing.pem"))
    with pytest.raises(StoreDenied, match="file of certificates"):
        got(https(secure), tmp_path)


def test_a_server_without_tls_is_named(tmp_path: Path):
    with serving() as server, pytest.raises(StoreDenied, match="does not speak TLS"):
        got(https(server), tmp_path)


def test_no_redirect_leads_out_of_tls(secure, certificate, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with serving() as plain:
        plain.files["/x"] = b"data"
        secure.twist = lambda request: request.answer(302, Location=plain.url + "/x")
        with pytest.raises(StoreDenied, match="not safe"):
            got(https(secure), tmp_path)
        assert plain.asked == []


@pytest.fixture
def impatient(monkeypatch) -> None:
    assert all(0 < seconds <= 120 for seconds in web.TIMEOUTS)
    monkeypatch.setattr(web, "TIMEOUTS", (0.2, 0.2))


@pytest.mark.usefixtures("impatient")
def test_a_server_that_says_nothing_is_given_up(tmp_path: Path):
    done = threading.Event()
    with serving(lambda request: done.wait(30)) as server:
        with pytest.raises(StoreUnavailable, match="says nothing for too long"):
            got(server.url, tmp_path)
        done.set()


@pytest.mark.usefixtures("impatient")
def test_a_body_that_stands_still_is_given_up(tmp_path: Path):
    done = threading.Event()

    def twist(request: Handler) -> bool:
        request.answer(200, b"da", Content_Length="4")
        return done.wait(30)

    with serving(twist) as server:
        with pytest.raises(StoreUnavailable):
            got(server.url, tmp_path)
        done.set()
    assert not (tmp_path / "target").exists()


def test_a_host_that_does_not_exist_and_a_port_without_a_server_may_come(tmp_path: Path):
    for url in ("http://127.0.0.1:1/x", "https://nothing.invalid/x"):
        with pytest.raises(StoreUnavailable, match="no answer from"):
            got(url, tmp_path)
