"""What the daemon tells the outside: a small file that `cacheferry status` reads, and the log."""

import json
import logging
import os
import time
from pathlib import Path
from typing import Any

from cacheferry.core import atomic
from cacheferry.core.repository import Repository
from daemon.onepass import Outcome

log = logging.getLogger("cacheferry")


def read(repository: Repository) -> dict[str, Any]:
    """What the daemon said last; {} where it never ran. Times are seconds since 1970."""
    try:
        known = json.loads(_file(repository).read_bytes())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


class State:
    """Writes the file when something has changed; survives restarts."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._said = read(repository)
        self._say(pid=os.getpid(), started=time.time())
        self._say(busy=None, error=None, next_try=None, held={})

    def passed(self, outcome: Outcome) -> None:
        """A pass went through."""
        if outcome.published:
            total = self._said.get("total_published", 0) + len(outcome.published)
            self._say(last_published=time.time(), total_published=total)
            for path in outcome.published:
                log.info("published %s", path)
        for path in outcome.arrived:
            log.info("arrived %s", path)
        for path, reason in outcome.held.items():
            if self._said.get("held", {}).get(path) != reason:
                log.warning("held %s: %s", path, reason)
        self._say(busy=None, error=None, next_try=None, held=outcome.held)

    def busy(self, reason: str) -> None:
        """The repository is in the middle of something."""
        if self._said.get("busy") != reason:
            log.info("waiting: %s", reason)
        self._say(busy=reason)

    def failed(self, message: str, seconds: float) -> None:
        """A pass failed; the next try is in so many seconds."""
        if self._said.get("error") != message:
            log.error("%s; trying again", message)
        self._say(error=message, next_try=time.time() + seconds)

    def _say(self, **news: Any) -> None:
        said = self._said | news
        if said != self._said or not _file(self._repository).exists():
            self._said = said
            atomic.write(_file(self._repository), json.dumps(said, indent=1).encode())


def _file(repository: Repository) -> Path:
    return repository.state_dir / "daemon.json"
