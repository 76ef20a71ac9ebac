"""The little that disk and Git do not say: what was published last, and which versions lost.

Kept below `.git/cacheferry`, each file whole or absent. Losing them costs care, not caches.
"""

import json
from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cacheferry.core import atomic
from cacheferry.core.repository import Repository
from daemon.branches import Branch


class Last(NamedTuple):
    """The commit that this clone pushed (or was about to push) last to an upstream.

    `versions` are the paths it published there and HEAD has not taken up yet.
    """

    commit: str | None
    versions: dict[str, str]


def last_published(repository: Repository, branch: Branch) -> Last:
    """What was published last on the branch's upstream."""
    noted = _read(_published(repository)).get(branch.tracking_ref)
    return Last(noted["commit"], noted["versions"]) if isinstance(noted, dict) else Last(None, {})


def remember_published(
    repository: Repository, branch: Branch, commit: str, versions: Mapping[str, str]
) -> None:
    """Notes a commit before it is pushed, so that a death after the push forgets nothing."""
    before = last_published(repository, branch).versions
    _note(repository, branch, Last(commit, before | dict(versions)))


def head_has_followed(repository: Repository, branch: Branch) -> None:
    """HEAD has taken up all that was published: from now on it says what that was."""
    last = last_published(repository, branch)
    if last.versions:
        _note(repository, branch, last._replace(versions={}))


def _note(repository: Repository, branch: Branch, last: Last) -> None:
    _write(
        _published(repository),
        _read(_published(repository)) | {branch.tracking_ref: last._asdict()},
    )


def kept_aside(repository: Repository) -> dict[str, str]:
    """Path to the version that lost a conflict there."""
    return {path: kept["version"] for path, kept in conflicts(repository).items()}


def conflicts(repository: Repository) -> dict[str, dict[str, str]]:
    """Path to `version` and `oid` of what lost; the object lies in the LFS storage."""
    return {p: k for p, k in _read(_conflicts(repository)).items() if isinstance(k, dict)}


def keep_aside(
    repository: Repository, lost: Mapping[str, tuple[str, str]], undecided: Container[str]
) -> None:
    """Notes these conflicts: path to (version, oid); others are over, but for undecided paths."""
    before = conflicts(repository)
    known = {path: kept for path, kept in before.items() if path in undecided}
    for path, (version, oid) in lost.items():
        known[path] = {"version": version, "oid": oid}
    if known != before:
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
