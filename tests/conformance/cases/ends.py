"""However git-lfs goes away, the agent goes too: within two seconds, without a trace."""

import signal
import subprocess
from collections.abc import Callable

from tests.conformance.case import case, expect
from tests.conformance.cases.crowds import goes_when_stale, in_store
from tests.conformance.scene import Scene
from tests.conformance.talk import Talk
from tests.conformance.wire import download, init, oid_of, upload

LARGE = 3 << 30
"""Bytes of zeros (a sparse file) that take more than two seconds to hash and copy."""

WITHIN = 3
"""Seconds: two by the promise, one for a busy machine."""


def end_of_input(talk: Talk) -> None:
    assert talk.process.stdin
    talk.process.stdin.close()


def closed_stdout(talk: Talk) -> None:
    assert talk.process.stdout
    talk.process.stdout.close()


def sigterm(talk: Talk) -> None:
    talk.signal(signal.SIGTERM)


ENDS: dict[str, tuple[Callable[[Talk], None], str]] = {
    "EOF": (end_of_input, "deaf_to_eof"),
    "closed stdout": (closed_stdout, "deaf_to_closed_stdout"),
    "SIGTERM": (sigterm, "deaf_to_sigterm crashes_at_sigterm leaves_a_child"),
}
GONE = "EOF, SIGTERM, a closed stdout: gone within two seconds, no child left, no traceback."


def idle_before_init(scene: Scene, end: Callable[[Talk], None]) -> None:
    talk = scene.start()
    end(talk)
    ends_well(talk)


def idle_after_init(scene: Scene, end: Callable[[Talk], None]) -> None:
    talk = scene.start()
    talk.send(init("upload"))
    talk.answer()
    end(talk)
    ends_well(talk)


def idle_after_a_transfer(scene: Scene, end: Callable[[Talk], None]) -> None:
    talk = scene.start()
    talk.send(init("upload"), upload(oid_of(b"x"), 1, scene.file("o", b"x")))
    talk.until("complete")
    end(talk)
    ends_well(talk)
    scene.holds(b"x")


def in_an_upload(scene: Scene, end: Callable[[Talk], None]) -> None:
    talk = scene.start()
    talk.send(init("upload"), upload("0" * 64, LARGE, scene.sparse("large", LARGE)))
    talk.answer()
    talk.until("progress")
    end(talk)
    ends_well(talk)
    expect(scene.place.held("0" * 64) is None, "wrong bytes are visible in the store")
    goes_when_stale(scene, in_store(scene))


def in_a_download(scene: Scene, end: Callable[[Talk], None]) -> None:
    scene.place.keep("0" * 64, b"")
    with open(scene.object("0" * 64), "r+b") as stream:
        stream.truncate(LARGE)
    talk = scene.start()
    talk.send(init("download"), download("0" * 64, LARGE))
    talk.answer()
    talk.until("progress")
    end(talk)
    ends_well(talk)
    goes_when_stale(scene, scene.lfs_files())


def ends_well(talk: Talk) -> None:
    talk.gone(WITHIN)
    errors = talk.errors()
    crashed = any(word in errors for word in ("Traceback", "panic:", "goroutine "))
    expect(not crashed, f"crashes: {errors[-200:]}")


STAGES = (idle_before_init, idle_after_init, idle_after_a_transfer, in_an_upload, in_a_download)
for label, (act, faults) in ENDS.items():
    for stage in STAGES:
        if stage is not idle_before_init or act is end_of_input:
            case(GONE, faults, {label: act})(stage)


@case("Started without a stdout it ends, without a traceback.", "crashes_without_stdout")
def no_stdout(scene: Scene) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" >&-', "sh", *scene.command()],
        cwd=scene.repo,
        env=scene.environment(),
        input=init("upload"),
        stderr=subprocess.PIPE,
        timeout=scene.subject.patience,
    )
    expect(b"Traceback" not in done.stderr and b"panic:" not in done.stderr, "crashes")
