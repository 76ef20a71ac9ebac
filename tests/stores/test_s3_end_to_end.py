"""A team's bucket from the outside: git, git-lfs and the command line."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import CONFIG, World, payload
from tests.servers import seaweedfs
from tests.servers.between import Between
from tests.servers.seaweedfs import READER, WRITER, S3Place

pytestmark = pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed")
CACHE = "cache/s1/tl_baseline_cache.pkl"


@pytest.fixture
def between() -> Iterator[Between]:
    proxy = Between(seaweedfs.server().endpoint)
    yield proxy
    proxy.close()


@pytest.fixture
def team(world: World) -> World:
    """A user whose environment holds the writer's keys and nothing else of AWS's."""
    world.env = {k: v for k, v in world.env.items() if not k.startswith("AWS_")} | WRITER
    return world


def set_up(team: World, place: S3Place, name: str = "a") -> Path:
    return team.clone(name, config=CONFIG.replace("../store", place.url))


def nothing_secret(team: World, *texts: str) -> None:
    written = [*team.folder.glob("*/.git/config"), *team.folder.glob("*/cacheferry.yaml")]
    written += [path for path in (team.folder / "state").rglob("*") if path.is_file()]
    for text in (*texts, *(path.read_text("utf-8") for path in written)):
        assert "the-writers-secret" not in text and "the-readers-secret" not in text


def test_sync_here_and_pull_there(team):
    place = S3Place(seaweedfs.server())
    here = set_up(team, place)
    team.cache(here)
    said = team.sync(here)
    assert len(place.names()) == 1
    there = set_up(team, place, "b")
    done = team.cf(there, "pull")
    assert (there / CACHE).read_bytes() == payload(), done.stderr
    assert team.git(there, "status", "--porcelain") == ""
    nothing_secret(team, said.stdout, said.stderr, done.stdout, done.stderr)


def test_git_push_and_pull_with_agents_side_by_side(team):
    place = S3Place(seaweedfs.server())
    here = set_up(team, place)
    for number in range(30):
        team.cache(here, f"x{number}_baseline_cache.pkl", number)
    team.git(here, "add", "cache")
    team.git(here, "commit", "-qm", "thirty")
    trace = team.run(["git", "push", "-q"], here, env={"GIT_TRACE": "1"})
    assert trace.returncode == 0 and len(place.names()) == 30, trace.stderr
    there = set_up(team, place, "b")
    pulled = team.run(["git", "lfs", "pull"], there, env={"GIT_TRACE": "1"})
    for number in range(30):
        file = there / "cache" / "s1" / f"x{number}_baseline_cache.pkl"
        assert file.read_bytes() == payload(number), pulled.stderr
    nothing_secret(team, trace.stderr, pulled.stderr)


def test_missing_object_and_refused_upload_reach_the_user(team):
    place = S3Place(seaweedfs.server())
    here = set_up(team, place)
    team.cache(here)
    team.sync(here)
    place.store.delete(f"{place.prefix}/{place.names()[0]}")
    there = set_up(team, place, "b")
    done = team.run(["git", "lfs", "pull"], there)
    assert done.returncode != 0 and "is not in the store s3://shared/" in done.stderr
    team.env |= READER
    team.cache(here, seed=3)
    synced = team.cf(here, "sync")
    assert synced.returncode == 4 and "refuses access" in synced.stderr
    nothing_secret(team, done.stderr, synced.stderr)


def test_store_of_a_clone_is_read_anonymously_and_not_written(team, between):
    place = S3Place(seaweedfs.server(), "public", between.endpoint)
    here = set_up(team, place)
    team.cache(here)
    team.sync(here)
    assert any("authorization" in one.headers for one in between.requests)
    between.requests.clear()
    assert team.cf(team.folder, "init", "--global").returncode == 0
    team.env |= {"XDG_STATE_HOME": str(team.folder / "elsewhere")}  # another user's
    team.git(team.folder, "clone", "-q", str(team.remote), "b")
    there = team.folder / "b"
    assert (there / CACHE).read_bytes() == payload()
    (there / CACHE).unlink()
    shutil.rmtree(there / ".git" / "lfs" / "objects")
    assert team.cf(there, "pull").returncode == 0
    team.cache(there, "new_baseline_cache.pkl", 4)
    refused = team.cf(there, "sync")
    assert refused.returncode == 2 and "cacheferry trust" in refused.stderr
    assert {one.method for one in between.requests} == {"GET"}
    sent = {name for one in between.requests for name in one.headers}
    assert not {name for name in sent if name.startswith(("auth", "x-amz"))}
    assert len(place.names()) == 1
    assert team.cf(there, "trust").returncode == 0
    team.sync(there)
    assert len(place.names()) == 2


def test_several_agents_for_a_bucket_and_one_for_a_folder(team):
    setting = ("config", "--local", "lfs.customtransfer.cacheferry.concurrent")
    here = set_up(team, S3Place(seaweedfs.server()))
    assert team.git(here, *setting) == "true"
    assert team.cf(here, "init", "--store", "../store").returncode == 0
    assert team.git(here, *setting) == "false"
    text = (here / "cacheferry.yaml").read_text().replace("../store", "gs://bucket/p")
    (here / "cacheferry.yaml").write_text(text)
    assert team.cf(here, "trust").returncode == 0
    assert team.git(here, *setting) == "true"
