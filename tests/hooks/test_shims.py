"""`cacheferry hooks`: chains with hooks of others, leaves them byte for byte (contract 6)."""

import os
import re
import stat
from pathlib import Path

import pytest

from tests.conftest import World

HOOKS = ("pre-commit", "post-merge", "post-checkout", "post-rewrite")


@pytest.fixture
def place(world: World) -> Path:
    """A repository with two commits, and no hook in it."""
    folder = world.folder / "repo"
    world.git(world.folder, "init", "-q", str(folder))
    for text in ("one", "two"):
        (folder / "a.txt").write_text(text)
        world.git(folder, "add", ".")
        world.git(folder, "commit", "-qm", text)
    for sample in (folder / ".git/hooks").glob("*"):
        sample.unlink()
    return folder


def listing(folder: Path) -> dict[str, tuple[int, str | bytes]]:
    return {
        file.name: (
            stat.S_IMODE(file.lstat().st_mode),
            os.readlink(file) if file.is_symlink() else file.read_bytes(),
        )
        for file in folder.iterdir()
    }


def put(file: Path, text: str, mode: int = 0o755) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(mode)


def hooks(world: World, place: Path, word: str, code: int = 0) -> str:
    done = world.cf(place, "hooks", word)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_install_status_uninstall(world, place):
    folder = place / ".git/hooks"
    assert hooks(world, place, "status", 1).count("absent") == 4
    hooks(world, place, "install")
    assert set(listing(folder)) == set(HOOKS)
    assert all(mode & 0o111 for mode, _ in listing(folder).values())
    assert hooks(world, place, "status").count("installed") == 4
    before = listing(folder)
    assert "all hooks are installed" in hooks(world, place, "install")
    assert listing(folder) == before
    hooks(world, place, "uninstall")
    assert listing(folder) == {}
    assert "no hook of cacheferry" in hooks(world, place, "uninstall")


def test_uninstall_leaves_others_byte_for_byte(world, place):
    folder = place / ".git/hooks"
    put(folder / "pre-commit", "#!/bin/sh\r\n# caf\u00e9\nexit 0", 0o750)
    put(folder / "post-merge", "#!/bin/sh\n", 0o644)  # git leaves it alone: not executable
    put(folder / "pre-push", "#!/bin/sh\n")
    put(place / "scripts/hook", "#!/bin/sh\n")
    (folder / "post-checkout").symlink_to("../../scripts/hook")
    (folder / "post-rewrite").symlink_to("nowhere")
    before = listing(folder)
    hooks(world, place, "install")
    assert hooks(world, place, "status").count("chained") == 4
    hooks(world, place, "install")
    hooks(world, place, "uninstall")
    assert listing(folder) == before


def test_the_others_hook_runs_first_with_its_arguments_and_can_refuse(world, place):
    log = world.folder / "log"
    put(place / ".git/hooks/pre-commit", f'#!/bin/sh\necho "pre $#" >>"{log}"\nexit 3\n')
    put(place / ".git/hooks/post-checkout", f'#!/bin/sh\necho "co $1 $2 $3" >>"{log}"\nexit 5\n')
    hooks(world, place, "install")
    done = world.run(["git", "commit", "--allow-empty", "-qm", "x"], place)
    assert done.returncode != 0 and log.read_text() == "pre 0\n"
    head = world.git(place, "rev-parse", "HEAD")
    done = world.run(["git", "switch", "-q", "-c", "side"], place)
    assert done.returncode == 1  # as without us
    assert log.read_text() == f"pre 0\nco {head} {head} 1\n"


def test_a_hook_that_reads_its_input_gets_it(world, place):
    log = world.folder / "log"
    put(place / ".git/hooks/post-rewrite", f'#!/bin/sh\necho "$1" >>"{log}"\ncat >>"{log}"\n')
    hooks(world, place, "install")
    old = world.git(place, "rev-parse", "HEAD")
    world.git(place, "commit", "-q", "--amend", "-m", "new")
    new = world.git(place, "rev-parse", "HEAD")
    assert log.read_text() == f"amend\n{old} {new}\n"


def test_a_hook_without_execute_permission_stays_silent(world, place):
    put(place / ".git/hooks/pre-commit", "#!/bin/sh\nexit 1\n", 0o644)
    hooks(world, place, "install")
    world.git(place, "commit", "--allow-empty", "-qm", "x")


