"""Which class serves which scheme; each is imported only when one of its stores is opened."""

from importlib import import_module

from cacheferry.core.errors import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cacheferry.core.store import Store
    from cacheferry.core.storeurl import StoreUrl

_STORES = {
    "file": "lfs_agent.stores.folder:FolderStore",
}


def require_supported(url: "StoreUrl") -> None:
    """Raises ConfigurationError where no store of ours serves the address."""
    if not url.needs_agent:
        raise ConfigurationError(
            f"the store `{url.text}` uses no agent, but git-lfs has started one",
            "run `cacheferry init` again in this repository",
        )
    if url.scheme not in _STORES:
        raise ConfigurationError(
            f"{url.scheme}:// stores are not supported by this version yet ({url.text})",
            "use a folder, lfs or git",
        )


def open_store(url: "StoreUrl") -> "Store":
    """The store at an address; transient errors are retried. Connects to nothing yet.

    Raises ConfigurationError for an address that no store of ours serves.
    """
    from lfs_agent.retry import Retrying

    require_supported(url)
    module, _, name = _STORES[url.scheme].partition(":")
    store: Store = getattr(import_module(module), name)(url)
    return Retrying(store)
