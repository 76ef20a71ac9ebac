"""Writes the transfer agent, the LFS filter and the merge driver into git's configuration."""

import shlex
import sys
from pathlib import Path

from cacheferry.core import atomic, attributes
from cacheferry.core.config import Config
from cacheferry.core.git import Git
from cacheferry.core.repository import Repository
from cacheferry.core.storeurl import StoreUrl
from cacheferry.programs import program_file
from hooks import shims

_AGENT = "lfs.customtransfer.cacheferry"
# git-lfs starts its agents one after the other, and one that is quick beats eight. Where each
# request waits for a network, eight beat one, as an agent is asked for one object at a time.
_FAR_AWAY = ("s3", "gs", "az")

# What `git lfs install` writes; needed also where only the agent is set up by us.
_FILTER = {
    "filter.lfs.clean": "git-lfs clean -- %f",
    "filter.lfs.smudge": "git-lfs smudge -- %f",
    "filter.lfs.process": "git-lfs filter-process",
    "filter.lfs.required": "true",
}


def has_git_lfs(git: Git) -> bool:
    """True where git finds git-lfs."""
    return git.call("lfs", "version").returncode == 0


def register(git: Git, scope: str) -> bool:
    """Names the agent and the LFS filter in the `--local` or `--global` configuration.

    True where something changed.
    """
    one_agent = {f"{_AGENT}.concurrent": "false"} if scope == "--global" else {}
    return _write(git, scope, _agent_settings() | one_agent | _FILTER)


def suit(git: Git, store: StoreUrl) -> bool:
    """Lets git-lfs start as many agents in this repository as serve its store best.

    True where something changed.
    """
    several = "true" if store.scheme in _FAR_AWAY else "false"
    return _write(git, "--local", {f"{_AGENT}.concurrent": several})


def set_up_filter(git: Git) -> bool:
    """Names the LFS filter alone in the local configuration; True where something changed."""
    return _write(git, "--local", _FILTER)


def set_up_merges(repository: Repository, config: Config) -> bool:
    """Makes cacheferry's merge driver settle caches in this repository; True where that is new."""
    file = repository.common_dir / "info" / "attributes"
    text = file.read_bytes() if file.exists() else b""
    wanted = attributes.extended(text, map(attributes.merge_line, config.track))
    if wanted != text:
        file.parent.mkdir(exist_ok=True)
        atomic.write(file, wanted)
    return _write(repository.git, "--local", _merge_settings()) or wanted != text


def _agent_settings() -> dict[str, str]:
    agent = program_file("lfs_agent").as_posix()
    return {
        # The double colon: git-lfs then takes no part of the address for a protocol it knows.
        "lfs.cacheferry::.standalonetransferagent": "cacheferry",
        f"{_AGENT}.path": Path(sys.executable).as_posix(),
        # Without site-packages the agent is there in half the time; `args` goes through a shell.
        f"{_AGENT}.args": f"-I -S {shlex.quote(agent)}",
    }


def _merge_settings() -> dict[str, str]:
    python = shlex.quote(Path(sys.executable).as_posix())
    program = shlex.quote(shims.program().as_posix())
    return {
        "merge.cacheferry.name": "one whole version of a cache",
        "merge.cacheferry.driver": f"{python} -I {program} merge-driver %A %B %P",
    }


def _write(git: Git, scope: str, settings: dict[str, str]) -> bool:
    changed = {k: v for k, v in settings.items() if git.ask("config", scope, "--get", k) != v}
    for key, value in changed.items():
        git.run("config", scope, "--replace-all", key, value)
    return bool(changed)
