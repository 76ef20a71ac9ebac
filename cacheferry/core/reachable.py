"""Which objects a repository still needs: every pointer that anything in it can reach."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from cacheferry.core import entries
from cacheferry.core.errors import Held
from cacheferry.core.git import Git
from cacheferry.core.pointer import MAX_BYTES, Pointer, parse
from cacheferry.core.repository import Repository
from cacheferry.core.worktrees import Worktree, set_aside, worktrees

_EVERYTHING = ("--all", "--reflog", "--indexed-objects")  # git looks into every linked worktree
_SMALL_BLOBS = (
    f"--filter=blob:limit={MAX_BYTES + 1}", "--filter=object:type=blob",
    "--filter-provided-objects",
)  # fmt: skip
_AT_ONCE = 10_000  # blobs that are read together


def needed(repository: Repository) -> dict[Pointer, str]:
    """Every pointer that is still needed, and one path where it stands, for messages.

    That is the history of every ref, HEAD and reflog, every index, what operations under way
    have set aside, and the pointers that lie as files, in all worktrees of the repository; at
    any path, tracked or not. Raises Held where a part of the history is not in this clone.
    """
    trees = worktrees(repository)
    found: dict[Pointer, str] = {}
    # Neither grafts nor replacements may hide what the other clones see.
    git = Git(repository.root, {"GIT_GRAFT_FILE": os.devnull, "GIT_NO_REPLACE_OBJECTS": "1"})
    blobs = _small_blobs(git, _set_aside(git, trees))
    while some := dict(islice(blobs, _AT_ONCE)):
        for blob, pointer in entries.pointers(git, some).items():
            found.setdefault(pointer, some[blob] or blob)
    for tree in trees:
        for file, pointer in _lying_below(tree.root) if tree.root else ():
            found.setdefault(pointer, os.fspath(file))
    return found


def _small_blobs(git: Git, more: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Blobs of a pointer's size, each once, with one of the paths it has."""
    missing = 0
    listing = ("rev-list", "--objects", *_EVERYTHING, "--stdin", "--missing=print", *_SMALL_BLOBS)
    for line in git.lines(*listing, data="".join(f"{one}\n" for one in more).encode()):
        blob, _, path = line.partition(" ")
        if blob.startswith("?"):
            missing += 1
        else:
            yield blob, path
    if missing:
        raise Held(
            f"{missing} objects of the history are not here, so that what it needs is not known",
            "is it a partial clone? run this in one that was made without --filter",
        )


def _set_aside(git: Git, trees: Iterable[Worktree]) -> list[str]:
    """What the worktrees' operations name and this repository has, as full ids."""
    words = sorted({word for tree in trees for word in set_aside(tree)})
    answer = git.text("cat-file", "--batch-check", data="".join(f"{w}\n" for w in words).encode())
    lines = [line.split(" ") for line in answer.splitlines()]
    return [fields[0] for fields in lines if len(fields) == 3]


def _lying_below(folder: Path) -> Iterator[tuple[Path, Pointer]]:
    """The pointers that lie as files below a folder, in no other repository."""
    with suppress(OSError), os.scandir(folder) as listing:
        for entry in listing:
            if entry.is_dir(follow_symlinks=False):
                if entry.name != ".git" and not os.path.lexists(os.path.join(entry.path, ".git")):
                    yield from _lying_below(Path(entry.path))
            elif pointer := _pointer_in(entry):
                yield Path(entry.path), pointer


def _pointer_in(entry: os.DirEntry[str]) -> Pointer | None:
    with suppress(OSError):
        if entry.is_file(follow_symlinks=False) and entry.stat().st_size <= MAX_BYTES:
            return parse(Path(entry.path).read_bytes())
    return None
