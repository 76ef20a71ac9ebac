"""A bar of bytes on a terminal: how many, how fast, how long yet."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from cacheferry.core.store import Progress, no_progress
from cacheferry.reporting import human_size

_EVERY = 0.1
"""Seconds between two drawings: a bar must not slow down what it shows."""


@contextmanager
def bar(label: str, total: int, clock: Callable[[], float] = time.monotonic) -> Iterator[Progress]:
    """A Progress that draws on stderr where that is a terminal; any thread may call it."""
    if not total or not sys.stderr.isatty():
        yield no_progress
        return
    began, lock = clock(), threading.Lock()
    done = drawn = 0
    last = began

    def words(_item: int | None) -> str:
        rate = done / max(clock() - began, 0.001)
        return f"{human_size(done)} of {human_size(total)}, {human_size(int(rate))}/s"

    with click.progressbar(
        length=total, label=label, file=sys.stderr, item_show_func=words
    ) as shown:

        def moved(count: int, at_once: bool = False) -> None:
            nonlocal done, drawn, last
            with lock:
                done += count
                if at_once or clock() - last >= _EVERY:
                    shown.update(done - drawn, done)
                    drawn, last = done, clock()

        yield moved
        moved(0, at_once=True)
