"""Verdicts as `check` and `status` print them (contract 5), wherever one stands."""

import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import CONFIG, World, payload

KEYS = {
    "path", "name", "size", "oid", "freshness", "content", "safety", "sync", "config_hash",
    "expected_hash", "reason",
}  # fmt: skip
NOW = hashlib.md5(b"learning_rate: 1e-3\n").hexdigest()[:8]
BASELINE = "cache/s1/tl_baseline_cache.pkl"


class Evil:
    def __reduce__(self):
        import os

        return os.system, ("echo owned",)


EVIL = pickle.dumps(Evil())
MARKERS = b"<<<<<<< HEAD\na\n=======\nb\n>>>>>>> x\n"
BYPASS = (
    "-c", "filter.lfs.clean=cat", "-c", "filter.lfs.smudge=cat", "-c", "filter.lfs.process=",
    "-c", "filter.lfs.required=false",
)  # fmt: skip


def ask(
    world: World, place: Path, *args: str, code: int = 0, **env: str
) -> dict[str, dict[str, Any]]:
    done = world.cf(place, *args, "--json", env=env)
    assert done.returncode == code, done.stdout + done.stderr
    said = json.loads(done.stdout)
    assert said["version"] == 1
    for one in said["caches"]:
        assert set(one) - {"refused"} == KEYS
    return {one["path"]: one for one in said["caches"]}


def values(one: dict[str, Any], *keys: str) -> tuple[Any, ...]:
    return tuple(one[key] for key in keys)


STATE = ("freshness", "content", "safety", "sync")


