"""The merge driver for caches: one whole version wins, and no file ever gets merge markers."""

import shutil
import sys
from pathlib import Path

from cacheferry.core.blobs import blob_of_file
from cacheferry.core.pointer import parse
from cacheferry.core.repository import Repository


def settle(repository: Repository, ours: str, theirs: str, path: str) -> int:
    """Leaves in `ours` the version that the upstream has, which was published first; returns 0.

    Where the upstream has neither, ours stays. The other version's object is in the LFS storage.
    """
    mine, other = Path(ours), Path(theirs)
    published = _published(repository, path)
    winner, loser = mine, other
    if published and blob_of_file(other, len(published)) == published:
        winner, loser = other, mine
    lost = parse(loser.read_bytes())
    kept = f"; the other one is kept as object {lost.oid}" if lost else ""
    print(f"cacheferry: conflict: {path}: the version published first stays{kept}", file=sys.stderr)
    if winner is other:
        shutil.copyfile(other, mine)
    return 0


def _published(repository: Repository, path: str) -> str | None:
    return repository.git.ask("rev-parse", "--verify", "-q", f"@{{upstream}}:{path}")
