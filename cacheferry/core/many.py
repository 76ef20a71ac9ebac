"""Many objects at once, each with its own outcome: an error is one object's."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from cacheferry.core.errors import CacheferryError
from cacheferry.core.store import Progress, Store, announce, no_progress
from cacheferry.core.together import together


def put_all(
    store: Store, sources: Mapping[str, Path], progress: Progress = no_progress
) -> dict[str, CacheferryError]:
    """Puts every file under its oid; what could not be put, and why.

    `progress` is called from several threads.
    """
    announce(store, {oid: size for oid, path in sources.items() if (size := _size(path))})
    in_one_step = getattr(store, "put_together", None)
    if in_one_step is None:
        return each(store, sources, lambda oid: store.put(oid, sources[oid], progress))
    try:
        in_one_step(sources, progress)
    except CacheferryError as error:
        return dict.fromkeys(sources, error)
    return {}


def each(
    store: Store, oids: Iterable[str], action: Callable[[str], None]
) -> dict[str, CacheferryError]:
    """Runs `action` for every oid, as many at once as serve the store; the errors by oid.

    Anything that is no CacheferryError ends it all, and so does Ctrl-C: nobody waits for the
    actions under way then.
    """
    failed: dict[str, CacheferryError] = {}

    def one(oid: str) -> None:
        try:
            action(oid)
        except CacheferryError as error:
            failed[oid] = error

    # Whoever is told to end does not wait for a store that has died.
    for _ in together(one, list(oids), store.workers):
        pass
    return failed


def _size(path: Path) -> int:
    with suppress(OSError, ValueError):
        return path.stat().st_size
    return 0
