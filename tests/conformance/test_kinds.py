"""Our agent against every kind of store that can run here: the cases that need no folder."""

import os
from pathlib import Path

import pytest

from tests.conformance.case import CASES, Case
from tests.conformance.running import run
from tests.conformance.subject import OURS
from tests.stores.conftest import KINDS

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no signals and no FIFOs")
ANYWHERE = [case for case in CASES if case.anywhere]
FIRST = [
    next(case for case in ANYWHERE if case.name.startswith(name))
    for name in (
        "round trip: 131 KB",
        "healed",
    )
]
"""What runs each time; the other cases wait for `make campaigns`, tests/stores does not."""


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case.name, marks=[pytest.mark.slow] * (case not in FIRST))
        for case in ANYWHERE
    ],
)
@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"folder"}))
def test_our_agent_on(kind: str, case: Case) -> None:
    word, why = run(case, OURS, lambda folder: KINDS[kind](folder))
    if word == "n.a.":
        pytest.skip(why)
    assert word == "ok", why


def test_a_place_may_stand_in_for_the_folder(tmp_path: Path) -> None:
    """What the kinds that servers bring go through, shown on the one that is always there."""
    for case in ANYWHERE[:5]:
        assert run(case, OURS, KINDS["folder"]) == ("ok", "")
