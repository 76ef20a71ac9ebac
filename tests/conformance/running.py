"""Puts cases to an agent."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import tests.conformance.cases  # noqa: F401  (fills the table)
from tests.conformance.case import CASES, Case, Failed, NotApplicable
from tests.conformance.scene import scene
from tests.conformance.subject import Subject
from tests.servers.place import Place


class Outcome(NamedTuple):
    """`word` is ok, FAIL or n.a."""

    word: str
    why: str = ""


def run(case: Case, subject: Subject, make_place: Callable[[Path], Place] | None = None) -> Outcome:
    """The outcome of one case in a fresh scene."""
    try:
        with scene(subject, make_place) as made:
            case.check(made)
    except NotApplicable as why:
        return Outcome("n.a.", str(why))
    except Failed as why:
        return Outcome("FAIL", " ".join(str(why).split()))
    except subprocess.TimeoutExpired:
        return Outcome("FAIL", "hangs")
    return Outcome("ok")


def chosen(words: str = "", slow: bool = False) -> list[Case]:
    """The cases whose name has `words` in it; those that take minutes only where asked for."""
    return [one for one in CASES if words in one.name and (slow or not one.slow)]
