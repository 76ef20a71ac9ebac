"""Which class serves which scheme; each is imported only when one of its stores is opened."""

from cacheferry.core.errors import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cacheferry.core.repository import Repository
    from cacheferry.core.store import Store
    from cacheferry.core.storeurl import StoreUrl

_STORES = {
    "file": "lfs_agent.stores.folder:from_address",
    "kaggle": "lfs_agent.stores.kaggle:KaggleStore",
    "sftp": "lfs_agent.stores.sftp:SftpStore",
    "http": "lfs_agent.stores.http:HttpStore",
    "https": "lfs_agent.stores.http:HttpStore",
    "s3": "lfs_agent.stores.objectstore:ObjectStore",
    "gs": "lfs_agent.stores.objectstore:ObjectStore",
    "az": "lfs_agent.stores.objectstore:ObjectStore",
}

NEVER_ANONYMOUS = ("sftp",)
"""Schemes whose servers always learn who asks: a store that nobody has accepted is not read."""


def require_supported(url: "StoreUrl") -> None:
    """Raises ConfigurationError for `lfs` and `git`, which no store of ours serves."""
    if not url.needs_agent:
        raise ConfigurationError(
            f"the store `{url.text}` uses no agent, but git-lfs has started one",
            "run `cacheferry init` again in this repository",
        )


def open_folder(folder: str) -> "Store":
    """The store in a folder, as `open_store` opens it."""
    from lfs_agent.retry import Retrying
    from lfs_agent.stores.folder import FolderStore

    return Retrying(FolderStore(folder))


def open_store(url: "StoreUrl", anonymous: bool = False) -> "Store":
    """The store at an address; transient errors are retried. Connects to nothing yet.

    `anonymous` sends no credential: all that a store may be asked for which nobody has accepted.
    Raises ConfigurationError where the store needs no agent, or its library is not installed.
    """
    from importlib import import_module

    from lfs_agent.retry import Retrying, RetryingTogether

    require_supported(url)
    module, _, name = _STORES[url.scheme].partition(":")
    try:
        store = getattr(import_module(module), name)(url, anonymous)
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"{url.scheme}:// stores need {error.name}, which is not installed",
            f"pip install 'cacheferry[{url.scheme}]'",
        ) from None
    return RetryingTogether(store) if hasattr(store, "put_together") else Retrying(store)


def open_lfs(repository: "Repository", operation: str, anonymous: bool = False) -> "Store":
    """The LFS server that git-lfs would use for `upload` or `download`, where the store is `lfs`.

    Transient errors are retried; connects to nothing yet. Raises ConfigurationError where there
    is none.
    """
    from cacheferry.core import lfsserver
    from lfs_agent.retry import Retrying

    server = lfsserver.find(repository, operation)
    if server is None:
        raise ConfigurationError(
            "there is no LFS server: the repository has no remote", "git remote add origin URL"
        )
    if server.kind == "folder":
        from lfs_agent.stores.lfsfolder import LfsFolder

        return Retrying(LfsFolder(lfsserver.folder(server, repository.root)))
    from lfs_agent.stores.lfshost import LfsHost

    ref = repository.git.ask("symbolic-ref", "-q", "HEAD")
    return Retrying(LfsHost(server, operation, repository.root, ref, anonymous))
