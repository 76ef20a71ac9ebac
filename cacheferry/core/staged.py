"""Verdicts on what is staged: what the next commit would hold, not what lies on disk."""

import io
import os
from pathlib import Path

from cacheferry.core import entries
from cacheferry.core.config import Config
from cacheferry.core.entries import IndexEntry
from cacheferry.core.files import Content, has_markers
from cacheferry.core.freshness import Freshness, Judge, Read
from cacheferry.core.git import Git
from cacheferry.core.lfsstorage import LfsStorage
from cacheferry.core.pickles import scan, scan_stream
from cacheferry.core.pointer import Pointer, parse
from cacheferry.core.repository import Repository
from cacheferry.core.verdict import Verdict


def verdicts(repository: Repository, config: Config, plain_git: bool) -> list[Verdict]:
    """A verdict for every staged cache, and for those that a staged config makes stale."""
    git = staging_git(repository)
    index = entries.index(git, config)
    changed = _changed(git, index, config)
    known = entries.pointers(git, [index[path].blob for path in changed])
    judge = Judge(config, read_from_index(git))
    storage = LfsStorage(repository.lfs_storage())
    found = [
        _verdict(git, config, storage, path, index[path], known, judge.freshness(path), plain_git)
        for path in changed
    ]
    before = Judge(config, read_from_commit(git, "HEAD"))
    for path in sorted(index.keys() - set(changed)):
        now = judge.freshness(path)
        if now.freshness == "stale" and before.freshness(path).freshness == "fresh":
            found.append(_made_stale(path, now))
    return sorted(found, key=lambda one: one.path)


def staging_git(repository: Repository) -> Git:
    """Git on the index that the commit under way uses; `git commit -a` has one of its own."""
    own = os.environ.get("GIT_INDEX_FILE")
    env = {"GIT_INDEX_FILE": os.path.join(os.getcwd(), own)} if own else {}
    return Git(repository.root, env)


def read_from_index(git: Git) -> Read:
    """Reads configs as they are staged."""
    return read_from_commit(git, "")


def read_from_commit(git: Git, revision: str) -> Read:
    """Reads configs of a commit; what is no regular file there is not present."""

    def read(path: str) -> bytes | None:
        done = git.call("cat-file", "blob", f"{revision}:{path}")
        return done.stdout if done.returncode == 0 else None

    return read


def _changed(git: Git, index: dict[str, IndexEntry], config: Config) -> list[str]:
    has_head = git.ask("rev-parse", "--verify", "-q", "HEAD^{commit}")
    head = entries.tree(git, "HEAD", config) if has_head else {}
    return sorted(path for path, entry in index.items() if head.get(path) != entry.blob)


def _verdict(
    git: Git,
    config: Config,
    storage: LfsStorage,
    path: str,
    entry: IndexEntry,
    known: dict[str, Pointer],
    fresh: Freshness,
    plain_git: bool,
) -> Verdict:
    pointer = known.get(entry.blob)
    sync = None if pointer or plain_git else "raw"
    if pointer:
        content = _of_object(storage.path(pointer.oid), path, config)
    else:
        content = _of_blob(git, path, entry.blob, config)
    if entry.stage:
        content = Content("conflict", "unscanned")
    return _assembled(path, content, fresh, pointer, sync)


def _of_object(file: Path, path: str, config: Config) -> Content:
    """Of a staged pointer, what its object is; nothing is wrong where the object is not here."""
    if not file.exists():
        return Content("present", "unscanned")
    scanned = scan(file, config.allow, name=path)  # an object's own name says nothing
    return Content(scanned.content, scanned.safety, None, scanned.refused)


def _of_blob(git: Git, path: str, blob: str, config: Config) -> Content:
    data = git.run("cat-file", "blob", blob)
    if has_markers(data[:4096]):
        return Content("conflict", "unscanned")
    if found := parse(data):
        return Content("present", "unscanned", found)
    scanned = scan_stream(io.BytesIO(data), config.allow, name=path)
    return Content(scanned.content, scanned.safety, None, scanned.refused)


def _made_stale(path: str, fresh: Freshness) -> Verdict:
    return _assembled(path, Content("present", "unscanned"), fresh, None, None)


def _assembled(
    path: str, content: Content, fresh: Freshness, pointer: Pointer | None, sync: str | None
) -> Verdict:
    return Verdict(
        path,
        fresh.name,
        pointer.size if pointer else None,
        pointer.oid if pointer else None,
        fresh.freshness,
        content.content,
        content.safety,
        sync,
        fresh.config_hash,
        fresh.expected_hash,
        None,
        content.refused,
        fresh.needed,
    )
