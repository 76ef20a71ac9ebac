"""The pictures are drawn from the committed run of the demo, and the README quotes that run."""

import json
import runpy
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.conftest import World
from tests.docs import pages
from tests.docs.pages import CHECKOUT

PICTURES = CHECKOUT / "docs" / "pictures"
DRAW = runpy.run_path(str(PICTURES / "draw.py"))
FIGURES = json.loads((PICTURES / "demo.json").read_text("utf-8"))


@pytest.mark.parametrize("name", ["demo.svg", "times.svg"])
def test_picture_is_what_the_script_draws(name: str, tmp_path: Path) -> None:
    command = [sys.executable, str(PICTURES / "draw.py"), str(tmp_path)]
    subprocess.run(command, check=True)
    drawn = (tmp_path / name).read_text("utf-8")
    assert drawn == (PICTURES / name).read_text("utf-8")
    ElementTree.fromstring(drawn)


def test_readme_quotes_the_run_of_the_pictures() -> None:
    lines = DRAW["shortened"]((PICTURES / "demo.txt").read_text("utf-8"), FIGURES)
    quoted = [block.text for block in pages.blocks("README.md") if block.kind == "text"]
    assert "\n".join(lines) + "\n" in quoted


def test_table_is_the_one_that_the_demo_prints(capsys: pytest.CaptureFixture[str]) -> None:
    from cacheferry.commands import demo

    demo._print(FIGURES)
    assert capsys.readouterr().out.strip("\n").splitlines() == DRAW["table"](FIGURES)


def test_lfsconfig_of_this_project_stops_neither_clone_nor_push(world: World) -> None:
    world.git(world.folder, "lfs", "install", "--skip-repo")
    address = world.remote.as_uri()
    world.git(world.folder, "clone", "-q", address, "first")
    first = world.folder / "first"
    (first / ".lfsconfig").write_bytes((CHECKOUT / ".lfsconfig").read_bytes())
    world.git(first, "lfs", "install", "--local")
    world.git(first, "add", ".")
    world.git(first, "commit", "-qm", "no LFS file here")
    world.git(first, "push", "-q", "-u", "origin", "HEAD")
    world.git(world.folder, "clone", "-q", address, "second")
    world.git(world.folder / "second", "pull", "-q")
    url = world.git(first, "config", "--file", ".lfsconfig", "lfs.url")
    assert url == "cacheferry::cacheferry"
