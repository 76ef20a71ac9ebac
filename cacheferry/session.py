"""What every command starts from: the repository around us, its configuration, its store."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from cacheferry.core import chosen, configfile, repository
from cacheferry.core.chosen import Chosen
from cacheferry.core.config import Config
from cacheferry.core.errors import ConfigurationError
from cacheferry.core.lfsstorage import LfsStorage
from cacheferry.core.repository import Repository
from cacheferry.core.store import Store
from cacheferry.core.verdict import GitSide, git_side


class Session(NamedTuple):
    """One command's view of one repository."""

    repository: Repository
    config: Config
    chosen: Chosen

    @property
    def plain_git(self) -> bool:
        """True where caches are ordinary blobs."""
        return self.chosen.url.scheme == "git"

    @property
    def storage(self) -> LfsStorage:
        """The repository's LFS storage."""
        return LfsStorage(self.repository.lfs_storage())

    def reader(self) -> Store:
        """The store, to read from; without credentials where nobody has accepted it."""
        return self._open("download", self._located())

    def writer(self) -> Callable[[], Store] | None:
        """Opens the store to write to; None where there is none. Raises for an untrusted one."""
        if self.plain_git:
            return None
        chosen.require_trust(self.repository, self._located())
        return self._open_to_write

    def _open_to_write(self) -> Store:
        # A daemon opens its store again and again, and a pull may have changed `.lfsconfig`.
        now = self._located()
        chosen.require_trust(self.repository, now)
        return self._open("upload", now)

    def _located(self) -> Chosen:
        return chosen.located(self.repository, self.chosen)

    def _open(self, operation: str, now: Chosen) -> Store:
        from lfs_agent.stores import open_lfs, open_store

        if now.url.scheme == "lfs":
            return open_lfs(self.repository, operation, anonymous=not now.trusted)
        return open_store(now.url, anonymous=not now.trusted)

    def upstream(self) -> str | None:
        """The upstream's commit as last fetched; None where there is none."""
        return self.repository.git.ask("rev-parse", "--verify", "-q", "@{upstream}^{commit}")

    def git_side(self) -> GitSide:
        """What Git holds for tracked paths."""
        return git_side(self.repository, self.config, self.upstream(), self.plain_git)


def begin(start: Path | None = None) -> Session:
    """The session for the repository around a folder (by default the current one).

    Raises ConfigurationError outside of one, without `cacheferry.yaml`, or with a wrong one.
    """
    around = repository.find(start)
    loaded = configfile.load(around)
    selected = chosen.located(around, chosen.chosen_store(around))
    return Session(around, loaded, selected)


def selected_paths(session: Session, paths: tuple[str, ...]) -> Callable[[str], bool]:
    """A test for repository paths that lie at or below the given ones; all, where none is given."""
    wanted = [_inside(session.repository, Path(path)) for path in paths]
    return lambda path: (
        not wanted or any(path == w or w == "." or path.startswith(w + "/") for w in wanted)
    )


def _inside(around: Repository, path: Path) -> str:
    if (Path.cwd() / path).resolve() == around.root.resolve():
        return "."
    inside = repository.inside(around.root, path)
    if inside is None:
        raise ConfigurationError(f"{path} is not in the repository {around.root}")
    return inside
