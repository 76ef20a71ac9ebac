"""Says «look again» when something happens below the caches' folders. The only user of watchdog.

Events are hints: which one came, and whether one was lost, decides nothing (a pass looks at the
disk itself, and the loop looks again now and then without any event).
"""

import logging
import os
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch
from watchdog.observers.polling import PollingObserver

# Reading a file causes these: taken as news, our own look would wake us for ever.
_NO_NEWS = ("opened", "closed_no_write")
_OVERFLOW_LOGGER = "watchdog.observers.inotify_c"


class Watcher(FileSystemEventHandler):
    """Watches folders; those that are missing, or were replaced, are taken up by `look_again`."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders: dict[Path, _Watched | None] = dict.fromkeys(folders)
        self._news = threading.Event()
        self._observer: BaseObserver = Observer()
        self._overflow = _OnAnyRecord(self._news)
        logging.getLogger(_OVERFLOW_LOGGER).addHandler(self._overflow)

    def start(self) -> None:
        """Begins to watch; where the system has no watches left, by polling."""
        try:
            self.look_again()
            self._observer.start()
        except OSError:
            self._folders = dict.fromkeys(self._folders)
            self._observer = PollingObserver(timeout=2)
            self.look_again()
            self._observer.start()

    def look_again(self) -> None:
        """Watches folders that have come into being, or have been made anew."""
        for folder, watched in self._folders.items():
            identity = _identity(folder)
            if watched and watched.identity != identity:
                with suppress(KeyError, OSError):
                    self._observer.unschedule(watched.watch)
                self._folders[folder] = None
            if identity and (watched is None or watched.identity != identity):
                watch = self._observer.schedule(self, str(folder), recursive=True)
                self._folders[folder] = _Watched(identity, watch)
                self._news.set()

    def wait(self, seconds: float) -> bool:
        """True at the first news since the last call, False after so many seconds without."""
        news = self._news.wait(max(0.0, seconds))
        self._news.clear()
        return news

    def wake(self) -> None:
        """Ends a wait; may be called from a signal handler."""
        self._news.set()

    def stop(self) -> None:
        """Ends the watching."""
        logging.getLogger(_OVERFLOW_LOGGER).removeHandler(self._overflow)
        if self._observer.is_alive():
            self._observer.stop()
            self._observer.join(0.2)  # its threads are daemons: nothing waits for them

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type not in _NO_NEWS and "/.git/" not in str(event.src_path):
            self._news.set()


class _Watched(NamedTuple):
    """A folder's identity when its watch was set up, and the watch."""

    identity: tuple[int, int]
    watch: ObservedWatch


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        stat = os.stat(folder)
    except OSError:
        return None
    return (stat.st_dev, stat.st_ino) if folder.is_dir() else None


class _OnAnyRecord(logging.Handler):
    """An overflow of inotify's queue is only a log record: events were lost, so look again."""

    def __init__(self, news: threading.Event) -> None:
        super().__init__()
        self._news = news

    def emit(self, record: logging.LogRecord) -> None:
        self._news.set()
