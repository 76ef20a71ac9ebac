"""Where a session's objects go: decided before init is answered."""

import os

from cacheferry.core.errors import ConfigurationError
from lfs_agent import usual

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cacheferry.core.repository import Repository
    from cacheferry.core.store import Store


class Place:
    """The store of a session, not opened yet, and the folder for its downloads.

    `downloads` is the temporary folder of the LFS storage; it need not exist.
    """

    def __init__(self, scheme: str, text: str, downloads: str, anonymous: bool = False) -> None:
        self._scheme = scheme
        self._text = text
        self.downloads = downloads
        self._anonymous = anonymous

    def open(self) -> "Store":
        """The store."""
        if self._scheme == "file":
            from lfs_agent.stores import open_folder

            return open_folder(self._text)
        from cacheferry.core.storeurl import StoreUrl
        from lfs_agent.stores import open_store

        _add_site_packages()
        return open_store(StoreUrl(self._scheme, self._text), self._anonymous)


def place_for(operation: str) -> Place:
    """The place that the repository's configuration names.

    Raises CacheferryError where there is none, where no store of ours serves it, or where
    nobody has accepted it and the operation is `upload`, or the store cannot be read anonymously.
    """
    if found := usual.find(operation):
        return Place("file", found.store, os.path.join(found.lfs_storage, "tmp"))
    try:
        return _any_place(operation)
    except ModuleNotFoundError:
        _add_site_packages()
        return _any_place(operation)
    except OSError as error:
        raise ConfigurationError(f"cannot read the configuration: {error}") from None


def _any_place(operation: str) -> Place:
    from pathlib import Path

    from cacheferry.core import chosen, repository
    from lfs_agent.stores import NEVER_ANONYMOUS, require_supported

    found = _bare_repository() or repository.find(Path(usual.work_folder()))
    store = chosen.chosen_store(found)
    require_supported(store.url)
    if operation == "upload" or store.url.scheme in NEVER_ANONYMOUS:
        chosen.require_trust(found, store)
    downloads = str(found.lfs_storage() / "tmp")
    return Place(store.url.scheme, store.url.text, downloads, anonymous=not store.trusted)


def _bare_repository() -> "Repository | None":
    """A bare repository, which has no work tree: it is its own root. None in any other."""
    from pathlib import Path

    from cacheferry.core.git import Git
    from cacheferry.core.repository import Repository

    words = ("rev-parse", "--is-bare-repository", "--absolute-git-dir")
    bare, _, git_dir = (Git(Path(usual.work_folder())).ask(*words) or "").partition("\n")
    return Repository(Path(git_dir), Path(git_dir), Path(git_dir)) if bare == "true" else None


def _add_site_packages() -> None:
    """A parser or a store's library lies there, which -S has kept away."""
    import site
    import sys

    if sys.flags.no_site:
        site.main()
