"""The demo's machines: a bare remote, a folder store, a laptop and a Kaggle kernel."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cacheferry
from cacheferry.core.errors import CacheferryError
from cacheferry.core.git import Git, environment
from cacheferry.programs import example_folder

SCRIPT = "validation_ch7/scripts/run_section_7_6.py"
CACHES = "validation_ch7/cache/section_7_6"
CONFIG = "Code_RL/configs/env_lagos.yaml"


class Scratch:
    """Everything lies below `folder`; each machine has a home of its own."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self.folder = folder
        self.remote = folder / "remote.git"
        self.laptop = folder / "laptop" / "arz"
        self.kernel = folder / "kaggle" / "working"
        self._say = say

    def set_up(self) -> None:
        """Makes the laptop's repository from the example, its remote and its store."""
        shutil.copytree(
            example_folder(), self.laptop, ignore=shutil.ignore_patterns("*.pkl", "__pycache__")
        )
        self.kernel.mkdir(parents=True)
        self.git("init", "-q", "--bare", "-b", "main", str(self.remote), where=self.folder)
        self.git("init", "-q", "-b", "main")
        self.git("config", "user.name", "Demo")
        self.git("config", "user.email", "demo@localhost")
        self.git("remote", "add", "origin", self.remote.as_uri())
        self.ferry("init", "--store", (self.folder / "store").as_posix())
        self.git("add", ".")
        self.git("commit", "-qm", "The simulation")
        self.git("push", "-q", "-u", "origin", "main")

    def git(self, *args: str, where: Path | None = None) -> str:
        """Runs git on the laptop (or elsewhere); its output. Raises CacheferryError."""
        return Git(where or self.laptop, self._home("laptop")).text(*args)

    def ferry(self, *args: str) -> list[str]:
        """Runs a cacheferry command on the laptop; the lines it printed. Raises CacheferryError."""
        return self._run([*_ferry(), *args], self.laptop, "laptop")

    def ferry_quietly(self, *args: str) -> list[str]:
        """As `ferry`, for output that is not to be shown."""
        return self._run([*_ferry(), *args], self.laptop, "laptop", show=False)

    def commit(self, message: str) -> list[str]:
        """Commits every change of tracked files as the user does; the lines shown, hooks' too."""
        return self._run(["git", "commit", "-qam", message], self.laptop, "laptop")

    def simulate(self, *args: str) -> dict[str, Any]:
        """Runs the example's script on the laptop; what its --summary wrote."""
        summary = self.folder / "summary.json"
        command = [sys.executable, SCRIPT, "--summary", str(summary), *args]
        self._run(command, self.laptop, "laptop")
        found: dict[str, Any] = json.loads(summary.read_text("utf-8"))
        return found

    def kaggle(self, script: str) -> dict[str, Any]:
        """Runs a start-up script in the kernel; what the summary of its run wrote."""
        file = self.kernel / "start.sh"
        file.write_text(script, encoding="utf-8")
        self._run(["sh", str(file)], self.kernel, "kaggle")
        found: dict[str, Any] = json.loads((self.kernel / "summary.json").read_text("utf-8"))
        return found

    def published(self) -> set[str]:
        """Names of the caches on the remote's branch."""
        listing = self.git("ls-tree", "--name-only", "main", f"{CACHES}/", where=self.remote)
        return {Path(line).name for line in listing.splitlines() if line.endswith(".pkl")}

    def _run(
        self, command: Sequence[str], where: Path, machine: str, show: bool = True
    ) -> list[str]:
        env = environment(self._home(machine))
        lines = []
        with subprocess.Popen(
            command,
            cwd=where,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line.rstrip())
                if show:
                    self._say(f"    {lines[-1]}")
        if process.returncode != 0:
            last = lines[-1] if lines else "no message"
            name = Path(command[0]).name
            raise CacheferryError(f"{name} ended with {process.returncode}: {last}")
        return lines

    def _home(self, machine: str) -> dict[str, str]:
        """Keeps the demo out of the user's own configuration and state."""
        home = self.folder / machine / "home"
        home.mkdir(parents=True, exist_ok=True)
        package = str(Path(cacheferry.__file__).parent.parent)
        return {
            "HOME": str(home),
            "USERPROFILE": str(home),
            "XDG_STATE_HOME": str(home / "state"),
            "LOCALAPPDATA": str(home / "state"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "PYTHON": sys.executable,
            "PYTHONPATH": package,
            "PYTHONUNBUFFERED": "1",
            "PYTHONIOENCODING": "utf-8",
        }


def _ferry() -> list[str]:
    program = Path(cacheferry.__file__).with_name("__main__.py")
    return [sys.executable, "-I", str(program)]
