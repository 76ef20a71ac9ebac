"""What a check has found."""

from typing import NamedTuple


class Finding(NamedTuple):
    """One line of the doctor's: `level` is ok, warning or problem; `mend` a command, or words."""

    level: str
    what: str
    mend: str = ""


def ok(what: str) -> Finding:
    """It holds."""
    return Finding("ok", what)


def warning(what: str, mend: str) -> Finding:
    """It may be meant so, or passes."""
    return Finding("warning", what, mend)


def problem(what: str, mend: str) -> Finding:
    """Something will fail until it is mended."""
    return Finding("problem", what, mend)
