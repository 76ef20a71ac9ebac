"""`cacheferry demo`, whole: its five steps really run, and its figures are from this run."""

import json

import pytest

from tests.conftest import World

SCENARIOS = {"traffic_light_control", "ramp_metering", "adaptive_speed_control"}


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_demo_tells_the_whole_story(world: World) -> None:
    done = world.cf(world.folder, "demo", "--json", timeout=380, env={"TMPDIR": str(world.folder)})
    assert done.returncode == 0, done.stderr[-3000:]
    figures = json.loads(done.stdout)
    assert set(figures["scenarios"]) == SCENARIOS
    for row in figures["scenarios"].values():
        assert row["without_cache_seconds"] > 1.0
        assert row["local_cache_seconds"] < 1.0
        assert row["kaggle_cache_seconds"] < 1.0
        saved = row["without_cache_seconds"] - row["kaggle_cache_seconds"]
        assert row["saved_seconds"] == pytest.approx(saved)
    first, second = figures["config_hashes"]
    assert first != second
    assert done.stderr.count("[CACHE BASELINE] No cache found for") == 3
    assert done.stderr.count("[CACHE RL] No cache found for") == 6
    assert "(40 steps ≥ 40 required)" in done.stderr
    assert not list(world.folder.glob("cacheferry-demo-*")), "it cleans up behind itself"


def test_demo_without_git_lfs_says_what_to_install(world: World) -> None:
    import os
    import shutil

    only_git = world.folder / "bin"
    only_git.mkdir()
    os.symlink(shutil.which("git") or "", only_git / "git")
    done = world.cf(world.folder, "demo", env={"PATH": str(only_git), "GIT_EXEC_PATH": ""})
    assert done.returncode == 2
    assert "git-lfs" in done.stderr
