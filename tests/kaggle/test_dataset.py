"""A Kaggle dataset as the store, and as a mirror for kernels without internet."""

import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import World, payload
from tests.servers.kaggle import KagglePlace
from tests.servers.place import oid_of

CACHES = [f"{name}_baseline_cache.pkl" for name in "abc"]


@pytest.fixture
def kaggle(world: World) -> KagglePlace:
    place = KagglePlace(world.folder / "inputs")
    world.env |= place.env
    return place


def contents(clone: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (clone / "cache").rglob("*.pkl")}


def three_caches(world: World, clone: Path) -> dict[str, bytes]:
    for seed, name in enumerate(CACHES):
        world.cache(clone, name, seed)
    return {name: payload(seed) for seed, name in enumerate(CACHES)}


def test_sync_publishes_one_version_and_others_pull_it(world: World, kaggle: KagglePlace):
    world.env["CACHEFERRY_STORE"] = kaggle.url
    laptop = world.clone("laptop")
    expected = three_caches(world, laptop)
    world.sync(laptop)
    assert len(kaggle.dataset.versions) == 1 and len(kaggle.names()) == 3

    world.cache(laptop, "d_baseline_cache.pkl", 9)
    world.sync(laptop)
    assert len(kaggle.dataset.versions) == 2 and len(kaggle.names()) == 4

    office = world.clone("office")
    done = world.cf(office, "pull")
    assert done.returncode == 0, done.stderr
    assert contents(office) == expected | {"d_baseline_cache.pkl": payload(9)}


def test_nothing_is_published_before_kaggle_has_accepted_it(world: World, kaggle: KagglePlace):
    world.env["CACHEFERRY_STORE"] = kaggle.url
    laptop = world.clone("laptop")
    world.cache(laptop)
    world.env["KAGGLE_API_TOKEN"] = "KGAT_wrong"
    done = world.cf(laptop, "sync")
    assert done.returncode == 4 and "credentials" in done.stderr and "hint" in done.stderr
    assert "KGAT_wrong" not in done.stdout + done.stderr
    assert world.on_remote("cache/s1/tl_baseline_cache.pkl") == ""


def test_mirror_brings_every_needed_cache_to_a_kernel_without_internet(
    world: World, kaggle: KagglePlace
):
    laptop = world.clone("laptop")
    expected = three_caches(world, laptop)
    world.cache(laptop, "x_00000000_rl_cache.pkl", 7)  # stale: no kernel needs it
    world.sync(laptop)
    shutil.rmtree(laptop / ".git" / "lfs")  # so that some must come from the current store

    done = world.cf(laptop, "kaggle", "mirror", kaggle.url)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{kaggle.url}: 3 caches (6.1 kB), 3 of them new\n"
    again = world.cf(laptop, "kaggle", "mirror", kaggle.url)
    assert again.stdout == f"{kaggle.url}: 3 caches (6.1 kB), all there already\n"
    assert len(kaggle.dataset.versions) == 1 and not kaggle.dataset.public

    mounted, asked = kaggle.attach_current(), len(kaggle.kaggle.requests)
    shutil.rmtree(world.store)
    for number, store in enumerate((str(mounted), kaggle.url)):
        world.env["CACHEFERRY_STORE"] = store
        kernel = world.clone(f"kernel{number}")
        done = world.cf(kernel, "pull")
        assert done.returncode == 0, done.stderr
        assert contents(kernel).items() >= expected.items()
    assert len(kaggle.kaggle.requests) == asked


def test_mirror_names_what_it_cannot_have_and_mirrors_the_rest(world: World, kaggle: KagglePlace):
    laptop = world.clone("laptop")
    three_caches(world, laptop)
    world.sync(laptop)
    shutil.rmtree(laptop / ".git" / "lfs")
    lost = next(file for file in world.store.rglob("*") if file.is_file())
    lost.unlink()
    done = world.cf(laptop, "kaggle", "mirror", kaggle.url)
    assert done.returncode == 1 and lost.name in done.stderr and "2 caches" in done.stdout
    assert len(kaggle.names()) == 2


def test_mirror_without_address_needs_a_kaggle_store_that_is_trusted(
    world: World, kaggle: KagglePlace
):
    laptop = world.clone("laptop")
    done = world.cf(laptop, "kaggle", "mirror")
    assert done.returncode == 2 and "is no Kaggle dataset" in done.stderr
    config = laptop / "cacheferry.yaml"
    config.write_text(config.read_text().replace("../store", kaggle.url))
    done = world.cf(laptop, "kaggle", "mirror")
    assert done.returncode == 2 and "cacheferry trust" in done.stderr
    assert kaggle.kaggle.requests == []


def test_plain_push_makes_one_version(world: World, kaggle: KagglePlace):
    world.env["CACHEFERRY_STORE"] = kaggle.url
    laptop = world.clone("laptop")
    expected = three_caches(world, laptop)
    world.git(laptop, "add", ".")
    world.git(laptop, "commit", "-qm", "by hand")
    world.git(laptop, "push", "-q")
    assert len(kaggle.names()) == 3
    assert len(kaggle.dataset.versions) == 1

    kaggle.kaggle.datasets.clear()
    world.git(laptop, "lfs", "push", "--all", "origin")
    assert (len(kaggle.names()), len(kaggle.dataset.versions)) == (3, 1)

    office = world.clone("office")
    world.git(office, "lfs", "pull")
    assert contents(office) == expected


def test_damaged_copy_is_healed_from_the_work_tree_and_all_are_one_version(
    world: World, kaggle: KagglePlace
):
    world.env["CACHEFERRY_STORE"] = kaggle.url
    laptop = world.clone("laptop")
    expected = three_caches(world, laptop)
    oid = oid_of(expected[CACHES[1]])
    copy = laptop / ".git" / "lfs" / "objects" / oid[:2] / oid[2:4] / oid
    copy.parent.mkdir(parents=True)
    copy.write_bytes(bytes(len(expected[CACHES[1]])))
    world.sync(laptop)
    assert set(kaggle.dataset.current.values()) == set(expected.values())
    assert len(kaggle.dataset.versions) == 1


def test_damaged_object_of_a_push_fails_alone(world: World, kaggle: KagglePlace):
    world.env["CACHEFERRY_STORE"] = kaggle.url
    laptop = world.clone("laptop")
    expected = three_caches(world, laptop)
    world.git(laptop, "add", ".")
    world.git(laptop, "commit", "-qm", "by hand")
    bad = oid_of(expected[CACHES[1]])
    copy = laptop / ".git" / "lfs" / "objects" / bad[:2] / bad[2:4] / bad
    copy.chmod(0o644)
    copy.write_bytes(bytes(len(expected[CACHES[1]])))
    done = world.run(["git", "push"], laptop)
    assert done.returncode != 0 and bad in done.stderr
    assert {path.rpartition("/")[2] for path in kaggle.names()} == {
        oid_of(data) for name, data in expected.items() if name != CACHES[1]
    }


def test_status_needs_no_network(world: World, kaggle: KagglePlace):
    world.env["CACHEFERRY_STORE"] = kaggle.url
    laptop = world.clone("laptop")
    world.cache(laptop)
    done = world.cf(laptop, "status", "--json")
    assert json.loads(done.stdout)["caches"] and kaggle.kaggle.requests == []
