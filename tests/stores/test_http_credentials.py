"""Credentials: found where Git and curl find them, sent to the store's own server alone."""

import base64
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from cacheferry.core.errors import ConfigurationError, StoreDenied
from cacheferry.core.store import no_progress
from cacheferry.core.storeurl import StoreUrl
from lfs_agent.stores.http import HttpStore
from tests.servers import nginx
from tests.servers.place import oid_of
from tests.servers.recorder import Handler, Server, serving

OID = oid_of(b"data")
BASIC = "Basic " + base64.b64encode(b"ada:correct-horse").decode()
HELPER = """\
#!/bin/sh
echo "$1" >>"{folder}/asked"
cat >>"{folder}/told"
test "$1" = get && printf 'username=ada\\npassword={password}\\n'
exit 0
"""
posix = pytest.mark.skipif(sys.platform == "win32", reason="the helper is a shell script")


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch) -> None:
    """A user without any credential, whom nobody may ask."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_ASKPASS", "/bin/false")
    monkeypatch.delenv("CACHEFERRY_TOKEN", raising=False)
    monkeypatch.delenv("NETRC", raising=False)


def netrc(tmp_path: Path, *hosts: str) -> None:
    lines = [f"machine {host} login ada password correct-horse\n" for host in hosts]
    (tmp_path / "home" / ".netrc").write_text("".join(lines))
    (tmp_path / "home" / ".netrc").chmod(0o600)


def helper(tmp_path: Path, password: str = "correct-horse") -> Path:
    """Git's credential helper, a real script; the folder where it writes what it was asked."""
    script = tmp_path / "helper"
    script.write_text(HELPER.format(folder=tmp_path, password=password))
    script.chmod(0o755)
    (tmp_path / "gitconfig").write_text(f"[credential]\n\thelper = {script}\n")
    return tmp_path


def asked(folder: Path) -> list[str]:
    return (folder / "asked").read_text().split() if (folder / "asked").exists() else []


def guarding(value: str):
    """Answers 401 to all that comes without this value."""

    def twist(request: Handler) -> bool:
        known = request.headers.get("Authorization") == value
        return not known and request.answer(401, WWW_Authenticate='Basic realm="store"')

    return twist


def store_on(server: Server, anonymous: bool = False) -> HttpStore:
    return HttpStore(StoreUrl("http", server.url + "/caches"), anonymous)


def put(store: HttpStore, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"data")
    store.put(OID, tmp_path / "source", no_progress)


def test_netrc_is_used(tmp_path: Path):
    netrc(tmp_path, "127.0.0.1")
    with serving(guarding(BASIC)) as server, closing(store_on(server)) as store:
        put(store, tmp_path)
        assert server.credentials() == {BASIC}


def test_a_token_from_the_environment_comes_before_netrc(tmp_path: Path, monkeypatch):
    netrc(tmp_path, "127.0.0.1")
    monkeypatch.setenv("CACHEFERRY_TOKEN", "s3cret\n")
    with serving(guarding("Bearer s3cret")) as server, closing(store_on(server)) as store:
        put(store, tmp_path)
        assert server.credentials() == {"Bearer s3cret"}


@pytest.mark.parametrize("token", ["s3\ncret", "s3 cret", "s3cr\u00e9t"])
def test_a_token_that_can_be_none_is_refused_unseen(monkeypatch, token: str):
    monkeypatch.setenv("CACHEFERRY_TOKEN", token)
    with serving() as server, pytest.raises(ConfigurationError) as error:
        store_on(server)
    assert "CACHEFERRY_TOKEN" in error.value.message and "s3" not in error.value.message


@posix
def test_gits_helper_is_asked_after_a_401_and_told_that_it_worked(tmp_path: Path):
    folder = helper(tmp_path)
    with serving(guarding(BASIC)) as server, closing(store_on(server)) as store:
        put(store, tmp_path)
        assert server.credentials() == {None, BASIC}
        assert server.asked[0].headers.get("authorization") is None
        host = f"host=127.0.0.1:{server.server_port}\n"
    assert asked(folder) == ["get", "store"]
    told = (folder / "told").read_text()
    assert told.startswith("protocol=http\n" + host) and "password=correct-horse" in told


@posix
def test_gits_helper_is_told_that_its_credential_was_refused(tmp_path: Path):
    folder = helper(tmp_path, password="forgotten")
    with serving(guarding(BASIC)) as server, closing(store_on(server)) as store:
        for _ in range(2):
            with pytest.raises(StoreDenied, match="401") as error:
                put(store, tmp_path)
    assert asked(folder) == ["get", "erase"]
    assert "forgotten" not in f"{error.value.message}{error.value.hint}"


@posix
def test_gits_helper_comes_after_a_netrc_that_was_refused(tmp_path: Path):
    netrc(tmp_path, "127.0.0.1")
    helper(tmp_path, password="newer")
    newer = "Basic " + base64.b64encode(b"ada:newer").decode()
    with serving(guarding(newer)) as server, closing(store_on(server)) as store:
        put(store, tmp_path)
        assert server.credentials() == {BASIC, newer}


