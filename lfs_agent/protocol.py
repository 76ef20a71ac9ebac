"""The custom transfer protocol: lines of git-lfs's become messages, answers become lines.

Source: git-lfs docs/custom-transfers.md. Plain classes, and `json` only on use: importing
dataclasses, typing or json would cost more than everything else up to the first answer.
"""

import os

from cacheferry.core.errors import CacheferryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

OPERATIONS = ("upload", "download")


class ProtocolError(Exception):
    """What git-lfs sent makes no sense here; there is no answer to it, so the agent ends."""


class OutputClosed(Exception):
    """Nobody reads the answers any more."""


class Init:
    """The first line: whether this process will upload or download."""

    def __init__(self, operation: str) -> None:
        self.operation = operation


class Terminate:
    """The last line."""


class Transfer:
    """One object to move. All but `event` and `oid` is as received and still to be checked."""

    def __init__(self, event: str, oid: str, size: object, path: object) -> None:
        self.event = event
        self.oid = oid
        self.size = size
        self.path = path


def parse(line: bytes) -> Init | Terminate | Transfer:
    """The message that a line is. Raises ProtocolError for anything else."""
    return _message(_json_object(line))


def is_terminate(line: bytes) -> bool:
    """True for the last line of a session; never raises."""
    try:
        return isinstance(parse(line), Terminate)
    except ProtocolError:
        return False


def _message(fields: dict[str, object]) -> Init | Terminate | Transfer:
    event, oid = fields.get("event"), fields.get("oid")
    if event == "terminate":
        return Terminate()
    if event == "init":
        return Init(_operation(fields.get("operation")))
    if event not in OPERATIONS:
        raise ProtocolError(f"unknown event {event!r:.80}")
    if not isinstance(oid, str):
        raise ProtocolError(f"{event} without an oid")
    return Transfer(str(event), oid, fields.get("size"), fields.get("path"))


def _operation(operation: object) -> str:
    if operation not in OPERATIONS:
        raise ProtocolError(f"init with unknown operation {operation!r:.80}")
    return str(operation)


def _json_object(line: bytes) -> dict[str, object]:
    if (plain := _plain_object(line)) is not None:
        return plain
    import json

    try:
        value = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"no JSON in {line!r:.80} ({error})") from None
    if not isinstance(value, dict):
        raise ProtocolError(f"no JSON object in {line!r:.80}")
    return value


def _plain_object(line: bytes) -> dict[str, object] | None:
    """What `json` would make of a flat object without escapes, as git-lfs writes them; else None.

    Importing `json` takes as long as starting Python.
    """
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if "\\" in text or not text.isprintable():
        return None
    parts = text.split('"')
    between, strings = [part.strip(" ") for part in parts[::2]], parts[1::2]
    if between[0] != "{" or len(between) <= len(strings):
        return None
    fields: dict[str, object] = {}
    value: object
    at = 0
    while at < len(strings):
        key, after = strings[at], between[at + 1]
        if after == ":" and at + 1 < len(strings):
            at += 1
            value, after = strings[at], between[at + 1]
        elif after[:1] == ":" and (scalar := after[1:-1].strip(" ")) in _WORDS:
            value, after = _WORDS[scalar], after[-1:]
        elif after[:1] == ":" and _is_plain_number(scalar):
            value, after = int(scalar), after[-1:]
        else:
            return None
        at += 1
        if key in fields or after != ("," if at < len(strings) else "}"):
            return None
        fields[key] = value
    return fields if fields else None


def _is_plain_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and text[0] != "0" and len(text) < 20


_WORDS: dict[str, object] = {"null": None, "true": True, "false": False, "0": 0}


class Writer:
    """The only way to git-lfs. Raises OutputClosed where git-lfs is gone."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._held = b""

    def ready(self) -> None:
        """Answers init: transfers may come."""
        self._write(b"{}\n")

    def not_ready(self, error: CacheferryError) -> None:
        """Answers init: the configuration is wrong."""
        self._send({"error": _described(error)})

    def progress(self, oid: str, so_far: int, since_last: int, last: bool = False) -> None:
        """Says how many bytes of an object have moved; the last time together with what follows."""
        moved = f'"bytesSoFar":{so_far},"bytesSinceLast":{since_last}'
        text = f'{{"event":"progress","oid":{_quoted(oid)},{moved}}}'
        if last:
            self._held += text.encode("ascii") + b"\n"  # git-lfs is woken once, not twice
        else:
            self._say(text)

    def complete(self, oid: str, path: str | None = None) -> None:
        """Says that an object is in the store or, with a path, that it lies there."""
        place = f',"path":{_quoted(path)}' if path is not None else ""
        self._say(f'{{"event":"complete","oid":{_quoted(oid)}{place}}}')

    def failed(self, oid: str, error: CacheferryError) -> None:
        """Says that an object could not be moved."""
        self._send({"event": "complete", "oid": oid, "error": _described(error)})

    def _send(self, message: "Mapping[str, object]") -> None:
        import json

        self._say(json.dumps(message, separators=(",", ":")))

    def _say(self, text: str) -> None:
        self._write(text.encode("ascii") + b"\n")

    def _write(self, data: bytes) -> None:
        data, self._held = self._held + data, b""
        try:
            while data:
                data = data[os.write(self.descriptor, data) :]
        except OSError as error:
            raise OutputClosed from error


def _quoted(text: str) -> str:
    """The text as JSON."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    import json

    return json.dumps(text)


def _described(error: CacheferryError) -> dict[str, object]:
    hint = f" ({error.hint})" if error.hint else ""
    return {"code": error.exit_code, "message": error.message + hint}
