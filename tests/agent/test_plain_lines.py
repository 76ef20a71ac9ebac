"""The parser that spares `json` says what `json` says, or nothing; so do the answers."""

import json
import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lfs_agent import protocol

USUAL = [
    '{"event":"init","operation":"upload","remote":"origin","concurrent":true,"concurrenttransfers":3}',
    '{"event":"upload","oid":"ab","size":131000,"path":"/tmp/größe x","action":null}',
    '{ "event" : "download" , "oid" : "ab", "size": 0, "action" : null }',
    '{"event":"terminate"}',
]
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**30), 10**30), st.floats(), st.text()
)


@pytest.mark.parametrize("line", USUAL)
def test_what_git_lfs_writes_is_read_without_json(line: str):
    assert protocol._plain_object(line.encode()) == json.loads(line)


@given(st.dictionaries(st.text(), SCALARS), st.sampled_from([(",", ":"), (", ", ": ")]))
def test_any_flat_object(fields: dict[str, object], separators: tuple[str, str]):
    line = json.dumps(fields, ensure_ascii=False, separators=separators)
    found = protocol._plain_object(line.encode("utf-8", "surrogatepass"))
    assert found is None or found == json.loads(line)


def test_a_number_without_end_is_left_to_json():
    assert protocol._plain_object(b'{"size":' + b"9" * 5000 + b"}") is None


@given(st.text(alphabet='{}[]":, \\null true0123456789.-e', max_size=40))
@example('{"a":1 2}')
@example('{"a":01}')
@example('{"a":}')
@example('{"a"}')
@example('{"a":"b":"c"}')
@example('{"a":"b",}')
@example('{"a":"b"}}')
@example('{"a":"b"} "')
@example('{"a":1,"a":2}')
def test_any_line_near_json(line: str):
    found = protocol._plain_object(line.encode())
    assert found is None or found == json.loads(line)


@given(st.text(), st.integers(0, 1 << 60))
def test_answers_are_json(text: str, number: int):
    reading, writing = os.pipe()
    try:
        protocol.Writer(writing).progress(text, number, 0)
        protocol.Writer(writing).complete(text, text)
        moved, done = map(json.loads, os.read(reading, 1 << 20).splitlines())
    finally:
        os.close(reading)
        os.close(writing)
    assert (moved["oid"], moved["bytesSoFar"], moved["event"]) == (text, number, "progress")
    assert (done["oid"], done["path"], done["event"]) == (text, text, "complete")
