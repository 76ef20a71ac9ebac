"""Reads git-lfs's lines: bounded, unbuffered, and with an eye on who reads our answers."""

import os
import sys

from lfs_agent.protocol import OutputClosed, ProtocolError

LIMIT = 1 << 20


class Lines:
    """The lines on `source`; `output` is where the answers go."""

    def __init__(self, source: int, output: int) -> None:
        self._source = source
        self._output = output
        self._unread = b""
        self._begun = False

    def next(self) -> bytes | None:
        """The next line without its end, None at the end of the input.

        Raises ProtocolError for a line that does not end, OutputClosed where the answers' reader
        has gone.
        """
        while True:
            line, newline, rest = self._unread.partition(b"\n")
            if newline:
                self._unread = rest
                return line
            if len(line) > LIMIT:
                raise ProtocolError(f"a line longer than {LIMIT} bytes")
            self._wait()
            data = os.read(self._source, 1 << 16)
            if not data:
                self._unread = b""
                return line or None
            self._unread += data

    def _wait(self) -> None:
        """Returns when there is something to read."""
        begun, self._begun = self._begun, True
        if sys.platform == "win32" or not begun:
            return  # Windows has no poll; the first line is there already: what to import can wait
        import select

        poll = select.poll()
        poll.register(self._source, select.POLLIN)
        poll.register(self._output, 0)
        ready = dict(poll.poll())
        gone = ready.get(self._output, 0) & (select.POLLERR | select.POLLHUP)
        if gone and self._source not in ready:
            raise OutputClosed
