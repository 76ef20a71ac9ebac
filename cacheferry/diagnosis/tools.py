"""git and git-lfs, and what they are told."""

import re
import sys

from cacheferry.core.git import Git
from cacheferry.diagnosis.finding import Finding, ok, problem, warning
from cacheferry.session import Session

_GIT, _GIT_LFS = (2, 34), (3, 0)


def git_version(session: Session) -> Finding:
    """git is new enough."""
    return _new_enough("git", session.repository.git.text("version"), _GIT)


def lfs_version(session: Session) -> Finding:
    """git-lfs is there and new enough, where caches go through it."""
    if session.plain_git:
        return ok("git-lfs is not needed")
    said = session.repository.git.ask("lfs", "version")
    if said is None:
        return warning(
            "git-lfs is not installed: `cacheferry pull` brings caches, `git pull` does not",
            "install git-lfs 3.0 or later, then run `cacheferry init`",
        )
    return _new_enough("git-lfs", said, _GIT_LFS)


def identity(session: Session) -> Finding:
    """The daemon's commits have a name to carry."""
    for key in ("user.name", "user.email"):
        if not session.repository.git.ask("config", "--get", key):
            return warning(
                f"{key} is not set: the daemon commits as cacheferry",
                f"git config --global {key} YOURS",
            )
    return ok("commits carry your name")


def long_paths(session: Session) -> Finding:
    """Windows: git may use paths of more than 260 characters."""
    wanted = sys.platform == "win32"
    if wanted and not _is_true(session.repository.git, "core.longpaths"):
        return warning(
            "paths of more than 260 characters fail", "git config --global core.longpaths true"
        )
    return ok("long paths work")


def prune(session: Session) -> Finding:
    """`git lfs prune` is not told to verify what no standalone agent is asked."""
    key = "lfs.pruneverifyremotealways"
    if _is_true(session.repository.git, key):
        return warning(
            "`git lfs prune` always verifies the remote: that asks no standalone agent, reports "
            "every object as verified and deletes the only copies",
            unset(session.repository.git, key),
        )
    return ok("never run `git lfs prune --verify-remote`: it verifies nothing and deletes")


def incomplete_pushes(session: Session) -> Finding:
    """A push without its objects fails."""
    key = "lfs.allowincompletepush"
    if _is_true(session.repository.git, key):
        return warning(
            "a push may publish pointers without their objects", unset(session.repository.git, key)
        )
    return ok("a push without its objects fails")


def _new_enough(name: str, said: str, least: tuple[int, int]) -> Finding:
    found = re.search(r"(\d+)\.(\d+)[.\w-]*", said)
    wanted = ".".join(map(str, least))
    if found and (int(found[1]), int(found[2])) >= least:
        return ok(f"{name} {found[0]}")
    return problem(
        f"{name} {found[0] if found else '?'} is too old", f"install {name} {wanted} or later"
    )


def _is_true(git: Git, key: str) -> bool:
    return git.ask("config", "--type=bool", "--get", key) == "true"


def unset(git: Git, key: str) -> str:
    """The command that takes a setting out where it stands."""
    scope = (git.ask("config", "--show-scope", "--get", key) or "local").partition("\t")[0]
    return f"git config --{scope} --unset {key}"
