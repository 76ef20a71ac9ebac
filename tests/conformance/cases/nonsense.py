"""Lines that make no sense, and values that can be none."""

import os

from tests.conformance.case import case, expect
from tests.conformance.scene import Scene
from tests.conformance.wire import TERMINATE, Said, init, line, oid_of, upload

DATA = b"computed once"
OID = oid_of(DATA)
LINES = {
    "blank": b"\n",
    "no JSON": b"hello\n",
    "an array": b"[1]\n",
    "a text": b'"init"\n',
    "null": b"null\n",
    "an empty object": b"{}\n",
    "no UTF-8": b"\xff\xfe\n",
    "NUL bytes": b"\0\0\0\n",
    "deep nesting": b"[" * 100_000 + b"\n",
    "a number of 5000 digits": b'{"event":' + b"9" * 5000 + b"}\n",
    "unknown event": b'{"event":"dance"}\n',
    "event of a wrong type": b'{"event":["upload"]}\n',
    "init for nothing": b'{"event":"init"}\n',
    "init to steal": b'{"event":"init","operation":"steal"}\n',
    "a line without end": b"x" * (3 << 20),
}
HOSTILE = {
    "upper case": OID.upper(),
    "63 digits": OID[:63],
    "65 digits": OID + "0",
    "not hex": "g" * 64,
    "../": "../" * 21 + "x",
    "absolute": "/" + OID[:63],
    "a line's end": OID[:63] + "\n",
    "digits of Unicode": "\u0661" * 64,
    "spaces around": f" {OID} ",
}
NAMELESS = {
    "empty": "",
    "../ inside": OID[:61] + "/..",
    "a NUL": OID[:63] + "\0",
    "half a surrogate pair": "\ud800" * 64,
}
TYPES = {"number": 7, "null": None, "list": [OID], "object": {OID: OID}, "true": True}
SIZES = {
    "true": True,
    "float": 13.0,
    "negative": -1,
    "text": "13",
    "null": None,
    "list": [13],
}
PATHS = {"missing": None, "empty": "", "number": 7, "NUL": "a\0b", "nowhere": "/nowhere/at/all"}


def ended(said_before: int, code: int, errors: str, out: bytes) -> None:
    expect(code != 0, "goes on as if nothing were, and exits with 0")
    expect(errors.strip(), "no word on stderr")
    crashed = any(word in errors for word in ("Traceback", "panic:", "goroutine "))
    expect(not crashed, f"crashes: {errors[-200:]}")
    expect(out.count(b"\n") <= said_before, f"answers it: {out!r:.100}")


@case(
    "A line that makes no sense: a message on stderr and a non-zero exit at once.",
    "passes_over_nonsense crashes_at_nonsense nonsense_is_fine",
    LINES,
)
def senseless(scene: Scene, text: bytes) -> None:
    for before in ([], [init("upload")]):
        talk = scene.start()
        talk.send(*before, text)
        code = talk.gone(min(5, scene.subject.patience))  # stdin is still open
        ended(len(before), code, talk.errors(), talk.rest())


@case("A transfer before init ends the agent with a message.", "needs_no_init")
def transfer_before_init(scene: Scene) -> None:
    talk = scene.start()
    talk.send(upload(OID, len(DATA), scene.file("o", DATA)))
    ended(0, talk.gone(min(5, scene.subject.patience)), talk.errors(), talk.rest())
    scene.holds()


@case("A second init ends the agent with a message.", "begins_again")
def second_init(scene: Scene) -> None:
    talk = scene.start()
    talk.send(init("upload"), init("upload"))
    ended(1, talk.gone(min(5, scene.subject.patience)), talk.errors(), talk.rest())


OIDS = "An oid is 64 lower-case hex digits and nothing else: anything else is that object's error."


