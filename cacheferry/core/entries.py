"""What Git holds for tracked paths: blobs of trees and of the index, and the pointers in them."""

from collections.abc import Iterable
from typing import NamedTuple

from cacheferry.core.config import Config
from cacheferry.core.git import Git, GitFailed
from cacheferry.core.pointer import MAX_BYTES, Pointer, parse

REGULAR = ("100644", "100755")


class IndexEntry(NamedTuple):
    """One entry of the index; `stage` is 0 unless the path is in conflict.

    `skipped` where a sparse checkout leaves the path out of the work tree.
    """

    mode: str
    blob: str
    stage: int
    skipped: bool = False


def tree(git: Git, revision: str, config: Config) -> dict[str, str]:
    """Tracked paths of a commit and their blobs; symlinks and submodules are left out."""
    found: dict[str, str] = {}
    for line in git.records("ls-tree", "-r", "-z", "--full-tree", revision, "--", *_below(config)):
        meta, _, path = line.partition("\t")
        mode, _, blob = meta.split(" ")
        if mode in REGULAR and config.is_tracked(path):
            found[path] = blob
    return found


def index(git: Git, config: Config) -> dict[str, IndexEntry]:
    """Tracked paths of the index; for a path in conflict, one of its stages."""
    found: dict[str, IndexEntry] = {}
    places = [f":(top,literal){folder}" for folder in config.folders() if folder]
    everything = [] if len(places) == len(config.folders()) else [":(top)"]
    listing = ("ls-files", "-s", "-t", "-z", "--full-name", "--")
    for line in git.records(*listing, *(everything or places)):
        meta, _, path = line.partition("\t")
        tag, mode, blob, stage = meta.split(" ")
        if mode in REGULAR and config.is_tracked(path):
            found[path] = IndexEntry(mode, blob, int(stage), tag == "S")
    return found


def pointers(git: Git, blobs: Iterable[str]) -> dict[str, Pointer]:
    """The pointers among these blobs; what is too large or no pointer is not in the answer."""
    wanted = sorted(set(blobs))
    if not wanted:
        return {}
    sizes = git.run("cat-file", "--batch-check", "--buffer", data="\n".join(wanted).encode())
    small = [line.split()[0] for line in sizes.splitlines() if _is_small_blob(line.split())]
    answer = git.run("cat-file", "--batch", "--buffer", data=b"\n".join(small)) if small else b""
    return dict(_pointers_in(answer))


def ignored(git: Git, paths: Iterable[str]) -> set[str]:
    """Those of the paths that git ignores and that are not in the index."""
    # Behind `./` a leading colon is a colon: git would read `:!x` as «all but x».
    data = "\0".join(f"./{path}" for path in paths).encode("utf-8", "surrogateescape")
    if not data:
        return set()
    args = ("check-ignore", "-z", "--stdin")
    done = git.call(*args, data=data)
    if done.returncode not in (0, 1):
        raise GitFailed(args, done.returncode, done.stderr.decode("utf-8", "replace"))
    found = (part.decode("utf-8", "surrogateescape") for part in done.stdout.split(b"\0"))
    return {path.removeprefix("./") for path in found if path}


def _below(config: Config) -> list[str]:
    folders = config.folders()
    return [] if "" in folders else list(folders)


def _is_small_blob(fields: list[bytes]) -> bool:
    return len(fields) == 3 and fields[1] == b"blob" and int(fields[2]) <= MAX_BYTES


def _pointers_in(answer: bytes) -> Iterable[tuple[str, Pointer]]:
    position = 0
    while position < len(answer):
        end = answer.index(b"\n", position)
        blob, _, size = answer[position:end].split(b" ")
        body = answer[end + 1 : end + 1 + int(size)]
        if found := parse(body):
            yield blob.decode(), found
        position = end + 2 + int(size)
