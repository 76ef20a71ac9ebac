"""Whole `git lfs push` and `git lfs pull` on an S3 server, beside git-remote-s3's agent."""

import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks import transfer
from benchmarks.report import Row
from benchmarks.transfer import Agent, Work
from tests.conftest import World
from tests.servers import seaweedfs

WORK = Work("500 x 131 KB", 500, 131_000, 3)
OURS, PEER = "cacheferry, S3", "git-remote-s3"


def rows() -> list[Row]:
    """Ours beside git-remote-s3, or beside nothing where that is not installed."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder).resolve() / "w")
        agents = [agent for agent in (_ours(world), _peer(world)) if agent]
        medians = transfer.medians(world, WORK, agents)
    return [
        Row(f"git lfs {way}, {WORK.name}, S3", medians[way, OURS], PEER, medians[way, PEER], 0.2)
        for way in ("push", "pull")
        if (way, PEER) in medians
    ]


def _ours(world: World) -> Agent:
    place = seaweedfs.S3Place(seaweedfs.server())
    settings = transfer.ferry_settings() | {"lfs.customtransfer.cacheferry.concurrent": "true"}
    return Agent(OURS, settings, place.env | {"CACHEFERRY_STORE": place.url}, place.empty)


def _peer(world: World) -> Agent | None:
    program = shutil.which("git-lfs-s3") or Path(sys.executable).with_name("git-lfs-s3")
    if not Path(program).exists():
        print("git-remote-s3 is not installed: pip install git-remote-s3")
        return None
    place = seaweedfs.S3Place(seaweedfs.server())
    settings = {
        "lfs.url": "https://git-remote-s3.invalid/",
        "lfs.standalonetransferagent": "git-lfs-s3",
        "lfs.customtransfer.git-lfs-s3.path": str(program),
    }
    env = place.env | {"AWS_ENDPOINT_URL": seaweedfs.server().endpoint, "AWS_REGION": "us-east-1"}
    return Agent(PEER, settings, env, place.empty, "peer", f"s3://shared/{place.prefix}")
