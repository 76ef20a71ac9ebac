"""What git and git-lfs start: the agent and the hooks."""

import json
import shlex
import subprocess
from pathlib import Path

from cacheferry.core.errors import ConfigurationError
from cacheferry.core.git import Git, environment
from cacheferry.diagnosis.finding import Finding, ok, problem, warning
from cacheferry.session import Session
from cacheferry.setup.agent import has_git_lfs
from hooks import shims

_INIT = "cacheferry init"
_SECONDS = 10
_LINES = (
    {"event": "init", "operation": "download", "remote": "origin", "concurrent": False},
    {"event": "terminate"},
)


def agent(session: Session) -> Finding:
    """The agent is set up, is there, and answers as git-lfs would have it."""
    git = session.repository.git
    if not session.chosen.url.needs_agent or not has_git_lfs(git):
        return ok("no agent is needed")
    if _setting(git, "lfs.cacheferry::.standalonetransferagent") != "cacheferry":
        return problem("git does not know the agent", _INIT)
    path = _setting(git, "lfs.customtransfer.cacheferry.path")
    command = [path, *shlex.split(_setting(git, "lfs.customtransfer.cacheferry.args"))]
    gone = [word for word in command if Path(word).is_absolute() and not Path(word).exists()]
    if gone or not path:
        return problem(f"the agent's program is gone: {' '.join(gone)}", _INIT)
    complaint = _complaint(session, command)
    return (
        problem(f"the agent does not start: {complaint}", _INIT)
        if complaint
        else ok("the agent answers")
    )


def lfs_filter(session: Session) -> Finding:
    """git puts caches through git-lfs."""
    git = session.repository.git
    if session.plain_git or not has_git_lfs(git):
        return ok("no filter is needed")
    if _setting(git, "filter.lfs.clean") and _setting(git, "filter.lfs.process"):
        return ok("git passes caches through git-lfs")
    return problem("git does not know the filter of git-lfs", _INIT)


def hooks(session: Session) -> Finding:
    """Our hooks are installed, and are those of this cacheferry."""
    try:
        found = shims.status(session.repository)
    except ConfigurationError as error:
        return warning(error.message, error.hint or "")
    wrong = [
        f"{hook} is {state}" for hook, state in found.items() if state in ("absent", "outdated")
    ]
    if wrong:
        return problem(f"hooks: {', '.join(wrong)}", "cacheferry hooks install")
    return ok("the hooks are installed")


def pre_push(session: Session) -> Finding:
    """A plain `git push` uploads objects first."""
    if session.plain_git or not has_git_lfs(session.repository.git):
        return ok("a push needs no hook")
    answer = session.repository.git.text("rev-parse", "--git-path", "hooks/pre-push")
    file = session.repository.root / answer
    what = "no pre-push hook calls git-lfs: a plain `git push` uploads no objects"
    if not file.exists():
        again = "cacheferry hooks uninstall && git lfs install --local && cacheferry hooks install"
        return warning(what, again)
    if b"lfs" not in file.read_bytes():
        return warning(what, f'let {file} call `git lfs pre-push "$@"`')
    return ok("a push uploads objects first")


def _complaint(session: Session, command: list[str]) -> str:
    """What the agent says to init but yes; '' where that is all."""
    lines = "".join(json.dumps(line) + "\n" for line in _LINES)
    try:
        done = subprocess.run(
            command,
            cwd=session.repository.root,
            env=environment(),
            input=lines.encode(),
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
        answer = json.loads(done.stdout.splitlines()[0])
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    except (ValueError, IndexError):
        return done.stderr.decode("utf-8", "replace").strip() or "no answer"
    return answer["error"]["message"] if answer else ""


def _setting(git: Git, key: str) -> str:
    return git.ask("config", "--get", key) or ""
