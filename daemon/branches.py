"""Where the current branch stands and what it follows. The only file that knows GitPython.

GitPython reads refs and configuration without starting a process, so that looking costs nothing
while the daemon idles; everything that writes is git's own plumbing.
"""

from typing import NamedTuple

import git

from cacheferry.core.errors import Held
from cacheferry.core.repository import Repository


class Branch(NamedTuple):
    """The current branch and its upstream; commits are full ids.

    `upstream` is None where the upstream's branch has never been fetched or is gone.
    """

    ref: str
    head: str
    remote: str
    remote_ref: str
    tracking_ref: str
    upstream: str | None


def current(repository: Repository) -> Branch:
    """The branch that is checked out. Raises Held where caches have nowhere to go."""
    # A `$` in the path is a `$`.
    with git.Repo(repository.root, expand_vars=False) as repo:
        if repo.head.is_detached:
            raise Held("detached HEAD", "check out a branch: git switch BRANCH")
        branch = repo.active_branch
        head = _commit(repo, branch.path)
        if head is None:
            raise Held("unborn branch", "make a first commit")
        followed = _followed(branch) or _followed_as_git_says(repository, str(branch.path))
        if followed is None:
            raise Held("no upstream", f"git push -u REMOTE {branch.name}")
        return Branch(str(branch.path), head, *followed, _commit(repo, followed[2]))


def _followed(branch: git.Head) -> tuple[str, str, str] | None:
    """Remote, its ref, and the ref that tracks it here."""
    tracking = branch.tracking_branch()
    with branch.config_reader() as settings:
        remote = str(settings.get_value("remote", default=""))
        remote_ref = str(settings.get_value("merge", default=""))
    return (remote, remote_ref, str(tracking.path)) if tracking and remote != "." else None


def _followed_as_git_says(repository: Repository, ref: str) -> tuple[str, str, str] | None:
    """The same for a branch whose name GitPython cannot look up: one with a quote in it."""
    fields = "%(upstream:remotename)%00%(upstream:remoteref)%00%(upstream)"
    answer = repository.git.text("for-each-ref", f"--format={fields}", ref)
    remote, remote_ref, tracking = answer.split("\0") if answer.count("\0") == 2 else ("", "", "")
    named = remote not in ("", ".") and remote_ref and tracking
    return (remote, remote_ref, tracking) if named else None


def _commit(repo: git.Repo, ref: str) -> str | None:
    try:
        return str(git.SymbolicReference.dereference_recursive(repo, ref))
    except ValueError:
        return None
