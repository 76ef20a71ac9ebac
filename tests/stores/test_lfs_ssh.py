"""`store: lfs` with a remote over ssh: the host says where its LFS server is, and what opens it."""

import atexit
import base64
import json
import os
import shutil
import sys
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path

import pytest

from cacheferry.core import lfsserver as discovery
from cacheferry.core import repository
from cacheferry.core.errors import ConfigurationError, StoreDenied
from cacheferry.core.store import no_progress
from lfs_agent.stores import open_lfs
from tests.conftest import CONFIG, World, payload
from tests.servers import lfsserver
from tests.servers.lfsserver import Host
from tests.servers.place import oid_of
from tests.servers.sshd import Sshd

# A server of its own and a login for each test: `make campaigns` runs them.
pytestmark = pytest.mark.slow
LFS = CONFIG.replace("../store", "lfs")
BASELINE = "cache/s1/tl_baseline_cache.pkl"
_SCRIPT = """\
#!{python}
import sys
with open({folder!r} + "/asked", "a") as log:
    log.write(repr(sys.argv[1:]) + "\\n")
sys.stdout.write(open({folder!r} + "/answer").read())
"""


class Server(Sshd):
    """An sshd whose `git-lfs-authenticate` gives what the file `answer` holds."""

    def __init__(self) -> None:
        programs = tempfile.mkdtemp(prefix="sshd-bin-")
        atexit.register(shutil.rmtree, programs, True)
        super().__init__(f"\nSetEnv PATH={programs}:{os.environ['PATH']}")
        script = _SCRIPT.format(python=sys.executable, folder=str(self.folder))
        file = Path(programs) / "git-lfs-authenticate"
        file.write_text(script)
        file.chmod(0o755)

    def answers(self, host: Host, **more: object) -> None:
        told = base64.b64encode(f"{lfsserver.USER}:{lfsserver.token()}".encode()).decode()
        said = {"href": f"{host.url}/info/lfs", "header": {"Authorization": f"Basic {told}"}}
        (self.folder / "answer").write_text(json.dumps(said | more))
        (self.folder / "asked").write_text("")

    def asked(self) -> list[str]:
        return (self.folder / "asked").read_text().splitlines()

    def command(self) -> str:
        """An ssh that logs in there, whatever home it is started in."""
        known = self.home / ".ssh" / "known_hosts"
        return f"ssh -F '{self.home}/.ssh/config' -o UserKnownHostsFile='{known}'"


@cache
def server() -> Server:
    return Server()


@pytest.fixture
def host() -> Host:
    if shutil.which("ssh") is None:
        pytest.skip("install openssh-client")
    made = lfsserver.host()
    server().answers(made)
    made.requests()
    return made


@pytest.fixture
def clone(world: World, host: Host, tmp_path: Path, monkeypatch) -> Path:
    world.git(world.folder, "init", "-q", "clone")
    place = world.folder / "clone"
    world.git(place, "remote", "add", "origin", f"ssh://store{host.repository}")
    monkeypatch.setenv("GIT_SSH_COMMAND", server().command())
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    return place


