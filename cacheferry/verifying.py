"""`cacheferry fsck`: are objects whole, here and in the store; each side heals the other."""

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from cacheferry.core import atomic, entries, many, reachable
from cacheferry.core.config import Config
from cacheferry.core.errors import CacheferryError, ConfigurationError, ObjectCorrupt, ObjectMissing
from cacheferry.core.files import content_of
from cacheferry.core.lfsstorage import LfsStorage
from cacheferry.core.oid import hash_file
from cacheferry.core.store import Progress, Store, announce, no_progress, within
from cacheferry.session import Session
from lfs_agent.stores.folder import FolderStore

_ANY_PATH = Config(track=("**/*",))
_AT_ONCE = 4  # files that are hashed together


class Sought(NamedTuple):
    """Objects to look at: oid to size in bytes, and oid to a path that needs it, if any."""

    sizes: dict[str, int]
    paths: dict[str, str]


class Report(NamedTuple):
    """What a look at one side has found: oid to what healed it, and to why it is not whole."""

    healed: dict[str, str]
    lost: dict[str, CacheferryError]


def sought_here(session: Session) -> Sought:
    """The objects that lie in the LFS storage, and those of the index that should lie there.

    What is a pointer in the work tree need not lie there.
    """
    lying = FolderStore(session.storage.folder / "objects")
    sizes = {one.oid: one.size for one in lying.objects()} if os.path.isdir(lying.folder) else {}
    paths: dict[str, str] = {}
    staged = entries.index(session.repository.git, _ANY_PATH)
    pointers = entries.pointers(session.repository.git, (e.blob for e in staged.values()))
    for path, entry in staged.items():
        found = pointers.get(entry.blob)
        if found and (found.oid in sizes or not (entry.skipped or _is_pointer(session, path))):
            sizes.setdefault(found.oid, found.size)
            paths[found.oid] = path
    return Sought(sizes, paths)


def sought_in_store(session: Session) -> Sought:
    """The objects that any ref, reflog, index or work tree needs. Raises Held as `needed` does."""
    sizes: dict[str, int] = {}
    paths: dict[str, str] = {}
    for one, path in reachable.needed(session.repository).items():
        # A wrong pointer, too, may name the object.
        sizes[one.oid] = max(one.size, sizes.get(one.oid, 0))
        paths[one.oid] = path
    return Sought(sizes, paths)


def look_here(session: Session, sought: Sought, progress: Progress) -> Report:
    """Hashes the objects of the LFS storage; heals from the work tree, else from the store.

    A damaged object that nothing heals stays as it is.
    """
    broken = _broken(session.storage, sought.sizes, progress)
    healed: dict[str, str] = {}
    if not broken:
        return Report({}, {})
    with closing(session.reader()) as store:
        announce(store, {oid: sought.sizes[oid] for oid in broken})

        def heal(oid: str) -> None:
            file = session.repository.root / sought.paths.get(oid, "")
            healed[oid] = _heal(session.storage, store, oid, file)

        return Report(healed, many.each(store, broken, heal))


def look_in_store(session: Session, sought: Sought, progress: Progress) -> Report:
    """Fetches and hashes each object of the store; heals it from the LFS storage.

    What is not whole here either stays as it is; so does all in a store that nobody has accepted.
    """

    def look(oid: str) -> None:
        bounded = within(oid, sought.sizes[oid], progress)
        with _fetched(session.storage, store, oid, bounded):
            pass  # it has been hashed on its way

    with closing(session.reader()) as store:
        announce(store, sought.sizes)
        lost = many.each(store, sought.sizes, look)
    broken = {oid: 0 for oid, e in lost.items() if isinstance(e, ObjectMissing | ObjectCorrupt)}
    unhealable = set(_broken(session.storage, broken, no_progress))
    sources = {oid: session.storage.path(oid) for oid in broken if oid not in unhealable}
    failed = _put(session, sources)
    healed = dict.fromkeys(sources.keys() - failed.keys(), "the LFS storage")
    return Report(healed, {oid: e for oid, e in (lost | failed).items() if oid not in healed})


def _put(session: Session, sources: dict[str, Path]) -> dict[str, CacheferryError]:
    """Puts the files into the store; what could not be put, and why."""
    if not sources:
        return {}
    try:
        open_store = session.writer()
    except ConfigurationError as error:
        return dict.fromkeys(sources, error)
    assert open_store
    with closing(open_store()) as store:
        return many.put_all(store, sources)


def _heal(storage: LfsStorage, store: Store, oid: str, file: Path) -> str:
    """Puts the right bytes into the LFS storage; says where they were."""
    if _hashes_to(file, oid):
        storage.take_in(file)
        return "the work tree"
    with _fetched(storage, store, oid, no_progress) as copy:
        storage.take_in(copy)
    return "the store"


@contextmanager
def _fetched(storage: LfsStorage, store: Store, oid: str, progress: Progress) -> Iterator[Path]:
    """The verified object in a temporary file, which is gone afterwards."""
    folder = storage.folder / "tmp"
    atomic.make_folder(folder)
    copy = folder / f"{atomic.PREFIX}fsck-{os.getpid()}-{oid}"
    try:
        store.get(oid, copy, progress)
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def _broken(storage: LfsStorage, sizes: Mapping[str, int], progress: Progress) -> list[str]:
    """Those of the objects that are not whole in the LFS storage."""

    def is_whole(oid: str) -> bool:
        fine = _hashes_to(storage.path(oid), oid)
        progress(sizes[oid])
        return fine

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return [oid for oid, fine in zip(sizes, pool.map(is_whole, sizes), strict=True) if not fine]


def _hashes_to(file: Path, oid: str) -> bool:
    with suppress(OSError):
        return not file.is_symlink() and hash_file(file)[0] == oid
    return False


def _is_pointer(session: Session, path: str) -> bool:
    with suppress(OSError):
        return content_of(session.repository.root / path).pointer is not None
    return False
