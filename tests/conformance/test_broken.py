"""Each case fails on an agent that is broken in its way, and only the suite's eyes are at fault."""

import os
import runpy
from pathlib import Path

import pytest

from tests.conformance.case import CASES, Case
from tests.conformance.running import run
from tests.conformance.subject import model

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no signals and no FIFOs")
PAIRS = [(case, fault) for case in CASES for fault in case.faults]


def is_thin(case: Case, fault: str) -> bool:
    """True for the first case of each check and fault: its variants wait for `make campaigns`."""
    kin = [one for one in CASES if _check(one) == _check(case) and fault in one.faults]
    return not case.slow and kin[0] is case


def _check(case: Case) -> str:
    return case.name.partition(":")[0]


@pytest.mark.parametrize(
    ("case", "fault"),
    [
        pytest.param(
            case, fault, id=f"{case.name}-{fault}", marks=[pytest.mark.slow] * (not is_thin(*pair))
        )
        for pair in PAIRS
        for case, fault in [pair]
    ],
)
def test_case_fails_on_the_broken_agent(case: Case, fault: str) -> None:
    word, why = run(case, model(fault))
    if word == "n.a.":
        pytest.skip(why)
    assert word == "FAIL"


def test_every_case_has_a_fault_and_every_fault_a_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "broken"))
    faults = runpy.run_path(str(Path(__file__).parent / "broken" / "faults.py"))["FAULTS"]
    assert all(case.faults for case in CASES)
    assert {fault for _, fault in PAIRS} == set(faults)


def test_names_of_cases_are_unique() -> None:
    names = [case.name for case in CASES]
    assert sorted(set(names)) == sorted(names)
