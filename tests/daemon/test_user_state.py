"""Promise 2: what the user has staged, changed and left lying is the same after a pass."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import World
from tests.daemon.helping import CACHE, is_published, user_state


def a_mess(world: World, clone: Path) -> None:
    """One file in every state that the index and the work tree know."""
    folder = clone / "src ü 'q\""
    folder.mkdir(exist_ok=True)
    for name in ("staged", "partly", "changed", "gone", "gone-staged", "mode", "renamed"):
        (folder / name).write_text(f"{name}\n" * 5)
    world.git(clone, "add", ".")
    world.git(clone, "commit", "-qm", "files")
    world.git(clone, "push", "-q")
    (folder / "staged").write_text("staged\n")
    (folder / "new staged").write_text("new\n")
    (folder / "partly").write_text("one\n")
    world.git(clone, "add", ".")
    (folder / "partly").write_text("two\n")
    (folder / "changed").write_text("changed\n")
    (folder / "gone").unlink()
    world.git(clone, "rm", "-q", "--cached", str(folder / "gone-staged"))
    (folder / "mode").chmod(0o755)
    world.git(clone, "update-index", "--chmod=+x", str(folder / "changed"))
    (folder / "later").write_text("later\n")
    world.git(clone, "add", "-N", str(folder / "later"))
    world.git(clone, "mv", str(folder / "renamed"), str(folder / "moved"))
    (folder / "untracked").write_text("untracked\n")


def test_every_state_of_a_file_survives(world: World):
    clone = world.clone("a")
    a_mess(world, clone)
    world.cache(clone)
    before = user_state(world, clone)
    assert len(before["status"]) >= 10
    world.sync(clone)
    assert user_state(world, clone) == before
    assert is_published(world)
    assert "cache" not in world.git(clone, "status", "--porcelain")


def commit(world: World, clone: Path, name: str) -> None:
    (clone / name).write_text(name)
    world.git(clone, "add", name)
    world.git(clone, "commit", "-qm", name, "--", name)


@pytest.mark.parametrize("relation", ["ahead", "behind", "diverged"])
def test_a_mess_survives_beside_commits_of_others(world: World, relation: str):
    clone, other = world.clone("a"), world.clone("b")
    a_mess(world, clone)
    if relation != "behind":
        commit(world, clone, "mine")
    if relation != "ahead":
        world.git(other, "pull", "-q")
        commit(world, other, "theirs")
        world.git(other, "push", "-q")
    world.cache(clone)
    before = user_state(world, clone)
    world.sync(clone)
    assert user_state(world, clone) == before
    assert is_published(world)
    assert world.on_remote("mine") == ""


SETTINGS: dict[str, list[tuple[str, str]]] = {
    "index v4, no key, no quoting": [
        ("core.quotepath", "false"),
        ("commit.gpgsign", "true"),
        ("user.signingkey", "none"),
        ("push.followTags", "true"),
    ],
    "autocrlf, untracked cache": [("core.autocrlf", "true"), ("core.untrackedCache", "true")],
    "split index": [
        ("core.splitIndex", "true"),
        ("pull.rebase", "true"),
        ("push.default", "nothing"),
    ],
    "many files, strange output": [
        ("feature.manyFiles", "true"),
        ("diff.noprefix", "true"),
        ("status.short", "true"),
        ("color.ui", "always"),
        ("log.showSignature", "true"),
        ("fetch.prune", "true"),
    ],
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_of_the_user_do_not_matter(world: World, name: str):
    clone = world.clone("a")
    for key, value in SETTINGS[name]:
        world.git(clone, "config", key, value)
    if name.startswith("index v4"):
        world.git(clone, "update-index", "--index-version", "4")
    if name == "split index":
        world.git(clone, "update-index", "--split-index")
    sign = ("-c", "commit.gpgsign=false")
    (clone / "file").write_text("one\n")
    world.git(clone, "add", ".")
    world.git(clone, *sign, "commit", "-qm", "one")
    world.git(clone, "push", "-q", "origin", "HEAD")
    (clone / "file").write_text("two\n")
    world.git(clone, "add", ".")
    (clone / "file").write_text("three\n")
    world.cache(clone)
    before = user_state(world, clone)
    world.sync(clone)
    assert user_state(world, clone) == before
    assert is_published(world)
    world.git(clone, "fsck", "--strict")


def in_a_worktree(world: World) -> Path:
    clone = world.clone("a")
    world.git(clone, "worktree", "add", "-q", "-b", "side", "../tree")
    tree = world.folder / "tree"
    world.git(tree, "push", "-q", "-u", "origin", "side")
    return tree


def in_a_submodule(world: World) -> Path:
    world.clone("a")
    outer = world.folder / "outer"
    world.git(world.folder, "init", "-q", "outer")
    allow = ("-c", "protocol.file.allow=always")
    world.git(outer, *allow, "submodule", "-q", "add", str(world.remote), "inner")
    assert world.cf(outer / "inner", "init", "--store", str(world.store)).returncode == 0
    world.git(outer / "inner", "commit", "-qam", "store")
    world.git(outer / "inner", "push", "-q", "origin", "HEAD:main")
    return outer / "inner"


def in_a_shallow_clone(world: World) -> Path:
    first = world.clone("a")
    for number in range(3):
        commit(world, first, f"c{number}")
    world.git(first, "push", "-q")
    url = world.remote.as_uri()
    world.git(world.folder, "clone", "-q", "--depth", "1", url, "shallow")
    shallow = world.folder / "shallow"
    assert world.cf(shallow, "init").returncode == 0
    commit(world, first, "newer")
    world.git(first, "push", "-q")
    return shallow


def in_a_sparse_checkout(world: World) -> Path:
    clone = world.clone("a")
    for folder in ("wide", "conf2"):
        (clone / folder).mkdir()
        (clone / folder / "file").write_text(folder)
    world.git(clone, "add", ".")
    world.git(clone, "commit", "-qm", "wide")
    world.git(clone, "push", "-q")
    world.git(clone, "sparse-checkout", "set", "conf", "cache")
    assert not (clone / "wide").exists()
    return clone


def in_a_strange_path(world: World) -> Path:
    world.clone("a")
    strange = 'it\'s a "strange" päth $HOME'
    return world.clone(strange)


def on_a_strange_branch(world: World) -> Path:
    clone = world.clone("a")
    world.git(clone, "switch", "-q", "-c", "feature/ü.x-#1")
    world.git(clone, "push", "-q", "-u", "origin", "HEAD")
    return clone


PLACES: list[Callable[[World], Path]] = [
    in_a_worktree,
    in_a_submodule,
    in_a_shallow_clone,
    in_a_sparse_checkout,
    in_a_strange_path,
    on_a_strange_branch,
]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_wherever_the_work_tree_is(world: World, place: Callable[[World], Path]):
    clone = place(world)
    branch = world.git(clone, "rev-parse", "--abbrev-ref", "@{upstream}").removeprefix("origin/")
    (clone / "code.py").write_text("print('staged')\n")
    world.git(clone, "add", "code.py")
    (clone / "code.py").write_text("print('and changed')\n")
    (clone / "conf" / "more.txt").write_text("untracked\n")
    world.cache(clone)
    before = user_state(world, clone)
    world.sync(clone / "conf")
    assert user_state(world, clone) == before
    assert is_published(world, branch=branch)
    assert ".pkl" not in world.git(clone, "status", "--porcelain")


def test_no_hook_of_the_user_runs(world: World):
    clone = world.clone("a")
    hooks = clone / ".git" / "hooks"
    ran = world.folder / "ran"
    names = ("pre-commit", "commit-msg", "prepare-commit-msg", "post-commit", "pre-push")
    for name in (*names, "reference-transaction", "post-index-change", "post-merge"):
        (hooks / name).write_text(f"#!/bin/sh\necho {name} >> '{ran}'\nexit 1\n")
        (hooks / name).chmod(0o755)
    world.cache(clone)
    world.sync(clone)
    assert not ran.exists(), ran.read_text()
    assert is_published(world)


def test_without_an_identity_the_author_is_cacheferry(world: World):
    clone = world.clone("a")
    for key in ("user.name", "user.email"):
        world.git(clone, "config", "--global", "--unset", key)
    world.git(clone, "config", "--global", "user.useConfigOnly", "true")
    world.cache(clone)
    world.sync(clone)
    who = world.git(clone, "log", "-1", "--format=%an <%ae> %cn <%ce>")
    assert who == "cacheferry <cacheferry@localhost> cacheferry <cacheferry@localhost>"


def test_with_an_identity_the_author_is_the_user(world: World):
    clone = world.clone("a")
    world.cache(clone)
    world.sync(clone)
    assert world.git(clone, "log", "-1", "--format=%an <%ae>") == "Ada Lovelace <ada@example.org>"
    assert world.git(clone, "show", "--format=", "--name-only", "HEAD") == CACHE
    assert CACHE.rsplit("/", 1)[1] in world.git(clone, "log", "-1", "--format=%s")


def test_a_staged_cache_is_published_from_disk(world: World):
    clone = world.clone("a")
    (clone / "code.py").write_text("staged")
    world.git(clone, "add", "code.py")
    file = world.cache(clone)
    world.git(clone, "add", "-N", str(file))
    world.sync(clone)
    assert is_published(world)
    assert world.git(clone, "status", "--porcelain") == "M  code.py"
    world.cache(clone, seed=1)
    world.git(clone, "add", str(file))
    world.cache(clone, seed=2)
    world.sync(clone)
    assert world.git(clone, "status", "--porcelain") == "M  code.py"


def test_users_own_attributes_stay(world: World):
    clone = world.clone("a")
    attributes = clone / ".gitattributes"
    ours = attributes.read_bytes()
    attributes.write_text("*.txt text\n")
    world.git(clone, "commit", "-qam", "without our lines")
    world.git(clone, "push", "-q")
    attributes.write_text("*.txt text\n*.md text\n")
    world.git(clone, "add", ".gitattributes")
    attributes.write_text("*.txt text\n*.md text\n*.rst text")
    staged = world.git(clone, "show", ":.gitattributes")
    world.cache(clone)
    world.sync(clone)
    assert world.on_remote(".gitattributes") == "*.txt text\n" + ours.decode().rstrip("\n")
    assert world.git(clone, "show", ":.gitattributes") == staged
    assert attributes.read_text() == "*.txt text\n*.md text\n*.rst text\n" + ours.decode()
    assert is_published(world)


def test_a_change_in_the_same_instant_as_the_index_is_still_seen(world: World):
    """Racy git: an entry as old as its index is compared by content; our index is younger."""
    clone = world.clone("a")
    code = clone / "code.py"
    code.write_text("aaaa")
    world.git(clone, "add", "code.py")
    index = clone / ".git" / "index"
    when = code.stat().st_mtime_ns
    code.write_text("bbbb")
    os.utime(code, ns=(when, when))
    os.utime(index, ns=(when, when))
    world.cache(clone)
    world.sync(clone)
    assert world.git(clone, "diff", "--name-only") == "code.py"
