"""Reads ahead while an object moves, so that the end of the input ends the agent in time."""

# Not `signal` and `queue`: they import enum and threading, which take longer than an object does.
import _signal  # type: ignore[import-not-found]
import _thread
import os
import sys
import time
from _queue import SimpleQueue

from lfs_agent.lines import Lines
from lfs_agent.protocol import is_terminate

GRACE = 1.0
"""Seconds to finish what is under way after git-lfs has gone without `terminate`."""


class Inbox:
    """The lines that a reading thread has met; `next` is that of Lines."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._queue: SimpleQueue[bytes | Exception | None] = SimpleQueue()
        self._main = _thread.get_ident()
        _signal.signal(_signal.SIGTERM, lambda *_: sys.exit(128 + _signal.SIGTERM))
        if sys.platform != "win32":
            _insist_on_signals()
        _thread.start_new_thread(self._read, ())

    def next(self) -> bytes | None:
        """The next line, None at the end of the input; raises what reading it raised."""
        item = self._queue.get()
        if isinstance(item, Exception):
            raise item
        return item

    def _read(self) -> None:
        try:
            while (line := self._lines.next()) is not None:
                self._queue.put(line)
                if is_terminate(line):
                    return
            self._queue.put(None)
        except Exception as error:
            self._queue.put(error)
        _end_soon(self._main)


def _insist_on_signals() -> None:
    """Lets a signal end the agent even where the main thread cannot hear it.

    Python tells it of one only between two of its own steps, and a library that is no Python may
    wait for a dead server in one of them.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    _signal.set_wakeup_fd(writing, warn_on_full_buffer=False)

    def insist() -> None:
        number = os.read(reading, 1)[0]
        time.sleep(GRACE)
        os._exit(128 + number)

    _thread.start_new_thread(insist, ())


def _end_soon(main: int) -> None:
    """Stops the main thread, which may be in the middle of a long transfer or a dead store."""
    time.sleep(GRACE)
    # An orderly end, which removes temporary files.
    if sys.platform == "win32":
        _thread.interrupt_main(_signal.SIGTERM)
    else:
        # It wakes a thread that waits for a server, too.
        _signal.pthread_kill(main, _signal.SIGTERM)
    time.sleep(GRACE / 2)
    os._exit(1)
