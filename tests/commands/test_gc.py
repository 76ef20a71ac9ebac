"""`cacheferry gc` (contract 6): what nothing needs and nobody has just put leaves the store."""

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cacheferry.core import repository
from cacheferry.core.pointer import Pointer
from daemon import memory
from tests.conftest import PROGRAM, World, payload

OLD = time.time() - 15 * 86400
YOUNG = time.time() - 13 * 86400
SEED = 77
OID = hashlib.sha256(payload(SEED)).hexdigest()
NO_SMUDGE = {"GIT_LFS_SKIP_SMUDGE": "1"}


def stored(world: World, oid: str = OID) -> Path:
    return world.store / oid[:2] / oid[2:4] / oid


def put(world: World, when: float = OLD, seed: int = SEED) -> str:
    """An object that lies in the store since then."""
    oid = hashlib.sha256(payload(seed)).hexdigest()
    file = stored(world, oid)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(payload(seed))
    os.utime(file, (when, when))
    return oid


def lay(place: Path, name: str = "wanted.pkl") -> Path:
    """The pointer to the object, as a file."""
    file = place / "cache" / "s1" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(Pointer(OID, len(payload(SEED))).text())
    return file


def commit(world: World, place: Path) -> None:
    lay(place)
    world.git(place, "add", "-A", env=NO_SMUDGE)
    world.git(place, "commit", "-qm", "wanted")


def forget(world: World, place: Path) -> None:
    world.git(place, "reflog", "expire", "--expire=now", "--all")
    (place / ".git/ORIG_HEAD").unlink(missing_ok=True)