@posix
def test_gits_helper_is_asked_once_for_many_at_once(tmp_path: Path):
    folder = helper(tmp_path)
    oids = [oid_of(b"%d" % n) for n in range(24)]
    with (
        serving(guarding(BASIC)) as server,
        closing(store_on(server)) as store,
        ThreadPoolExecutor(8) as pool,
    ):
        assert list(pool.map(store.size, oids)) == [None] * 24
    assert asked(folder) == ["get", "store"]


@posix
def test_gits_helper_is_not_asked_where_nobody_wants_a_credential(tmp_path: Path):
    folder = helper(tmp_path)
    with serving() as server, closing(store_on(server)) as store:
        put(store, tmp_path)
    assert asked(folder) == []


@posix
def test_nobody_is_asked_for_a_password(tmp_path: Path, monkeypatch):
    asks = tmp_path / "asks"
    asks.write_text(f'#!/bin/sh\necho "$1" >>"{tmp_path}/prompted"\necho x\n')
    asks.chmod(0o755)
    for name in ("GIT_ASKPASS", "SSH_ASKPASS"):
        monkeypatch.setenv(name, str(asks))
    (tmp_path / "gitconfig").write_text(f"[core]\n\taskPass = {asks}\n")
    with serving(guarding(BASIC)) as server, closing(store_on(server)) as store:
        with pytest.raises(StoreDenied):
            store.size(OID)
        assert server.credentials() == {None}
    assert not (tmp_path / "prompted").exists()


def test_without_any_nobody_is_asked_and_the_error_says_what_to_do(tmp_path: Path):
    with (
        serving(guarding(BASIC)) as server,
        closing(store_on(server)) as store,
        pytest.raises(StoreDenied, match="401") as error,
    ):
        put(store, tmp_path)
    assert "docs/stores-http.md" in (error.value.hint or "")


@posix
@pytest.mark.parametrize("source", ["token", "netrc", "helper"])
def test_an_unaccepted_store_is_sent_none(tmp_path: Path, monkeypatch, source: str):
    netrc(tmp_path, *(["127.0.0.1"] if source == "netrc" else []))
    folder = helper(tmp_path) if source == "helper" else tmp_path
    if source == "token":
        monkeypatch.setenv("CACHEFERRY_TOKEN", "s3cret")
    with serving(guarding(BASIC)) as server, closing(store_on(server, anonymous=True)) as store:
        with pytest.raises(StoreDenied) as error:
            store.get(OID, tmp_path / "target", no_progress)
        assert server.credentials() == {None}
    assert asked(folder) == [] and "cacheferry trust" in (error.value.hint or "")


@posix
@pytest.mark.parametrize("source", ["token", "netrc", "helper"])
def test_none_goes_to_another_server_after_a_redirect(tmp_path: Path, monkeypatch, source: str):
    known = "Bearer s3cret" if source == "token" else BASIC
    if source == "token":
        monkeypatch.setenv("CACHEFERRY_TOKEN", "s3cret")
    elif source == "netrc":
        netrc(tmp_path, "127.0.0.1", "localhost")
    else:
        helper(tmp_path)
    with serving() as other, serving() as server, closing(store_on(server)) as store:
        # The same host by another name and on another port: another origin twice over.
        there = f"http://localhost:{other.server_port}/x"
        other.files["/x"] = b"data"
        guard = guarding(known)
        server.twist = lambda request: guard(request) or request.answer(302, Location=there)
        store.get(OID, tmp_path / "target", no_progress)
        assert other.credentials() == {None} and known in server.credentials()
        other.twist = guarding(known)
        with pytest.raises(StoreDenied) as error:
            store.get(OID, tmp_path / "again", no_progress)
        assert other.credentials() == {None} and "own server alone" in (error.value.hint or "")


def test_none_goes_over_http_to_another_machine(tmp_path: Path, monkeypatch):
    netrc(tmp_path, "caches.example.org")
    monkeypatch.setenv("CACHEFERRY_TOKEN", "s3cret")
    with serving(guarding(BASIC)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        store = HttpStore(StoreUrl("http", "http://caches.example.org/x"))
        with closing(store), pytest.raises(StoreDenied) as error:
            store.size(OID)
        assert proxy.credentials() == {None} and "https://" in (error.value.hint or "")


def test_a_read_by_anybody_and_a_write_with_a_credential(tmp_path: Path, monkeypatch):
    place = nginx.place(tmp_path, "to-write")
    store = HttpStore(StoreUrl("http", place.url))
    with closing(store), pytest.raises(StoreDenied, match="401"):
        put(store, tmp_path)
    assert place.names() == []
    monkeypatch.setenv("NETRC", place.env["NETRC"])
    with closing(HttpStore(StoreUrl("http", place.url))) as store:
        put(store, tmp_path)
    with closing(HttpStore(StoreUrl("http", place.url), anonymous=True)) as store:
        store.get(OID, tmp_path / "target", no_progress)
    assert place.held(OID) == (tmp_path / "target").read_bytes() == b"data"


@pytest.mark.skipif(os.name == "nt", reason="no such modes there")
def test_a_netrc_that_cannot_be_read_is_nobodys_error(tmp_path: Path):
    (tmp_path / "home" / ".netrc").write_bytes(b"machine \xff\nwhat is this\n")
    with serving() as server, closing(store_on(server)) as store:
        put(store, tmp_path)
        assert server.credentials() == {None}
