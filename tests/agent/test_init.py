"""A configuration problem is answered once, to init."""

from pathlib import Path

import pytest

from tests.agent.talk import COMMAND, TERMINATE, World, init, oid_of, posix, upload

DATA = b"x"


def problem(world: World, operation: str = "upload") -> str:
    said = world.say(init(operation), TERMINATE)
    assert (said.code, said.err, len(said.messages)) == (0, "", 1)
    assert type(said.messages[0]["error"]["code"]) is int
    return str(said.messages[0]["error"]["message"])


def by_file(world: World, store: str) -> None:
    del world.env["CACHEFERRY_STORE"]
    (world.repo / "cacheferry.yaml").write_text(f"store: {store}\n")


@pytest.mark.parametrize("operation", ["upload", "download"])
def test_no_store(world: World, operation: str):
    del world.env["CACHEFERRY_STORE"]
    assert "no cacheferry.yaml" in problem(world, operation)


def test_unknown_scheme(world: World):
    world.env["CACHEFERRY_STORE"] = "gopher://host/x"
    assert "unknown store scheme" in problem(world)


def test_credential_is_refused_and_not_shown(world: World):
    world.env["CACHEFERRY_STORE"] = "https://me:hunter2@host/x"
    message = problem(world)
    assert "***" in message and "hunter2" not in message


@pytest.mark.parametrize("store", ["lfs", "git"])
def test_store_without_agent(world: World, store: str):
    world.env["CACHEFERRY_STORE"] = store
    assert "uses no agent" in problem(world)


def test_outside_of_a_repository(world: World):
    said = world.say(init("upload"), TERMINATE, cwd=world.base)
    assert "not in a git work tree" in said.messages[0]["error"]["message"]


def test_untrusted_store_is_not_written_to(world: World):
    by_file(world, "../store")
    message = problem(world)
    assert "cacheferry trust" in message and str(world.store) in message


def test_untrusted_folder_may_be_read(world: World):
    by_file(world, "../store")
    assert world.say(init("download"), TERMINATE).out == b"{}\n"


@pytest.mark.parametrize("store", ['"../store"', "../store  # the NAS", "file:///{store}"])
def test_what_only_a_yaml_parser_can_read(world: World, store: str):
    by_file(world, store.replace("{store}", str(world.store)))
    assert world.say(init("download"), TERMINATE).out == b"{}\n"


def test_broken_file_is_named_with_its_line(world: World):
    by_file(world, "[")
    assert "cacheferry.yaml:" in problem(world, "download")


def test_trusted_store_may_be_written_to(world: World, monkeypatch: pytest.MonkeyPatch):
    by_file(world, "../store")
    world.accept("../store", monkeypatch)
    assert world.upload(upload(oid_of(DATA), 1, world.file("o", DATA))).errors() == [""]


def test_trust_does_not_follow_a_changed_store(world: World, monkeypatch: pytest.MonkeyPatch):
    by_file(world, "../elsewhere")
    world.accept("../store", monkeypatch)
    message = problem(world)
    assert str(world.store) in message and str(world.base / "elsewhere") in message


@posix
def test_trust_does_not_follow_a_symlink(world: World, monkeypatch: pytest.MonkeyPatch):
    by_file(world, "link")
    (world.repo / "link").symlink_to(world.store)
    world.accept("link", monkeypatch)
    assert world.say(init("upload"), TERMINATE).out == b"{}\n"
    (world.repo / "link").unlink()
    (world.repo / "link").symlink_to(world.base)
    assert "cacheferry trust" in problem(world)


def test_git_setting_overrides_the_file_and_needs_no_trust(world: World):
    by_file(world, "../untrusted")
    world.git("config", "cacheferry.store", "../store")
    assert world.upload(upload(oid_of(DATA), 1, world.file("o", DATA))).errors() == [""]
    assert world.visible() == [oid_of(DATA)]


def test_a_transfer_after_a_refused_init_ends_the_agent(world: World):
    del world.env["CACHEFERRY_STORE"]
    said = world.say(init("upload"), upload(oid_of(DATA), 1, world.file("o", DATA)))
    assert said.code == 2 and len(said.messages) == 1
    assert world.visible() == []


@posix
def test_the_store_is_found_where_only_git_dir_leads(world: World):
    by_file(world, "../store")
    world.git("config", "cacheferry.store", "../store")
    env = world.env | {"GIT_DIR": str(world.repo / ".git")}
    assert world.say(init("upload"), TERMINATE, cwd=Path("/"), env=env).out == b"{}\n"


@posix
def test_nothing_heavy_is_imported_before_init_is_answered(world: World):
    command = [*COMMAND[:3], "-X", "importtime", *COMMAND[3:]]
    said = world.say(init("upload"), TERMINATE, command=command)
    imported = {text.rpartition("|")[2].strip() for text in said.err.splitlines()}
    assert "lfs_agent.agent" in imported and said.out == b"{}\n"
    assert not imported & {"json", "re", "typing", "pathlib", "subprocess", "hashlib", "threading"}
