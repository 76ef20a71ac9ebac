"""The pre-commit hook: refuses raw, truncated, unsafe and conflict blobs (contract 7.7)."""

from pathlib import Path

import pytest

from tests.commands.test_check import BYPASS, EVIL, MARKERS, NOW
from tests.conftest import CONFIG, World, payload

BASELINE = "cache/s1/tl_baseline_cache.pkl"


@pytest.fixture
def place(world: World) -> Path:
    return world.clone("a")


def commit(world: World, place: Path, *args: str) -> tuple[int, str]:
    before = world.git(place, "rev-parse", "HEAD", check=False)
    done = world.run(["git", *BYPASS, "commit", "-qm", "x", *args], place)
    after = world.git(place, "rev-parse", "HEAD", check=False)
    assert (before != after) == (done.returncode == 0)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("data", "filtered", "words"),
    [
        (payload(), False, ["raw"]),
        (payload()[:-3], True, ["incomplete"]),
        (payload()[:-3], False, ["raw", "incomplete"]),
        (EVIL, True, ["unsafe", "system"]),
        (MARKERS, False, ["conflict"]),
        (MARKERS, True, []),
    ],
)
def test_what_is_refused(world, place, data, filtered, words):
    world.cache(place).write_bytes(data)
    (place / "code.py").write_text("more\n")
    world.git(place, *(() if filtered else BYPASS), "add", ".")
    code, err = commit(world, place)
    if not words:
        return
    assert code == 1 and BASELINE in err and "--no-verify" in err
    for word in words:
        assert word in err
    assert commit(world, place, "--no-verify")[0] == 0


def test_a_safe_cache_passes_in_silence(world, place):
    world.cache(place)
    world.git(place, "add", ".")
    assert commit(world, place) == (0, "")
    assert world.git(place, "show", f"HEAD:{BASELINE}").startswith("version https")


def test_only_what_is_staged_counts(world, place):
    world.cache(place).write_bytes(payload()[:-3])
    (place / "code.py").write_text("more\n")
    world.git(place, "add", "code.py")
    assert commit(world, place) == (0, "")


def test_commit_all_partial_and_amend(world, place):
    world.cache(place)
    world.git(place, "add", ".")
    world.git(place, "commit", "-qm", "fine")
    (place / "code.py").write_text("more\n")
    world.cache(place, seed=2)
    for args in (("-a",), (BASELINE,), ("-i", "code.py", BASELINE), ("--amend", "-a")):
        code, err = commit(world, place, *args)
        assert code == 1 and "raw" in err and BASELINE in err, args
    assert commit(world, place, "code.py") == (0, "")
    (place / "sub").mkdir()
    world.cache(place, seed=3)
    code, err = commit(world, place / "sub", "-a")
    assert code == 1 and BASELINE in err


def test_the_first_commit(world):
    place = world.folder / "new"
    world.git(world.folder, "init", "-q", "new")
    assert world.cf(place, "init").returncode == 0
    world.cache(place)
    world.git(place, *BYPASS, "add", ".")
    code, err = commit(world, place)
    assert code == 1 and "raw" in err
    world.git(place, "rm", "-qf", "--cached", BASELINE)
    world.git(place, "add", ".")
    assert commit(world, place) == (0, "")


def test_in_a_linked_worktree(world, place):
    linked = world.folder / "linked"
    world.git(place, "worktree", "add", "-q", "-b", "side", str(linked))
    world.cache(linked)
    world.git(linked, *BYPASS, "add", ".")
    code, err = commit(world, linked)
    assert code == 1 and "raw" in err
    world.git(linked, "add", "--renormalize", ".")
    assert commit(world, linked) == (0, "")


def test_removing_a_raw_blob_is_no_sin(world, place):
    world.cache(place)
    world.git(place, *BYPASS, "add", ".")
    commit(world, place, "--no-verify")
    world.git(place, "rm", "-q", "--cached", BASELINE)
    assert commit(world, place)[0] == 0


def test_ordinary_blobs_are_fine_in_plain_git_but_unsafe_ones_are_not(world):
    place = world.clone("plain", config=CONFIG.replace("../store", "git"))
    world.cache(place)
    world.git(place, "add", ".")
    assert commit(world, place) == (0, "")
    world.cache(place, "evil_baseline_cache.pkl").write_bytes(EVIL)
    world.git(place, "add", ".")
    code, err = commit(world, place)
    assert code == 1 and "unsafe" in err and "raw" not in err


def test_a_config_that_makes_caches_stale_is_a_warning(world, place):
    world.cache(place, f"tl_{NOW}_rl_cache.pkl")
    world.git(place, "add", ".")
    assert commit(world, place) == (0, "")
    (place / "conf/env.yaml").write_text("learning_rate: 2e-3\n")
    assert commit(world, place, "--allow-empty") == (0, "")  # not staged
    world.git(place, "add", "conf")
    code, err = commit(world, place)
    assert code == 0 and "stale" in err and f"tl_{NOW}_rl_cache.pkl" in err and NOW in err
    (place / "code.py").write_text("more\n")
    world.git(place, "add", "code.py")
    assert commit(world, place) == (0, "")  # said once


@pytest.mark.parametrize("text", ["store: [\n", "colour: red\n", "\t", None])
def test_a_broken_configuration_lets_git_go_on(world, place, text):
    if text is None:
        (place / "cacheferry.yaml").unlink()
    else:
        (place / "cacheferry.yaml").write_text(text)
    world.cache(place)
    world.git(place, *BYPASS, "add", ".")
    code, err = commit(world, place)
    assert code == 0
    assert len(err.splitlines()) == (0 if text is None else 1), err


def test_a_config_that_cannot_be_hashed_lets_git_go_on_and_still_refuses(world, place):
    world.cache(place, f"tl_{NOW}_rl_cache.pkl")
    (place / "conf/env.yaml").write_bytes(b"\xff")
    world.git(place, *BYPASS, "add", ".")
    code, err = commit(world, place)
    assert code == 1 and "conf/env.yaml" in err and "raw" in err
