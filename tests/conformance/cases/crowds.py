"""Many agents at once, and what dead ones have left."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

from tests.conformance.case import case, expect
from tests.conformance.scene import Scene, fetched
from tests.conformance.wire import Said, download, init, oid_of, upload

AGENTS = 8


def together(scene: Scene, operation: str, requests: list[bytes]) -> list[Said]:
    """One agent for each request, all ready before the first gets it."""
    talks = [scene.start() for _ in requests]
    for talk in talks:
        talk.send(init(operation))
        talk.answer()
    for talk, request in zip(talks, requests, strict=True):
        talk.send(request)
    return [talk.finish(1, scene.take) for talk in talks]


@case("Eight agents upload one object at once.", "one_temporary_name")
def eight_uploads_of_one(scene: Scene) -> None:
    data = os.urandom(3_000_000)
    request = upload(oid_of(data), len(data), scene.file("o", data))
    for said in together(scene, "upload", [request] * AGENTS):
        said.went_well()
    scene.holds(data)


@case("Eight agents upload different objects at once.", "one_temporary_name")
def eight_uploads(scene: Scene) -> None:
    datas = [os.urandom(1_000_000 + n) for n in range(AGENTS)]
    requests = [
        upload(oid_of(data), len(data), scene.file(f"o{n}", data)) for n, data in enumerate(datas)
    ]
    for said in together(scene, "upload", requests):
        said.went_well()
    scene.holds(*datas)


@case("Eight agents download one object at once.", "one_temporary_download")
def eight_downloads(scene: Scene) -> None:
    data = os.urandom(3_000_000)
    scene.place.keep(oid_of(data), data)
    requests = [download(oid_of(data), len(data))] * AGENTS
    for said in together(scene, "download", requests):
        expect(fetched(said).data == data, "other bytes")


LARGE = 1 << 30


def an_upload(scene: Scene) -> tuple[bytes, bytes, Callable[[], list[Path]]]:
    source = scene.sparse("large", LARGE)
    return init("upload"), upload("0" * 64, LARGE, source), lambda: in_store(scene)


def a_download(scene: Scene) -> tuple[bytes, bytes, Callable[[], list[Path]]]:
    scene.place.keep("0" * 64, b"")
    with open(scene.object("0" * 64), "r+b") as stream:
        stream.truncate(LARGE)
    return init("download"), download("0" * 64, LARGE), scene.lfs_files


def in_store(scene: Scene) -> list[Path]:
    return [scene.store / name for name in scene.files()]


@case(
    "What a killed agent has left is swept once it is stale, and not before.",
    "sweeps_nothing sweeps_everything",
    {"upload": an_upload, "download": a_download},
)
def sweep(scene: Scene, begin: Callable[[Scene], tuple[bytes, ...]]) -> None:
    hello, request, left = begin(scene)
    talk = scene.start()
    talk.send(hello, request)
    talk.answer()
    talk.until("progress")
    talk.signal(signal.SIGKILL)
    talk.gone(5)
    remains = left()  # type: ignore[operator]
    whole_turn(scene)
    fresh = [path for path in remains if not path.exists()]
    expect(not fresh, f"removes what a running agent may be writing: {fresh}")
    goes_when_stale(scene, remains)


def goes_when_stale(scene: Scene, remains: list[Path]) -> None:
    """Raises Failed where a later run does not remove these files once they are old."""
    for path in remains:
        os.utime(path, (1, 1))
    if remains:
        whole_turn(scene)
    stale = [path for path in remains if path.exists()]
    expect(not stale, f"stale files stay for ever: {stale}")


def whole_turn(scene: Scene) -> None:
    """An upload and a download of something else."""
    data = os.urandom(100)
    oid = scene.put(data)
    scene.get(oid, 100)
