"""The caches: extended additively, hash-specific, loaded only when cacheferry says so."""

import json
import os
import pickle
import shutil
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import cacheferry
from arz_model import scenario as scenarios
from Code_RL import configuration
from Code_RL.training import evaluate, train
from validation_ch7 import baseline, caching

EXAMPLE = caching.ROOT
SCRIPT = "validation_ch7/scripts/run_section_7_6.py"
SMALL = ("--scenario", "ramp_metering", "--cells", "30")
CONFIG = "Code_RL/configs/env_lagos.yaml"
BASELINE = "validation_ch7/cache/section_7_6/ramp_metering_baseline_cache.pkl"


@pytest.fixture
def project(tmp_path):
    """The example as a user's own repository, with a short training."""
    root = tmp_path / "project"
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns("__pycache__", "*.pkl"))
    subprocess.run(["git", "init", "-q", root], check=True)
    replace_in(root / CONFIG, "episodes: 10", "episodes: 1")
    replace_in(root / CONFIG, "duration: 600.0", "duration: 30.0")
    return root


def replace_in(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def run(project, *options):
    """The script's output and summary; started elsewhere, on a console that knows no emoji."""
    summary = project.parent / "summary.json"
    paths = [str(EXAMPLE.parents[1]), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, project / SCRIPT, *SMALL, "--summary", summary, *options],
        cwd=project.parent,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONIOENCODING": "cp1252"},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(summary.read_text(encoding="utf-8"))


def test_first_run_misses_second_hits_longer_one_extends(project):
    out, summary = run(project, "--duration", "30")
    digest = summary["config_hash"]
    assert f"[CACHE] Config hash: {digest}\n" in out
    assert "[CACHE BASELINE] No cache found for ramp_metering. Computing...\n" in out
    assert f"[CACHE BASELINE] Saved 2 states to {BASELINE}\n" in out
    assert f"[CACHE RL] No cache found for ramp_metering with config {digest}\n" in out
    first = summary["scenarios"]["ramp_metering"]
    assert not first["baseline"]["hit"] and not first["rl"]["hit"]

    out, summary = run(project, "--duration", "30")
    assert "[CACHE BASELINE] ✅ Using universal cache (2 steps ≥ 2 required)\n" in out
    assert f"[CACHE RL] ✅ Using cache for ramp_metering with config {digest}\n" in out
    second = summary["scenarios"]["ramp_metering"]
    assert second["baseline"]["hit"] and second["rl"]["hit"]
    assert second["rl"]["improvement"] == first["rl"]["improvement"]
    assert second["rl"]["compute_seconds"] == first["rl"]["compute_seconds"]

    out, summary = run(project, "--duration", "60")
    assert "[CACHE BASELINE] Extending cache: 2 → 4 steps (resuming at t = 30 s)\n" in out
    assert summary["scenarios"]["ramp_metering"]["baseline"]["states"] == 4


def test_another_config_misses_its_own_cache_and_keeps_the_universal_one(project):
    _, before = run(project, "--duration", "15")
    replace_in(project / CONFIG, "1.0e-3", "5e-4")
    out, after = run(project, "--duration", "15")
    assert before["config_hash"] != after["config_hash"]
    assert f"[CACHE RL] No cache found for ramp_metering with config {after['config_hash']}" in out
    assert after["scenarios"]["ramp_metering"]["baseline"]["hit"]
    folder = project / "validation_ch7/cache/section_7_6"
    assert len(list(folder.glob("*_rl_cache.pkl"))) == 2
    assert sorted(path.suffix for path in folder.iterdir()) == [".md", ".pkl", ".pkl", ".pkl"]


def test_a_pointer_is_explained_and_not_loaded(project):
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 9\n"
    (project / BASELINE).write_text(pointer, encoding="ascii", newline="\n")
    out, summary = run(project, "--duration", "15")
    assert f"Not using {BASELINE}: it has not been downloaded; run `cacheferry pull`" in out
    assert not summary["scenarios"]["ramp_metering"]["baseline"]["hit"]


@pytest.mark.parametrize(
    ("content", "safety", "freshness", "loaded"),
    [
        ("present", "safe", "universal", True),
        ("present", "safe", "fresh", True),
        ("present", "safe", "stale", False),
        ("present", "safe", "unknown", False),
        ("present", "unsafe", "fresh", False),
        ("present", "unscanned", "fresh", False),
        ("pointer", "unscanned", "fresh", False),
        ("incomplete", "unscanned", "universal", False),
    ],
)
def test_only_a_present_safe_and_valid_cache_is_loaded(
    monkeypatch, tmp_path, content, safety, freshness, loaded
):
    verdict = SimpleNamespace(content=content, safety=safety, freshness=freshness)
    monkeypatch.setattr(caching, "ROOT", tmp_path)
    monkeypatch.setattr(cacheferry, "verdict", lambda path: verdict, raising=False)
    caching.save(tmp_path / "a.pkl", {"states": []})
    contents = caching.load(tmp_path / "a.pkl")
    assert (contents == {"states": []}) if loaded else isinstance(contents, str)
    assert caching.load(tmp_path / "b.pkl") is None


def test_a_failed_save_leaves_the_old_cache_and_nothing_else(tmp_path):
    caching.save(tmp_path / "a.pkl", {"states": [1]})
    with pytest.raises((pickle.PicklingError, AttributeError)):
        caching.save(tmp_path / "a.pkl", {"states": lambda: None})
    assert [path.name for path in tmp_path.iterdir()] == ["a.pkl"]
    assert pickle.loads((tmp_path / "a.pkl").read_bytes()) == {"states": [1]}


@pytest.mark.parametrize("name", scenarios.NAMES)
def test_an_extended_baseline_equals_an_uninterrupted_one_to_the_last_bit(name):
    scenario = scenarios.load(name, 30)
    whole = baseline.extend(baseline.empty(scenario), scenario, 6)
    part = baseline.extend(baseline.empty(scenario), scenario, 3)
    extended = baseline.extend(pickle.loads(pickle.dumps(part)), scenario, 6)
    for key in ("states", "measures", "resume"):
        assert pickle.dumps(extended[key]) == pickle.dumps(whole[key])
    assert all(state.shape == (4, 30) and state.dtype == np.float64 for state in whole["states"])


def test_forty_states_make_a_file_of_about_131_kb(tmp_path):
    scenario = scenarios.load("ramp_metering")
    contents = baseline.extend(baseline.empty(scenario), scenario, 1)
    filled = [contents["states"][0] + k for k in range(40)]
    caching.save(tmp_path / "a.pkl", contents | {"states": filled})
    assert 128_000 < (tmp_path / "a.pkl").stat().st_size < 140_000


def test_training_and_evaluation_are_deterministic():
    config = configuration.load(EXAMPLE / CONFIG)
    config = replace(config, episodes=2, training_duration=150.0, updates=500)
    scenario = scenarios.load("ramp_metering", 20, refinement=1)
    (weights, costs), (again, _) = train(scenario, config), train(scenario, config)
    assert (weights == again).all() and len(costs) == 2
    states, measures = evaluate(scenario, config, weights, 2)
    assert (measures == evaluate(scenario, config, weights, 2)[1]).all()
    assert len(states) == 2 and measures.shape == (2, 3)


def test_a_learning_rate_is_read_as_people_write_it(project):
    replace_in(project / CONFIG, "1.0e-3", "1e-3")  # text, as YAML 1.1 has it
    assert configuration.load(project / CONFIG).learning_rate == 1e-3
