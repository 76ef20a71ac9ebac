"""Fetches from and pushes to the Git remote; none of the user's hooks run."""

import subprocess

from cacheferry.core.errors import Held, RemoteRefused, RemoteUnreachable
from cacheferry.core.git import Git
from cacheferry.core.repository import Repository
from cacheferry.core.storeurl import redacted
from daemon.branches import Branch
from daemon.commits import NO_HOOKS

_SETTINGS = (NO_HOOKS, "push.recurseSubmodules=no", "gc.auto=0", "maintenance.auto=false")
_SECONDS = 600
_RACE = ("(fetch first)", "(non-fast-forward)", "(stale info)")
_LOCKED = ("cannot lock ref", "failed to update ref", "(failed to lock)")


def fetch(repository: Repository, branch: Branch) -> None:
    """Brings the upstream's tracking ref up to date. Raises RemoteUnreachable."""
    refspec = f"+{branch.remote_ref}:{branch.tracking_ref}"
    options = ("--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "-q")
    done = _call(repository, "fetch", *options, "--", branch.remote, refspec)
    words = done.stderr.decode("utf-8", "replace")
    if "couldn't find remote ref" in words:
        name = branch.remote_ref.removeprefix("refs/heads/")
        raise Held(
            "no upstream", f"{branch.remote} has no {name}: git push -u {branch.remote} {name}"
        )
    if done.returncode != 0:
        raise RemoteUnreachable(f"cannot fetch from {branch.remote}: {_shown(words)}")


def fetch_into(repository: Repository, remote: str, place: str) -> None:
    """Brings every branch and tag of a remote below the ref `place`, as it has them now.

    No other ref changes. Raises RemoteUnreachable.
    """
    options = ("--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "-q", "--prune")
    refspecs = (f"+refs/heads/*:{place}/heads/*", f"+refs/tags/*:{place}/tags/*")
    done = _call(repository, "fetch", *options, "--refmap=", "--", remote, *refspecs)
    if done.returncode != 0:
        words = done.stderr.decode("utf-8", "replace")
        raise RemoteUnreachable(f"cannot fetch from {remote}: {_shown(words)}")


def push(repository: Repository, branch: Branch, commit: str) -> bool:
    """Publishes a commit on the upstream. False where somebody else was quicker.

    Raises RemoteRefused with the remote's words, or RemoteUnreachable.
    """
    options = ("--porcelain", "--no-verify", "--no-follow-tags", "-q")
    target = f"{commit}:{branch.remote_ref}"
    done = _call(repository, "push", *options, "--", branch.remote, target)
    if done.returncode == 0:
        return True
    # Without the commit, which is another one at each try: the same trouble reads the same.
    report = done.stdout.decode("utf-8", "replace").replace(f"{commit}:", "")
    words = done.stderr.decode("utf-8", "replace")
    if any(sign in report for sign in _RACE) or any(sign in report for sign in _LOCKED):
        return False
    if "rejected]" in report or "[remote failure]" in report:
        raise RemoteRefused(f"{branch.remote} refused the push: {_shown(report + words)}")
    raise RemoteUnreachable(f"cannot push to {branch.remote}: {_shown(words or report)}")


def _call(repository: Repository, *args: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return Git(repository.root, config=_SETTINGS).call(*args, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        raise RemoteUnreachable(f"git {args[0]} did not end within {_SECONDS} s") from None


def _shown(words: str) -> str:
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    kept = [line for line in lines if not line.startswith(("To ", "hint:", "Done"))]
    return " | ".join(" ".join(map(redacted, line.split())) for line in kept) or "no message"