def test_pre_commits_way_of_taking_over(world, place):
    """pre-commit and git-lfs --force write over our shim; ours comes back, and theirs stays."""
    folder = place / ".git/hooks"
    log = world.folder / "log"
    hooks(world, place, "install")
    theirs = (
        '#!/usr/bin/env bash\nHERE="$(cd "$(dirname "$0")" && pwd)"\n'
        f'echo theirs >>"{log}"\n[ ! -x "$HERE/pre-commit.legacy" ] || "$HERE/pre-commit.legacy"\n'
    )
    (folder / "pre-commit").rename(folder / "pre-commit.legacy")
    put(folder / "pre-commit", theirs)
    world.git(place, "commit", "--allow-empty", "-qm", "x")
    assert "pre-commit     absent" in hooks(world, place, "status", 1)
    hooks(world, place, "install")
    world.git(place, "commit", "--allow-empty", "-qm", "y")
    assert log.read_text() == "theirs\n" * 2
    hooks(world, place, "uninstall")
    assert (folder / "pre-commit").read_text() == theirs


def test_two_hooks_of_others_are_never_one_lost(world, place):
    folder = place / ".git/hooks"
    put(folder / "pre-commit", "#!/bin/sh\n# first\n")
    hooks(world, place, "install")
    put(folder / "pre-commit", "#!/bin/sh\n# second\n")
    before = listing(folder)
    said = hooks(world, place, "install", 2)
    assert "pre-commit.before-cacheferry" in said and listing(folder) == before
    put(folder / "pre-commit", "#!/bin/sh\n# first\n")  # the same again: nothing to lose
    hooks(world, place, "install")
    assert hooks(world, place, "status").count("chained") == 1


def test_husky_keeps_its_folder(world, place):
    log = world.folder / "log"
    put(place / ".husky/_/pre-commit", f'#!/usr/bin/env sh\necho husky >>"{log}"\n')
    world.git(place, "config", "core.hooksPath", ".husky/_")
    before = listing(place / ".husky/_")
    hooks(world, place, "install")
    (place / "sub").mkdir()
    world.git(place / "sub", "commit", "--allow-empty", "-qm", "x")
    assert log.read_text() == "husky\n"
    assert not list((place / ".git/hooks").iterdir())
    hooks(world, place, "uninstall")
    assert listing(place / ".husky/_") == before


@pytest.mark.parametrize("word", ["install", "status", "uninstall"])
def test_a_hooks_path_outside_is_named(world, place, word):
    outside = world.folder / "outside"
    outside.mkdir()
    world.git(place, "config", "core.hooksPath", str(outside))
    said = hooks(world, place, word, 2)
    assert "cacheferry: error: " in said and str(outside) in said and not list(outside.iterdir())


def test_git_lfs_hooks_are_chained_and_stay_quiet(world):
    place = world.clone("a")
    folder = place / ".git/hooks"
    assert "git lfs post-merge" in (folder / "post-merge.before-cacheferry").read_text()
    before = listing(folder)
    world.cache(place)
    for command in (
        ["add", "."], ["commit", "-qm", "x"], ["switch", "-q", "-c", "side"],
        ["switch", "-q", "main"],
        ["lfs", "status"], ["push", "-q"], ["stash"], ["pull", "-q"],
    ):  # fmt: skip
        done = world.run(["git", *command], place)
        assert done.returncode == 0 and "Hook already exists" not in done.stderr + done.stdout
        assert "git lfs update" not in done.stderr, (command, done.stderr)
        assert listing(folder) == before, command


@pytest.mark.parametrize("gone", ["python", "program", "libraries", "modules"])
def test_a_cacheferry_that_is_gone_lets_git_go_on(world, place, gone):
    (place / "cacheferry.yaml").write_text("store: ../s\ntrack: ['*.pkl']\n")
    hooks(world, place, "install")
    broken = world.folder / "python"
    put(broken, "#!/bin/sh\necho 'No module named encodings' >&2\nexit 1\n")
    empty = world.folder / "p" / "__main__.py"
    put(empty, "import nothing_of_that_name\n")
    for hook in HOOKS:
        file = place / ".git/hooks" / hook
        key, value = {
            "python": ("python", "/no/where"), "program": ("program", "/no/where"),
            "libraries": ("python", str(broken)), "modules": ("program", str(empty)),
        }[gone]  # fmt: skip
        file.write_text(re.sub(f"^{key}=.*", f"{key}='{value}'", file.read_text(), flags=re.M))
    (place / "x.pkl").write_bytes(b"x")
    world.git(place, "add", ".")
    done = world.run(["git", "commit", "-qm", "x"], place)
    assert done.returncode == 0
    if gone in ("python", "program"):
        warnings = [line for line in done.stderr.splitlines() if line]
        assert len(warnings) == 1 and warnings[0].startswith("cacheferry: warning: ")
    for command in (["switch", "-q", "-c", "side"], ["commit", "-q", "--amend", "-m", "y"]):
        assert world.run(["git", *command], place).returncode == 0
