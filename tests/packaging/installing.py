"""Builds and installs the project as users do, with uv, into folders of the test's own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
MINUTES = 5 * 60
_SCRIPTS = "Scripts" if os.name == "nt" else "bin"
_EXE = ".exe" if os.name == "nt" else ""


def environment(**more: str) -> dict[str, str]:
    """Ours without what makes a Python or a cacheferry behave in another way."""
    foreign = ("PYTHON", "VIRTUAL_ENV", "CACHEFERRY_", "GIT_CONFIG", "PYENV_VERSION")
    return {k: v for k, v in os.environ.items() if not k.startswith(foreign)} | more


def run(
    *command: str | Path, cwd: Path, env: Mapping[str, str] | None = None, data: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [os.fspath(word) for word in command],
        cwd=cwd,
        env=environment(**(env or {})),
        input=data,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=MINUTES,
        check=False,
    )


def uv(*words: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> None:
    done = run(sys.executable, "-m", "uv", *words, cwd=cwd, env=env)
    assert done.returncode == 0, done.stderr


@dataclass(frozen=True)
class Installed:
    """One installed cacheferry: its interpreter and the folder of its console scripts."""

    python: Path
    scripts: Path

    @property
    def cacheferry(self) -> Path:
        return self.scripts / f"cacheferry{_EXE}"

    @property
    def agent(self) -> Path:
        return self.scripts / f"cacheferry-agent{_EXE}"

    @property
    def site_packages(self) -> Path:
        code = "import sysconfig; print(sysconfig.get_path('purelib'))"
        return Path(run(self.python, "-I", "-c", code, cwd=self.scripts).stdout.strip())

    def main_file(self) -> Path:
        return self.site_packages / "cacheferry" / "__main__.py"


def in_venv(folder: Path) -> Installed:
    """What `venv_with` has made in the folder."""
    scripts = folder / "venv" / _SCRIPTS
    return Installed(scripts / f"python{_EXE}", scripts)


def venv_with(folder: Path, *requirements: str | Path) -> Installed:
    """A new environment that has the requirements and nothing else."""
    installed = in_venv(folder)
    uv("venv", "--python", sys.executable, folder / "venv", cwd=folder)
    uv("pip", "install", "--python", installed.python, *requirements, cwd=folder)
    return installed


def repository(folder: Path) -> Path:
    """A Git repository that is set up, with a store beside it that its local config names."""
    work = folder / "work"
    run("git", "init", "-q", work, cwd=folder)
    run("git", "config", "cacheferry.store", folder / "store", cwd=work)
    (work / "cacheferry.yaml").write_text("store: ../store\ntrack: ['caches/*.pkl']\n")
    return work


def agent_answers(*command: str | Path, folder: Path, env: Mapping[str, str] | None = None) -> None:
    """Asserts that the agent answers `init` as git-lfs expects, and ends at `terminate`."""
    init = {"event": "init", "operation": "upload", "remote": "origin", "concurrent": True}
    lines = [init | {"concurrenttransfers": 1}, {"event": "terminate"}]
    data = "".join(json.dumps(line) + "\n" for line in lines)
    done = run(*command, cwd=repository(folder), env=env, data=data)
    assert (done.returncode, done.stdout, done.stderr) == (0, "{}\n", "")
