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


def put_what_is_pushed(store: Store, first: str) -> None:
    """Puts the objects of every commit that no remote is known to have, as far as they are here.

    Where `first`, the oid that git-lfs begins with, is none of these, it is `git lfs push --all`:
    those of every commit, then. Raises a StoreError; a damaged object is left to its own turn.
    """
    around = repository.find(Path(usual.work_folder()))
    storage = LfsStorage(around.lfs_storage())
    pushed = _pointers(around.git, "HEAD", "--branches", "--not", "--remotes")
    if first not in {one.oid for one in pushed}:
        pushed = _pointers(around.git, "--all")
    here = {one.oid: storage.path(one.oid) for one in pushed if storage.has(one)}
    for error in many.put_all(store, here).values() if here else ():
        if not isinstance(error, ObjectCorrupt):
            raise error


def _pointers(git: Git, *revisions: str) -> set[Pointer]:
    listed = git.ask("rev-list", "--objects", *revisions) or ""
    blobs = (line.partition(" ")[0] for line in listed.splitlines())
    return set(entries.pointers(git, blobs).values())
