"""Promise 3: the user's commits stay the user's; plain `git pull` and `git push` go on working."""

from pathlib import Path

import pytest

from tests.conftest import World, payload
from tests.daemon.helping import CACHE, is_published
from tests.daemon.test_user_state import commit

RELATIONS = ("even", "ahead", "behind", "diverged")
PULLS = {
    "merge": ("pull.rebase", "false"),
    "rebase": ("pull.rebase", "true"),
    "ff-only": ("pull.ff", "only"),
}


def in_relation(world: World, relation: str, config: str | None = None) -> tuple[Path, Path]:
    clone = world.clone("a", config=config) if config else world.clone("a")
    other = world.clone("b")
    if relation in ("ahead", "diverged"):
        commit(world, clone, "mine")
    if relation in ("behind", "diverged"):
        commit(world, other, "theirs")
        world.git(other, "push", "-q")
    return clone, other


@pytest.mark.parametrize("pull", PULLS)
@pytest.mark.parametrize("relation", RELATIONS)
def test_pull_and_push_work_afterwards(world: World, relation: str, pull: str):
    clone, other = in_relation(world, relation)
    world.git(clone, "config", *PULLS[pull])
    world.cache(clone)
    world.sync(clone)
    assert is_published(world)
    assert world.on_remote("mine") == ""
    if relation in ("even", "ahead"):
        world.git(clone, "push", "-q")
    if (relation, pull) == ("diverged", "ff-only"):
        return  # would not have worked without us either
    world.git(clone, "pull", "-q")
    world.git(clone, "push", "-q")
    assert (clone / CACHE).read_bytes() == payload(0)
    assert world.git(clone, "status", "--porcelain") == ""
    assert world.git(clone, "rev-parse", "HEAD") == world.git(world.remote, "rev-parse", "main")
    world.git(other, "pull", "-q")
    assert (other / CACHE).read_bytes() == payload(0)
    if relation in ("ahead", "diverged"):
        assert (other / "mine").exists()


@pytest.mark.parametrize("relation", RELATIONS)
def test_plain_git_mode_too(world: World, relation: str):
    from tests.conftest import CONFIG

    clone, other = in_relation(world, relation, CONFIG.replace("../store", "git"))
    world.cache(clone)
    world.sync(clone)
    assert world.git(clone, "status", "--porcelain") == ""
    assert "\N{REPLACEMENT CHARACTER}" not in world.git(world.remote, "show", "--stat", "main")
    world.git(clone, "pull", "-q", "--no-rebase", "--no-edit")
    world.git(clone, "push", "-q")
    world.git(other, "pull", "-q", "--no-rebase")
    assert (other / CACHE).read_bytes() == payload(0)


@pytest.mark.parametrize("relation", RELATIONS)
def test_what_died_before_head_moved_is_made_up_for(world: World, relation: str):
    """The push got through and nothing else did: the next pass moves HEAD on."""
    clone, _ = in_relation(world, relation)
    world.git(clone, "branch", "before")
    world.cache(clone)
    world.sync(clone)
    # As it was when the push was through.
    world.git(clone, "update-ref", "refs/heads/main", "before")
    world.git(clone, "reset", "-q")
    (clone / "code.py").write_text("changed")
    world.sync(clone)
    assert world.git(clone, "status", "--porcelain") == " M code.py"
    world.git(clone, "stash", "-q")
    if relation == "ahead":
        world.git(clone, "push", "-q")
    world.git(clone, "pull", "-q", "--no-rebase", "--no-edit")
    world.git(clone, "push", "-q")
    assert (clone / CACHE).read_bytes() == payload(0)


def test_a_message_names_the_caches_and_the_commit_has_nothing_else(world: World):
    clone = world.clone("a")
    names = [f"s{number}_baseline_cache.pkl" for number in range(3)]
    for number, name in enumerate(names):
        world.cache(clone, name, seed=number)
    (clone / "untracked").touch()
    world.sync(clone)
    message = world.git(clone, "log", "-1", "--format=%B")
    assert all(name in message for name in names)
    changed = world.git(clone, "show", "--format=", "--name-only", "HEAD").splitlines()
    assert changed == [f"cache/s1/{name}" for name in names]


def test_a_rewound_upstream_gets_the_caches_again(world: World):
    clone = world.clone("a")
    world.cache(clone)
    world.sync(clone)
    world.git(world.remote, "update-ref", "refs/heads/main", "main~1")
    assert not is_published(world)
    world.sync(clone)
    assert is_published(world)
    assert world.git(clone, "status", "--porcelain") == ""
    world.git(clone, "push", "-q")


def test_a_push_that_never_got_through_is_made_again(world: World):
    """What was noted before a push that died must not look like something pruned since."""
    clone = world.clone("a")
    world.cache(clone)
    hook = world.remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    assert world.cf(clone, "sync").returncode == 4
    hook.unlink()
    world.sync(clone)
    assert is_published(world)


def test_a_cache_that_was_pruned_elsewhere_does_not_come_back(world: World):
    clone, other = world.clone("a"), world.clone("b")
    world.cache(clone)
    world.sync(clone)
    world.git(other, "pull", "-q")
    world.git(other, "rm", "-q", CACHE)
    world.git(other, "commit", "-qm", "pruned")
    world.git(other, "push", "-q")
    world.cf(clone, "sync")
    assert world.on_remote(CACHE) == ""
    assert not (clone / CACHE).exists()


def test_a_deleted_cache_stays_on_the_remote(world: World):
    clone = world.clone("a")
    world.cache(clone).unlink(missing_ok=False)
    file = world.cache(clone)
    world.sync(clone)
    file.unlink()
    world.cache(clone, "other_baseline_cache.pkl")
    world.sync(clone)
    assert is_published(world)
