"""Objects that the store does not take keep no other cache from being published."""

import hashlib

from tests.conftest import World, payload
from tests.daemon.helping import is_published

GOOD, BAD = "cache/s1/a_baseline_cache.pkl", "cache/s1/b_baseline_cache.pkl"


def test_one_object_that_fails_waits_and_the_others_are_published(world: World):
    clone = world.clone("laptop")
    world.cache(clone, "a_baseline_cache.pkl", seed=1)
    world.cache(clone, "b_baseline_cache.pkl", seed=2)
    in_the_way = world.store / hashlib.sha256(payload(2)).hexdigest()[:2]
    world.store.mkdir(exist_ok=True)
    in_the_way.write_text("a file where a folder belongs")

    done = world.cf(clone, "sync")
    assert done.returncode == 4 and in_the_way.name in done.stderr
    assert is_published(world, GOOD) and world.on_remote(BAD) == ""

    in_the_way.unlink()
    world.sync(clone)
    assert is_published(world, BAD)


def test_a_damaged_copy_in_the_lfs_storage_is_healed_from_the_work_tree(world: World):
    clone = world.clone("laptop")
    world.cache(clone, "a_baseline_cache.pkl", seed=1)
    oid = hashlib.sha256(payload(1)).hexdigest()
    copy = clone / ".git" / "lfs" / "objects" / oid[:2] / oid[2:4] / oid
    copy.parent.mkdir(parents=True)
    copy.write_bytes(bytes(len(payload(1))))
    world.sync(clone)
    assert is_published(world, GOOD) and copy.read_bytes() == payload(1)
