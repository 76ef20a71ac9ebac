"""The transfers of one conversation: an error is one object's, and the next object works."""

from __future__ import annotations

from cacheferry.core.errors import CacheferryError
from lfs_agent.protocol import OutputClosed
from lfs_agent.transfer import Downloads, Reporter, checked_size, upload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cacheferry.core.store import Store
    from lfs_agent.place import Place
    from lfs_agent.protocol import Transfer, Writer


class Session:
    """A store, opened by the first transfer, and whom to tell."""

    def __init__(self, place: Place, writer: Writer) -> None:
        self._place = place
        self._store: Store | None = None
        self._downloads = Downloads(place.downloads)
        self._writer = writer
        self._gathered = False

    def transfer(self, request: Transfer) -> None:
        """Moves one object and says so. Raises OutputClosed only."""
        try:
            path = self._move(request)
        except CacheferryError as error:
            self._writer.failed(request.oid, error)
        except OutputClosed:
            raise
        except Exception as error:
            words = f"object {request.oid}: {type(error).__name__}: {error}"
            self._writer.failed(request.oid, CacheferryError(words))
        else:
            self._writer.complete(request.oid, path)

    def close(self) -> None:
        """Ends the store's connections."""
        if self._store:
            self._store.close()

    def _move(self, request: Transfer) -> str | None:
        self._store = store = self._store or self._place.open()
        size = checked_size(request)
        progress = Reporter(
            size,
            lambda so_far, new: self._writer.progress(request.oid, so_far, new, so_far == size),
        )
        if request.event == "upload":
            self._gather(store, request.oid)
            upload(store, request, size, progress)
            return None
        return self._downloads.download(store, request, size, progress)

    def _gather(self, store: Store, first: str) -> None:
        """Once, before the first upload, where one step for all is the cheapest."""
        if not self._gathered and hasattr(store, "put_together"):
            from lfs_agent.gathering import put_what_is_pushed

            put_what_is_pushed(store, first)
        self._gathered = True
