"""The conversation: init, answers, progress, terminate."""

import os

from tests.conformance.case import NotApplicable, case, expect
from tests.conformance.scene import Scene
from tests.conformance.wire import (
    TERMINATE,
    check_form,
    check_progress,
    download,
    init,
    line,
    oid_of,
    upload,
)

LAYOUTS = {
    "CRLF": b'{"operation":"upload","event":"init","remote":"origin"}\r\n',
    "spaces, order": b'{ "remote": "origin", "operation": "upload", "event": "init" }\n',
    "escapes": b'{"event":"init","operation":"\\u0075pload","remote":"orig\\u0069n"}\n',
    "not ASCII": b'{"event":"init","operation":"upload","remote":"origin","\xc3\xa9":"\xc3\xa9"}\n',
    "unknown fields": b'{"event":"init","operation":"upload","remote":"origin","new":[{"a":1}]}\n',
}


@case("Init is answered once, in whatever JSON it comes.", "strict_layout", LAYOUTS)
def init_line(scene: Scene, hello: bytes) -> None:
    said = scene.say(hello, TERMINATE)
    said.went_well()
    expect(said.messages == [{}], f"answers {said.messages}")


@case("Init is answered at once, before anything else comes.", "waits_for_more greets_twice")
def init_alone(scene: Scene) -> None:
    talk = scene.start()
    talk.send(init("upload"))
    expect(not talk.answer().get("error"), "init is refused")
    talk.send(TERMINATE)
    expect(talk.rest() == b"", "init is answered twice")


@case(
    "A configuration problem is answered to init, once, with an error.",
    "ready_without_store dies_unconfigured",
)
def init_refused(scene: Scene) -> None:
    if not scene.subject.wrong:
        raise NotApplicable("no wrong configuration is known (--wrong)")
    for wrong in scene.subject.wrong:
        said = scene.say(init("upload"), TERMINATE, env=scene.environment() | dict(wrong))
        expect(len(said.messages) == 1, f"{len(said.messages)} answers with {wrong}")
        expect(said.refused(), f"init is not refused with {wrong}")
        check_form(said.messages[0]["error"])
        expect("Traceback" not in said.err, "a traceback")


@case(
    "Stdout carries protocol lines alone, each about the object that was asked for.",
    "prints_to_stdout pretty_json answers_for_another",
    anywhere=True,
)
def only_answers(scene: Scene) -> None:
    data = os.urandom(1000)
    oid = oid_of(data)
    said = scene.upload(upload(oid, len(data), scene.file("o", data)))
    said.went_well()
    events = [m.get("event") for m in said.messages]
    expect(events[0] is None and events[-1] == "complete", f"answers {events}")
    expect(set(events[1:-1]) <= {"progress"}, f"answers {events}")
    expect(all(m["oid"] == oid for m in said.messages[1:]), "an answer about another oid")


@case(
    "Progress: integers, monotonic, summing to the size, before complete.",
    "no_progress float_progress text_progress progress_goes_back progress_falls_short",
    {"131 KB": 131_072, "3 MB": 3_000_000},
    anywhere=True,
)
def progress(scene: Scene, size: int) -> None:
    data = os.urandom(size)
    oid = oid_of(data)
    request = upload(oid, size, scene.file("o", data))
    for said in (
        scene.upload(request),
        scene.upload(request),
        scene.download(download(oid, size)),
    ):
        said.went_well()
        check_progress(said, oid, size)


@case("The first progress of a large object comes early.", "progress_at_the_end", anywhere=True)
def progress_early(scene: Scene) -> None:
    size = 16 << 20
    oid = scene.put(os.urandom(size))
    told = scene.download(download(oid, size)).progress(oid)
    expect(told and told[0][0] <= size / 2, f"first progress: {told[:1]} of {size}")


@case(
    "Unknown fields in a transfer are ignored.",
    "strict_fields",
    anywhere=True,
)
def unknown_fields(scene: Scene) -> None:
    oid = scene.put(b"data")
    extra = {"action": {"href": "x", "header": {}}, "new": [1, {"a": None}]}
    said = scene.download(line(event="download", oid=oid, size=4, **extra))
    said.went_well()
    expect(len(said.completes()) == 1, "no answer")


@case(
    "An object's error is {code, message}, and the next object works.",
    "error_is_text error_code_is_text error_without_message dies_at_error",
    anywhere=True,
)
def error_and_next(scene: Scene) -> None:
    oid, nothing = scene.put(b"data"), oid_of(b"nothing")
    said = scene.download(download(nothing, 7), download(oid, 4), download(nothing, 7))
    wrong, right, again = [bool(error) for error in said.errors()] + [None] * (
        3 - len(said.errors())
    )
    expect(wrong and again and right is False, f"errors: {said.errors()}")
    expect([m["oid"] for m in said.completes()] == [nothing, oid, nothing], "oids are mixed up")
    expect(said.code == 0, f"exit code {said.code}")
    check_form(said.completes()[0]["error"])


@case("A transfer of the other kind than init said is refused.", "does_the_other_too")
def other_operation(scene: Scene) -> None:
    said = scene.download(upload(oid_of(b"data"), 4, scene.file("o", b"data")))
    expect(any(said.errors()) or said.code != 0, "an upload in a session of downloads is served")
    scene.holds()


@case(
    "After terminate nothing is written and the exit code is 0.",
    "says_goodbye fails_at_terminate stays_after_terminate",
    {"at once": b"", "with lines behind it": init("upload")},
)
def terminate(scene: Scene, behind: bytes) -> None:
    talk = scene.start()
    talk.send(init("upload"))
    talk.answer()
    talk.send(TERMINATE + behind)
    code = talk.gone(2)
    expect(talk.rest() == b"", "answers after terminate")
    expect(code == 0, f"exit code {code}")


@case("A last line without its end counts.", "needs_a_line_end")
def last_line_open(scene: Scene) -> None:
    said = scene.say(init("upload"), TERMINATE.strip())
    said.went_well()
    expect(said.messages == [{}], f"answers {said.messages}")
