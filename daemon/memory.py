"""The little that disk and Git do not say: what was published last, and which versions lost.

Kept below `.git/cacheferry`, each file whole or absent. Losing them costs care, not caches.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cacheferry.core import atomic
from cacheferry.core.repository import Repository
from daemon.branches import Branch


def last_published(repository: Repository, branch: Branch) -> str | None:
    """The commit that this clone pushed (or was about to push) last to the branch's upstream."""
    commit = _read(_published(repository)).get(branch.tracking_ref)
    return commit if isinstance(commit, str) else None


def remember_published(repository: Repository, branch: Branch, commit: str) -> None:
    """Notes a commit before it is pushed, so that a death after the push forgets nothing."""
    known = _read(_published(repository)) | {branch.tracking_ref: commit}
    _write(_published(repository), known)


def kept_aside(repository: Repository) -> dict[str, str]:
    """Path to the version that lost a conflict there."""
    return {path: kept["version"] for path, kept in conflicts(repository).items()}


def conflicts(repository: Repository) -> dict[str, dict[str, str]]:
    """Path to `version` and `oid` of what lost; the object lies in the LFS storage."""
    return {p: k for p, k in _read(_conflicts(repository)).items() if isinstance(k, dict)}


def keep_aside(repository: Repository, lost: Mapping[str, tuple[str, str]]) -> None:
    """Notes exactly these conflicts: path to (version, oid); others are over."""
    known = {path: {"version": version, "oid": oid} for path, (version, oid) in lost.items()}
    if known != _read(_conflicts(repository)):
        _write(_conflicts(repository), known)


def forget_kept(repository: Repository, paths: Iterable[str]) -> None:
    """These conflicts are settled."""
    over = set(paths)
    left = {path: kept for path, kept in conflicts(repository).items() if path not in over}
    if left != conflicts(repository):
        _write(_conflicts(repository), left)


def _published(repository: Repository) -> Path:
    return repository.state_dir / "published.json"


def _conflicts(repository: Repository) -> Path:
    return repository.state_dir / "conflicts.json"


def _read(file: Path) -> dict[str, Any]:
    try:
        known = json.loads(file.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _write(file: Path, value: Mapping[str, object]) -> None:
    atomic.write(file, json.dumps(value, indent=1, sort_keys=True).encode())
