"""Full disks, read-only stores, stores that are away."""

import os

from tests.conformance.case import case, expect
from tests.conformance.limits import read_only, small_disk, without_rights
from tests.conformance.scene import Scene
from tests.conformance.wire import download, oid_of, upload

DISK = 2_000_000
LARGE = os.urandom(5_000_000)
SMALL = os.urandom(1000)


@case(
    "A full disk in the store is that object's error and leaves nothing; a small one still fits.",
    "goes_on_when_the_disk_is_full leaves_temporary_files",
)
def full_store(scene: Scene) -> None:
    small_disk(scene, scene.base / "disk", DISK)
    scene.use_store(scene.base / "disk" / "store")
    said = scene.upload(
        upload(oid_of(LARGE), len(LARGE), scene.file("large", LARGE)),
        upload(oid_of(SMALL), len(SMALL), scene.file("small", SMALL)),
    )
    expect([bool(e) for e in said.errors()] == [True, False], f"errors: {said.errors()}")
    scene.holds(SMALL)


@case(
    "A full disk in the LFS storage is that object's error and leaves nothing.",
    "goes_on_when_the_disk_is_full leaves_temporary_files",
)
def full_lfs_storage(scene: Scene) -> None:
    small_disk(scene, scene.repo / ".git" / "lfs", DISK)
    for data in (LARGE, SMALL):
        scene.place.keep(oid_of(data), data)
    said = scene.download(download(oid_of(LARGE), len(LARGE)), download(oid_of(SMALL), len(SMALL)))
    expect([bool(e) for e in said.errors()] == [True, False], f"errors: {said.errors()}")
    expect(scene.lfs_files() == [], f"leaves {scene.lfs_files()}")


@case("A read-only store refuses uploads by name and serves downloads.", "ignores_refusals")
def read_only_store(scene: Scene) -> None:
    scene.place.keep(oid_of(SMALL), SMALL)
    read_only(scene, scene.store)
    said = scene.upload(upload(oid_of(b"new"), 3, scene.file("new", b"new")))
    expect(said.refused_all(), "says complete")
    scene.holds(SMALL)
    expect(scene.get(oid_of(SMALL), len(SMALL)) == SMALL, "other bytes")


@case("A store without the right to write refuses uploads.", "ignores_refusals")
def forbidden_store(scene: Scene) -> None:
    command = without_rights(scene.command())
    for folder, _, _ in os.walk(scene.store):
        os.chmod(folder, 0o555)
    said = scene.upload(upload(oid_of(b"new"), 3, scene.file("new", b"new")), command=command)
    expect(said.refused_all(), "says complete")
    scene.holds()


@case(
    "A store that is away is an error, and no new folder is made in its place.",
    "makes_any_folder",
)
def store_away(scene: Scene) -> None:
    scene.use_store(scene.base / "mnt" / "store", make=False)
    for said in (
        scene.upload(upload(oid_of(SMALL), len(SMALL), scene.file("small", SMALL))),
        scene.download(download(oid_of(SMALL), len(SMALL))),
    ):
        expect(said.refused_all(), "no error is answered")
    expect(not (scene.base / "mnt").exists(), "a folder is made where the store's drive belongs")
