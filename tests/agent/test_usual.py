"""The short cut answers what `core.chosen` answers, or nothing."""

from pathlib import Path

import pytest

from cacheferry.core import chosen, repository, trust
from cacheferry.core.errors import CacheferryError
from lfs_agent import usual
from tests.agent.talk import World, posix

pytestmark = posix

NAMES = [
    "../store", "store", "/abs/store", "a//b/../c", ".", "..", " ../padded ", "with space", "é",
    "~", "~/store", "//host/share", "file:///abs/store", "https://host/x", "s3://b/p", "x://y",
    "lfs", "git", "null", "007", "", "new\nline", "tab\t", "a:b", "-x", "\x7f",
]  # fmt: skip


@pytest.fixture(autouse=True)
def user(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("HOME", "XDG_STATE_HOME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM"):
        monkeypatch.setenv(key, world.env[key])
    monkeypatch.delenv("CACHEFERRY_STORE", raising=False)
    monkeypatch.delenv("GIT_DIR", raising=False)
    monkeypatch.chdir(world.repo)


def by_environment(world: World, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CACHEFERRY_STORE", name)


def by_setting(world: World, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world.git("config", "--add", "cacheferry.store", "../overridden")
    world.git("config", "--add", "cacheferry.store", name)


def by_file(world: World, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (world.repo / "cacheferry.yaml").write_text(f"caches: []\nstore: {name}\n")


def by_trusted_file(world: World, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    by_file(world, name, monkeypatch)
    found = repository.find(world.repo)
    trust.accept(found, chosen.chosen_store(found).url)


def answers(operation: str, monkeypatch: pytest.MonkeyPatch) -> tuple[str | None, str | None]:
    """The short cut's, where it has one, and the long way's, where it allows the operation."""
    found = usual.find(operation)
    short = f"{found.store} {found.lfs_storage}" if found else None
    try:
        here = repository.find(Path.cwd())
        store = chosen.chosen_store(here)
        if operation == "upload":
            chosen.require_trust(here, store)
        if store.url.scheme != "file":
            return short, None
    except (CacheferryError, ImportError):
        return short, None
    return short, f"{store.url.text} {here.lfs_storage()}"


@pytest.mark.parametrize("how", [by_environment, by_setting, by_file, by_trusted_file])
def test_it_agrees_or_is_silent(world: World, how, monkeypatch: pytest.MonkeyPatch):
    spoken = 0
    for name in NAMES:
        if how in (by_file, by_trusted_file) and not name.replace("/", "").replace(".", ""):
            continue
        try:
            how(world, name, monkeypatch)
        except (CacheferryError, ImportError):
            continue
        for operation in ("upload", "download"):
            short, long = answers(operation, monkeypatch)
            assert short in (None, long), (name, operation)
            spoken += short is not None
    assert spoken >= 3


def test_it_agrees_in_worktrees_and_with_a_moved_lfs_storage(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    by_trusted_file(world, "../store", monkeypatch)
    world.git("-c", "user.name=a", "-c", "user.email=b", "commit", "-q", "--allow-empty", "-m", "x")
    world.git("worktree", "add", "-q", "../tree")
    (world.base / "tree" / "cacheferry.yaml").write_text("store: ../store\n")
    monkeypatch.chdir(world.base / "tree")
    short, long = answers("upload", monkeypatch)
    assert short is not None and short == long
    world.git("config", "lfs.storage", "moved")
    assert answers("upload", monkeypatch)[0] is None


@pytest.mark.parametrize("git_dir", [".git", ".git/worktrees/tree"])
def test_git_dir_alone_leads_to_its_work_tree(
    world: World, git_dir: str, monkeypatch: pytest.MonkeyPatch
):
    world.git("-c", "user.name=a", "-c", "user.email=b", "commit", "-q", "--allow-empty", "-m", "x")
    world.git("worktree", "add", "-q", "../tree")
    monkeypatch.setenv("GIT_DIR", str(world.repo / git_dir))
    monkeypatch.chdir("/")
    expected = world.repo if git_dir == ".git" else world.base / "tree"
    assert Path(usual.work_folder()) == expected


def test_a_git_folder_that_lies_elsewhere(world: World, monkeypatch: pytest.MonkeyPatch):
    moved, tree = world.base / "elsewhere" / ".git", world.base / "tree"
    moved.parent.mkdir()
    world.git("clone", "-q", "--separate-git-dir", str(moved), str(world.repo), str(tree))
    monkeypatch.setenv("GIT_DIR", str(moved))  # as git sets it for a hook
    monkeypatch.chdir(tree)
    assert Path(usual.work_folder()) == tree


def test_a_broken_git_config_is_left_to_the_long_way(world: World):
    (world.repo / ".git/config").write_text("[broken")
    assert usual.find("download") is None
