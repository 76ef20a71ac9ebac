"""Talks to the agent as git-lfs does: a real process, literal JSON lines."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cacheferry.core import repository, storeurl, trust
from tests.conformance.wire import TERMINATE, Said, download, init, line, oid_of, upload

__all__ = ["TERMINATE", "Said", "download", "init", "line", "oid_of", "upload"]

AGENT = Path(__file__).resolve().parents[2] / "lfs_agent" / "__main__.py"
COMMAND = [sys.executable, "-I", "-S", str(AGENT)]
posix = pytest.mark.skipif(os.name == "nt", reason="Windows has nothing like it")


def stored(store: Path, oid: str) -> Path:
    return store / oid[:2] / oid[2:4] / oid


def keep(store: Path, data: bytes, oid: str | None = None) -> str:
    """Puts bytes where the store has the object `oid`, by default their own."""
    oid = oid or oid_of(data)
    path = stored(store, oid)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return oid


class World:
    """A repository with a folder store beside it, and a user's home that is nobody's."""

    def __init__(self, base: Path) -> None:
        base.mkdir(parents=True, exist_ok=True)
        self.base = base
        self.repo = base / "repo"
        self.store = base / "store"
        self.env = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "CACHEFERRY_"))},
            "HOME": str(base / "home"),
            "XDG_STATE_HOME": str(base / "state"),
            "LOCALAPPDATA": str(base / "state"),
            "GIT_CONFIG_GLOBAL": str(base / "gitconfig"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "CACHEFERRY_STORE": str(self.store),
        }
        (base / "home").mkdir()
        self.store.mkdir()
        self.git("init", "-q", str(self.repo), cwd=base)

    def git(self, *words: str, cwd: Path | None = None, check: bool = True) -> str:
        done = subprocess.run(
            ["git", *words], cwd=cwd or self.repo, env=self.env, capture_output=True, check=False
        )
        text = (done.stdout + done.stderr).decode()
        assert not check or done.returncode == 0, text
        return text if check else f"{done.returncode}\n{text}"

    def accept(self, store: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """What `cacheferry trust` does."""
        for key in ("HOME", "XDG_STATE_HOME", "LOCALAPPDATA"):
            monkeypatch.setenv(key, self.env[key])
        found = repository.find(self.repo)
        trust.accept(found, storeurl.parse(store, found.root))

    def file(self, name: str, data: bytes) -> Path:
        path = self.base / name
        path.write_bytes(data)
        return path

    def start(self, command: list[str] = COMMAND, **options) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        usual: dict[str, Any] = {"stdin": pipe, "stdout": pipe, "stderr": pipe}
        usual |= {"cwd": self.repo, "env": self.env}
        return subprocess.Popen(command, **(usual | options))

    def say(self, *lines: bytes, **options) -> Said:
        """A whole conversation, to the end of the input."""
        with self.start(**options) as agent:
            out, err = agent.communicate(b"".join(lines), timeout=30)
        return Said(agent.returncode, out, err)

    def upload(self, *requests: bytes, **options) -> Said:
        return self.say(init("upload"), *requests, TERMINATE, **options)

    def download(self, *requests: bytes, **options) -> Said:
        return self.say(init("download"), *requests, TERMINATE, **options)

    def visible(self) -> list[str]:
        """Every file in the store, temporary ones included."""
        return sorted(p.name for p in self.store.rglob("*") if not p.is_dir())

    def downloads(self) -> list[str]:
        """Every file in the LFS storage's temporary folder."""
        return sorted(p.name for p in self.repo.glob(".git/lfs/tmp/*"))
