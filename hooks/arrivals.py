"""The hooks of a pull: bring needed caches back, and say what each cache is worth."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import cacheferry
from cacheferry.core.chosen import chosen_store
from cacheferry.core.config import Config
from cacheferry.core.repository import Repository
from cacheferry.core.verdict import Verdict, disk_verdicts, git_side

_LINES = 20


def report(repository: Repository, config: Config) -> int:
    """Names each stale, unsafe, missing or broken cache on stderr, then counts; always 0."""
    found = _look(repository, config)
    if any(one.needed and one.content in ("pointer", "missing") for one in found):
        _pull(repository)
        found = _look(repository, config)
    if not found:
        return 0
    bad = [one for one in found if one.problems or one.freshness == "stale"]
    for one in bad[:_LINES]:
        _say(f"{', '.join(one.problems) or 'stale'}: {one.path}{_detail(one)}")
    if len(bad) > _LINES:
        _say(f"… and {len(bad) - _LINES} more: cacheferry check")
    words = Counter(one.freshness for one in found)
    number = "1 cache" if len(found) == 1 else f"{len(found)} caches"
    _say(f"{number}: " + ", ".join(f"{count} {word}" for word, count in words.items()))
    return 0


def _look(repository: Repository, config: Config) -> list[Verdict]:
    plain_git = chosen_store(repository).url.scheme == "git"
    return disk_verdicts(repository, config, git_side(repository, config, None, plain_git))


def _pull(repository: Repository) -> None:
    """Runs `cacheferry pull` as a person would: programs meet through the command line alone."""
    program = Path(cacheferry.__file__).with_name("__main__.py")
    command = [sys.executable, "-I", str(program), "pull", "--quiet"]
    done = subprocess.run(command, cwd=repository.root, stdin=subprocess.DEVNULL, check=False)
    if done.returncode not in (0, 1):
        _say("not every cache could be brought back; try `cacheferry pull`")


def _detail(one: Verdict) -> str:
    if one.safety == "unsafe":
        return f" imports {', '.join(one.refused)}"
    stale = one.freshness == "stale"
    return f" has {one.config_hash}, config is {one.expected_hash}" if stale else ""


def _say(line: str) -> None:
    print(f"cacheferry: {line}", file=sys.stderr)
