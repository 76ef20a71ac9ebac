"""Our agent keeps every promise; so does the model, which shares no code with it."""

import os

import pytest

from tests.conformance.case import CASES, Case
from tests.conformance.running import run
from tests.conformance.subject import OURS, Subject, model

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no signals and no FIFOs")
TABLE = [pytest.param(case, id=case.name, marks=[pytest.mark.slow] * case.slow) for case in CASES]


def holds(case: Case, subject: Subject) -> None:
    word, why = run(case, subject)
    if word == "n.a.":
        pytest.skip(why)
    assert word == "ok", why


@pytest.mark.parametrize("case", TABLE)
def test_our_agent(case: Case) -> None:
    holds(case, OURS)


@pytest.mark.slow
@pytest.mark.parametrize("case", TABLE)
def test_the_model(case: Case) -> None:
    holds(case, model())
