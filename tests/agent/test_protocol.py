"""Literal lines in, literal lines out."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from tests.agent.talk import TERMINATE, World, download, init, keep, line, oid_of, upload

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
    "hello",
    [
        b'{"event":"init","operation":"upload","remote":"or\\"igin","concurrent":true,'
        b'"concurrenttransfers":3}\n',
        b'{"operation":"upload","event":"init"}\r\n',
        b'{ "event": "init", "operation": "upload", "remote": "\xc3\xa9", "new": [1] }\n',
        b'{"event":"init","operation":"upload","remote":"o","concurrent":false,'
        b'"concurrenttransfers":8}\n',
    ],
)
def test_init_in_any_layout(world: World, hello: bytes):
    said = world.say(hello, TERMINATE)
    assert (said.code, said.out, said.err) == (0, b"{}\n", "")


@pytest.mark.parametrize(
    "hostile",
    [
        b"\n",
        b"hello\n",
        b"[1]\n",
        b'"init"\n',
        b"null\n",
        b"\xff\xfe\n",
        b"[" * 100_000 + b"\n",
        b'{"event":"dance"}\n',
        b'{"event":["upload"]}\n',
        b"{}\n",
        b'{"event":"init","operation":"steal"}\n',
        b'{"event":"init"}\n',
        b'{"event":"upload","size":1,"path":"x"}\n',
        b'{"event":"upload","oid":7,"size":1,"path":"x"}\n',
        b'{"size":' + b"9" * 5000 + b"}\n",
        b"x" * (3 << 20),
    ],
    ids=lambda text: repr(text[:30]),
)
@pytest.mark.parametrize("begun", [False, True], ids=["first", "after init"])
def test_senseless_line_ends_the_agent_with_a_message(world: World, hostile: bytes, begun: bool):
    before = [init("upload")] if begun else []
    with world.start() as agent:
        assert agent.stdin and agent.stdout and agent.stderr
        try:
            agent.stdin.write(b"".join([*before, hostile]))
            agent.stdin.flush()
        except BrokenPipeError:
            pass
        assert agent.wait(5) == 2  # with stdin still open
        err = agent.stderr.read().decode()
        assert err.startswith("cacheferry-agent: error: ") and "Traceback" not in err
        assert agent.stdout.read() == (b"{}\n" if begun else b"")


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


def test_terminate_before_init_and_end_of_input_are_clean(world: World):
    assert (world.say(TERMINATE).code, world.say().code) == (0, 0)
    assert world.say(init("upload"), TERMINATE.strip()).code == 0


@pytest.mark.parametrize("bad", ["", "A" * 64, OID.upper(), OID[:63], OID + "0", "../" * 21 + "x"])
def test_bad_oid_is_that_objects_error(world: World, bad: str):
    source = world.file("o", DATA)
    said = world.upload(upload(bad, 13, source), upload(OID, 13, source))
    assert [m["oid"] for m in said.completes()] == [bad, OID]
    assert "not an oid" in said.errors()[0] and said.errors()[1] == ""
    assert world.visible() == [OID]


@pytest.mark.parametrize("size", [-1, 13.0, "13", None, True, [13]])
def test_bad_size_is_that_objects_error(world: World, size: object):
    source = world.file("o", DATA)
    said = world.upload(upload(OID, size, source), upload(OID, 13, source))
    assert "size" in said.errors()[0] and said.errors()[1] == ""


@pytest.mark.parametrize("path", [None, "", 7, "a\0b", "\ud800", "/nowhere/at/all"])
def test_bad_path_is_that_objects_error(world: World, path: object):
    said = world.upload(upload(OID, 13, path), upload(OID, 13, world.file("o", DATA)))
    assert said.errors()[0] and said.errors()[1] == ""
    assert said.code == 0


def test_the_other_operation_is_that_objects_error(world: World):
    said = world.download(upload(OID, 13, world.file("o", DATA)))
    assert "session for download" in said.errors()[0]
    assert world.visible() == []


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, 5_000_001])
def test_progress_is_integers_that_grow_and_sum_to_the_size(world: World, size: int):
    data = b"z" * size
    oid = oid_of(data)
    source = world.file("o", data)
    new, again = world.upload(upload(oid, size, source)), world.upload(upload(oid, size, source))
    for said in (new, again, world.download(download(oid, size))):
        progress = said.progress(oid)
        so_far = [0, *(p[0] for p in progress)]
        assert progress and so_far[-1] == size == sum(p[1] for p in progress)
        assert so_far[1] <= 1 << 20
        assert [b - a for a, b in pairwise(so_far)] == [p[1] for p in progress]
        assert said.messages[-1]["event"] == "complete" and said.errors() == [""]


def test_every_answer_is_one_line_of_ascii_json(world: World):
    said = world.upload(upload("\u2028\udcff\n", 1, "é"))
    assert said.out.isascii() and len(said.out.splitlines()) == 2
    assert json.loads(said.out.splitlines()[1])["oid"] == "\u2028\udcff\n"


def test_unknown_fields_are_ignored(world: World):
    keep(world.store, DATA)
    said = world.download(line(event="download", oid=OID, size=13, action={"href": "x"}, extra=1))
    assert said.errors() == [""]