@case(OIDS, "trusts_oids skips_odd_oids", HOSTILE, anywhere=True)
def hostile_oid(scene: Scene, bad: str) -> None:
    before = outside(scene)
    source = scene.file("o", DATA)
    said = scene.upload(upload(bad, len(DATA), source), upload(OID, len(DATA), source))
    refused_alone(said, bad)
    scene.holds(DATA)
    for request in ("upload", "download"):
        said = scene.say(
            init(request), line(event=request, oid=bad, size=13, path=str(source)), TERMINATE
        )
        expect(said.errors()[:1] not in ([], [""]), f"{request} is not refused")
    expect(outside(scene) == before, "writes outside of the store")


case(OIDS, "skips_odd_oids", NAMELESS, anywhere=True)(hostile_oid)


@case("An oid that is no text is refused.", "any_type_is_an_oid", TYPES)
def oid_type(scene: Scene, bad: object) -> None:
    source = scene.file("o", DATA)
    said = scene.upload(upload(bad, len(DATA), source))
    expect(any(said.errors()) or said.code != 0, "it is served")
    expect("Traceback" not in said.err and "panic:" not in said.err, "crashes")
    scene.holds()


@case(
    "A size that can be none is that object's error.",
    "trusts_sizes crashes_at_sizes",
    SIZES,
)
@case("A size that can be none is that object's error.", "trusts_sizes", {"10 ** 30": 10**30})
def size_type(scene: Scene, bad: object) -> None:
    source = scene.file("o", DATA)
    first, second = upload(OID, bad, source), upload(oid_of(b"x"), 1, scene.file("x", b"x"))
    refused_alone(scene.upload(first, second), OID)
    scene.holds(b"x")


@case("A path that can be none is that object's error.", "crashes_at_paths", PATHS, anywhere=True)
def path_type(scene: Scene, bad: object) -> None:
    good = upload(oid_of(b"x"), 1, scene.file("x", b"x"))
    refused_alone(scene.upload(upload(OID, len(DATA), bad), good), OID)
    scene.holds(b"x")


@case("A transfer without its fields is answered or ends the agent.", "passes_over_gaps")
def missing_fields(scene: Scene) -> None:
    for text in (line(event="upload", oid=OID), line(event="upload"), line(event="upload", size=1)):
        said = scene.upload(text)
        expect(any(said.errors()) or said.code != 0, f"{text!r} is passed over")
        expect("Traceback" not in said.err and "panic:" not in said.err, f"crashes at {text!r}")
    scene.holds()


@case("Keys that come twice are answered once.", "answers_each_key")
def duplicate_keys(scene: Scene) -> None:
    path = str(scene.file("o", DATA)).encode()
    twice = b'{"event":"upload","oid":"%s","oid":"%s","size":13,"path":"%s"}\n'
    said = scene.upload(twice % (b"0" * 64, OID.encode(), path))
    expect(len(said.completes()) == 1, f"{len(said.completes())} answers")
    expect(said.errors() != [""] or scene.place.held(OID) == DATA, "stored as something else")


@case(
    "A line of a megabyte within its limits is served or refused, never a hang.",
    "hangs_at_long_lines",
)
def long_line(scene: Scene) -> None:
    oid = scene.put(DATA)
    long = line(event="upload", oid=oid, size=13, path=str(scene.base / "o"), new="x" * 900_000)
    said = scene.upload(long)
    expect(len(said.completes()) == 1 or said.code != 0, "no answer")


def refused_alone(said: Said, oid: str) -> None:
    """The first object is refused, the second works."""
    answers = said.completes()
    expect(len(answers) == 2, f"{len(answers)} answers to two objects: {said.err[-200:]}")
    expect(answers[0]["oid"] == oid, f"the answer is about {answers[0]['oid']!r:.80}")
    expect(said.errors()[0], "it is not refused")
    expect(not said.errors()[1], f"the next object fails: {said.errors()[1]}")
    expect(said.code == 0, f"exit code {said.code}")


def outside(scene: Scene) -> list[str]:
    """What lies beside the store."""
    known = ("stderr-", "o", "source-", "taken-")
    return sorted(name for name in os.listdir(scene.base) if not name.startswith(known))
