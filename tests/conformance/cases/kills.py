"""kill -9 before each single change of the file system, by strace."""

import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from itertools import takewhile
from typing import NamedTuple

from tests.conformance.case import NotApplicable, case, expect
from tests.conformance.scene import Scene
from tests.conformance.wire import TERMINATE, download, init, oid_of, upload

CHANGES = (
    "write pwrite64 writev pwritev copy_file_range sendfile ftruncate fallocate fsync fdatasync "
    "rename renameat renameat2 link linkat symlink symlinkat mkdir mkdirat unlink unlinkat rmdir "
    "chmod fchmod fchmodat utimensat exit_group"
).split()
DATA = os.urandom(2_500_000)
OID = oid_of(DATA)
THIN = 5


class Change(NamedTuple):
    """A system call, as strace writes it."""

    thread: str
    call: str
    words: str


def up(scene: Scene) -> bytes:
    return init("upload") + upload(OID, len(DATA), scene.file("o", DATA)) + TERMINATE


def down(scene: Scene) -> bytes:
    scene.place.keep(OID, DATA)
    return init("download") + download(OID, len(DATA)) + TERMINATE


SAFE = "kill -9 at any instant: nothing half-written under a final name, and the next run works."


def killed(scene: Scene, prepare: Callable[[Scene], bytes], step: int) -> None:
    for call, count in instants(scene, prepare(scene))[::step]:
        fresh(scene)
        run(scene, prepare(scene), f"{call}:signal=KILL:when={count}")
        held = scene.place.held(OID)
        expect(held in (None, DATA), f"killed before {call} {count}: half an object is visible")
        objects = (scene.repo / ".git/lfs/objects").rglob("?" * 64)
        halves = [path for path in objects if path.read_bytes() != DATA]
        expect(not halves, f"killed before {call} {count}: half an object in the LFS storage")
        for path in [scene.store / name for name in scene.files()] + scene.lfs_files():
            if path != scene.object(OID):
                os.utime(path, (1, 1))
        scene.put(DATA)
        expect(scene.get(OID, len(DATA)) == DATA, "other bytes")
        scene.put(b"one more, for the sweep")
        left = len(scene.files()), len(scene.lfs_files())
        expect(left == (2, 0), f"killed before {call} {count}: leaves {left} for ever")


@case(SAFE, "writes_in_place sweeps_nothing", {"upload, sampled": up})
def kill(scene: Scene, prepare: Callable[[Scene], bytes]) -> None:
    killed(scene, prepare, THIN)


case(SAFE, "sweeps_nothing", {"download, sampled": down})(kill)


@case(SAFE, "writes_in_place sweeps_nothing", {"upload": up}, slow=True)
def kill_at_every_call(scene: Scene, prepare: Callable[[Scene], bytes]) -> None:
    killed(scene, prepare, 1)


case(SAFE, "sweeps_nothing", {"download": down}, slow=True)(kill_at_every_call)


@case(
    "An object is flushed and renamed, its folder is flushed, and only then comes complete.",
    "never_flushes completes_first",
)
def durable(scene: Scene) -> None:
    log = run(scene, up(scene), None)
    before = takewhile(lambda one: not (one.call == "write" and "complete" in one.words), log)
    calls = [call for _, call, _ in before if "sync" in call or call.startswith("rename")]
    last = max((n for n, call in enumerate(calls) if call.startswith("rename")), default=-1)
    expect(last > 0 and "sync" in calls[last - 1], f"no flush before the rename: {calls}")
    expect("sync" in "".join(calls[last + 1 :]), f"no flush before complete: {calls}")


def instants(scene: Scene, lines: bytes) -> list[tuple[str, int]]:
    """Each change that a whole run makes, as a system call and which one of its thread's."""
    seen: Counter[tuple[str, str]] = Counter()
    for thread, call, _ in run(scene, lines, None):
        seen[thread, call] += 1
    most = Counter[str]()
    for (_, call), count in seen.items():
        most[call] = max(most[call], count)
    return [(call, number) for call in most for number in range(1, most[call] + 1)]


def fresh(scene: Scene) -> None:
    shutil.rmtree(scene.store)
    shutil.rmtree(scene.repo / ".git/lfs", ignore_errors=True)
    scene.use_store(scene.store)


def run(scene: Scene, lines: bytes, injection: str | None) -> list[Change]:
    """The agent under strace; the changes that it has made, in order."""
    strace = shutil.which("strace")
    if not strace:
        raise NotApplicable("needs strace")
    log = scene.base / "home" / "trace"
    log.unlink(missing_ok=True)
    words = [strace, "-f", "-qq", "-o", str(log), "-e", "signal=none"]
    words += ["-e", f"trace={','.join('?' + name for name in CHANGES)}"]
    words += ["-e", f"inject={injection}"] if injection else []
    done = subprocess.run(
        [*words, *scene.command()],
        input=lines,
        cwd=scene.repo,
        env=scene.environment(),
        capture_output=True,
        timeout=scene.subject.patience,
    )
    if not log.exists() or b"ptrace" in done.stderr:
        raise NotApplicable(f"strace does not work here: {done.stderr!r:.100}")
    if injection is None:
        fetched_or_stored(scene, done.stdout)
    text = log.read_text(errors="replace")
    return [Change(*found) for found in re.findall(r"^(\d+) +(\w+)\((.*)", text, re.M)]


def fetched_or_stored(scene: Scene, out: bytes) -> None:
    expect(out.count(b"complete") == 1 and b'"error"' not in out, f"does not work: {out!r:.200}")
