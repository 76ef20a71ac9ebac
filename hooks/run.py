"""Which hook does what, and that none of them fails git's command by accident."""

import sys

from cacheferry.core import configfile, repository
from cacheferry.core.errors import CacheferryError
from cacheferry.core.repository import Repository


def run(hook: str, arguments: list[str]) -> int:
    """Runs one hook in the repository around the current folder; returns its exit code."""
    sys.stderr.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        around = repository.find()
        if hook == "merge-driver":  # whatever the merge has made of cacheferry.yaml
            from hooks import merge

            return merge.settle(around, *arguments)
        return _run(around, hook, arguments) if around.config_file.exists() else 0
    except (CacheferryError, OSError) as error:
        listing = str(error).replace("\n", "; ")
        print(f"cacheferry: warning: {hook} checked nothing: {listing}", file=sys.stderr)
        return 0


def _run(around: Repository, hook: str, arguments: list[str]) -> int:
    loaded = configfile.load(around)
    if hook == "pre-commit":
        from hooks import precommit

        return precommit.check(around, loaded)
    from hooks import arrivals

    return arrivals.report(around, loaded)
