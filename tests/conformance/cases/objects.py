"""Objects there and back, on any kind of store."""

import os

from tests.conformance.case import NotApplicable, case, expect
from tests.conformance.scene import Scene
from tests.conformance.wire import TERMINATE, download, init, oid_of, upload

MIB = 1 << 20
SIZES = {
    "1 B": 1,
    "131 KB": 131_072,
    "1 MiB - 1": MIB - 1,
    "1 MiB": MIB,
    "1 MiB + 1": MIB + 1,
    "64 MB": 64_000_000,
}
DATA = os.urandom(200_000)
OID = oid_of(DATA)
DAMAGES = {
    "one bit": bytes([DATA[0] ^ 1]) + DATA[1:],
    "truncated": DATA[:-1],
    "longer": DATA + b"x",
    "empty": b"",
}


def round_trip(scene: Scene, size: int) -> None:
    block = os.urandom(min(size, 1_000_003))
    data = (block * (size // max(len(block), 1) + 1))[:size]
    oid = oid_of(data)
    said = scene.upload(upload(oid, size, scene.file("o", data)))
    said.went_well()
    scene.holds(data)
    expect(scene.get(oid, size) == data, "other bytes come back")


THERE_AND_BACK = "What is uploaded lies whole in the store, and comes back as it was."
case(THERE_AND_BACK, "refuses_empty", {"0 B": 0}, anywhere=True)(round_trip)
case(THERE_AND_BACK, "stores_nothing loses_the_tail", SIZES, anywhere=True)(round_trip)


@case("An object is moved in bounded memory.", "reads_whole_files", {"128 MB": 128_000_000})
def memory(scene: Scene, size: int) -> None:
    there_and_back_sparse(scene, size)


case("An object is moved in bounded memory.", "reads_whole_files", {"1 GB": 1 << 30}, slow=True)(
    memory
)
case(
    "Sizes beyond 32 bits are sizes; memory stays bounded.",
    "counts_in_32_bits",
    {"3 GB": 3 << 30},
    slow=True,
)(memory)


def there_and_back_sparse(scene: Scene, size: int) -> None:
    import hashlib

    source = scene.sparse("zeros", size)
    with open(source, "rb", buffering=0) as stream:
        oid = hashlib.file_digest(stream, "sha256").hexdigest()
    for operation, request in (
        ("upload", upload(oid, size, source)),
        ("download", download(oid, size)),
    ):
        talk = scene.start()
        talk.send(init(operation), request)
        so_far = 0
        while (answer := talk.answer()).get("event") != "complete":
            so_far += answer.get("bytesSinceLast", 0)
        expect("error" not in answer, f"{operation}: {answer.get('error')}")
        expect(so_far in (0, size), f"{operation}: {so_far} bytes of progress")
        if operation == "download":
            expect(os.stat(scene.take(answer["path"]).file).st_size == size, "other size")
        peak = peak_memory(talk.process.pid)
        expect(peak <= scene.subject.memory, f"{operation}: {peak} MB")
        talk.send(TERMINATE)
        expect(talk.gone(5) == 0, "does not end well")
    expect(scene.object(oid).stat().st_size == size, "other size in the store")


def peak_memory(process: int) -> int:
    """MB."""
    try:
        with open(f"/proc/{process}/status") as status:
            peak = next(text for text in status if text.startswith("VmHWM"))
    except FileNotFoundError:
        raise NotApplicable("needs Linux's /proc") from None
    return int(peak.split()[1]) // 1000


@case(
    "An object that the store already has is taken as uploaded.",
    "refuses_known_objects",
    anywhere=True,
)
def known_object(scene: Scene) -> None:
    scene.place.keep(OID, DATA)
    scene.put(DATA)
    scene.holds(DATA)


@case(
    "A missing object is an error that names the oid and leaves nothing behind.",
    "missing_is_fine missing_is_silent leaves_an_empty_file",
    anywhere=True,
)
def missing_object(scene: Scene) -> None:
    said = scene.download(download(OID, len(DATA)))
    expect(len(said.errors()) == 1 and said.errors()[0], "no error")
    expect(OID in said.errors()[0], f"does not name the oid: {said.errors()[0]}")
    expect(scene.lfs_files() == [], f"left behind: {scene.lfs_files()}")


@case("The error for a missing or damaged object names the store.", "names_no_store")
def store_is_named(scene: Scene) -> None:
    scene.place.keep(OID, DAMAGES["one bit"])
    for oid in (OID, "0" * 64):
        said = scene.download(download(oid, len(DATA)))
        expect(said.refused_all(), "no error is answered")
        expect(str(scene.store) in said.errors()[0], f"does not name it: {said.errors()[0]}")


@case(
    "A damaged object is an error that names the oid and leaves nothing; the next one works.",
    "trusts_the_store leaves_temporary_files",
    DAMAGES,
    anywhere=True,
)
def damaged_object(scene: Scene, wrong: bytes) -> None:
    good = b"good"
    scene.place.keep(OID, wrong)
    scene.place.keep(oid_of(good), good)
    said = scene.download(download(OID, len(DATA)), download(oid_of(good), len(good)))
    expect(len(said.errors()) == 2 and said.errors()[0], "wrong bytes are handed out")
    expect(OID in said.errors()[0], f"does not name the oid: {said.errors()[0]}")
    expect(not said.errors()[1], f"the next one fails: {said.errors()[1]}")
    expect(scene.lfs_files() == [], f"left behind: {scene.lfs_files()}")


@case(
    "An object of another size than was asked for is an error.",
    "trusts_the_store",
    {"shorter": len(DATA) + 1, "longer": len(DATA) - 1},
    anywhere=True,
)
def other_size(scene: Scene, said_size: int) -> None:
    scene.place.keep(OID, DATA)
    said = scene.download(download(OID, said_size))
    expect(len(said.errors()) == 1 and said.errors()[0], "it is handed out")
    expect(scene.lfs_files() == [], f"left behind: {scene.lfs_files()}")


def healed(scene: Scene, wrong: bytes) -> None:
    scene.place.keep(OID, wrong)
    scene.put(DATA)
    scene.holds(DATA)


HEALING = "A damaged object is healed by an upload."
case(
    HEALING,
    "heals_nothing compares_sizes",
    {"one bit": DAMAGES["one bit"]},
    anywhere=True,
)(healed)
case(
    HEALING,
    "heals_nothing",
    {label: wrong for label, wrong in DAMAGES.items() if label != "one bit"},
    anywhere=True,
)(healed)


@case(
    "Wrong bytes and wrong sizes are refused and nothing is stored.",
    "trusts_sources",
    DAMAGES,
    anywhere=True,
)
def wrong_source(scene: Scene, wrong: bytes) -> None:
    source = scene.file("o", wrong)
    for size in {len(DATA), len(wrong)}:
        said = scene.upload(upload(OID, size, source))
        expect(len(said.errors()) == 1 and said.errors()[0], "wrong bytes are accepted")
    expect(scene.place.held(OID) is None, "wrong bytes are stored")
    scene.holds()


@case(
    "A refused upload leaves the whole object that is there.",
    "truncates_first",
    anywhere=True,
)
def whole_object_stays(scene: Scene) -> None:
    scene.place.keep(OID, DATA)
    said = scene.upload(upload(OID, len(DATA), scene.file("o", DAMAGES["one bit"])))
    expect(said.errors() != [], "no answer")
    scene.holds(DATA)