def gc(world: World, place: Path, *args: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = world.cf(place, "gc", *args)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def clone(world: World) -> Path:
    """A clone that has published one cache, in a store with one old object that nothing needs."""
    place = world.clone("a")
    world.cache(place)
    world.sync(place)
    os.utime(stored(world, hashlib.sha256(payload(0)).hexdigest()), (OLD, OLD))
    put(world)
    return place


def test_what_nothing_needs_is_listed_and_goes(world: World, clone: Path) -> None:
    done = gc(world, clone)
    assert OID in done.stdout and "removed 1 object (" in done.stdout
    assert not stored(world).exists()
    assert stored(world, hashlib.sha256(payload(0)).hexdigest()).exists()
    assert "removed" not in gc(world, clone).stdout


def test_dry_run_lists_and_removes_nothing(world: World, clone: Path) -> None:
    done = gc(world, clone, "--dry-run")
    assert OID in done.stdout and "removed" not in done.stdout
    assert stored(world).exists()


def test_what_was_put_within_the_grace_period_stays(world: World, clone: Path) -> None:
    put(world, YOUNG)
    done = gc(world, clone)
    assert OID not in done.stdout and "younger than 14 days" in done.stdout
    assert stored(world).exists()


def test_other_files_of_the_store_stay(world: World, clone: Path) -> None:
    others = [world.store / "README", world.store / "ab" / "cd" / "note", world.store / "ab" / OID]
    for file in others:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("not an object")
        os.utime(file, (OLD, OLD))
    gc(world, clone)
    assert all(file.exists() for file in others) and not stored(world).exists()


def test_refs_and_work_are_as_before(world: World, clone: Path) -> None:
    other = world.clone("b")
    world.git(other, "switch", "-qc", "side")
    commit(world, other)
    world.git(other, "push", "-q", "--no-verify", "origin", "side")
    (clone / "code.py").write_text("edited\n")
    before = [world.git(clone, *args) for args in (("for-each-ref",), ("status", "--porcelain"))]
    gc(world, clone)
    after = [world.git(clone, *args) for args in (("for-each-ref",), ("status", "--porcelain"))]
    assert after == before
    assert not (clone / ".git" / "FETCH_HEAD").exists()


def pushed_by_another_clone(world: World, clone: Path) -> None:
    other = world.clone("b")
    world.git(other, "switch", "-qc", "side")
    commit(world, other)
    world.git(other, "push", "-q", "--no-verify", "origin", "side")


def tagged_by_another_clone(world: World, clone: Path) -> None:
    other = world.clone("b")
    commit(world, other)
    world.git(other, "tag", "v1")
    world.git(other, "push", "-q", "--no-verify", "origin", "v1")


def branch_that_is_not_pushed(world: World, clone: Path) -> None:
    world.git(clone, "switch", "-qc", "side")
    commit(world, clone)
    world.git(clone, "switch", "-q", "main")
    forget(world, clone)


def tag(world: World, clone: Path) -> None:
    commit(world, clone)
    world.git(clone, "tag", "v1")
    world.git(clone, "reset", "-q", "--hard", "HEAD~1", env=NO_SMUDGE)
    forget(world, clone)


def stash(world: World, clone: Path) -> None:
    lay(clone)
    world.git(clone, "add", "-A", env=NO_SMUDGE)
    world.git(clone, "stash", "-q", env=NO_SMUDGE)


def amended_commit(world: World, clone: Path) -> None:
    commit(world, clone)
    world.git(clone, "rm", "-qf", "cache/s1/wanted.pkl")
    world.git(clone, "commit", "-qm", "better", "--amend", "--allow-empty")


def index_of_a_linked_worktree(world: World, clone: Path) -> None:
    world.git(clone, "worktree", "add", "-q", "--detach", "../linked", env=NO_SMUDGE)
    file = lay(world.folder / "linked")
    world.git(world.folder / "linked", "add", "-A", env=NO_SMUDGE)
    file.unlink()


def detached_head(world: World, clone: Path) -> None:
    world.git(clone, "checkout", "-q", "--detach")
    commit(world, clone)
    forget(world, clone)


def pointer_in_the_work_tree(world: World, clone: Path) -> None:
    lay(clone, "not committed.pkl")


def rebase_under_way(world: World, clone: Path) -> None:
    """Stopped before the commit that holds the pointer."""
    (clone / "code.py").write_text("mine\n")
    world.git(clone, "commit", "-qam", "mine")
    commit(world, clone)
    world.git(clone, "branch", "base", "HEAD~2")
    world.git(clone, "switch", "-q", "-c", "theirs", "base")
    (clone / "code.py").write_text("theirs\n")
    world.git(clone, "commit", "-qam", "theirs")
    world.git(clone, "switch", "-q", "main")
    world.git(clone, "rebase", "-q", "theirs", check=False)
    assert (clone / ".git" / "rebase-merge").is_dir()
    world.git(clone, "update-ref", "refs/heads/main", "base")
    forget(world, clone)


def loser_of_a_conflict(world: World, clone: Path) -> None:
    memory.keep_aside(repository.find(clone), {"cache/both.pkl": ("0" * 40, OID)}, ())


def loser_of_a_conflict_in_a_linked_worktree(world: World, clone: Path) -> None:
    world.git(clone, "worktree", "add", "-q", "--detach", "../linked", env=NO_SMUDGE)
    linked = repository.find(world.folder / "linked")
    linked.state_dir.mkdir(exist_ok=True)
    memory.keep_aside(linked, {"cache/both.pkl": ("0" * 40, OID)}, ())


def loser_of_a_real_conflict(world: World, clone: Path) -> None:
    other = world.clone("b")
    world.cache(other, "both.pkl", 5)
    world.sync(other)
    world.cache(clone, "both.pkl", SEED)
    assert world.cf(clone, "sync").returncode == 1
    put(world)
    forget(world, clone)


NEEDS = [
    pushed_by_another_clone, tagged_by_another_clone, branch_that_is_not_pushed, tag, stash,
    amended_commit, index_of_a_linked_worktree, detached_head, pointer_in_the_work_tree,
    rebase_under_way, loser_of_a_conflict, loser_of_a_conflict_in_a_linked_worktree,
    loser_of_a_real_conflict,
]  # fmt: skip


@pytest.mark.parametrize("need", NEEDS, ids=lambda need: need.__name__)
def test_what_is_needed_stays(
    world: World, clone: Path, need: Callable[[World, Path], None]
) -> None:
    need(world, clone)
    done = gc(world, clone)
    assert OID not in done.stdout and stored(world).exists()


def test_a_branch_that_the_remote_no_longer_has_needs_nothing_there(
    world: World, clone: Path
) -> None:
    pushed_by_another_clone(world, clone)
    gc(world, clone)
    tip = world.git(world.remote, "rev-parse", "side")
    world.git(world.remote, "branch", "-D", "side")
    # As a gc leaves it that was killed while it looked.
    world.git(clone, "update-ref", "refs/cacheferry/gc/0/heads/side", tip)
    gc(world, clone)
    assert not stored(world).exists()


def test_a_shallow_clone_is_refused(world: World, clone: Path) -> None:
    args = ("clone", "-q", "--depth=1", "--no-single-branch", world.remote.as_uri(), "shallow")
    world.git(world.folder, *args, env=NO_SMUDGE)
    assert world.cf(world.folder / "shallow", "init").returncode == 0
    done = gc(world, world.folder / "shallow", code=3)
    assert "shallow" in done.stderr and "--unshallow" in done.stderr and stored(world).exists()
    world.git(world.folder / "shallow", "fetch", "-q", "--unshallow")
    gc(world, world.folder / "shallow")
    assert not stored(world).exists()


def test_a_single_branch_clone_is_refused_and_told_how_to_follow_all(
    world: World, clone: Path
) -> None:
    place = world.folder / "single"
    args = ("clone", "-q", "--single-branch", str(world.remote), "single")
    world.git(world.folder, *args, env=NO_SMUDGE)
    assert world.cf(place, "init").returncode == 0
    done = gc(world, place, "--dry-run", code=3)
    assert stored(world).exists()
    hint = done.stderr.split("hint: ")[1].strip()
    assert world.run(["sh", "-c", hint], place).returncode == 0
    gc(world, place)
    assert not stored(world).exists()


def test_a_partial_clone_is_refused(world: World, clone: Path) -> None:
    world.git(world.remote, "config", "uploadpack.allowFilter", "true")
    world.git(clone, "rm", "-q", "code.py")
    world.git(clone, "commit", "-qm", "gone")
    world.git(clone, "push", "-q")
    args = ("clone", "-q", "--filter=blob:none", world.remote.as_uri(), "partial")
    world.git(world.folder, *args, env=NO_SMUDGE)
    assert world.cf(world.folder / "partial", "init").returncode == 0
    assert "partial" in gc(world, world.folder / "partial", code=3).stderr
    assert stored(world).exists()


def test_without_a_remote_it_is_refused(world: World, clone: Path) -> None:
    world.git(clone, "remote", "remove", "origin")
    assert "remote" in gc(world, clone, code=3).stderr and stored(world).exists()


def test_a_remote_that_is_away(world: World, clone: Path) -> None:
    world.remote.rename(world.folder / "away")
    done = gc(world, clone, code=4)
    assert "cannot fetch from origin" in done.stderr and stored(world).exists()


def test_every_remote_is_asked(world: World, clone: Path) -> None:
    world.git(clone, "remote", "add", "second", str(world.folder / "nowhere.git"))
    assert "second" in gc(world, clone, code=4).stderr and stored(world).exists()


def test_a_store_that_nobody_accepted_is_refused(world: World, clone: Path) -> None:
    (world.folder / "state" / "cacheferry" / "trusted-stores").unlink()
    done = gc(world, clone, code=2)
    assert "cacheferry trust" in done.stderr and stored(world).exists()


def test_a_store_that_is_away(world: World, clone: Path) -> None:
    world.store.rename(world.folder / "elsewhere")
    assert str(world.store) in gc(world, clone, code=4).stderr


def test_plain_git_has_nothing_to_collect(world: World) -> None:
    place = world.clone("a", config="store: git\ntrack: ['cache/**/*.pkl']\n")
    assert "store: git" in gc(world, place, code=2).stderr


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may remove anything")
def test_what_cannot_be_removed_is_named(world: World, clone: Path) -> None:
    stored(world).parent.chmod(0o500)
    assert OID in gc(world, clone, code=4).stderr
    stored(world).parent.chmod(0o700)


def test_two_at_once_are_refused(world: World, clone: Path) -> None:
    import filelock

    (clone / ".git/cacheferry").mkdir(exist_ok=True)
    with filelock.FileLock(clone / ".git/cacheferry/gc.lock"):
        assert "another gc" in gc(world, clone, code=3).stderr


def test_a_long_listing_ends_at_a_screen(world: World, clone: Path) -> None:
    for seed in range(100, 140):
        put(world, seed=seed)
    done = gc(world, clone, "--dry-run")
    assert "… and 11 more" in done.stdout and "41 objects (" in done.stdout
    assert "removed 41 objects (" in gc(world, clone).stdout


@pytest.mark.skipif(os.name == "nt", reason="pseudo-terminals")
@pytest.mark.parametrize(("answer", "code", "left"), [("n", 1, True), ("y", 0, False)])
def test_on_a_terminal_it_asks(
    world: World, clone: Path, answer: str, code: int, left: bool
) -> None:
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-I", str(PROGRAM), "gc"]
    with subprocess.Popen(
        command, cwd=clone, env=world.env, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.write(ours, f"{answer}\n".encode())
        assert process.wait(30) == code
    said = os.read(ours, 100_000).decode()
    os.close(ours)
    os.close(theirs)
    assert "Other repositories" in said and stored(world).exists() == left


def test_an_old_object_that_is_put_again_is_young(world: World, clone: Path) -> None:
    local = clone / ".git/lfs/objects" / OID[:2] / OID[2:4] / OID
    local.parent.mkdir(parents=True)
    local.write_bytes(payload(SEED))
    world.git(clone, "lfs", "push", "--object-id", "origin", OID)
    gc(world, clone)
    assert stored(world).exists()


@pytest.mark.parametrize("round_", range(4))
def test_what_another_clone_publishes_meanwhile_is_not_lost(
    world: World, clone: Path, round_: int
) -> None:
    """The object lay there, old and needed by nothing, before the other clone computed it again."""
    other = world.clone("b")
    for seed in range(200, 260):
        put(world, seed=seed)
    world.cache(other, "again.pkl", SEED)
    publishing = threading.Thread(target=world.sync, args=(other,))
    publishing.start()
    time.sleep(0.25 * round_)  # another overlap in each round
    gc(world, clone)
    publishing.join()
    assert OID in world.on_remote("cache/s1/again.pkl")
    assert stored(world).read_bytes() == payload(SEED)


def publish_at_fetch(world: World, clone: Path, number: int) -> None:
    """The remote gets a branch that needs the object just before so many fetches have been."""
    pushed_by_another_clone(world, clone)
    tip = world.git(world.remote, "rev-parse", "side")
    world.git(world.remote, "update-ref", "-d", "refs/heads/side")
    script, count = world.folder / "upload-pack", world.folder / "count"
    script.write_text(
        f"""#!/bin/sh
echo >>"{count}"
[ $(wc -l <"{count}") -ne {number} ] || git -C "$1" update-ref refs/heads/side {tip}
exec git-upload-pack "$@"
"""
    )
    script.chmod(0o755)
    world.git(clone, "config", "remote.origin.uploadpack", str(script))


def test_what_is_published_after_the_listing_stays(world: World, clone: Path) -> None:
    publish_at_fetch(world, clone, 2)
    done = gc(world, clone)
    assert OID in done.stdout and "removed 0 objects" in done.stdout and stored(world).exists()


def test_what_is_published_while_it_goes_is_put_back(world: World, clone: Path) -> None:
    publish_at_fetch(world, clone, 3)
    local = clone / ".git/lfs/objects" / OID[:2] / OID[2:4] / OID
    local.parent.mkdir(parents=True)
    local.write_bytes(payload(SEED))
    done = gc(world, clone)
    assert "removed 1 object (" in done.stdout and "put back" in done.stdout
    assert stored(world).read_bytes() == payload(SEED)


def test_what_is_published_while_it_goes_and_is_not_here_is_named(
    world: World, clone: Path
) -> None:
    publish_at_fetch(world, clone, 3)
    done = gc(world, clone, code=1)
    assert OID in done.stderr and "wanted.pkl" in done.stderr
    assert "cacheferry fsck --store" in done.stderr
