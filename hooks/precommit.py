"""pre-commit: refuses what may not be committed under a tracked pattern, warns of stale caches."""

import sys

from cacheferry.core import staged
from cacheferry.core.chosen import chosen_store
from cacheferry.core.config import Config
from cacheferry.core.repository import Repository

_REFUSED = {
    "raw": "real bytes where a pointer belongs; unstage it (git restore --staged -- PATH), "
    "cacheferry publishes it by itself",
    "incomplete": "a truncated pickle; let the computation write it again",
    "unsafe": "a pickle that can run code when it is loaded",
    "conflict": "merge markers or an unsettled conflict; cacheferry pull -- PATH settles it",
}


def check(repository: Repository, config: Config) -> int:
    """1 where something staged is refused, with a line for each on stderr; else 0."""
    plain_git = chosen_store(repository).url.scheme == "git"
    found = staged.verdicts(repository, config, plain_git)
    refused = [(one, why) for one in found for why in one.problems if why in _REFUSED]
    stale = [one for one in found if one.freshness == "stale"]
    for one, why in refused:
        names = f" ({', '.join(one.refused)})" if one.refused else ""
        _say(f"refused: {one.path}: {why}: {_REFUSED[why]}{names}")
    if stale:
        _say(f"warning: {len(stale)} cache(s) do not belong to the configs of this commit:")
    for one in stale:
        _say(f"  stale: {one.path} has {one.config_hash}, config is {one.expected_hash}")
    if refused:
        _say("`git commit --no-verify` commits all the same")
    return 1 if refused else 0


def _say(line: str) -> None:
    print(f"cacheferry: {line}", file=sys.stderr)
