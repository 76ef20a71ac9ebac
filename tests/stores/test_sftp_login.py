"""Whom the SFTP store believes, as whom it logs in, and that it asks nobody."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cacheferry.core import storeurl
from cacheferry.core.errors import ConfigurationError, StoreDenied, StoreUnavailable
from lfs_agent.stores import open_store, ssh
from lfs_agent.stores.sftp import SftpStore
from tests.conftest import CHECKOUT
from tests.servers import sshd
from tests.servers.place import oid_of
from tests.servers.sshd import Sshd, new_key

pty = pytest.importorskip("pty", reason="Windows has no terminals of this kind")


@pytest.fixture
def server() -> Sshd:
    return sshd.shared()


@pytest.fixture
def ask(tmp_path: Path, server: Sshd, monkeypatch):
    """Asks the server for an object, as the user of an environment."""

    def size(env: dict[str, str], url: str | None = None) -> int | None:
        for key, value in env.items():
            monkeypatch.setenv(key, value)
        url = url or server.place(tmp_path / "store").url
        with closing(SftpStore(storeurl.parse(url, tmp_path))) as store:
            return store.size(oid_of(b"data"))

    server.place(tmp_path / "store").keep(oid_of(b"data"), b"data")
    return size


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A running ssh-agent; the environment in which it is found."""
    folder = Path("/tmp") / f"agent-{os.getpid()}"  # a socket's path must be short
    folder.mkdir(mode=0o700)
    command = ["ssh-agent", "-D", "-a", str(folder / "socket")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as running:
        assert running.stdout and running.stdout.readline()
        yield {"SSH_AUTH_SOCK": str(folder / "socket")}
        running.terminate()
    shutil.rmtree(folder)


def test_key_of_ssh_config_opens_the_door(ask, server: Sshd, tmp_path: Path):
    assert ask(server.user(tmp_path / "home", server.key)) == 4


def test_usual_key_opens_the_door(ask, server: Sshd, tmp_path: Path):
    env = server.user(tmp_path / "home")
    shutil.copy(server.key, tmp_path / "home" / ".ssh" / "id_ed25519")
    assert ask(env) == 4


def test_key_of_an_ssh_agent_opens_the_door(
    ask, server: Sshd, agent: dict[str, str], tmp_path: Path
):
    env = server.user(tmp_path / "home") | agent
    with pytest.raises(StoreDenied):
        ask(env)
    subprocess.run(["ssh-add", "-q", str(server.key)], env=os.environ | env, check=True)
    assert ask(env) == 4


def test_encrypted_key_works_through_the_agent(
    ask, server: Sshd, agent: dict[str, str], tmp_path: Path
):
    locked = tmp_path / "locked"
    shutil.copy(server.key, locked)
    change = ["ssh-keygen", "-q", "-p", "-N", "secret", "-P", "", "-f", str(locked)]
    subprocess.run(change, check=True)
    env = server.user(tmp_path / "home", locked) | agent
    with pytest.raises(StoreDenied) as error:
        ask(env)
    assert f"ssh-add {locked}" in str(error.value.hint)
    subprocess.run(["ssh-add", "-q", str(server.key)], env=os.environ | env, check=True)
    assert ask(env) == 4


def test_keys_of_ssh_config_that_are_not_there_are_passed_over(ask, server: Sshd, tmp_path: Path):
    more = f"  IdentityFile {server.key}\n"
    assert ask(server.user(tmp_path / "home", tmp_path / "gone", more)) == 4


def test_wrong_key_is_refused_with_a_hint(ask, server: Sshd, tmp_path: Path):
    new_key(tmp_path / "other")
    with pytest.raises(StoreDenied) as error:
        ask(server.user(tmp_path / "home", tmp_path / "other"))
    assert "lets nobody in" in error.value.message and "ssh-copy-id" in str(error.value.hint)


@pytest.mark.parametrize("more", ["", "  UserKnownHostsFile none\n", "  UserKnownHostsFile /x\n"])
def test_unknown_host_key_is_refused(ask, server: Sshd, tmp_path: Path, more: str):
    env = server.user(tmp_path / "home", server.key, more)
    (tmp_path / "home" / ".ssh" / "known_hosts").unlink()
    with pytest.raises(StoreDenied) as error:
        ask(env)
    assert "is unknown" in error.value.message and "SHA256:" in error.value.message
    assert f"ssh -p {server.port} 127.0.0.1" in str(error.value.hint)
    assert not (tmp_path / "home" / ".ssh" / "known_hosts").exists()


@pytest.mark.parametrize("more", ["", "  StrictHostKeyChecking no\n"])
def test_changed_host_key_is_refused(ask, server: Sshd, tmp_path: Path, more: str):
    env = server.user(tmp_path / "home", server.key, more)
    server.know(tmp_path / "home", new_key(tmp_path / "other_host"))
    with pytest.raises(StoreDenied) as error:
        ask(env)
    assert "is not the one in known_hosts" in error.value.message
    assert "ssh-keygen -R" in str(error.value.hint)


def test_hashed_known_hosts_are_understood(ask, server: Sshd, tmp_path: Path):
    env = server.user(tmp_path / "home", server.key)
    known = tmp_path / "home" / ".ssh" / "known_hosts"
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(known)], check=True, capture_output=True)
    assert b"127.0.0.1" not in known.read_bytes() and ask(env) == 4


