"""The folder store, through the wire."""

import os
import stat
import threading
import time

import pytest

from cacheferry.core.errors import StoreUnavailable
from cacheferry.core.store import no_progress
from cacheferry.core.storeurl import StoreUrl
from lfs_agent.stores.folder import FolderStore
from tests.agent.talk import World, download, keep, oid_of, posix, stored, upload

DATA = os.urandom(300_000)
OID = oid_of(DATA)
SIZE = len(DATA)

needs_permissions = pytest.mark.skipif(
    os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere"
)


def test_object_lies_by_its_oid_and_nothing_else_lies_there(world: World):
    assert world.upload(upload(OID, SIZE, world.file("o", DATA))).errors() == [""]
    assert stored(world.store, OID).read_bytes() == DATA
    assert world.visible() == [OID]


@posix
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_modes_follow_the_umask(world: World, umask: int, mode: int):
    world.upload(upload(OID, SIZE, world.file("o", DATA)), umask=umask)
    path = stored(world.store, OID)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o777 & ~umask


def test_upload_of_known_object_leaves_it_alone(world: World):
    keep(world.store, DATA)
    before = stored(world.store, OID).stat()
    assert world.upload(upload(OID, SIZE, world.file("o", DATA))).errors() == [""]
    after = stored(world.store, OID).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("damage", [b"", DATA[:-1], DATA + b"x", DATA[:-1] + b"?"])
def test_upload_heals_a_damaged_object(world: World, damage: bytes):
    if damage == DATA:
        damage = DATA[:-1] + b"!"
    keep(world.store, damage, OID)
    said = world.upload(upload(OID, SIZE, world.file("o", DATA)))
    assert said.errors() == [""] and said.progress(OID)[-1][0] == SIZE
    assert stored(world.store, OID).read_bytes() == DATA and world.visible() == [OID]


@posix
def test_upload_replaces_what_is_no_file(world: World):
    stored(world.store, OID).parent.mkdir(parents=True)
    os.mkfifo(stored(world.store, OID))
    assert world.upload(upload(OID, SIZE, world.file("o", DATA))).errors() == [""]
    assert stored(world.store, OID).read_bytes() == DATA


def test_upload_over_a_directory_names_it(world: World):
    stored(world.store, OID).mkdir(parents=True)
    said = world.upload(upload(OID, SIZE, world.file("o", DATA)))
    assert str(stored(world.store, OID)) in said.errors()[0]
    assert world.visible() == []


@pytest.mark.parametrize("wrong", [DATA[:-1], DATA + b"x", b"", b"!" * SIZE])
def test_wrong_bytes_are_refused_and_nothing_is_stored(world: World, wrong: bytes):
    said = world.upload(upload(OID, SIZE, world.file("o", wrong)))
    assert OID in said.errors()[0]
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
    store = FolderStore(StoreUrl("file", str(missing), missing))
    with pytest.raises(StoreUnavailable, match="mnt is not there"):
        store.get(OID, target, no_progress)
    assert not target.exists()


def test_store_that_is_a_file_is_an_error(world: World):
    world.store.rmdir()
    world.store.write_bytes(b"")
    said = world.upload(upload(OID, SIZE, world.file("o", DATA)))
    assert str(world.store) in said.errors()[0]


@needs_permissions
def test_read_only_store_is_named(world: World):
    world.store.chmod(0o500)
    said = world.upload(upload(OID, SIZE, world.file("o", DATA)))
    assert str(world.store) in said.errors()[0] and "ermission" in said.errors()[0]


@posix
def test_full_disk_is_named_and_leaves_nothing(world: World):
    def no_room() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    keep(world.store, DATA)
    said = world.download(download(OID, SIZE), preexec_fn=no_room)
    assert "cannot write" in said.errors()[0] and world.downloads() == []
    stored(world.store, OID).unlink()
    said = world.upload(upload(OID, SIZE, world.file("o", DATA)), preexec_fn=no_room)
    assert str(world.store) in said.errors()[0] and world.visible() == []


@posix
def test_download_is_verified_private_and_in_the_lfs_storage(world: World):
    keep(world.store, DATA)
    said = world.download(download(OID, SIZE), umask=0)
    path = world.repo / ".git/lfs/tmp" / world.downloads()[0]
    assert said.completes()[0]["path"] == str(path)
    assert path.read_bytes() == DATA and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert world.visible() == [OID]


def test_download_goes_to_the_configured_lfs_storage(world: World):
    keep(world.store, DATA)
    world.git("config", "lfs.storage", str(world.base / "elsewhere"))
    said = world.download(download(OID, SIZE))
    assert said.completes()[0]["path"].startswith(str(world.base / "elsewhere" / "tmp"))


@pytest.mark.parametrize("damage", [b"", DATA[:-1], DATA + b"x", b"!" * SIZE])
def test_damaged_object_is_an_error_and_the_next_one_works(world: World, damage: bytes):
    keep(world.store, damage, OID)
    good = keep(world.store, b"good")
    said = world.download(download(OID, SIZE), download(good, 4))
    assert OID in said.errors()[0] and str(world.store) in said.errors()[0]
    assert said.errors()[1] == "" and len(world.downloads()) == 1


def test_missing_object_is_an_error(world: World):
    said = world.download(download(OID, SIZE))
    assert OID in said.errors()[0] and str(world.store) in said.errors()[0]
    assert world.downloads() == []


def test_object_of_another_size_than_the_pointer_says_is_an_error(world: World):
    keep(world.store, DATA)
    said = world.download(download(OID, SIZE + 1), download(OID, SIZE - 1))
    assert all("bytes" in error for error in said.errors()) and world.downloads() == []


@posix
def test_fifo_in_the_store_does_not_hang(world: World):
    stored(world.store, OID).parent.mkdir(parents=True)
    os.mkfifo(stored(world.store, OID))
    assert "not a regular file" in world.download(download(OID, SIZE)).errors()[0]


def test_two_uploads_of_one_object_at_once(world: World):
    source = world.file("o", DATA)
    said = []
    run = [
        threading.Thread(target=lambda: said.append(world.upload(upload(OID, SIZE, source))))
        for _ in range(4)
    ]
    for thread in run:
        thread.start()
    for thread in run:
        thread.join()
    assert [s.errors() for s in said] == [[""]] * 4 and world.visible() == [OID]


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
