"""Started by the shims as `python -I …/hooks/__main__.py HOOK ARGUMENTS`.

A hook of ours never makes git's own command fail, but for what pre-commit refuses: the shims
take no exit code for a refusal but `REFUSED`, which no broken Python ends with.
"""

import sys
from pathlib import Path


def _find_our_own_modules() -> None:
    # -I keeps PYTHONPATH and the current folder (the repository's own files) out, and us too.
    programs = Path(__file__).absolute().parent.parent
    package = programs.parent.parent if programs.name == "_programs" else programs
    sys.path.insert(0, str(programs))
    if str(package) not in sys.path:
        sys.path.append(str(package))


def main() -> int:
    """Runs the hook named first on the command line; returns its exit code."""
    if sys.argv[1] == "post-checkout" and sys.argv[4:] == ["0"]:
        return 0  # `git checkout -- FILE`: no branch was changed, and it should feel instant
    _find_our_own_modules()
    try:
        from hooks.run import run

        return run(sys.argv[1], sys.argv[2:])
    except Exception as error:  # whatever it is, git goes on
        print(f"cacheferry: warning: {sys.argv[1]}: {error!r}", file=sys.stderr)
        return 0


if __name__ == "__main__":
    sys.exit(main())
