"""The daemon's loop: notice, let settle, pass; on trouble back off and go on."""

import logging
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from cacheferry.core.errors import CacheferryError, Held
from daemon import ready
from daemon.desk import Desk
from daemon.onepass import Outcome, one_pass
from daemon.ready import Signature
from daemon.state import State
from daemon.survey import Disk
from daemon.watch import Watcher

POLL_SECONDS = 30.0
"""How often the remote is asked, and the disk looked at without any event."""
_GLANCE_SECONDS = 1.0
"""How often folders and `cacheferry.yaml` are looked at, which costs some system calls."""
_HELD_SECONDS = (0.05, 4.0)
_BACKOFF_SECONDS = (2.0, 60.0)
_JOINED_SECONDS = 0.1

log = logging.getLogger("cacheferry")


class Report(NamedTuple):
    """What one round of the loop came to, and in how many seconds the next is due."""

    wait: float
    failed: bool


class Loop:
    """Runs passes until `stop`. `make_desk` is called again when `cacheferry.yaml` changes."""

    def __init__(self, make_desk: Callable[[], Desk], config_file: Path, state: State) -> None:
        self._make_desk = make_desk
        self._config_file = config_file
        self._state = state
        self._desk: Desk | None = None
        self._config: Signature | None = None
        self._watcher: Watcher | None = None
        self._stopping = False
        self._failures = 0
        self._holds = 0
        self._ready_since: float | None = None
        self._last_poll = float("-inf")

    def run(self) -> None:
        """Returns after `stop`."""
        try:
            while not self._stopping:
                self._wait(self._round())
        finally:
            if self._watcher is not None:
                self._watcher.stop()

    def stop(self) -> None:
        """Ends the loop after the pass under way; may be called from a signal handler."""
        self._stopping = True
        if self._watcher is not None:
            self._watcher.wake()

    def _wait(self, seconds: float) -> None:
        """Until so many seconds are over, there is news, or `cacheferry.yaml` has changed."""
        if self._failures:
            # News do not shorten a backoff to nothing: a trickle of files must not hammer.
            time.sleep(min(seconds, _BACKOFF_SECONDS[0]))
        until = time.monotonic() + seconds
        while not self._stopping and (rest := until - time.monotonic()) > 0:
            if self._watcher is None:
                time.sleep(min(rest, _GLANCE_SECONDS))
                continue
            self._watcher.look_again()
            if self._watcher.wait(min(rest, _GLANCE_SECONDS)):
                time.sleep(min(rest, _JOINED_SECONDS))  # events come in swarms
                return
            if self._config != ready.signature(self._config_file):
                return

    def _round(self) -> float:
        """One pass; seconds until the next is due without news."""
        try:
            desk = self._current_desk()
            outcome = self._pass(desk)
        except Held as held:
            return self._hold(held.message)
        except (CacheferryError, OSError) as error:
            return self._back_off(error)
        except Exception as error:  # a pass that stumbles must not end the daemon
            log.exception("the pass failed")
            return self._back_off(error)
        self._failures = 0
        self._state.passed(outcome)
        if outcome.waiting:
            return self._hold(outcome.waiting)
        self._holds = 0
        return min(outcome.unsettled.values(), default=self._until_poll())

    def _hold(self, reason: str) -> float:
        """Looks again soon, and less often while the same lasts."""
        self._state.busy(reason)
        self._holds += 1
        return min(_HELD_SECONDS[0] * 2.0 ** min(self._holds, 10), _HELD_SECONDS[1])

    def _pass(self, desk: Desk) -> Outcome:
        poll = self._until_poll() <= 0
        outcome = one_pass(desk, fetch_first=poll, publish_now=self._publish_now(desk))
        if poll:
            self._last_poll = time.monotonic()
        if outcome.published:
            self._ready_since = None
        return outcome

    def _publish_now(self, desk: Desk) -> Callable[[Disk], bool]:
        """Waits for files that are settling, so that a burst is one commit; never over max_wait."""

        def decide(disk: Disk) -> bool:
            now = time.monotonic()
            self._ready_since = self._ready_since or now
            return not disk.unsettled or now - self._ready_since >= desk.config.sync.max_wait

        return decide

    def _until_poll(self) -> float:
        return max(0.0, self._last_poll + POLL_SECONDS - time.monotonic())

    def _back_off(self, error: Exception) -> float:
        self._failures += 1
        longest = min(_BACKOFF_SECONDS[1], 2.0 ** min(self._failures, 10))
        seconds = random.uniform(longest / 2, longest)
        self._state.failed(str(error), seconds)
        return seconds

    def _current_desk(self) -> Desk:
        """The desk for `cacheferry.yaml` as it is now."""
        config = ready.signature(self._config_file)
        if self._desk is not None and self._config == config:
            return self._desk
        self._desk, self._config = None, config
        desk = self._make_desk()
        if self._watcher is not None:
            self._watcher.stop()
        root = desk.repository.root
        self._watcher = Watcher(root / folder for folder in desk.config.folders())
        self._watcher.start()
        self._desk = desk
        return desk
