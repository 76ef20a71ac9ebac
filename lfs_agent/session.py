"""The transfers of one conversation: an error is one object's, and the next object works."""

from cacheferry.core.errors import CacheferryError
from lfs_agent.place import Place
from lfs_agent.protocol import OutputClosed, Transfer, Writer
from lfs_agent.transfer import Downloads, Reporter, checked_size, upload


class Session:
    """An open store and whom to tell."""

    def __init__(self, place: Place, writer: Writer) -> None:
        self._store = place.open()
        self._downloads = Downloads(place.downloads())
        self._writer = writer
        self._gathers = hasattr(self._store, "put_together")

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
        self._store.close()

    def _move(self, request: Transfer) -> str | None:
        size = checked_size(request)
        progress = Reporter(
            size, lambda so_far, new: self._writer.progress(request.oid, so_far, new)
        )
        if request.event == "upload":
            self._gather(request.oid)
            upload(self._store, request, size, progress)
            return None
        return self._downloads.download(self._store, request, size, progress)

    def _gather(self, first: str) -> None:
        """Once, before the first upload, where one step for all is the cheapest."""
        if self._gathers:
            from lfs_agent.gathering import put_what_is_pushed

            put_what_is_pushed(self._store, first)
            self._gathers = False
