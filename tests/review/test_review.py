"""What a hostile review broke, each as its user would meet it."""

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from tests.conftest import CONFIG, World, payload


def _kept(clone: Path, data: bytes) -> bool:
    oid = hashlib.sha256(data).hexdigest()
    return (clone / ".git/lfs/objects" / oid[:2] / oid[2:4] / oid).exists()


def test_a_cache_written_after_its_conflict_is_kept_too(world: World) -> None:
    first, second = world.clone("a"), world.clone("b")
    world.cache(first, seed=1)
    world.sync(first)
    cache = world.cache(second, seed=2)
    assert world.cf(second, "sync").returncode == 1
    cache.write_bytes(payload(3))

    done = world.cf(second, "pull")

    assert done.returncode == 0, done.stderr
    assert cache.read_bytes() == payload(1)
    assert _kept(second, payload(2)) and _kept(second, payload(3))
    assert hashlib.sha256(payload(3)).hexdigest() in done.stderr


def test_a_pull_settles_a_conflict_where_caches_are_ordinary_blobs(world: World) -> None:
    first = world.clone("a", config=CONFIG.replace("../store", "git"))
    second = world.clone("b")
    world.cache(first, seed=1)
    world.sync(first)
    cache = world.cache(second, seed=2)
    assert world.cf(second, "sync").returncode == 1

    assert world.cf(second, "pull").returncode == 0

    assert cache.read_bytes() == payload(1)
    assert _kept(second, payload(2))
    world.sync(second)


def test_nothing_is_written_through_a_folder_that_is_a_symlink(world: World) -> None:
    first, second = world.clone("a"), world.clone("b")
    world.cache(first, seed=1)
    world.sync(first)
    disk = world.folder / "disk"
    shutil.move(first / "cache" / "s1", disk)
    (first / "cache" / "s1").symlink_to(disk)
    (disk / "tl_baseline_cache.pkl").write_bytes(payload(9))
    world.cf(second, "pull")
    world.cache(second, "new_baseline_cache.pkl", seed=4)
    world.sync(second)

    world.cf(first, "pull")
    world.cf(first, "sync")

    assert os.listdir(disk) == ["tl_baseline_cache.pkl"]
    assert (disk / "tl_baseline_cache.pkl").read_bytes() == payload(9)


def test_a_symlink_where_a_cache_was_stays(world: World) -> None:
    clone = world.clone("a")
    cache = world.cache(clone, seed=1)
    world.sync(clone)
    elsewhere = world.folder / "elsewhere.pkl"
    elsewhere.write_bytes(payload(9))
    cache.unlink()
    cache.symlink_to(elsewhere)

    world.cf(clone, "pull")

    assert cache.is_symlink() and elsewhere.read_bytes() == payload(9)


@pytest.mark.parametrize("store", ["../store", "git"])
def test_no_file_name_stops_the_others(world: World, store: str) -> None:
    clone = world.clone("a", config=CONFIG.replace("../store", store))
    world.cache(clone, seed=0)
    folder = os.fsencode(clone / "cache" / "s1")
    names = [b"-x.pkl", b"line\nend.pkl", b'quo"te.pkl', b"\xff\xfe.pkl", b"back\\slash.pkl"]
    for name in names:
        Path(os.fsdecode(os.path.join(folder, name))).write_bytes(payload(len(name)))

    world.sync(clone)

    listing = world.git(world.remote, "ls-tree", "-rz", "--name-only", "main").split("\0")
    assert {f"cache/s1/{os.fsdecode(name)}" for name in names} <= set(listing)


def test_a_name_that_git_reads_as_a_pattern_does_not_publish_what_is_ignored(world: World) -> None:
    clone = world.clone("a", config='store: ../store\ntrack: ["*.pkl"]\nsync: {settle: 0.1}\n')
    (clone / ".gitignore").write_text("secret.pkl\n")
    (clone / "secret.pkl").write_bytes(payload(1))
    (clone / ":!z.pkl").write_bytes(payload(2))

    done = world.cf(clone, "sync")

    assert done.returncode == 1 and "held: secret.pkl: ignored" in done.stderr
    assert not world.on_remote("secret.pkl") and world.on_remote(":!z.pkl")


@pytest.mark.parametrize(
    "line",
    [
        'caches: [{name: x, file: "cache/{a}{b}{c}{d}{e}{f}{g}.pkx"}]\ntrack: ["cache/**/*.pkl"]',
        'track: ["cache/*a*a*a*a*a*a*a*a*b.pkl"]',
        'track: ["cache/**/**/**/**/**/**/**/**/**/x.pkl"]',
        'track: ["cache/**/a/**/a/**/a/**/a/**/a/**/a/x.pkl"]',
    ],
)
def test_no_pattern_of_a_clone_keeps_a_checkout_busy(world: World, line: str) -> None:
    clone = world.clone("a")
    (clone / "cacheferry.yaml").write_text(f"store: git\n{line}\n")
    deep = clone.joinpath("cache", *["a"] * 60)
    deep.mkdir(parents=True)
    (deep / "y.pkl").write_bytes(payload(1))
    (clone / "cache" / ("a" * 200 + ".pkl")).write_bytes(payload(1))

    world.git(clone, "checkout", "-q", "-b", "other", timeout=10)


def test_a_repository_whose_path_has_a_line_s_end_is_an_error_of_one_line(world: World) -> None:
    world.clone("a")
    place = world.folder / "b\nc"
    world.git(world.folder, "clone", "-q", str(world.remote), "./b\nc")

    done = world.cf(place, "sync")

    assert done.returncode == 2 and "Traceback" not in done.stderr
