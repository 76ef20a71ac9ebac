"""A scratch world for black-box tests: a home, a bare remote, a store, clones, the command."""

import os
import pickle
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
PROGRAM = CHECKOUT / "cacheferry" / "__main__.py"
CONFIG = """\
store: ../store
caches:
  - name: baseline
    file: cache/{section}/{scenario}_baseline_cache.pkl
  - name: rl
    file: cache/{section}/{scenario}_{config_hash}_rl_cache.pkl
    config: conf/env.yaml
sync: {settle: 0.1, max_wait: 2}
"""


def payload(seed: int = 0, size: int = 2000) -> bytes:
    """A whole, safe pickle whose bytes depend on the seed."""
    return pickle.dumps({"seed": seed, "values": bytes((seed + i) % 256 for i in range(size))})


class World:
    """One test's machines: everything lies below `folder`, nothing of the real user is touched."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.remote = folder / "remote.git"
        self.store = folder / "store"
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "CACHEFERRY"))}
        self.env |= {
            "HOME": str(folder / "home"),
            "USERPROFILE": str(folder / "home"),
            "XDG_STATE_HOME": str(folder / "state"),
            "GIT_CONFIG_GLOBAL": str(folder / "home" / ".gitconfig"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "LC_ALL": "C.UTF-8",
        }
        (folder / "home").mkdir(parents=True)
        for key, value in (
            ("user.name", "Ada Lovelace"),
            ("user.email", "ada@example.org"),
            ("init.defaultBranch", "main"),
            ("pull.rebase", "false"),
        ):
            self.git(folder, "config", "--global", key, value)
        self.git(folder, "init", "-q", "--bare", str(self.remote))

    def git(self, where: Path, *args: str, check: bool = True, **more: Any) -> str:
        """Runs git as the user would; its standard output."""
        done = self.run(["git", *args], where, **more)
        if check and done.returncode != 0:
            raise AssertionError(f"git {args} in {where}: {done.stdout}{done.stderr}")
        return done.stdout.rstrip("\n")

    def cf(self, where: Path, *args: str, **more: Any) -> subprocess.CompletedProcess[str]:
        """Runs `cacheferry ARGS` in a folder; the finished process."""
        return self.run([sys.executable, "-I", str(PROGRAM), *args], where, **more)

    def run(
        self,
        command: list[str],
        where: Path,
        env: Mapping[str, str] | None = None,
        input: str | None = None,
        timeout: float = 60,
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=where,
            env=self.env | dict(env or {}),
            input=input,
            stdin=None if input is not None else subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=timeout,
            check=False,
        )

    def clone(self, name: str, init: bool = True, config: str = CONFIG) -> Path:
        """A clone of the remote, set up by `cacheferry init`; the first makes the repository."""
        place = self.folder / name
        first = not self.git(self.remote, "for-each-ref")
        self.git(
            self.folder, "clone", "-q", str(self.remote), name, env={"GIT_LFS_SKIP_SMUDGE": "1"}
        )
        if first:
            (place / "conf").mkdir()
            (place / "conf" / "env.yaml").write_text("learning_rate: 1e-3\n")
            (place / "code.py").write_text("print('hello')\n")
            (place / "cacheferry.yaml").write_text(config)
            self.git(place, "checkout", "-q", "-B", "main")
        if init or first:
            done = self.cf(place, "init")
            assert done.returncode == 0, done.stderr
        if first:
            self.git(place, "add", ".")
            self.git(place, "commit", "-qm", "set up")
            self.git(place, "push", "-q", "-u", "origin", "main")
        return place

    def cache(self, clone: Path, name: str = "tl_baseline_cache.pkl", seed: int = 0) -> Path:
        """Writes a cache as a script does; its path."""
        file = clone / "cache" / "s1" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(payload(seed))
        return file

    def sync(self, clone: Path) -> subprocess.CompletedProcess[str]:
        """`cacheferry sync`, which must end well."""
        done = self.cf(clone, "sync")
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def on_remote(self, path: str, branch: str = "main") -> str:
        """What the remote's branch holds at a path; '' where there is nothing."""
        return self.git(self.remote, "show", f"{branch}:{path}", check=False)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "w")
