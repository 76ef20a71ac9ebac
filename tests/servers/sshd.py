"""A real sshd on loopback with keys, a config and a client's home of its own."""

import atexit
import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.servers.place import FolderPlace

_CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 100
Subsystem sftp internal-sftp {options}
"""


class Sshd:
    """A server that the home `home` can log in to as the host `store` of its ssh_config."""

    def __init__(self, options: str = "") -> None:
        program = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        if program is None or shutil.which("ssh-keygen") is None:
            pytest.skip("no sshd here: apt install openssh-server, brew install openssh")
        self._program = program
        self.folder = Path(tempfile.mkdtemp(prefix="sshd-"))
        atexit.register(shutil.rmtree, self.folder, True)
        self.port = free_port()
        self.home = self.folder / "home"
        self.host_key = new_key(self.folder / "host_key")
        self.key = self.folder / "the_key"
        (self.folder / "authorized_keys").write_text(new_key(self.key))
        config = _CONFIG.format(port=self.port, folder=self.folder, options=options)
        (self.folder / "sshd_config").write_text(config)
        self.user(self.home, self.key)
        self.start()

    def start(self) -> None:
        """Returns when it answers."""
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # where it separates privileges as root
        log = (self.folder / "log").open("ab")
        command = [self._program, "-D", "-e", "-f", str(self.folder / "sshd_config")]
        self._process = subprocess.Popen(command, stderr=log, start_new_session=True)
        atexit.register(self.kill)
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError((self.folder / "log").read_text())

    def kill(self) -> None:
        """Ends the server and every connection to it at once."""
        atexit.unregister(self.kill)
        for process in (*children(self._process.pid), self._process.pid):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """Halts the connections that there are; new ones are still served."""
        for process in children(self._process.pid):
            os.kill(process, signal.SIGSTOP)

    def know(self, home: Path, host_key: str) -> None:
        """Puts a host key into the home's known_hosts."""
        (home / ".ssh" / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {host_key}")

    def configure(self, home: Path, key: Path | None, more: str = "") -> None:
        """Writes the home's ssh_config: the host `store`, and the key for it."""
        identity = f"  IdentityFile {key}\n" if key else ""
        (home / ".ssh" / "config").write_text(
            f"Host store\n  HostName 127.0.0.1\n  Port {self.port}\n"
            f"  User {getpass.getuser()}\n{identity}{more}"
        )

    def env(self, home: Path) -> dict[str, str]:
        """The environment of a user with that home."""
        return {"HOME": str(home), "USERPROFILE": str(home), "SSH_AUTH_SOCK": ""}

    def user(self, home: Path, key: Path | None = None, more: str = "") -> dict[str, str]:
        """Sets up another home, which knows the server; its environment."""
        (home / ".ssh").mkdir(parents=True, mode=0o700)
        self.know(home, self.host_key)
        self.configure(home, key, more)
        return self.env(home)

    def place(self, folder: Path, env: dict[str, str] | None = None) -> FolderPlace:
        """A folder of the server, which need not exist."""
        url = f"sftp://store{quote(folder.as_posix())}"
        return FolderPlace(folder, url, env or self.env(self.home))


@cache
def shared() -> Sshd:
    """The server of this test process."""
    return Sshd()


def new_key(path: Path, passphrase: str = "") -> str:
    """Makes a key; its public line."""
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path.with_name(f"{path.name}.pub").read_text()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def children(process: int) -> list[int]:
    """The processes below one, the deepest first."""
    import psutil

    try:
        return [one.pid for one in psutil.Process(process).children(recursive=True)][::-1]
    except psutil.NoSuchProcess:
        return []
