"""Through the real git-lfs."""

import os
import shlex
import shutil
from pathlib import Path

from tests.conformance.case import NotApplicable, case, expect
from tests.conformance.scene import Scene
from tests.conformance.wire import oid_of

AGENT = "lfs.customtransfer.subject."


def set_up(scene: Scene, repo: Path) -> None:
    """Makes git-lfs run the agent in a repository."""
    if not shutil.which("git-lfs"):
        raise NotApplicable("needs git-lfs")
    command = scene.command()
    for key, value in {
        "user.name": "Someone",
        "user.email": "some@one",
        "lfs.standalonetransferagent": "subject",
        "lfs.concurrenttransfers": "3",
        AGENT + "path": command[0],
        AGENT + "args": shlex.join(command[1:]),
        "remote.origin.url": scene.remote,
    }.items():
        scene.git("config", key, value, cwd=repo)
    scene.git("lfs", "install", "--local", "--skip-repo", cwd=repo)


def committed(scene: Scene, files: dict[str, bytes]) -> None:
    """The files in a commit, as pointers."""
    set_up(scene, scene.repo)
    (scene.repo / ".gitattributes").write_text("*.pkl filter=lfs -text\n")
    for name, data in files.items():
        path = scene.repo / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    scene.git("add", ".")
    scene.git("commit", "-q", "-m", "caches")


def push(scene: Scene) -> tuple[int, str]:
    return scene.try_git("lfs", "push", "--all", "origin")


def clone(scene: Scene) -> Path:
    """Another clone, with pointers alone."""
    there = scene.base / "clone"
    skip = ("-c", "filter.lfs.smudge=", "-c", "filter.lfs.process=")
    scene.git(*skip, "clone", "-q", str(scene.repo), str(there), cwd=scene.base)
    set_up(scene, there)
    return there


def nothing_left(there: Path) -> None:
    """No download is left; names of digits alone are git-lfs's own and stay for a while."""
    folder = there / ".git/lfs/tmp"
    left = [path.name for path in folder.glob("*") if not path.name.isdigit()]
    expect(not left, f"left behind: {left[:3]}")


def pull(scene: Scene, there: Path) -> tuple[int, str]:
    return scene.try_git("lfs", "pull", "origin", cwd=there)


@case(
    "git lfs push and git lfs pull carry objects from one clone to another.",
    "stores_nothing error_code_is_text",
    {"ten": 10},
)
def push_and_pull(scene: Scene, count: int) -> None:
    files = {f"cache/dir {n}/é{n}.pkl": os.urandom(1000 + n) for n in range(count)}
    files["empty.pkl"] = b""
    committed(scene, files)
    code, text = push(scene)
    expect(code == 0, f"push: {text[-200:]}")
    scene.holds(*(data for data in files.values() if data))
    there = clone(scene)
    code, text = pull(scene, there)
    expect(code == 0, f"pull: {text[-200:]}")
    same = all((there / name).read_bytes() == data for name, data in files.items())
    expect(same, "other bytes come back")
    expect(scene.git("status", "--porcelain", cwd=there) == "", "git status is not clean")
    nothing_left(there)


case(
    "git lfs push and git lfs pull carry more than a batch of objects.",
    "stores_nothing",
    {"three hundred": 300},
    slow=True,
)(push_and_pull)


@case("One missing object fails alone, by name.", "missing_is_fine dies_at_error")
def pull_of_a_missing_object(scene: Scene) -> None:
    committed(scene, {"a.pkl": b"one", "b.pkl": b"other"})
    push(scene)
    scene.object(oid_of(b"one")).unlink()
    there = clone(scene)
    code, text = pull(scene, there)
    expect(code != 0 and oid_of(b"one") in text, f"exit code {code}, {text[-200:]}")
    oid = oid_of(b"other")
    path = there / ".git/lfs/objects" / oid[:2] / oid[2:4] / oid
    expect(path.is_file(), "the other object is not fetched")
    expect(push(scene)[0] == 0, "it cannot be pushed again")
    code, text = pull(scene, there)
    expect(code == 0 and (there / "a.pkl").read_bytes() == b"one", f"not healed: {text[-200:]}")


@case(
    "A damaged object is not taken, leaves nothing, and is healed by a push.",
    "trusts_the_store compares_sizes",
)
def pull_of_a_damaged_object(scene: Scene) -> None:
    committed(scene, {"a.pkl": b"one"})
    push(scene)
    path = scene.object(oid_of(b"one"))
    path.unlink()
    path.write_bytes(b"two")
    there = clone(scene)
    code, text = pull(scene, there)
    expect(code != 0 and oid_of(b"one") in text, f"exit code {code}, {text[-200:]}")
    nothing_left(there)
    expect(push(scene)[0] == 0, "it cannot be pushed again")
    code, text = pull(scene, there)
    expect(code == 0 and (there / "a.pkl").read_bytes() == b"one", f"not healed: {text[-200:]}")


@case("Wrong bytes in the LFS storage are not published.", "trusts_sources")
def push_of_wrong_bytes(scene: Scene) -> None:
    committed(scene, {"a.pkl": b"one"})
    oid = oid_of(b"one")
    local = scene.repo / ".git/lfs/objects" / oid[:2] / oid[2:4] / oid
    local.unlink()
    local.write_bytes(b"two")
    code, _ = push(scene)
    expect(scene.place.held(oid) is None, "wrong bytes are in the store")
    expect(code != 0, "push says that all is well")
