"""Says «look again» when something happens below the caches' folders. The only user of watchdog.

Events are hints: which one came, and whether one was lost, decides nothing (a pass looks at the
disk itself, and the loop looks again now and then without any event).
"""

import logging
import threading
from collections.abc import Iterable
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver
from watchdog.observers.polling import PollingObserver

# Reading a file causes these: taken as news, our own look would wake us for ever.
_NO_NEWS = ("opened", "closed_no_write")
_OVERFLOW_LOGGER = "watchdog.observers.inotify_c"


class Watcher(FileSystemEventHandler):
    """Watches folders; those that do not exist yet are taken up by `retry_missing`."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._missing = list(folders)
        self._news = threading.Event()
        self._observer: BaseObserver = Observer()
        self._overflow = _OnAnyRecord(self._news)
        logging.getLogger(_OVERFLOW_LOGGER).addHandler(self._overflow)

    def start(self) -> None:
        """Begins to watch; where the system has no watches left, by polling."""
        try:
            self.retry_missing()
            self._observer.start()
        except OSError:
            self._observer = PollingObserver(timeout=2)
            self.retry_missing()
            self._observer.start()

    def retry_missing(self) -> bool:
        """Watches folders that have come into being; True while others are missing."""
        for folder in [one for one in self._missing if one.is_dir()]:
            self._observer.schedule(self, str(folder), recursive=True)
            self._missing.remove(folder)
            self._news.set()
        return bool(self._missing)

    def wait(self, seconds: float) -> None:
        """Returns at the first news since the last call, or after so many seconds."""
        self._news.wait(max(0.0, seconds))
        self._news.clear()

    def wake(self) -> None:
        """Ends a wait; may be called from a signal handler."""
        self._news.set()

    def stop(self) -> None:
        """Ends the watching."""
        logging.getLogger(_OVERFLOW_LOGGER).removeHandler(self._overflow)
        if self._observer.is_alive():
            self._observer.stop()
            self._observer.join(2)

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type not in _NO_NEWS and "/.git/" not in str(event.src_path):
            self._news.set()


class _OnAnyRecord(logging.Handler):
    """An overflow of inotify's queue is only a log record: events were lost, so look again."""

    def __init__(self, news: threading.Event) -> None:
        super().__init__()
        self._news = news

    def emit(self, record: logging.LogRecord) -> None:
        self._news.set()
