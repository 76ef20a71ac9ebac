"""Every command of README and docs runs as it stands there, and prints what stands there."""

import subprocess
from pathlib import Path

import pytest

from tests.conftest import World
from tests.docs import pages, transcript
from tests.docs.pages import PAGES

README_FILES = [b for b in pages.blocks("README.md") if pages.file_name(b)]
RUN = [
    page for page in PAGES if any(step.text != ":" for step in transcript.steps(pages.blocks(page)))
]
LONG = ("docs/how-to.md", "docs/troubleshooting.md")
EXEMPTED = [
    (block.page, line.removeprefix("$ "), why)
    for page in PAGES
    for block in pages.blocks(page)
    if block.kind in ("sh", "console")
    for line in block.text.splitlines()
    if (why := transcript.exempted(line.removeprefix("$ ")))
]


@pytest.fixture
def thesis(world: World) -> Path:
    """The reader's repository: a config, an upstream, nothing of cacheferry's."""
    address = (world.folder / "thesis.git").as_uri()
    world.remote.rename(world.folder / "thesis.git")
    world.git(world.folder, "clone", "-q", address, "thesis")
    place = world.folder / "thesis"
    (place / "configs").mkdir()
    (place / "configs" / "env.yaml").write_text("learning_rate: 1.0e-3\n")
    world.git(place, "add", ".")
    world.git(place, "commit", "-qm", "A config")
    world.git(place, "push", "-q", "-u", "origin", "HEAD")
    return place


def set_up_as_the_readme_does(world: World, thesis: Path) -> None:
    for block in README_FILES:
        (thesis / str(pages.file_name(block))).write_text(block.text, encoding="utf-8")
    done = world.cf(thesis, "init")
    assert done.returncode == 0, done.stderr
    world.git(thesis, "add", ".")
    world.git(thesis, "commit", "-qm", "Set up cacheferry")
    world.git(thesis, "push", "-q")


@pytest.mark.skipif(transcript.needs() is not None, reason=str(transcript.needs()))
@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=[pytest.mark.slow] * (page in LONG)) for page in RUN]
)
def test_page_runs(page: str, world: World, thesis: Path) -> None:
    if page != "README.md":
        set_up_as_the_readme_does(world, thesis)
    todo = list(transcript.steps(pages.blocks(page)))
    try:
        done = transcript.run(world, thesis, todo)
    finally:
        stop_daemons(world)
    wrong = [told(*one) for one in done if not is_right(*one)]
    assert not wrong, "\n\n".join(wrong)
    assert len(done) == len(todo)


def is_right(step: transcript.Step, printed: list[str], code: int) -> bool:
    return code == step.exit and (step.expected is None or transcript.fits(step.expected, printed))


def told(step: transcript.Step, printed: list[str], code: int) -> str:
    wanted = "" if step.expected is None else "\n  --- page says\n" + "\n".join(step.expected)
    place = f"{step.block.page}:{step.block.line}"
    return f"{place}: {step.text}\n  --- exit {code}, printed\n" + "\n".join(printed) + wanted


def stop_daemons(world: World) -> None:
    for state in world.folder.glob("*/**/.git/cacheferry/daemon.json"):
        world.cf(state.parents[2], "daemon", "stop")


@pytest.mark.parametrize(("page", "command", "why"), EXEMPTED)
def test_command_that_is_not_run(page: str, command: str, why: str) -> None:
    pytest.skip(f"{page}: {command}: {why}")


def test_nothing_looks_like_a_command_and_is_not_run() -> None:
    kinds = {block.kind for page in PAGES for block in pages.blocks(page)}
    assert kinds <= {"sh", "console", "run", "python", "yaml", "ini", "mermaid", "text", "json"}


def test_shell_of_pages_is_posix(tmp_path: Path) -> None:
    for page in RUN:
        for step in transcript.steps(pages.blocks(page)):
            file = tmp_path / "step.sh"
            file.write_text(step.text, encoding="utf-8")
            assert subprocess.run(["sh", "-n", str(file)], check=False).returncode == 0, step
