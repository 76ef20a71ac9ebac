"""Many things at once in threads that nobody has to wait for."""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_LOOK_UP = 0.2
"""Seconds after which a wait looks up: Windows keeps Ctrl-C back from one that has no end."""


def together(
    work: Callable[[_Item], _Result], items: Sequence[_Item], workers: int
) -> Iterator[_Result]:
    """What `work` makes of each item, as it gets ready. What it raises is raised here.

    Where the caller goes away, by Ctrl-C too, no further item is begun and nobody waits for
    those under way: the threads die with the process.
    """
    waiting: queue.SimpleQueue[_Item] = queue.SimpleQueue()
    ready: queue.SimpleQueue[_Result | BaseException] = queue.SimpleQueue()
    gone = threading.Event()

    def serve() -> None:
        while not gone.is_set():
            try:
                ready.put(work(waiting.get_nowait()))
            except queue.Empty:
                return
            except BaseException as error:  # the caller's to see, not a dead thread's
                ready.put(error)

    for item in items:
        waiting.put(item)
    try:
        for _ in range(min(workers, len(items))):
            threading.Thread(target=serve, daemon=True).start()
        for _ in items:
            result = _next(ready)
            if isinstance(result, BaseException):
                raise result
            yield result
    finally:
        gone.set()


@contextmanager
def beside(work: Callable[[], object]) -> Iterator[None]:
    """Does `work`, which must not raise, in a thread of its own while the block runs."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _next(ready: "queue.SimpleQueue[_Result]") -> _Result:
    while True:
        try:
            return ready.get(timeout=_LOOK_UP)
        except queue.Empty:
            continue
