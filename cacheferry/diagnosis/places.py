"""Where things go: the store, the upstream, the disk; and who brings them there."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from cacheferry.core.errors import CacheferryError, ConfigurationError, Held
from cacheferry.diagnosis.finding import Finding, ok, problem, warning
from cacheferry.session import Session
from daemon import branches, busy, control, state


def store(session: Session) -> Finding:
    """The store answers; nothing is written."""
    url = session.chosen.url
    if session.plain_git:
        return ok("caches are kept in Git itself")
    if url.folder and not url.folder.exists() and url.folder.parent.is_dir():
        return ok(f"the store {url.text} is made by the first upload")
    if url.folder and not url.folder.is_dir():
        return problem(
            f"the store {url.text} is not there",
            "mount it, or name it as it is called here: git config cacheferry.store PATH",
        )
    try:
        with closing(session.reader()) as opened:
            opened.size(os.urandom(32).hex())
    except CacheferryError as error:
        return problem(error.message, error.hint or "cacheferry doctor, when it is back")
    return ok(f"the store {url.text} answers")


def trust(session: Session) -> Finding:
    """The store may be written to."""
    try:
        session.writer()
    except ConfigurationError as error:
        return problem(error.message, "cacheferry trust")
    return ok(f"the store of {session.chosen.source} is accepted")


def upstream(session: Session) -> Finding:
    """Caches have somewhere to go."""
    try:
        branch = branches.current(session.repository)
    except Held as held:
        return problem(f"caches have nowhere to go: {held.message}", held.hint or "")
    return ok(f"caches go to {branch.remote} {branch.remote_ref.removeprefix('refs/heads/')}")


def under_way(session: Session) -> Finding:
    """No pass has to wait."""
    if why := busy.reason(session.repository):
        return warning(f"the daemon waits: {why}", "finish it, or abort it")
    return ok("nothing is under way that the daemon waits for")


def daemon(session: Session) -> Iterator[Finding]:
    """It runs, and its last pass went well."""
    if control.running(session.repository) is None:
        yield warning("the daemon does not run", "cacheferry daemon start")
        return
    yield ok("the daemon runs")
    if error := state.read(session.repository).get("error"):
        yield problem(f"the daemon's last pass: {error}", "cacheferry daemon logs")


def writable(session: Session) -> Iterator[Finding]:
    """The index, the LFS storage and the caches' folders can be written."""
    root = session.repository.root
    folders = [session.repository.git_dir, session.repository.lfs_storage()]
    folders += [root / folder for folder in session.config.folders()]
    wrong = [folder for folder in folders if not _is_writable(folder)]
    for folder in wrong:
        yield problem(f"{folder} cannot be written", "change its owner, its mode or the setting")
    if not wrong:
        yield ok("the repository and the LFS storage can be written")


def _is_writable(folder: Path) -> bool:
    """Of what does not exist yet: where it would be made."""
    while not os.path.lexists(folder):
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
