"""A running agent, spoken to line by line; whoever waits for it waits no longer than patience."""

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.conformance.case import Failed, expect
from tests.conformance.wire import TERMINATE, Said, Taken, message


class Talk:
    """A process in a session of its own, so that its children can be found and ended."""

    def __init__(
        self, command: Sequence[str], errors: Path, patience: float, **options: Any
    ) -> None:
        pipe = subprocess.PIPE
        self._errors = errors
        self._patience = patience
        self._unread = b""
        with open(errors, "wb") as stderr:
            self.process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=stderr, start_new_session=True, **options
            )

    def send(self, *lines: bytes) -> None:
        """Writes lines; an agent that has gone does not get them."""
        assert self.process.stdin
        end = time.monotonic() + self._patience
        data = b"".join(lines)
        os.set_blocking(self.process.stdin.fileno(), False)
        while data and time.monotonic() < end:
            select.select([], [self.process.stdin], [], 0.1)
            try:
                data = data[os.write(self.process.stdin.fileno(), data) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                return
        expect(not data, "does not read what it is sent")

    def answer(self) -> dict[str, Any]:
        """The next answer."""
        text = self._line()
        if text is None:
            raise Failed(f"ends without an answer: {self.errors()[-200:]}")
        return message(text)

    def until(self, event: str) -> dict[str, Any]:
        """The next answer of a kind; those before it are passed over."""
        while (found := self.answer()).get("event") != event:
            if found.get("event") == "complete":
                return found
        return found

    def finish(self, count: int, take: Callable[[object], Taken]) -> Said:
        """Waits for the answers to `count` transfers, then terminates.

        Each file that is brought goes to `take` at once, as git-lfs renames it.
        """
        out, files = b"", []
        while count and (text := self._line()) is not None:
            out += text
            answer = message(text)
            if answer.get("event") == "complete":
                count -= 1
                if not answer.get("error") and "path" in answer:
                    files.append(take(answer["path"]))
            elif answer.get("error"):
                break
        said = self.all(TERMINATE)
        return Said(said.code, out + said.out, said.err.encode(), files)

    def all(self, *lines: bytes) -> Said:
        """Says the lines and closes stdin; what was answered, once the agent has gone."""
        assert self.process.stdin
        self.send(*lines)
        self.process.stdin.close()
        out = self.rest()
        return Said(self.gone(self._patience), out, self.errors().encode())

    def rest(self) -> bytes:
        """What it answers until it closes stdout."""
        end = time.monotonic() + self._patience
        out, self._unread = self._unread, b""
        while data := self._read(end - time.monotonic()):
            out += data
        return out

    def gone(self, within: float) -> int:
        """The exit code of an agent that ends in time, with all its children."""
        begun = time.monotonic()
        try:
            code = self.process.wait(within)
        except subprocess.TimeoutExpired:
            raise Failed(f"still runs after {within:.0f} s") from None
        while self._has_children():
            expect(time.monotonic() - begun < within, "leaves a child behind")
            time.sleep(0.01)
        return code

    def errors(self) -> str:
        """What stands on stderr."""
        return self._errors.read_bytes().decode(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        """Sends it to the agent's process alone."""
        self.process.send_signal(number)

    def end(self) -> None:
        """Kills the agent and its children."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                with suppress(OSError):
                    stream.close()

    def _line(self) -> bytes | None:
        while b"\n" not in self._unread:
            data = self._read(self._patience)
            if not data:
                return None
            self._unread += data
        text, end, self._unread = self._unread.partition(b"\n")
        return text + end

    def _read(self, patience: float) -> bytes:
        assert self.process.stdout
        ready = select.select([self.process.stdout], [], [], max(patience, 0))[0]
        expect(ready, "no answer: hangs")
        return os.read(self.process.stdout.fileno(), 1 << 16)

    def _has_children(self) -> bool:
        try:
            os.killpg(self.process.pid, 0)
        except (ProcessLookupError, PermissionError):
            return False
        return True