def test_a_cache_from_pending_to_published(world):
    place = world.clone("a")
    file = world.cache(place)
    before = ask(world, place, "status")[BASELINE]
    assert values(before, *STATE) == ("universal", "present", "safe", "pending")
    assert before["name"] == "baseline" and before["size"] == file.stat().st_size
    assert before["oid"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert before["config_hash"] is before["expected_hash"] is before["reason"] is None
    world.sync(place)
    assert ask(world, place, "status")[BASELINE] == before | {"sync": "published"}
    assert ask(world, place, "check")[BASELINE] == before | {"sync": "published"}


def test_a_cache_that_only_head_has_is_committed(world):
    place = world.clone("a")
    world.cache(place)
    world.git(place, "add", "cache")
    world.git(place, "commit", "-qm", "by hand")
    assert ask(world, place, "check")[BASELINE]["sync"] == "committed"


def test_fresh_stale_and_unknown(world):
    place = world.clone("a")
    for name in (f"tl_{NOW}_rl_cache.pkl", "tl_0123abcd_rl_cache.pkl", "what.pkl"):
        world.cache(place, name)
    found = ask(world, place, "check", code=1)
    fresh = found[f"cache/s1/tl_{NOW}_rl_cache.pkl"]
    stale = found["cache/s1/tl_0123abcd_rl_cache.pkl"]
    keys = ("name", "freshness", "config_hash", "expected_hash")
    assert values(fresh, *keys) == ("rl", "fresh", NOW, NOW)
    assert values(stale, *keys) == ("rl", "stale", "0123abcd", NOW)
    assert values(found["cache/s1/what.pkl"], *keys) == (None, "unknown", None, None)
    said = world.cf(place, "check")
    assert said.returncode == 1 and f"has 0123abcd, config is {NOW}" in said.stdout


def test_a_config_that_is_not_here_is_unknown(world):
    place = world.clone("a")
    name = f"cache/s1/{world.cache(place, f'tl_{NOW}_rl_cache.pkl').name}"
    config = place / "conf/env.yaml"
    config.unlink()
    one = ask(world, place, "check")[name]
    assert values(one, "name", "freshness", "config_hash", "expected_hash") == (
        "rl", "unknown", NOW, None,
    )  # fmt: skip
    secret = world.folder / "secret"
    secret.write_bytes(b"learning_rate: 1e-3\n")
    config.symlink_to(secret)
    assert ask(world, place, "check")[name]["freshness"] == "unknown"
    config.unlink()
    config.symlink_to("env.yaml")
    assert ask(world, place, "check")[name]["freshness"] == "unknown"
    config.unlink()
    config.mkdir()
    assert ask(world, place, "check")[name]["freshness"] == "unknown"
    config.rmdir()
    (place / "conf/inside").write_bytes(b"learning_rate: 1e-3\n")
    config.symlink_to("inside")
    assert ask(world, place, "check")[name]["freshness"] == "fresh"


def test_windows_line_ends_are_the_same_config(world):
    place = world.clone("a")
    world.cache(place, f"tl_{NOW}_rl_cache.pkl")
    (place / "conf/env.yaml").write_bytes(b"learning_rate: 1e-3\r\n")
    assert ask(world, place, "check")[f"cache/s1/tl_{NOW}_rl_cache.pkl"]["freshness"] == "fresh"


def test_a_config_that_cannot_be_hashed_is_named(world):
    place = world.clone("a")
    world.cache(place, f"tl_{NOW}_rl_cache.pkl")
    (place / "conf/env.yaml").write_bytes(b"\xff")
    done = world.cf(place, "check")
    assert done.returncode == 2 and "conf/env.yaml is not UTF-8" in done.stderr


@pytest.mark.parametrize(
    ("data", "content", "safety", "reason"),
    [
        (payload()[:-5], "incomplete", "unscanned", "incomplete"),
        (b"", "incomplete", "unscanned", "incomplete"),
        (EVIL, "present", "unsafe", "unsafe"),
        (MARKERS, "conflict", "unscanned", "conflict"),
        (b"version https://x\n" + MARKERS, "conflict", "unscanned", "conflict"),
    ],
)
def test_what_is_held_and_why(world, data, content, safety, reason):
    place = world.clone("a")
    world.cache(place).write_bytes(data)
    one = ask(world, place, "check", code=1)[BASELINE]
    assert values(one, *STATE, "reason") == ("universal", content, safety, "held", reason)
    assert "os.system" in str(one.get("refused", "")).replace("posix", "os") or reason != "unsafe"


def test_a_pickled_text_with_markers_is_no_conflict(world):
    place = world.clone("a")
    text = "\n<<<<<<< a\nx\n=======\ny\n>>>>>>> b\n"
    world.cache(place).write_bytes(pickle.dumps(text))
    assert ask(world, place, "check")[BASELINE]["content"] == "present"
    world.sync(place)


def test_too_large_is_held(world):
    place = world.clone("a")
    text = CONFIG.replace("max_wait: 2", "max_wait: 2, max_file_size: 1kB")
    (place / "cacheferry.yaml").write_text(text)
    world.cache(place)
    assert values(ask(world, place, "check")[BASELINE], "sync", "reason") == ("held", "too large")


def test_ignored(world):
    place = world.clone("a")
    world.cache(place)
    (place / ".gitignore").write_text("*.pkl\n")
    assert values(ask(world, place, "check")[BASELINE], "sync", "reason") == ("ignored", "ignored")


def test_pointer_and_missing(world):
    first = world.clone("a")
    world.cache(first)
    world.cache(first, "tl_0123abcd_rl_cache.pkl", seed=2)
    world.sync(first)
    other = world.clone("b")
    found = ask(world, other, "check", code=1)
    one = found[BASELINE]
    assert values(one, *STATE) == ("universal", "pointer", "unscanned", "published")
    assert one["size"] == len(payload()) and one["oid"] == hashlib.sha256(payload()).hexdigest()
    assert "pointer" in world.cf(other, "check").stdout
    stale = found["cache/s1/tl_0123abcd_rl_cache.pkl"]
    assert values(stale, "freshness", "content") == ("stale", "pointer")
    assert world.cf(other, "check", "cache/s1/tl_0123abcd_rl_cache.pkl").returncode == 0
    (other / BASELINE).unlink()
    one = ask(world, other, "check", code=1)[BASELINE]
    assert values(one, *STATE) == ("universal", "missing", "unscanned", "published")
    assert one["oid"] == hashlib.sha256(payload()).hexdigest()


def test_raw(world):
    place = world.clone("a", init=True)
    world.cache(place)
    world.git(place, *BYPASS, "add", "cache")
    one = ask(world, place, "check", code=1)[BASELINE]
    assert one["sync"] == "raw"
    staged = ask(world, place, "check", "--staged", code=1)[BASELINE]
    assert values(staged, "freshness", "sync") == ("universal", "raw")


def test_staged_looks_at_the_index_alone(world):
    place = world.clone("a")
    file = world.cache(place)
    assert ask(world, place, "check", "--staged") == {}
    world.git(place, "add", "cache")
    file.write_bytes(payload()[:-5])
    assert values(ask(world, place, "check", "--staged")[BASELINE], "content", "oid") == (
        "present", hashlib.sha256(payload()).hexdigest(),
    )  # fmt: skip
    assert ask(world, place, "check", code=1)[BASELINE]["content"] == "incomplete"


def test_a_sparse_checkout_misses_nothing(world):
    place = world.clone("a")
    world.cache(place)
    world.sync(place)
    world.git(place, "status")
    world.git(place, "sparse-checkout", "set", "conf")
    assert not (place / "cache").exists()
    assert ask(world, place, "check") == {} == ask(world, place, "status")
    assert world.cf(place, "pull").returncode == 0 and not (place / "cache").exists()


def test_symlinks_are_no_caches(world):
    place = world.clone("a")
    outside = world.folder / "outside.pkl"
    outside.write_bytes(payload())
    (place / "cache").mkdir()
    (place / "cache/link.pkl").symlink_to(outside)
    (world.folder / "away").mkdir()
    (world.folder / "away/x.pkl").write_bytes(payload())
    (place / "cache/away").symlink_to(world.folder / "away")
    assert ask(world, place, "check") == {}


def test_paths_choose(world):
    place = world.clone("a")
    world.cache(place)
    world.cache(place, "x.pkl").write_bytes(b"\x80\x04")
    assert set(ask(world, place, "check", "cache/s1/tl_baseline_cache.pkl")) == {BASELINE}
    assert set(ask(world, place / "cache", "check", "s1", code=1)) == {BASELINE, "cache/s1/x.pkl"}
    assert len(ask(world, place / "cache", "check", ".", code=1)) == 2
    assert ask(world, place, "check", "conf") == {}
    done = world.cf(place, "check", "..")
    assert done.returncode == 2 and "is not in the repository" in done.stderr


def test_every_command_works_from_anywhere(world):
    place = world.clone("a")
    world.cache(place)
    world.sync(place)
    linked = world.folder / "linked"
    world.git(place, "worktree", "add", "-q", "-b", "side", str(linked))
    world.git(linked, "push", "-q", "-u", "origin", "side")
    for where in (place / "cache/s1", linked, linked / "conf"):
        for command in ("check", "status", "pull", "sync"):
            done = world.cf(where, command)
            assert done.returncode == 0, (where, command, done.stdout, done.stderr)


@pytest.mark.parametrize("command", ["check", "status", "pull", "sync", "trust", "hooks status"])
def test_outside_and_without_a_configuration(world, command):
    place = world.folder / "plain"
    world.git(world.folder, "init", "-q", "plain")
    words = command.split()
    places = [world.folder, *([] if command.startswith("hooks") else [place, place / ".git"])]
    for where in places:
        done = world.cf(where, *words)
        assert done.returncode == 2, (command, where, done.stdout + done.stderr)
        assert done.stderr.startswith("cacheferry: error: ")
        assert "\ncacheferry: hint: " in done.stderr
        assert done.stdout == ""


def test_a_broken_configuration_is_an_error_of_every_line(world):
    place = world.clone("a")
    (place / "cacheferry.yaml").write_text("store: ../s\nx: 1\ntrack: a\n")
    for command in ("check", "status", "pull", "sync", "trust", "init"):
        done = world.cf(place, command)
        assert done.returncode == 2
        assert "cacheferry.yaml:2" in done.stderr and "cacheferry.yaml:3" in done.stderr


def test_json_is_alone_on_stdout(world):
    place = world.clone("a")
    world.cache(place, "é\u2028漢 x.pkl")
    world.cache(place, "tl_0123abcd_rl_cache.pkl")
    for args, code in ((["status"], 0), (["check"], 1)):
        found = ask(world, place, *args, code=code, PYTHONIOENCODING="ascii")
        assert set(found) == {"cache/s1/é\u2028漢 x.pkl", "cache/s1/tl_0123abcd_rl_cache.pkl"}


def test_a_name_that_is_no_utf8_ends_nothing(world):
    place = world.clone("a")
    world.cache(place)
    (place / "cache/s1" / "x\udcff.pkl").write_bytes(payload())
    for command in (["status"], ["status", "--json"], ["check"], ["check", "--json"]):
        done = world.cf(place, *command)
        assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr


def test_usage_errors(world):
    for words in (["nope"], ["check", "--nope"], ["hash"], ["pull", "--needed", "--all"]):
        done = world.cf(world.folder, *words)
        assert done.returncode == 2 and "cacheferry: error: " in done.stderr


# cacheferry hash, cacheferry scan


def test_hash_prints_the_hash(world):
    a, b = world.folder / "a.yaml", world.folder / "b.yaml"
    a.write_bytes(b"x: 1\r\n")
    b.write_bytes(b"")
    one, two = hashlib.md5(b"x: 1\n").hexdigest(), hashlib.md5(b"").hexdigest()
    both = hashlib.md5((one + two).encode()).hexdigest()
    assert world.cf(world.folder, "hash", "a.yaml").stdout == one[:8] + "\n"
    assert world.cf(world.folder, "hash", "a.yaml", "b.yaml").stdout == both[:8] + "\n"
    said = world.cf(world.folder, "hash", "--strategy", "canonical:12", "a.yaml").stdout
    assert said == hashlib.sha256(b'{"x":1}').hexdigest()[:12] + "\n"


def test_hash_errors(world):
    (world.folder / "latin.yaml").write_bytes(b"\xe9")
    for words, text in (
        (["gone.yaml"], "gone.yaml"), (["latin.yaml"], "latin.yaml"), (["."], "."),
        (["--strategy", "sha1", "latin.yaml"], "sha1"),
    ):  # fmt: skip
        done = world.cf(world.folder, "hash", *words)
        assert done.returncode == 2, done.stderr
        assert done.stderr.startswith("cacheferry: error: ") and text in done.stderr
        assert done.stdout == "" and "Traceback" not in done.stderr


def test_scan(world):
    folder = world.folder
    (folder / "safe.pkl").write_bytes(payload())
    (folder / "cut.pkl").write_bytes(payload()[:-1])
    (folder / "evil.pkl").write_bytes(EVIL)
    assert world.cf(folder, "scan", "safe.pkl").returncode == 0
    for name in ("cut.pkl", "evil.pkl"):
        done = world.cf(folder, "scan", "safe.pkl", name)
        assert done.returncode == 1 and name in done.stdout
    assert "system" in world.cf(folder, "scan", "evil.pkl").stdout
    assert world.cf(folder, "scan", ".").returncode == 1
    done = world.cf(folder, "scan", "gone.pkl", "safe.pkl")
    assert done.returncode == 2 and "gone.pkl" in done.stderr


def test_scan_uses_what_the_repository_allows(world):
    place = world.clone("a")
    data = b"\x80\x04\x8c\x09arz_model\x8c\x05Sceneo\x93)\x81.".replace(b"\x05Sceneo", b"\x05Scene")
    file = world.cache(place)
    file.write_bytes(data)
    assert world.cf(place, "scan", str(file)).returncode == 1
    with (place / "cacheferry.yaml").open("a") as config:
        config.write("safety: {allow: ['arz_model.*']}\n")
    assert world.cf(place, "scan", str(file)).returncode == 0
    assert world.cf(world.folder, "scan", str(file)).returncode == 1
    assert ask(world, place, "check")[BASELINE]["safety"] == "safe"
