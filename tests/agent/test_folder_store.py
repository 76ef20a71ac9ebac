"""What is particular to our folder store; what any store owes is held by tests/conformance."""

import os
import time

import pytest

from cacheferry.core.errors import StoreUnavailable
from cacheferry.core.store import no_progress
from lfs_agent.stores.folder import FolderStore
from tests.agent.talk import World, download, keep, oid_of, posix, stored, upload

DATA = os.urandom(300_000)
OID = oid_of(DATA)
SIZE = len(DATA)


def test_upload_over_a_directory_names_it(world: World):
    stored(world.store, OID).mkdir(parents=True)
    said = world.upload(upload(OID, SIZE, world.file("o", DATA)))
    assert str(stored(world.store, OID)) in said.errors()[0]
    assert world.visible() == []


@posix
def test_a_directory_a_fifo_and_a_device_are_refused_at_once(world: World):
    os.mkfifo(world.base / "fifo")
    paths = [world.base, world.base / "fifo", "/dev/zero", "/dev/null"]
    begun = time.monotonic()
    said = world.upload(*(upload(OID, SIZE, path) for path in paths))
    assert all("not a regular file" in error for error in said.errors())
    assert len(said.errors()) == 4 and time.monotonic() - begun < 3
    assert world.visible() == []


def test_store_folder_is_created_where_its_parent_exists(world: World):
    world.store.rmdir()
    assert world.upload(upload(OID, SIZE, world.file("o", DATA))).errors() == [""]
    assert world.visible() == [OID]


def test_unmounted_store_is_named_and_not_created(world: World):
    world.env["CACHEFERRY_STORE"] = str(world.base / "mnt" / "store")
    source = world.file("o", DATA)
    begun = time.monotonic()
    said = world.upload(*(upload(OID, SIZE, source) for _ in range(20)))
    assert all("mnt/store is not there" in error for error in said.errors())
    assert time.monotonic() - begun < 8  # one wait for all of them
    assert not (world.base / "mnt").exists()


def test_get_from_a_missing_store_names_it(world: World):
    missing, target = world.base / "mnt", world.base / "target"
    store = FolderStore(missing)
    with pytest.raises(StoreUnavailable, match="mnt is not there"):
        store.get(OID, target, no_progress)
    assert not target.exists()


def test_stale_temporary_files_are_swept_and_nothing_else(world: World):
    keep(world.store, DATA)
    folders = [world.repo / ".git/lfs/tmp", stored(world.store, OID).parent]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        for name in (".cacheferry-old", ".cacheferry-new", "other-old"):
            (folder / name).write_bytes(b"")
            if name.endswith("old"):
                os.utime(folder / name, (1, 1))
    new = os.urandom(8)
    world.upload(upload(oid_of(new), 8, world.file("o", new)))
    world.download(download(OID, SIZE))
    for folder in folders:
        names = {path.name for path in folder.iterdir()}
        assert ".cacheferry-old" not in names
        assert {".cacheferry-new", "other-old"} <= names


def test_nothing_is_swept_before_init_is_answered(world: World):
    old = world.repo / ".git/lfs/tmp/.cacheferry-old"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"")
    os.utime(old, (1, 1))
    world.download()
    assert old.exists()
