"""Makes commits of caches beside the user's work: a private index, nothing checked out."""

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from cacheferry.core import attributes
from cacheferry.core.git import Git
from cacheferry.core.pointer import Pointer
from cacheferry.core.repository import Repository

# No hook of the user's may run for our commits; a path that is no folder switches them all off.
NO_HOOKS = f"core.hooksPath={os.devnull}"
_QUIET = (NO_HOOKS, "gc.auto=0", "maintenance.auto=false", "advice.detachedHead=false")


class Commit(NamedTuple):
    """A commit of ours; `attributes` is its `.gitattributes` blob where that is new."""

    id: str
    attributes: str | None


class Workbench:
    """Builds blobs, trees and commits of one repository; touches neither index nor refs."""

    def __init__(self, repository: Repository, attribute_lines: Sequence[str]) -> None:
        self._repository = repository
        self._lines = tuple(attribute_lines)
        self._index = repository.state_dir / f"index.build-{os.getpid()}"
        env = identity(repository) | {"GIT_INDEX_FILE": os.fspath(self._index)}
        self._git = Git(repository.root, env, _QUIET)

    def write_pointers(self, pointers: Sequence[Pointer]) -> list[str]:
        """Writes pointer blobs in one git process; returns their ids in the same order."""
        with tempfile.TemporaryDirectory(prefix="pointers-", dir=self._repository.state_dir) as at:
            files = [Path(at, str(number)) for number in range(len(pointers))]
            for file, pointer in zip(files, pointers, strict=True):
                file.write_bytes(pointer.text())
            return self.write_files(files)

    def write_files(self, files: Sequence[Path]) -> list[str]:
        """Writes the files' bytes as blobs, unfiltered; returns their ids in the same order."""
        names = b"".join(_quoted(os.fsencode(file)) + b"\n" for file in files)
        written = self._git.run("hash-object", "-w", "--no-filters", "--stdin-paths", data=names)
        return written.decode().split()

    def commit(
        self, base: str, parents: Sequence[str], blobs: Mapping[str, str | None], message: str
    ) -> Commit:
        """A commit whose tree is that of `base` with `blobs` (path to id) put in."""
        try:
            self._git.run("read-tree", base)
            changed = self._attributes(base)
            entries = dict(blobs) | ({attributes.FILE: changed} if changed else {})
            self._git.run("update-index", "-z", "--index-info", data=index_info(entries))
            tree = self._git.text("write-tree")
        finally:
            with suppress(OSError):
                self._index.unlink()
        before = [word for parent in parents for word in ("-p", parent)]
        made = self._git.text("commit-tree", *before, "-F", "-", tree, data=_printable(message))
        return Commit(made, changed)

    def _attributes(self, base: str) -> str | None:
        if not self._git.call("rev-parse", "-q", "--verify", f"{base}:{attributes.FILE}").stdout:
            text = b""
        else:
            text = self._git.run("cat-file", "blob", f"{base}:{attributes.FILE}")
        wanted = attributes.extended(text, self._lines)
        if wanted == text:
            return None
        return self._git.text("hash-object", "-w", "--stdin", data=wanted)


def _quoted(path: bytes) -> bytes:
    # Git takes a line that begins with a quote for a C string; a name may hold a line's end.
    escaped = path.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    return b'"' + escaped + b'"'


def _printable(text: str) -> bytes:
    # A name may be no UTF-8; Git does not mind in a path, and does in a message.
    return text.encode("utf-8", "backslashreplace")


def index_info(entries: Mapping[str, str | None]) -> bytes:
    """Input for `git update-index -z --index-info`; a path without a blob is removed."""
    lines = (
        f"100644 {blob}\t{path}\0" if blob else f"0 {'0' * 40}\t{path}\0"
        for path, blob in entries.items()
    )
    return "".join(lines).encode("utf-8", "surrogateescape")


def identity(repository: Repository) -> dict[str, str]:
    """Environment that names `cacheferry` as the author where the user has given no name."""
    known = repository.git.ask("config", "--get-regexp", r"^(user|author|committer)\.(name|email)$")
    words = (known or "").lower()
    env = {}
    for role in ("AUTHOR", "COMMITTER"):
        if "name " not in words and f"GIT_{role}_NAME" not in os.environ:
            env[f"GIT_{role}_NAME"] = "cacheferry"
        if "email " not in words and f"GIT_{role}_EMAIL" not in os.environ:
            env[f"GIT_{role}_EMAIL"] = "cacheferry@localhost"
    return env


def message(paths: Iterable[str]) -> str:
    """A commit message that names the caches."""
    ordered = sorted(paths)
    if len(ordered) == 1:
        return f"cacheferry: {os.path.basename(ordered[0])}\n\n{ordered[0]}\n"
    listing = "\n".join(ordered)
    return f"cacheferry: {len(ordered)} caches\n\n{listing}\n"


def merge_message(paths: Iterable[str]) -> str:
    """The same for a commit that joins the user's branch with what was published."""
    return message(paths).replace("cacheferry: ", "cacheferry: merge ", 1)