def test_what_is_put_comes_back_and_the_host_is_asked_once(clone, host, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(b"data")
    with closing(open_lfs(repository.find(clone), "upload")) as store:
        store.put(oid_of(b"data"), source, no_progress)
        store.get(oid_of(b"data"), tmp_path / "target", no_progress)
    assert host.object(oid_of(b"data")).read_bytes() == b"data"
    assert (tmp_path / "target").read_bytes() == b"data"
    assert server().asked() == [repr([str(host.repository), "upload"])]


def test_what_has_expired_is_asked_for_again(clone, host, tmp_path):
    server().answers(host, expires_in=1)
    with closing(open_lfs(repository.find(clone), "download")) as store:
        for _ in range(2):
            assert store.size(oid_of(b"nothing")) is None
    assert len(server().asked()) > 1


def test_a_refusal_is_told_in_the_hosts_words(clone, host, world):
    world.git(clone, "remote", "set-url", "origin", "ssh://store/nowhere.git")
    (server().folder / "answer").unlink()
    store = open_lfs(repository.find(clone), "download")
    with closing(store), pytest.raises(StoreDenied) as error:
        store.size(oid_of(b"nothing"))
    assert "FileNotFoundError" in error.value.message  # what the script said
    assert error.value.hint


def test_an_unaccepted_server_learns_no_key(clone, host):
    store = open_lfs(repository.find(clone), "download", anonymous=True)
    with closing(store), pytest.raises(ConfigurationError) as error:
        store.size(oid_of(b"nothing"))
    assert error.value.hint == "cacheferry trust" and server().asked() == []


@pytest.mark.parametrize("url", ["ssh://-oProxyCommand=x/y", "-oProxyCommand=x:y"])
def test_an_address_is_no_option(clone, host, world, url):
    world.git(clone, "config", "lfs.url", url)
    with pytest.raises(ConfigurationError):
        open_lfs(repository.find(clone), "download").size(oid_of(b"nothing"))


@pytest.mark.parametrize(
    ("remote", "url"),
    [
        ("https://h.org/o/r", "https://h.org/o/r.git/info/lfs"),
        ("https://h.org/o/r.git/", "https://h.org/o/r.git/info/lfs"),
        ("git://h.org/o/r.git", "https://h.org/o/r.git/info/lfs"),
        ("git@h.org:o/r.git", "git@h.org:o/r.git"),
        ("ssh://git@h.org:22/o/r.git", "ssh://git@h.org:22/o/r.git"),
    ],
)
def test_the_server_of_a_remote_is_where_git_lfs_finds_it(world, remote, url):
    world.git(world.folder, "init", "-q", "clone")
    world.git(world.folder / "clone", "remote", "add", "origin", remote)
    found = discovery.find(repository.find(world.folder / "clone"), "download")
    assert found is not None and (found.url, found.own) == (url, True)
    if shutil.which("git-lfs"):
        said = world.git(world.folder / "clone", "lfs", "env")
        assert "Endpoint=https://h.org/o/r.git/info/lfs" in said


@pytest.mark.parametrize(
    ("remote", "committed", "own"),
    [
        ("https://h.org/o/r", "https://h.org/elsewhere", True),
        ("git@h.org:o/r.git", "https://h.org/elsewhere", True),
        ("https://h.org/o/r", "https://h.org.evil.example/o/r", False),
        ("https://h.org/o/r", "http://h.org/o/r", False),
        ("http://h.org:81/o/r", "http://h.org:82/o/r", False),
        ("https://h.org/o/r", "https://h.org@evil.example/o/r", False),
        ("/srv/r.git", "/srv/other.git", False),
    ],
)
def test_a_committed_address_is_our_own_on_the_remotes_host_alone(world, remote, committed, own):
    world.git(world.folder, "init", "-q", "clone")
    place = world.folder / "clone"
    world.git(place, "remote", "add", "origin", remote)
    world.git(place, "config", "-f", ".lfsconfig", "lfs.url", committed)
    found = discovery.find(repository.find(place), "upload")
    assert found is not None and found.own == own
    world.git(place, "config", "lfs.url", "https://mine.example/x")
    found = discovery.find(repository.find(place), "upload")
    assert found is not None and (found.url, found.own) == ("https://mine.example/x", True)


def test_sync_over_ssh_with_the_ssh_of_core_sshcommand(world, host):
    world.git(world.folder, "config", "--global", "core.sshCommand", server().command())
    world.git(
        world.folder, "config", "--global", f"url.ssh://store{host.repository}.insteadOf", "host:r"
    )
    place = world.folder / "a"
    world.git(world.folder, "clone", "-q", "host:r", "a")
    (place / "cacheferry.yaml").write_text(LFS)
    (place / "conf").mkdir()
    (place / "conf" / "env.yaml").write_text("learning_rate: 1e-3\n")
    assert world.cf(place, "init").returncode == 0
    world.git(place, "add", ".")
    world.git(place, "commit", "-qm", "set up")
    world.git(place, "push", "-q", "-u", "origin", "HEAD")
    world.cache(place)
    world.sync(place)
    assert host.object(oid_of(payload())).read_bytes() == payload()
    shutil.rmtree(place / ".git/lfs")
    (place / BASELINE).unlink()
    assert world.cf(place, "pull").returncode == 0
    assert (place / BASELINE).read_bytes() == payload()
