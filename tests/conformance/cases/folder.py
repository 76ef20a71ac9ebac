"""A store that is a folder: layout, modes, what else may lie there."""

import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

from tests.conformance.case import case, expect
from tests.conformance.scene import Scene, fetched
from tests.conformance.wire import download, oid_of, upload

DATA = os.urandom(50_000)
OID = oid_of(DATA)
UMASKS = {"0022": 0o022, "0002": 0o002, "0077": 0o077}


def a_folder(path: Path) -> None:
    path.mkdir()


def a_fifo(path: Path) -> None:
    os.mkfifo(path)


def a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_loop(path: Path) -> None:
    path.symlink_to(path)


def nowhere(path: Path) -> None:
    path.symlink_to("nowhere")


NOT_OBJECTS: dict[str, Callable[[Path], None]] = {
    "a folder": a_folder,
    "a FIFO": a_fifo,
    "a device": a_device,
    "a symlink to itself": a_loop,
    "a symlink to nowhere": nowhere,
}


@case("An object lies where its oid says, as the raw bytes, and nothing else is left.", "flat")
def layout(scene: Scene) -> None:
    scene.put(DATA)
    path = scene.object(OID)
    expect(path.is_file() and not path.is_symlink(), f"no file {scene.inside(path)}")
    scene.holds(DATA)


@case(
    "An object that the store already has is not written again.",
    "writes_again touches_again",
)
def not_sent_again(scene: Scene) -> None:
    scene.place.keep(OID, DATA)
    an_hour_ago = time.time() - 3600  # a store may make an object of many days young again
    os.utime(scene.object(OID), (an_hour_ago, an_hour_ago))
    before = scene.object(OID).stat()
    scene.put(DATA)
    after = scene.object(OID).stat()
    same = (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    expect(same, "the object has been written again")


@case("The stored object is a copy: a later change of the source leaves it.", "links_uploads")
def independent_copy(scene: Scene) -> None:
    scene.put(DATA)
    source = scene.base / f"source-{OID[:8]}"
    same = os.path.samefile(source, scene.object(OID))
    source.write_bytes(b"changed")
    expect(not same and scene.place.held(OID) == DATA, "the store has the source's own file")


@case("Modes in the store follow the umask.", "private_store open_store", UMASKS)
def modes(scene: Scene, umask: int) -> None:
    scene.put(DATA, umask=umask)
    path = scene.object(OID)
    found = [stat.S_IMODE(one.stat().st_mode) for one in (path, path.parent)]
    wanted = [0o666 & ~umask, 0o777 & ~umask]
    expect(found == wanted, f"modes {found[0]:o}, {found[1]:o}; not {wanted[0]:o}, {wanted[1]:o}")


@case("A download is private to the caller.", "open_downloads")
def private_download(scene: Scene) -> None:
    scene.put(DATA)
    taken = fetched(scene.download(download(OID, len(DATA)), umask=0))
    mode = stat.S_IMODE(taken.file.stat().st_mode)
    expect(mode == 0o600, f"mode {mode:o}")


@case(
    "A download is never the store's own file, nor a link to it.",
    "hands_out_the_store links_downloads",
)
def own_file(scene: Scene) -> None:
    scene.put(DATA)
    file = fetched(scene.download(download(OID, len(DATA)))).file
    expect(scene.object(OID).is_file(), "the store's own file is handed out, and moved away")
    expect(not os.path.samefile(file, scene.object(OID)), "it is the store's own file")
    expect(not file.is_symlink(), "it is a symlink")


@case("A download lies in the temporary folder of the LFS storage.", "downloads_elsewhere")
def download_place(scene: Scene) -> None:
    scene.put(DATA)
    path = fetched(scene.download(download(OID, len(DATA)))).path
    expect(scene.repo / ".git/lfs/tmp" in path.parents, f"it lies in {path.parent}")


@case(
    "What is no file where an object belongs is an error, at once; the next object works.",
    "opens_anything",
    {k: v for k, v in NOT_OBJECTS.items() if k in ("a FIFO", "a device")},
)
def no_object(scene: Scene, make: Callable[[Path], None]) -> None:
    scene.put(b"good")
    path = scene.object(OID)
    path.parent.mkdir(parents=True, exist_ok=True)
    make(path)
    said = scene.download(download(OID, len(DATA)), download(oid_of(b"good"), 4))
    expect([bool(error) for error in said.errors()] == [True, False], f"errors {said.errors()}")
    expect(scene.lfs_files() == [], f"leaves {scene.lfs_files()}")


case(
    "What is no file where an object belongs is an error; the next object works.",
    "dies_at_error",
    {k: v for k, v in NOT_OBJECTS.items() if k not in ("a FIFO", "a device")},
)(no_object)


@case(
    "An upload replaces what is no file, or is an error; never a false success.",
    "heals_nothing",
    NOT_OBJECTS,
)
def upload_over(scene: Scene, make: Callable[[Path], None]) -> None:
    path = scene.object(OID)
    path.parent.mkdir(parents=True)
    make(path)
    said = scene.upload(upload(OID, len(DATA), scene.file("o", DATA)))
    expect(len(said.completes()) == 1, "no answer")
    if not said.errors()[0]:
        expect(scene.place.held(OID) == DATA, "says complete, and the object is not there")
    expect(len(scene.files()) <= 1, f"leaves {scene.files()}")


@case("A store folder that is a file is an error.", "dies_at_error")
def store_is_a_file(scene: Scene) -> None:
    scene.use_store(scene.file("a-file", b"precious"), make=False)
    said = scene.upload(upload(OID, len(DATA), scene.file("o", DATA)))
    expect(said.refused_all(), "no error is answered")
    expect((scene.base / "a-file").read_bytes() == b"precious", "the file is gone")
