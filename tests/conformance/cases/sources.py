"""Sources that are no files, and files that move under the reader."""

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

from tests.conformance.case import case, expect
from tests.conformance.limits import without_rights
from tests.conformance.scene import Scene
from tests.conformance.wire import TERMINATE, init, oid_of, upload

DATA = os.urandom(50_000)
OID = oid_of(DATA)
LARGE = 48_000_000


def a_folder(path: Path) -> Path:
    path.mkdir()
    return path


def a_fifo(path: Path) -> Path:
    os.mkfifo(path)
    return path


def a_socket(path: Path) -> Path:
    short = Path(os.path.relpath(path))
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(os.fspath(min(short, path, key=lambda one: len(os.fspath(one)))))
    return path


def a_loop(path: Path) -> Path:
    path.symlink_to(path)
    return path


NOT_FILES: dict[str, Callable[[Path], Path]] = {
    "a FIFO": a_fifo,
    "/dev/zero": lambda _: Path("/dev/zero"),
}
ODD: dict[str, Callable[[Path], Path]] = {
    "a folder": a_folder,
    "a socket": a_socket,
    "a symlink to itself": a_loop,
}


def no_file(scene: Scene, make: Callable[[Path], Path]) -> None:
    path = make(scene.base / "odd")
    good = upload(OID, len(DATA), scene.file("o", DATA))
    said = scene.upload(upload(oid_of(b""), 0, path), upload("0" * 64, 4096, path), good)
    refused = [bool(error) for error in said.errors()]
    expect(refused == [True, True, False], f"errors: {said.errors()}")
    scene.holds(DATA)


REFUSED = "A source that is no regular file is refused at once, and nothing is stored."
case(REFUSED, "opens_anything", NOT_FILES, anywhere=True)(no_file)
case(REFUSED, "dies_at_error", ODD, anywhere=True)(no_file)


@case("A source that is a symlink to a file counts as the file.", "refuses_symlinks")
def symlinked_source(scene: Scene) -> None:
    link = scene.base / "link"
    link.symlink_to(scene.file("o", DATA))
    scene.upload(upload(OID, len(DATA), link)).went_well()
    scene.holds(DATA)


@case("A source that may not be read is that object's error.", "dies_at_error")
def unreadable_source(scene: Scene) -> None:
    source = scene.file("secret", DATA)
    source.chmod(0)
    said = scene.upload(
        upload(OID, len(DATA), source),
        upload(oid_of(b"x"), 1, scene.file("x", b"x")),
        command=without_rights(scene.command()),
    )
    refused = [bool(error) for error in said.errors()]
    expect(refused == [True, False], f"errors: {said.errors()}")
    scene.holds(b"x")


def change(path: Path) -> None:
    with open(path, "r+b") as stream:
        stream.seek(LARGE - 1)
        stream.write(b"!")


def grow(path: Path) -> None:
    with open(path, "ab") as stream:
        stream.write(b"and more")


def shrink(path: Path) -> None:
    os.truncate(path, LARGE // 2)


def vanish(path: Path) -> None:
    path.unlink()


@case(
    "A source that changes while it is read is never stored as what it was.",
    "reads_twice",
    {"changes": change, "shrinks": shrink, "grows": grow},
)
def moving_source(scene: Scene, act: Callable[[Path], None]) -> None:
    under_the_reader(scene, act)


case(
    "A source that vanishes while it is read: an error, or the whole object.",
    "dies_when_the_source_goes",
    {"vanishes": vanish},
)(moving_source)


def under_the_reader(scene: Scene, act: Callable[[Path], None]) -> None:
    data = os.urandom(LARGE // 16) * 16
    source, oid = scene.file("large", data), oid_of(data)
    talk = scene.start()
    talk.send(init("upload"), upload(oid, LARGE, source))
    talk.answer()
    answer = talk.answer()
    if answer.get("event") != "complete":
        talk.signal(signal.SIGSTOP)
        act(source)
        talk.signal(signal.SIGCONT)
        answer = talk.until("complete")
    expect(answer.get("event") == "complete", f"answers {answer}")
    held = scene.place.held(oid)
    expect(held in (None, data), "wrong bytes are stored")
    expect(held is not None or answer.get("error"), "says complete, and nothing is stored")
    expect(len(scene.files()) == (held is not None), f"leaves {scene.files()}")
    talk.send(upload(oid_of(b"x"), 1, scene.file("x", b"x")))
    expect("error" not in talk.until("complete"), "the next object fails")
    talk.send(TERMINATE)
    expect(talk.gone(5) == 0, "does not end well")
