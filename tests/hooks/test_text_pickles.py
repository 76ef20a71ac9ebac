"""Text pickles (protocol 0) are known as pickles by their name alone, wherever they lie."""

import pickle

import pytest

from tests.commands.test_pull import publish_unchecked
from tests.conftest import World

BASELINE = "cache/s1/tl_baseline_cache.pkl"
TEXT = pickle.dumps({"a": [1, 2, 3], "b": "c" * 50}, protocol=0)
EVIL_TEXT = b"cos\nsystem\n(S'echo owned'\ntR."


@pytest.mark.parametrize(
    ("data", "word"), [(TEXT, ""), (TEXT[:-9], "incomplete"), (EVIL_TEXT, "unsafe")]
)
def test_a_staged_text_pickle_is_judged(world: World, data, word):
    place = world.clone("a")
    world.cache(place).write_bytes(data)
    world.git(place, "add", ".")
    done = world.run(["git", "commit", "-qm", "x"], place)
    assert done.returncode == (1 if word else 0)
    assert word in done.stderr and (BASELINE in done.stderr) == bool(word)


def test_an_unsafe_text_pickle_does_not_arrive(world: World):
    world.clone("a")
    publish_unchecked(world, EVIL_TEXT)
    other = world.clone("b")
    done = world.cf(other, "pull")
    assert done.returncode == 1 and "unsafe" in done.stderr and "system" in done.stderr
    assert (other / BASELINE).read_bytes().startswith(b"version https")
