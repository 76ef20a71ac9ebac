"""All work trees of a repository, and what an operation under way in one has set aside."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from cacheferry.core.git import Git
from cacheferry.core.repository import Repository

_OPERATIONS = ("rebase-merge", "rebase-apply", "sequencer")
_OWN_REFS = ("refs/bisect", "refs/worktree", "refs/rewritten")
_ID = re.compile(rb"\b[0-9a-f]{7,64}\b")


class Worktree(NamedTuple):
    """A work tree's own git folder, and its root; None where it is bare or gone."""

    git_dir: Path
    root: Path | None


def worktrees(repository: Repository) -> list[Worktree]:
    """The main work tree and every linked one, those that are not mounted now included."""
    common = repository.common_dir
    found = [Worktree(common, _existing(_main_root(common)))]
    with suppress(FileNotFoundError):
        found += [Worktree(one, _linked_root(one)) for one in (common / "worktrees").iterdir()]
    return found


def set_aside(tree: Worktree) -> Iterator[str]:
    """Ids that a work tree alone names: MERGE_HEAD and the like, a rebase's notes, bisect refs.

    Words that only look like an id are among them.
    """
    own = Git(tree.git_dir)
    yield from own.text(
        "--git-dir=.", "for-each-ref", "--format=%(objectname)", *_OWN_REFS
    ).splitlines()
    for file in _notes(tree.git_dir):
        with suppress(OSError):
            yield from (word.decode() for word in _ID.findall(file.read_bytes()))


def _notes(git_dir: Path) -> Iterator[Path]:
    yield from git_dir.glob("*_HEAD")
    for name in _OPERATIONS:
        yield from (git_dir / name).rglob("*")


def _main_root(common: Path) -> Path | None:
    git = Git(common)
    if git.ask("--git-dir=.", "config", "--type=bool", "core.bare") == "true":
        return None
    elsewhere = git.ask("--git-dir=.", "config", "core.worktree")
    return common / elsewhere if elsewhere else common.parent


def _linked_root(git_dir: Path) -> Path | None:
    with suppress(OSError):
        link = os.fsdecode((git_dir / "gitdir").read_bytes()).rstrip("\r\n")
        return _existing((git_dir / link).parent)
    return None


def _existing(root: Path | None) -> Path | None:
    return root if root and root.is_dir() else None
