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
    if line == b'{"event":"terminate"}':
        return Terminate()
    if operation := _usual_init(line):
        return Init(operation)
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


def _usual_init(line: bytes) -> str | None:
    """The operation, where the line is to the letter what git-lfs writes; spares `json`."""
    head, _, rest = line.partition(b',"remote":"')
    remote, _, rest = rest.partition(b'","concurrent":')
    flag, _, count = rest.partition(b',"concurrenttransfers":')
    plain = remote.isascii() and remote.decode("ascii", "replace").isprintable()
    usual = (
        plain
        and b'"' not in remote
        and b"\\" not in remote
        and flag in (b"true", b"false")
        and count[-1:] == b"}"
        and count[:-1].isdigit()
    )
    heads = {b'{"event":"init","operation":"%s"' % name.encode(): name for name in OPERATIONS}
    return heads.get(head) if usual else None


def _json_object(line: bytes) -> dict[str, object]:
    import json

    try:
        value = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"no JSON in {line!r:.80} ({error})") from None
    if not isinstance(value, dict):
        raise ProtocolError(f"no JSON object in {line!r:.80}")
    return value


class Writer:
    """The only way to git-lfs. Raises OutputClosed where git-lfs is gone."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def ready(self) -> None:
        """Answers init: transfers may come."""
        self._write(b"{}\n")

    def not_ready(self, error: CacheferryError) -> None:
        """Answers init: the configuration is wrong."""
        self._send({"error": _described(error)})

    def progress(self, oid: str, so_far: int, since_last: int) -> None:
        """Says how many bytes of an object have moved."""
        self._send(
            {"event": "progress", "oid": oid, "bytesSoFar": so_far, "bytesSinceLast": since_last}
        )

    def complete(self, oid: str, path: str | None = None) -> None:
        """Says that an object is in the store or, with a path, that it lies there."""
        place = {"path": path} if path is not None else {}
        self._send({"event": "complete", "oid": oid} | place)

    def failed(self, oid: str, error: CacheferryError) -> None:
        """Says that an object could not be moved."""
        self._send({"event": "complete", "oid": oid, "error": _described(error)})

    def _send(self, message: "Mapping[str, object]") -> None:
        import json

        self._write(json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n")

    def _write(self, data: bytes) -> None:
        try:
            while data:
                data = data[os.write(self.descriptor, data) :]
        except OSError as error:
            raise OutputClosed from error


def _described(error: CacheferryError) -> dict[str, object]:
    hint = f" ({error.hint})" if error.hint else ""
    return {"code": error.exit_code, "message": error.message + hint}
