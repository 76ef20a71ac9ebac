"""One line in, its answers out, until terminate."""

import os
import sys

from cacheferry.core.errors import CacheferryError, ConfigurationError
from lfs_agent.lines import Lines
from lfs_agent.place import Place, place_for
from lfs_agent.protocol import (
    Init,
    OutputClosed,
    ProtocolError,
    Terminate,
    Transfer,
    Writer,
    parse,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lfs_agent.session import Session


def main() -> int:
    """Serves git-lfs on stdin and stdout. Returns the exit code."""
    try:
        output = _own_stdout()
        Agent(Writer(output), Lines(0, output)).serve()
    except ProtocolError as error:
        print(f"cacheferry-agent: error: {error}", file=sys.stderr)
        return 2
    except OutputClosed:
        return 1  # nobody is there to be told
    except KeyboardInterrupt:
        return 130
    return 0


class Agent:
    """A conversation with git-lfs."""

    def __init__(self, writer: Writer, lines: Lines) -> None:
        self._writer = writer
        self._lines = lines
        self._next = lines.next
        self._operation: str | None = None
        self._place: Place | None = None
        self._session: Session | None = None

    def serve(self) -> None:
        """Answers until terminate or the end of the input.

        Raises ProtocolError where git-lfs makes no sense, OutputClosed where it has gone.
        """
        while (line := self._next()) is not None and self.process(line):
            pass
        if self._session:
            self._session.close()

    def process(self, line: bytes) -> bool:
        """Answers one line. False when it was the last."""
        message = parse(line)
        if isinstance(message, Init):
            self._init(message)
        elif isinstance(message, Transfer):
            self._transfer(message)
        return not isinstance(message, Terminate)

    def _init(self, message: Init) -> None:
        if self._operation:
            raise ProtocolError("a second init")
        self._operation = message.operation
        try:
            self._place = place_for(message.operation)
        except CacheferryError as error:
            self._writer.not_ready(error)
        else:
            self._writer.ready()

    def _transfer(self, message: Transfer) -> None:
        if not self._place:
            raise ProtocolError(f"{message.event} before a successful init")
        if not self._session:
            # Only now: git-lfs starts agents one after the other and waits for each init.
            from lfs_agent.inbox import Inbox
            from lfs_agent.session import Session

            self._next = Inbox(self._lines).next
            self._session = Session(self._place, self._writer)
        if message.event != self._operation:
            error = ConfigurationError(f"{message.event} in a session for {self._operation}")
            return self._writer.failed(message.oid, error)
        self._session.transfer(message)


def _own_stdout() -> int:
    """Stdout's place taken by stderr, so that nobody's print can come between two answers."""
    try:
        own = os.dup(1)
        os.dup2(2, 1)
    except OSError as error:
        raise OutputClosed from error
    return own
