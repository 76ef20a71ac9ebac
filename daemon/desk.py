"""What the passes of one repository work with."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import NamedTuple

from cacheferry.core import attributes
from cacheferry.core.config import Config
from cacheferry.core.lfsstorage import LfsStorage
from cacheferry.core.materialise import Materialiser
from cacheferry.core.repository import Repository
from cacheferry.core.store import Progress, Store, no_progress
from daemon.commits import Workbench
from daemon.survey import Looker

Bar = Callable[[str, int], AbstractContextManager[Progress]]
"""Shows under a label how many bytes of so many have moved; any thread may call its Progress."""


def no_bar(_label: str, _total: int) -> AbstractContextManager[Progress]:
    """Shows nothing."""
    return nullcontext(no_progress)


class Desk(NamedTuple):
    """One repository's. `open_store` is None where caches are ordinary blobs (store: git)."""

    repository: Repository
    config: Config
    storage: LfsStorage
    looker: Looker
    open_store: Callable[[], Store] | None
    say: Callable[[str], None]
    bar: Bar

    @property
    def plain_git(self) -> bool:
        """True where caches are ordinary blobs."""
        return self.open_store is None

    @property
    def attribute_lines(self) -> list[str]:
        """The lines that each commit of ours makes sure of."""
        return [attributes.line(glob, self.plain_git) for glob in self.config.track]

    def bench(self) -> Workbench:
        """Where commits are made."""
        return Workbench(self.repository, self.attribute_lines)

    @contextmanager
    def bringer(self) -> Iterator[Materialiser | None]:
        """Brings objects from the store; None where caches are ordinary blobs."""
        if self.open_store is None:
            yield None
            return
        bringer = Materialiser(self.repository, self.storage, self.open_store, self.config.allow)
        try:
            yield bringer
        finally:
            bringer.close()


def desk(
    repository: Repository,
    config: Config,
    open_store: Callable[[], Store] | None,
    say: Callable[[str], None] = lambda _line: None,
    bar: Bar = no_bar,
) -> Desk:
    """A desk for one repository; `say` gets a line for each thing worth a log entry."""
    storage = LfsStorage(repository.lfs_storage())
    looker = Looker(repository, config, storage, open_store is None)
    return Desk(repository, config, storage, looker, open_store, say, bar)
