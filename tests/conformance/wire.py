"""The protocol's lines (git-lfs, docs/custom-transfers.md), and what an agent said to them."""

import hashlib
import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from tests.conformance.case import Failed, expect

TERMINATE = b'{"event":"terminate"}\n'


def oid_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def line(**fields: object) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def init(operation: str) -> bytes:
    return (
        f'{{"event":"init","operation":"{operation}","remote":"origin",'
        '"concurrent":true,"concurrenttransfers":3}\n'
    ).encode()


def upload(oid: object, size: object, path: object) -> bytes:
    path = str(path) if isinstance(path, Path) else path
    return line(event="upload", oid=oid, size=size, path=path, action=None)


def download(oid: object, size: object) -> bytes:
    return line(event="download", oid=oid, size=size, action=None)


def message(text: bytes) -> dict[str, Any]:
    """An answer. Raises Failed for anything but one JSON object."""
    try:
        value = json.loads(text)
    except ValueError:
        raise Failed(f"no JSON on stdout: {text!r:.100}") from None
    expect(isinstance(value, dict), f"no JSON object on stdout: {text!r:.100}")
    return dict(value)


class Taken(NamedTuple):
    """A downloaded file: the path that the agent named, and where it has been moved to."""

    path: Path
    file: Path

    @property
    def data(self) -> bytes:
        """Its bytes."""
        return self.file.read_bytes()


class Said:
    """What an agent answered, how it ended, the files that it has brought."""

    def __init__(self, code: int, out: bytes, err: bytes, files: Sequence[Taken] = ()) -> None:
        self.code = code
        self.files = list(files)
        self.out = out
        self.err = err.decode(errors="replace")
        self.messages = [message(text) for text in out.splitlines()]

    def completes(self) -> list[dict[str, Any]]:
        """The answer of each transfer."""
        return [m for m in self.messages if m.get("event") == "complete"]

    def errors(self) -> list[str]:
        """The error of each transfer, in order; empty where there is none."""
        return [_words(m.get("error")) for m in self.completes()]

    def refused(self) -> str | None:
        """Why init was refused; None where it was not."""
        return _words(self.messages[0].get("error")) or None if self.messages else None

    def progress(self, oid: str) -> list[tuple[int, int]]:
        """bytesSoFar and bytesSinceLast of each message about the object."""
        return [
            (m["bytesSoFar"], m["bytesSinceLast"])
            for m in self.messages
            if m.get("event") == "progress" and m.get("oid") == oid
        ]

    def served(self) -> bool:
        """True where a transfer worked."""
        return "" in self.errors()

    def refused_all(self) -> bool:
        """True where init, or each transfer, was answered with an error."""
        return bool(self.refused()) or (self.errors() != [] and all(self.errors()))

    def went_well(self) -> None:
        """Every transfer worked, and the agent has ended as it should."""
        expect(not self.refused(), f"init is refused: {self.refused()}")
        expect(not any(self.errors()), f"error: {' '.join(self.errors())}")
        expect(self.code == 0, f"exit code {self.code}: {self.err[-200:]}")


def check_progress(said: Said, oid: str, size: int) -> None:
    """Raises Failed unless the messages are integers that grow and sum to the size."""
    told = said.progress(oid)
    expect(told, "no progress")
    expect(all(type(number) is int for pair in told for number in pair), f"no integers: {told[:3]}")
    so_far = [0, *(pair[0] for pair in told)]
    steps = [after - before for before, after in pairwise(so_far)]
    expect(min(steps) >= 0, "bytesSoFar goes back")
    expect(steps == [pair[1] for pair in told], "bytesSinceLast is not what was added")
    expect(so_far[-1] == size, f"{so_far[-1]} bytes of progress, {size} have moved")
    events = [m["event"] for m in said.messages if m.get("oid") == oid]
    expect(events[-1] == "complete", "progress after complete")


def _words(error: object) -> str:
    """The message; whatever is no null fails an object."""
    if error is None:
        return ""
    return str(error.get("message") if isinstance(error, dict) else error) or "(no message)"


def check_form(error: object) -> None:
    """Raises Failed unless the error is {code: integer, message: text}."""
    form = isinstance(error, dict) and set(error) >= {"code", "message"}
    expect(form, f"an error that is not {{code, message}}: {error!r:.100}")
    assert isinstance(error, dict)
    expect(type(error["code"]) is int, f"an error's code that is no integer: {error['code']!r}")
    expect(error["message"] and isinstance(error["message"], str), f"no message: {error!r:.100}")
