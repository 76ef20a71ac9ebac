"""Runs git: an explicit folder, a clean environment, `-z` where names come back, never a shell."""

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from threading import Thread
from typing import IO

from cacheferry.core.errors import CacheferryError

# What git sets for its hooks and filters; inherited, it would point our git at another place.
_INHERITED = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_EDITOR",
    "GIT_REFLOG_ACTION", "GIT_INTERNAL_SUPER_PREFIX", "GIT_LITERAL_PATHSPECS",
)  # fmt: skip


class GitFailed(CacheferryError):
    """A git command ended with another status than 0."""

    def __init__(self, args: Sequence[str], status: int, stderr: str) -> None:
        words = " ".join(args[:2])
        super().__init__(f"git {words} failed ({status}): {stderr.strip() or 'no message'}")
        self.status = status
        self.stderr = stderr


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The process's environment without what git set for a caller; English messages, no prompt."""
    env = {key: value for key, value in os.environ.items() if key not in _INHERITED}
    env.update(LC_ALL="C.UTF-8", LANGUAGE="C", GIT_TERMINAL_PROMPT="0", GIT_OPTIONAL_LOCKS="0")
    env.update(extra or {})
    return env


class Git:
    """Git in one folder. `env` is added to every call's environment, `config` as `-c` options."""

    def __init__(
        self,
        folder: Path,
        env: Mapping[str, str] | None = None,
        config: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self._env = environment(env)
        self._config = [word for setting in config for word in ("-c", setting)]

    def start(self, *args: str, stdin: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
        """A git that has just started, its streams as pipes."""
        command = ["git", "-C", os.fspath(self.folder), *self._config, *args]
        pipe = subprocess.PIPE
        try:
            return subprocess.Popen(command, stdin=stdin, stdout=pipe, stderr=pipe, env=self._env)
        except FileNotFoundError:
            raise CacheferryError("git is not installed", "install git 2.34 or later") from None

    def call(
        self, *args: str, data: bytes | None = None, timeout: float | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """The finished process, whatever its status; `data` is its standard input."""
        stdin = subprocess.DEVNULL if data is None else subprocess.PIPE
        with self.start(*args, stdin=stdin) as process:
            try:
                out, err = process.communicate(data, timeout)
            except BaseException:
                _end(process)
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def run(self, *args: str, data: bytes | None = None, timeout: float | None = None) -> bytes:
        """What git printed. Raises GitFailed where its status is not 0."""
        done = self.call(*args, data=data, timeout=timeout)
        if done.returncode != 0:
            raise GitFailed(args, done.returncode, done.stderr.decode("utf-8", "replace"))
        return done.stdout

    def lines(self, *args: str, data: bytes) -> Iterator[str]:
        """Each line as soon as git prints it; git reads `data` first. Raises GitFailed at the end.

        For what is too much to hold; bytes that are no UTF-8 survive.
        """
        words: list[bytes] = []
        with self.start(*args) as process:
            assert process.stdin and process.stdout and process.stderr
            listening = Thread(target=_read_into, args=(words, process.stderr))
            listening.start()
            process.stdin.write(data)
            process.stdin.close()
            for line in process.stdout:
                yield os.fsdecode(line.rstrip(b"\n"))
            listening.join()
        if process.returncode != 0:
            raise GitFailed(args, process.returncode, words[0].decode("utf-8", "replace"))

    def text(self, *args: str, data: bytes | None = None) -> str:
        """What git printed, without the last line's end; bytes that are no UTF-8 survive."""
        return os.fsdecode(self.run(*args, data=data)).rstrip("\r\n")

    def ask(self, *args: str) -> str | None:
        """What git printed, or None where it says no (any status but 0)."""
        done = self.call(*args)
        return os.fsdecode(done.stdout).rstrip("\r\n") if done.returncode == 0 else None

    def records(self, *args: str, data: bytes | None = None) -> list[str]:
        """What git printed with `-z`, split."""
        return [os.fsdecode(part) for part in self.run(*args, data=data).split(b"\0") if part]


def _read_into(words: list[bytes], stream: IO[bytes]) -> None:
    words.append(stream.read())


def _end(process: subprocess.Popen[bytes]) -> None:
    # Asked to end, git removes its lock files; killed, it leaves them to the user.
    process.terminate()
    try:
        process.wait(2)
    except subprocess.TimeoutExpired:
        process.kill()
