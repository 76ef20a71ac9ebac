"""Each case fails on every agent that is broken in its way."""

import os
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.case import CASES, Case
from tests.conformance.running import run
from tests.conformance.subject import model

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no signals and no FIFOs")
PAIRS = [(case, fault) for case in CASES for fault in case.faults]


TAKING_SECONDS = ("EOF", "SIGTERM", "closed", "store away", "memory")
"""In the names of cases that wait for an agent to end, or not to."""


def thin() -> Iterator[tuple[Case, str]]:
    """Pairs in which each check and each fault occurs; the others wait for `make campaigns`."""
    seen = set[str]()
    for case, fault in PAIRS:
        new = {case.name.partition(":")[0], fault} - seen
        if new and not case.slow and not any(word in case.name for word in TAKING_SECONDS):
            seen |= new
            yield case, fault


THIN = list(thin())


@pytest.mark.parametrize(
    ("case", "fault"),
    [
        pytest.param(
            case,
            fault,
            id=f"{case.name}-{fault}",
            marks=[pytest.mark.slow] * ((case, fault) not in THIN),
        )
        for case, fault in PAIRS
    ],
)
def test_case_fails_on_the_broken_agent(case: Case, fault: str) -> None:
    word, why = run(case, model(fault))
    if word == "n.a.":
        pytest.skip(why)
    assert word == "FAIL"


@pytest.mark.slow
@pytest.mark.parametrize("fault", sorted({fault for _, fault in PAIRS}))
def test_a_broken_agent_is_broken_in_one_way(fault: str) -> None:
    """So that no case fails only because the agent does not run at all."""
    names = ("init alone", "last line open", "senseless: blank", "round trip: 131 KB")
    basic = [case for case in CASES if case.name in names]
    assert any(run(case, model(fault)).word == "ok" for case in basic)


def test_every_case_has_a_fault_and_every_fault_a_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "broken"))
    faults = runpy.run_path(str(Path(__file__).parent / "broken" / "faults.py"))["FAULTS"]
    assert all(case.faults for case in CASES)
    assert {fault for _, fault in PAIRS} == set(faults)


def test_names_of_cases_are_unique() -> None:
    names = [case.name for case in CASES]
    assert sorted(set(names)) == sorted(names)
