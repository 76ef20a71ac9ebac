"""Literal lines in, literal lines out; the protocol as such is held by tests/conformance."""

import json
from pathlib import Path

import pytest

from tests.agent.talk import World, download, init, keep, oid_of, upload

DATA = b"computed once"
OID = oid_of(DATA)


def test_an_upload_word_for_word(world: World):
    said = world.upload(upload(OID, 13, world.file("o", DATA)))
    assert said.out.decode() == (
        "{}\n"
        f'{{"event":"progress","oid":"{OID}","bytesSoFar":13,"bytesSinceLast":13}}\n'
        f'{{"event":"complete","oid":"{OID}"}}\n'
    )
    assert (said.code, said.err) == (0, "")


def test_a_download_word_for_word(world: World):
    keep(world.store, DATA)
    said = world.download(download(OID, 13))
    assert said.messages[0] == {}
    assert said.messages[1] == {
        "event": "progress",
        "oid": OID,
        "bytesSoFar": 13,
        "bytesSinceLast": 13,
    }
    path = said.messages[2].pop("path")
    assert said.messages[2:] == [{"event": "complete", "oid": OID}]
    assert Path(path).read_bytes() == DATA
    assert said.code == 0


@pytest.mark.parametrize(
    "lines",
    [
        [upload(OID, 13, "/x")],
        [init("upload"), init("upload")],
        [init("upload"), upload(OID, 13, "/x"), b"nonsense\n"],
    ],
    ids=["transfer before init", "second init", "nonsense after a transfer"],
)
def test_wrong_order_ends_the_agent(world: World, lines: list[bytes]):
    said = world.say(*lines)
    assert said.code == 2
    assert said.err.startswith("cacheferry-agent: error: ") and said.err.count("\n") == 1


def test_progress_is_said_every_mebibyte(world: World):
    data = b"z" * 5_000_001
    said = world.upload(upload(oid_of(data), len(data), world.file("o", data)))
    assert [so_far for so_far, _ in said.progress(oid_of(data))] == [
        *(n << 20 for n in range(1, 5)),
        len(data),
    ]


def test_every_answer_is_one_line_of_ascii_json(world: World):
    said = world.upload(upload("\u2028\udcff\n", 1, "é"))
    assert said.out.isascii() and len(said.out.splitlines()) == 2
    assert json.loads(said.out.splitlines()[1])["oid"] == "\u2028\udcff\n"