def test_store_behind_a_jump_host(ask, server: Sshd, tmp_path: Path):
    env = server.user(tmp_path / "home", server.key, "  ProxyJump jump\n")
    config = tmp_path / "home" / ".ssh" / "config"
    store = config.read_text()
    config.write_text(store + store.replace("Host store", "Host jump").partition("  ProxyJump")[0])
    assert ask(env) == 4


def test_user_and_port_of_the_address_come_before_ssh_config(ask, server: Sshd, tmp_path: Path):
    env = server.user(tmp_path / "home", server.key)
    with pytest.raises(StoreDenied) as error:
        ask(env, server.place(tmp_path).url.replace("store", "nobody.here@store", 1))
    assert "nobody.here" in error.value.message
    with pytest.raises(StoreUnavailable):
        ask(env, server.place(tmp_path).url.replace("store", f"store:{sshd.free_port()}", 1))


def test_store_that_nobody_has_accepted_is_not_even_connected_to(server: Sshd, tmp_path: Path):
    url = storeurl.parse(server.place(tmp_path).url, tmp_path)
    with pytest.raises(ConfigurationError) as error:
        open_store(url, anonymous=True)
    assert "cacheferry trust" in str(error.value.hint)


@pytest.mark.parametrize("path", ["", "/", "/%00"])
def test_address_without_a_folder_is_refused(tmp_path: Path, path: str):
    with pytest.raises(ConfigurationError):
        open_store(storeurl.parse(f"sftp://store{path}", tmp_path))


def test_broken_ssh_config_is_named(ask, server: Sshd, tmp_path: Path):
    with pytest.raises(ConfigurationError) as error:
        ask(server.user(tmp_path / "home", server.key, "  Port many\n"))
    assert "config line" in error.value.message


def test_server_that_is_not_there_may_come_back(ask, server: Sshd, tmp_path: Path):
    env = server.user(tmp_path / "home", server.key)
    for url in (f"sftp://127.0.0.1:{sshd.free_port()}/x", "sftp://no.such.host.invalid/x"):
        with pytest.raises(StoreUnavailable) as error:
            ask(env, url)
        assert "out of reach" in error.value.message


def test_server_that_says_nothing_is_given_up(ask, server: Sshd, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(ssh, "CONNECT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(StoreUnavailable):
        ask(server.env(server.home), f"sftp://127.0.0.1:{silent.getsockname()[1]}/x")


def test_nobody_is_asked_for_a_password(server: Sshd, tmp_path: Path):
    new_key(tmp_path / "locked", "secret")
    env = os.environ | server.user(tmp_path / "home", tmp_path / "locked")
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from cacheferry.core.storeurl import StoreUrl\n"
        "from lfs_agent.stores.sftp import SftpStore\n"
        "try: SftpStore(StoreUrl('sftp', sys.argv[2])).size('0' * 64)\n"
        "except Exception as error: print(type(error).__name__, error.hint)\n"
    )
    url = server.place(tmp_path).url
    said, code = on_a_terminal([sys.executable, "-c", program, str(CHECKOUT), url], env)
    assert code == 0
    assert said == f"StoreDenied the key {tmp_path}/locked is encrypted: ssh-add {tmp_path}/locked"


def on_a_terminal(command: list[str], env: dict[str, str]) -> tuple[str, int]:
    """What a command says that has a terminal of its own to ask at, and its exit code."""
    process, terminal = pty.fork()
    if process == 0:
        os.execve(command[0], command, env)
    said = b""
    try:
        while data := os.read(terminal, 4096):
            said += data
    except OSError:  # its end
        pass
    os.close(terminal)
    return said.decode().strip(), os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def test_nothing_of_the_real_user_is_read(ask, server: Sshd, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(StoreUnavailable):  # `store` is no host without the ssh_config
        ask(server.env(tmp_path / "empty"))
