"""`make` sets up what is missing, once, and says in one line what it cannot set up."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.packaging.installing import ROOT, run

pytestmark = pytest.mark.skipif(
    os.name == "nt" or not shutil.which("make"), reason="needs make and a POSIX shell"
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The files that the set-up is made of."""
    for name in ("Makefile", "pyproject.toml", "tools/setup.sh"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def programs_only(folder: Path, *names: str) -> str:
    """A PATH with nothing but these."""
    folder.mkdir()
    for name in names:
        (folder / name).symlink_to(str(shutil.which(name)))
    return str(folder)


def set_up(tree: Path, path: str) -> subprocess.CompletedProcess[str]:
    return run("/bin/sh", tree / "tools" / "setup.sh", cwd=tree, env={"PATH": path})


def test_says_in_one_line_that_git_is_missing(tree: Path) -> None:
    done = set_up(tree, programs_only(tree / "bin", "dirname", "id"))
    assert (done.returncode, done.stderr) == (1, "setup: needs git: install it and try again\n")


def test_says_in_one_line_that_python_is_too_old(tree: Path) -> None:
    path = programs_only(tree / "bin", "dirname", "id", "git")
    (tree / "bin" / "python3").write_text("#!/bin/sh\nexit 1\n")
    (tree / "bin" / "python3").chmod(0o755)
    done = set_up(tree, path)
    assert done.returncode == 1
    assert done.stderr.startswith("setup: needs Python 3.11 or later")
    assert done.stderr.count("\n") == 1


def would_set_up(tree: Path) -> bool:
    done = run("make", "-n", "demo", cwd=tree)
    assert done.returncode == 0, done.stderr
    return "setup.sh" in done.stdout


@pytest.fixture
def ready(tree: Path) -> Path:
    (tree / ".venv").mkdir()
    (tree / ".venv" / "ready").write_text(f"{tree}\n")
    return tree


def test_a_second_run_does_nothing(ready: Path) -> None:
    assert not would_set_up(ready)


def test_runs_again_after_a_change_of_the_dependencies(ready: Path) -> None:
    later = (ready / ".venv" / "ready").stat().st_mtime + 10
    os.utime(ready / "pyproject.toml", (later, later))
    assert would_set_up(ready)


def test_runs_again_in_a_copy_of_the_tree(ready: Path) -> None:
    copy = ready.with_name(f"{ready.name}-copy")
    shutil.copytree(ready, copy)
    assert would_set_up(copy)
