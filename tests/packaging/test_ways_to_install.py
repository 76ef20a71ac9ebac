"""Every way to install it gives a `cacheferry` and an agent that work."""

import sys
from pathlib import Path

import pytest

from cacheferry import __version__
from tests.packaging.installing import ROOT, Installed, agent_answers, run, uv, venv_with

pytestmark = pytest.mark.network


def assert_works(installed: Installed, folder: Path) -> None:
    done = run(installed.cacheferry, "--version", cwd=folder)
    assert done.stdout == f"cacheferry, version {__version__}\n", done.stderr
    agent_answers(installed.agent, folder=folder)


def test_wheel(alone: Installed, tmp_path: Path) -> None:
    assert_works(alone, tmp_path)


def test_sdist(sdist: Path, tmp_path: Path) -> None:
    assert_works(venv_with(tmp_path, sdist), tmp_path)


def test_editable(tmp_path: Path) -> None:
    assert_works(venv_with(tmp_path, "--editable", ROOT), tmp_path)


def test_uv_tool(wheel: Path, tmp_path: Path) -> None:
    where = {"UV_TOOL_DIR": str(tmp_path / "tools"), "UV_TOOL_BIN_DIR": str(tmp_path / "bin")}
    uv("tool", "install", "--python", sys.executable, wheel, cwd=tmp_path, env=where)
    assert_works(Installed(Path(sys.executable), tmp_path / "bin"), tmp_path)


@pytest.mark.slow
def test_pipx(wheel: Path, tmp_path: Path) -> None:
    where = {
        "PIPX_HOME": str(tmp_path / "pipx"),
        "PIPX_BIN_DIR": str(tmp_path / "bin"),
        "PIPX_MAN_DIR": str(tmp_path / "man"),
    }
    pipx = ("tool", "run", "pipx", "install", "--python", sys.executable)
    uv(*pipx, wheel, cwd=tmp_path, env=where)
    assert_works(Installed(Path(sys.executable), tmp_path / "bin"), tmp_path)


def test_target_folder_started_by_path(wheel: Path, tmp_path: Path) -> None:
    """As a user's site-packages too: -I leaves both out, the dependencies lie beside."""
    target = tmp_path / "target"
    uv("pip", "install", "--python", sys.executable, "--target", target, wheel, cwd=tmp_path)
    python = Path(sys.executable).resolve()  # outside of this test's environment
    command = (python, "-I", "-S", target / "cacheferry" / "__main__.py", "--version")
    done = run(*command, cwd=tmp_path)
    assert done.stdout == f"cacheferry, version {__version__}\n", done.stderr
    agent = target / "cacheferry" / "_programs" / "lfs_agent" / "__main__.py"
    agent_answers(python, "-I", "-S", agent, folder=tmp_path)


def test_path_with_spaces_and_umlauts(wheel: Path, tmp_path: Path) -> None:
    folder = tmp_path / "für alle Fälle"
    folder.mkdir()
    installed = venv_with(folder, wheel)
    assert_works(installed, folder)
