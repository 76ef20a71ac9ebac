"""All that a `git push` is about in one step, for stores that gather.

git-lfs sends the next object only when the one before is complete. Where each step costs minutes,
the first object takes the others with it; they are found in the store when their turn comes.
"""

from pathlib import Path

from cacheferry.core import entries, many, repository
from cacheferry.core.errors import ObjectCorrupt
from cacheferry.core.git import Git
from cacheferry.core.lfsstorage import LfsStorage
from cacheferry.core.pointer import Pointer
from cacheferry.core.store import Store
from lfs_agent import usual


def put_what_is_pushed(store: Store) -> None:
    """Puts the objects of every commit that no remote is known to have, as far as they are here.

    Raises a StoreError; a damaged object is left to its own turn.
    """
    around = repository.find(Path(usual.work_folder()))
    storage = LfsStorage(around.lfs_storage())
    here = {one.oid: storage.path(one.oid) for one in _unpushed(around.git) if storage.has(one)}
    for error in many.put_all(store, here).values() if here else ():
        if not isinstance(error, ObjectCorrupt):
            raise error


def _unpushed(git: Git) -> set[Pointer]:
    listed = git.ask("rev-list", "--objects", "HEAD", "--branches", "--not", "--remotes") or ""
    return set(entries.pointers(git, (line.split(" ")[0] for line in listed.split("\n"))).values())
