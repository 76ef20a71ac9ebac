"""pre-commit: refuses what may not be committed under a tracked pattern, warns of stale caches."""

import sys

from cacheferry.core import staged
from cacheferry.core.chosen import chosen_store
from cacheferry.core.config import Config
from cacheferry.core.errors import ConfigurationError
from cacheferry.core.repository import Repository
from cacheferry.core.verdict import Verdict
from hooks.shims import REFUSED

_WHY = {
    "raw": "real bytes where a pointer belongs; unstage it (git restore --staged -- PATH), "
    "cacheferry publishes it by itself",
    "incomplete": "a truncated pickle; let the computation write it again",
    "unsafe": "a pickle that can run code when it is loaded",
    "conflict": "merge markers or an unsettled conflict; cacheferry pull -- PATH settles it",
}


def check(repository: Repository, config: Config) -> int:
    """REFUSED where something staged is, with a line for each on stderr; else 0."""
    plain_git = chosen_store(repository).url.scheme == "git"
    found = _verdicts(repository, config, plain_git)
    refused = [(one, why) for one in found for why in one.problems if why in _WHY]
    stale = [one for one in found if one.freshness == "stale"]
    for one, why in refused:
        names = f" ({', '.join(one.refused)})" if one.refused else ""
        _say(f"refused: {one.path}: {why}: {_WHY[why]}{names}")
    if stale:
        _say(f"warning: {len(stale)} cache(s) do not belong to the configs of this commit:")
    for one in stale:
        _say(f"  stale: {one.path} has {one.config_hash}, config is {one.expected_hash}")
    if refused:
        _say(
            "`git restore --staged -- PATH` takes a cache out of the commit; --no-verify lets it in"
        )
    return REFUSED if refused else 0


def _verdicts(repository: Repository, config: Config, plain_git: bool) -> list[Verdict]:
    try:
        return staged.verdicts(repository, config, plain_git)
    except ConfigurationError as error:
        # A config that cannot be hashed makes no cache stale, and no raw blob right.
        _say(f"warning: {error.message}")
        return staged.verdicts(repository, config._replace(caches=()), plain_git)


def _say(line: str) -> None:
    print(f"cacheferry: {line}", file=sys.stderr)
