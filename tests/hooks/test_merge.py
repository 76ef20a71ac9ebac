"""The merge driver: one whole version wins, the published one, and no cache ever has markers."""

from pathlib import Path

import pytest

from tests.commands.test_pull import NO_SMUDGE, oid
from tests.conftest import World, payload

BASELINE = "cache/s1/tl_baseline_cache.pkl"


def commit(world: World, place: Path, seed: int) -> None:
    world.cache(place, seed=seed)
    world.git(place, "add", "cache")
    world.git(place, "commit", "-qm", f"seed {seed}")


def kept(place: Path, seed: int) -> bool:
    name = oid(payload(seed))
    file = place / ".git/lfs/objects" / name[:2] / name[2:4] / name
    return file.exists() and file.read_bytes() == payload(seed)


@pytest.fixture(params=["both add", "both change"])
def clones(request, world: World) -> tuple[Path, Path]:
    """Two clones that have committed different versions; the first one's is published."""
    first = world.clone("a")
    if request.param == "both change":
        world.cache(first, seed=1)
        world.sync(first)
    second = world.clone("b")
    commit(world, first, 2)
    world.git(first, "push", "-q")
    commit(world, second, 3)
    return first, second


@pytest.mark.parametrize("pull", [("pull", "-q", "--no-edit"), ("pull", "-q", "--rebase")])
def test_the_published_version_wins(world, clones, pull):
    _, second = clones
    done = world.run(["git", *pull], second)
    assert done.returncode == 0, done.stdout + done.stderr
    assert BASELINE in done.stderr and oid(payload(3)) in done.stderr
    assert (second / BASELINE).read_bytes() == payload(2)
    assert kept(second, 3) and kept(second, 2)
    assert world.git(second, "status", "--porcelain") == ""
    assert oid(payload(2)) in world.git(second, "show", f"HEAD:{BASELINE}")
    world.git(second, "push", "-q")


def test_a_merge_of_own_branches_keeps_ours(world):
    place = world.clone("a")
    world.git(place, "switch", "-q", "-c", "side")
    commit(world, place, 1)
    world.git(place, "switch", "-q", "main")
    commit(world, place, 2)
    done = world.run(["git", "merge", "-q", "--no-edit", "side"], place)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (place / BASELINE).read_bytes() == payload(2) and kept(place, 1)
    assert world.git(place, "status", "--porcelain") == ""


def test_no_markers_where_cacheferry_is_not_set_up(world):
    first = world.clone("a")
    commit(world, first, 2)
    world.git(first, "push", "-q")
    plain = world.folder / "plain"
    world.git(world.folder, "clone", "-q", str(world.remote), "plain", env=NO_SMUDGE)
    for how in ("merge", "rebase"):
        world.git(plain, "reset", "-q", "--hard", "origin/main^", env=NO_SMUDGE)
        (plain / BASELINE).parent.mkdir(parents=True, exist_ok=True)
        spec = "version https://git-lfs.github.com/spec/v1"
        (plain / BASELINE).write_text(f"{spec}\noid sha256:{oid(payload(9))}\nsize 9\n")
        world.git(plain, "add", ".")
        world.git(plain, "commit", "-qm", "mine")
        done = world.run(["git", how, "-q", "origin/main"], plain, env=NO_SMUDGE)
        assert done.returncode != 0  # theirs to settle
        data = (plain / BASELINE).read_bytes()
        assert b"<<<<" not in data and data.startswith(b"version") and data.count(b"\n") == 3
        world.git(plain, how, "--abort", env=NO_SMUDGE)


def test_a_driver_that_is_gone_leaves_a_whole_version(world, clones):
    _, second = clones
    world.git(second, "config", "merge.cacheferry.driver", "/no/where %A %B %P")
    done = world.run(["git", "pull", "-q", "--no-edit"], second)
    assert done.returncode != 0
    assert (second / BASELINE).read_bytes() in (payload(2), payload(3)) or (
        second / BASELINE
    ).read_bytes().startswith(b"version https")
    assert b"<<<<" not in (second / BASELINE).read_bytes()


def test_the_published_version_wins_whatever_became_of_the_configuration(world):
    first, second = world.clone("one"), world.clone("two")
    world.cache(first, seed=1)
    world.sync(first)
    mine = world.cache(second, seed=2)
    world.git(second, "add", "cache")
    world.git(second, "commit", "-qm", "mine")
    (second / "cacheferry.yaml").write_text("<<<<<<< neither\n")
    world.git(second, "pull", "-q", "--no-rebase")
    world.git(second, "checkout", "-q", "--", "cacheferry.yaml")
    assert world.cf(second, "pull").returncode == 0
    assert mine.read_bytes() == payload(1)
