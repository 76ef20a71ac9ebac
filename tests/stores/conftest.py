"""`place`: an empty store on each kind of server in turn, for the tests of the store contract."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cacheferry.core import storeurl
from cacheferry.core.store import Store
from lfs_agent.stores import open_store
from tests.servers import azurite, google, nginx, rclone, seaweedfs, sshd
from tests.servers.kaggle import KagglePlace
from tests.servers.place import FolderPlace, Place

Opener = Callable[[], Store]


def folder(tmp_path: Path) -> Place:
    place = FolderPlace(tmp_path / "store")
    place.folder.mkdir()
    return place


def s3(_tmp_path: Path) -> Place:
    return seaweedfs.S3Place(seaweedfs.server())


def gs(_tmp_path: Path) -> Place:
    return google.GooglePlace(google.server())


def az(_tmp_path: Path) -> Place:
    return azurite.AzurePlace(azurite.server())


def kaggle(tmp_path: Path) -> Place:
    return KagglePlace(tmp_path / "inputs")


def sftp(tmp_path: Path) -> Place:
    (tmp_path / "on the server").mkdir()
    return sshd.shared().place(tmp_path / "on the server" / "größe")


# Each takes the test's temporary folder and gives an empty place on a server that runs; where the
# server is not installed it skips, saying what to install.
KINDS: dict[str, Callable[[Path], Place]] = {
    "folder": folder,
    "kaggle": kaggle,
    "sftp": sftp,
    "nginx": nginx.place,
    "nginx-plain": lambda tmp_path: nginx.place(tmp_path, "plain"),
    "rclone": rclone.place,
    "s3": s3,
    "gs": gs,
    "az": az,
}


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch) -> Place:
    made = KINDS[request.param](tmp_path)
    for key, value in made.env.items():
        monkeypatch.setenv(key, value)
    return made


@pytest.fixture
def store(place: Place, tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(storeurl.parse(place.url, tmp_path))) as opened:
        yield opened
