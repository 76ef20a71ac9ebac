"""The LFS storage of a remote that is a folder, as git-lfs's own file agent keeps it.

The same layout as a folder store; the repository that lies there is somebody's own.
"""

from collections.abc import Iterator

from cacheferry.core.errors import NotOffered
from cacheferry.core.store import Stored
from lfs_agent.stores.folder import FolderStore


class LfsFolder(FolderStore):
    """A Store in the LFS storage of another repository, which its first object may create."""

    def objects(self) -> Iterator[Stored]:
        """Not offered: what else lies there belongs to that repository."""
        raise NotOffered(f"{self.folder} is the LFS storage of a repository, and not ours to list")

    def delete(self, oid: str) -> None:
        """Not offered, as `objects`."""
        raise NotOffered(f"{self.folder} is the LFS storage of a repository, and not ours to clean")

    def _require_folder(self) -> None:
        """A repository without LFS objects has no such folder, and lacks nothing."""
