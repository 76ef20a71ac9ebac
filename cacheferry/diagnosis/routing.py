"""The files that a person commits, and the paths that they route."""

import re
from collections.abc import Iterator

from cacheferry.core import entries
from cacheferry.core.files import tracked_files
from cacheferry.diagnosis.finding import Finding, ok, problem, warning
from cacheferry.diagnosis.tools import unset
from cacheferry.session import Session
from cacheferry.setup.files import COMMITTED

_SCREEN = 10
_INIT = "cacheferry init"


def configuration(session: Session) -> Finding:
    """It has been read to make the session."""
    return ok(f"cacheferry.yaml is sound; it tracks {', '.join(session.config.track)}")


def routes(session: Session) -> Finding:
    """.gitattributes puts every cache through LFS (or keeps it out), whole, with our merge driver.

    Asked of git, so that lines of the user's own count too.
    """
    wanted = {"filter": "unspecified" if session.plain_git else "lfs", "text": "unset"}
    for path, key, value in _attributes(session, "filter", "text"):
        if value != wanted[key]:
            ends = key == "text"
            what = "line ends may be changed in" if ends else f"filter is {value} for"
            return problem(f".gitattributes: {what} {path}", _INIT)
    return ok(".gitattributes routes every cache")


def merge_driver(session: Session) -> Finding:
    """The merge driver is set up for every cache."""
    unrouted = [path for path, _, value in _attributes(session, "merge") if value != "cacheferry"]
    driver = session.repository.git.ask("config", "--get", "merge.cacheferry.driver")
    if unrouted or not driver:
        return problem("the merge driver is not set up: a merge may stop at a cache", _INIT)
    return ok("the merge driver is set up")


def lfs_address(session: Session) -> Finding:
    """git-lfs is pointed at the agent, and no setting of this clone leads it elsewhere."""
    if not session.chosen.url.needs_agent:
        return ok(f"`store: {session.chosen.url.text}` needs no agent")
    git = session.repository.git
    own = git.ask("config", "--get", "lfs.url")
    if own and not own.startswith("cacheferry::"):
        return problem("git config lfs.url leads git-lfs past the store", unset(git, "lfs.url"))
    url = git.ask("config", "--file", ".lfsconfig", "--get", "lfs.url") or ""
    if not url.startswith("cacheferry::"):
        return problem(".lfsconfig does not point git-lfs at the agent", _INIT)
    return ok(".lfsconfig points git-lfs at the agent")


def committed(session: Session) -> Finding:
    """The other sides get the set-up."""
    changed = session.repository.git.records("status", "--porcelain", "-z", "--", *COMMITTED)
    names = " ".join(record[3:] for record in changed)
    if names:
        return warning(
            f"not committed, so that other clones do not have it: {names}",
            f"git add {names} && git commit -m 'Set up cacheferry' -- {names}",
        )
    return ok("the set-up is committed")


def ignored(session: Session) -> Iterator[Finding]:
    """Caches that git ignores are never published (contract 7.1)."""
    git = session.repository.git
    found = sorted(entries.ignored(git, tracked_files(session.repository, session.config)))
    for path in found[:_SCREEN]:
        rule = git.text("check-ignore", "-v", "--", f"./{path}").partition("\t")[0]
        yield problem(
            f"git ignores the cache {path}", f"take `{rule}` out, or the path out of track"
        )
    if len(found) > _SCREEN:
        yield problem(f"git ignores {len(found) - _SCREEN} more caches", "cacheferry status")
    if not found:
        yield ok("git ignores no cache")


def _attributes(session: Session, *keys: str) -> Iterator[tuple[str, str, str]]:
    """Path, attribute and value for every cache, and for one that each glob would match."""
    paths = {*tracked_files(session.repository, session.config)}
    paths |= {*entries.index(session.repository.git, session.config)}
    paths |= {re.sub(r"\*+", "x", glob) for glob in session.config.track if "[" not in glob}
    data = "\0".join(sorted(paths)).encode("utf-8", "surrogateescape")
    args = ("check-attr", "-z", "--stdin", *keys)
    fields = iter(session.repository.git.records(*args, data=data))
    return zip(fields, fields, fields, strict=True)
