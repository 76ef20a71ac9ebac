"""Built and installed once a test run, also where pytest-xdist shares it out."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from tests.packaging.installing import ROOT, Installed, in_venv, uv, venv_with

Once = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """`once(name, make)`: the folder that `make` has filled, in whichever process came first."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def filled(name: str, make: Callable[[Path], object]) -> Path:
        folder, done = shared / name, shared / f"{name}.done"
        with FileLock(shared / f"{name}.lock"):
            if not done.exists():
                folder.mkdir()
                make(folder)
                done.touch()
        return folder

    return filled


@pytest.fixture(scope="session")
def wheel(once: Once) -> Path:
    """Built from the checkout."""
    folder = once(
        "wheel", lambda folder: uv("build", "--wheel", "--out-dir", folder, ROOT, cwd=folder)
    )
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="session")
def sdist(once: Once) -> Path:
    """Built from the checkout, a wheel made out of it beside it."""
    folder = once("sdist", lambda folder: uv("build", "--out-dir", folder, ROOT, cwd=folder))
    return next(folder.glob("*.tar.gz"))


@pytest.fixture(scope="session")
def beside_python_daemon(once: Once, wheel: Path) -> Installed:
    """The wheel in one environment with PyPI's python-daemon, which was there first."""

    def make(folder: Path) -> None:
        installed = venv_with(folder, "python-daemon")
        uv("pip", "install", "--python", installed.python, wheel, cwd=folder)

    return in_venv(once("beside-python-daemon", make))


@pytest.fixture(scope="session")
def alone(once: Once, wheel: Path) -> Installed:
    """The wheel in an environment of its own."""
    return in_venv(once("alone", lambda folder: venv_with(folder, wheel)))
