"""Starts, stops and finds the daemon of a repository: one at a time, by a lock the system frees."""

import logging
import logging.handlers
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import filelock
import psutil

from cacheferry.core.errors import CacheferryError, ReadOnly
from cacheferry.core.repository import Repository
from daemon import state
from daemon.desk import Desk
from daemon.loop import Loop

_LOG_BYTES, _OLD_LOGS = 1_000_000, 3
_START_SECONDS, _STOP_SECONDS = 15.0, 5.0
_PROBE_SECONDS = 0.3  # somebody who asks whether a daemon runs holds its lock for a moment


def run(repository: Repository, make_desk: Callable[[], Desk], to_console: bool) -> None:
    """Is the daemon until a signal or `stop`. Raises CacheferryError where one runs already."""
    lock = _lock(repository)
    try:
        lock.acquire(timeout=_PROBE_SECONDS, poll_interval=0.01)
    except filelock.Timeout:
        pid = running(repository) or "?"
        raise CacheferryError(
            f"a daemon is running for {repository.root} (pid {pid})", "cacheferry daemon stop"
        ) from None
    try:
        _set_up_log(repository, to_console)
        _run(repository, make_desk)
    finally:
        _end_children()
        lock.release()


def running(repository: Repository) -> int | None:
    """The pid of the repository's daemon; None where none runs."""
    if not repository.state_dir.is_dir():
        return None  # none has run yet, and who asks may have no right to write
    lock = _lock(repository)
    with suppress(filelock.Timeout), lock.acquire(timeout=0):
        return None
    return _pid_of(state.read(repository))


def _pid_of(said: Mapping[str, object]) -> int:
    """The daemon's own word, unless it is its predecessor's and the number is another's now."""
    pid, started = said.get("pid"), said.get("started")
    if isinstance(pid, int) and isinstance(started, float):
        with suppress(psutil.Error):
            if psutil.Process(pid).create_time() <= started:
                return pid
    return 0


def start(repository: Repository, command: Sequence[str]) -> int | None:
    """Starts `command` (a `daemon run`) in the background; its pid, or None where one runs.

    Raises CacheferryError with the daemon's own words where it ends at once.
    """
    if running(repository) is not None:
        return None
    with open(log_file(repository), "ab") as output:
        child = subprocess.Popen(
            command,
            cwd=repository.root,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=sys.platform != "win32",
            creationflags=_detached_on_windows(),
        )
    until = time.monotonic() + _START_SECONDS
    while running(repository) != child.pid:
        if child.poll() is not None or time.monotonic() > until:
            last = (tail(repository, 1) or ["no message"])[0]
            raise CacheferryError(f"the daemon did not start: {last}", "cacheferry daemon logs")
        time.sleep(0.02)
    return child.pid


def stop(repository: Repository) -> int | None:
    """Ends the daemon and what it started; its pid, or None where none runs."""
    pid = running(repository)
    until = time.monotonic() + _STOP_SECONDS
    while pid == 0 and time.monotonic() < until:  # it has only just begun
        time.sleep(0.02)
        pid = running(repository)
    if not pid:
        return None
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        process.terminate()  # on Windows a hard end: every step of a pass is safe to break off
        with suppress(psutil.TimeoutExpired):
            process.wait(_STOP_SECONDS)
            return pid
        for one in [*process.children(recursive=True), process]:
            with suppress(psutil.NoSuchProcess):
                one.kill()
    return pid


def tail(repository: Repository, lines: int) -> list[str]:
    """The last lines of the log."""
    try:
        text = log_file(repository).read_text("utf-8", "replace")
    except FileNotFoundError:
        return []
    return text.splitlines()[-lines:]


def log_file(repository: Repository) -> Path:
    """Where the daemon writes its log."""
    repository.state_dir.mkdir(exist_ok=True)
    return repository.state_dir / "daemon.log"


def _run(repository: Repository, make_desk: Callable[[], Desk]) -> None:
    loop = Loop(make_desk, repository.config_file, state.State(repository))

    def end(_signal: int, _frame: object) -> None:
        loop.stop()
        raise SystemExit(0)  # out of whatever the pass waits for; every step is safe to repeat

    for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), end)
    logging.getLogger("cacheferry").info("watching %s (pid %d)", repository.root, os.getpid())
    loop.run()


def _end_children() -> None:
    children = psutil.Process().children(recursive=True)
    for child in children:
        with suppress(psutil.NoSuchProcess):
            child.terminate()
    for child in psutil.wait_procs(children, timeout=1)[1]:
        with suppress(psutil.NoSuchProcess):
            child.kill()


def _lock(repository: Repository) -> filelock.BaseFileLock:
    try:
        repository.state_dir.mkdir(exist_ok=True)
        return filelock.FileLock(repository.state_dir / "daemon.lock")
    except PermissionError:
        raise ReadOnly(f"{repository.state_dir} cannot be written") from None


def _set_up_log(repository: Repository, to_console: bool) -> None:
    handler: logging.Handler = (
        logging.StreamHandler(sys.stderr)
        if to_console
        else logging.handlers.RotatingFileHandler(
            log_file(repository),
            maxBytes=_LOG_BYTES,
            backupCount=_OLD_LOGS,
            encoding="utf-8",
            errors="backslashreplace",  # a cache's name may be no UTF-8
        )
    )
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("cacheferry")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)


def _detached_on_windows() -> int:
    if sys.platform == "win32":
        return subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
    return 0
