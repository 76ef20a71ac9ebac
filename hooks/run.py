"""Which hook does what, and that none of them fails git's command by accident."""

import sys

from cacheferry.core import config, repository
from cacheferry.core.errors import CacheferryError
from cacheferry.core.repository import Repository


def run(hook: str, arguments: list[str]) -> int:
    """Runs one hook in the repository around the current folder; returns its exit code."""
    sys.stderr.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    if hook == "post-checkout" and arguments[2:] == ["0"]:
        return 0  # files were checked out, not a branch
    try:
        around = repository.find()
        return _run(around, hook, arguments) if around.config_file.exists() else 0
    except (CacheferryError, OSError) as error:
        listing = str(error).replace("\n", "; ")
        print(f"cacheferry: warning: {hook} checked nothing: {listing}", file=sys.stderr)
        return 0


def _run(around: Repository, hook: str, arguments: list[str]) -> int:
    loaded = config.load(around)
    if hook == "pre-commit":
        from hooks import precommit

        return precommit.check(around, loaded)
    if hook == "merge-driver":
        from hooks import merge

        return merge.settle(around, *arguments)
    from hooks import arrivals

    return arrivals.report(around, loaded)
