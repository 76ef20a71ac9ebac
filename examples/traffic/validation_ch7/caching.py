"""The caches of a section: where they lie, when one may be loaded, how one is written.

A pickle can run any code when it is loaded, and caches arrive from other machines. So `load` has
one rule: cacheferry must call the file present and safe, and universal or fresh.
"""

import os
import pickle
from pathlib import Path
from typing import Any

import cacheferry

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "validation_ch7" / "cache" / "section_7_6"
CONFIG = ROOT / "Code_RL" / "configs" / "env_lagos.yaml"

_HINTS = {
    "pointer": "it has not been downloaded; run `cacheferry pull`",
    "incomplete": "its file is truncated",
    "conflict": "it holds merge markers; run `cacheferry status`",
}


def config_hash() -> str:
    """The 8 hex digits that stand for the RL configuration as it is now."""
    return cacheferry.config_hash([CONFIG])


def baseline_path(scenario: str) -> Path:
    """Universal: valid whatever the RL configuration says."""
    return FOLDER / f"{scenario}_baseline_cache.pkl"


def rl_path(scenario: str, config_hash: str) -> Path:
    """Valid for one RL configuration only."""
    return FOLDER / f"{scenario}_{config_hash}_rl_cache.pkl"


def shown(path: Path) -> str:
    """The path from the project's root, with forward slashes."""
    return path.relative_to(ROOT).as_posix()


def refusal(path: Path) -> str | None:
    """Why the cache must not be loaded, in a few words; None where it may be."""
    verdict = cacheferry.verdict(path)
    if verdict.content != "present":
        return _HINTS.get(verdict.content, verdict.content)
    if verdict.safety != "safe":
        return f"its pickle is {verdict.safety}; run `cacheferry scan {shown(path)}`"
    if verdict.freshness not in ("universal", "fresh"):
        return f"it is {verdict.freshness}: not computed with the current config"
    return None


def load(path: Path) -> dict[str, Any] | str | None:
    """The cache's contents; or why it was not loaded; or None where there is no such file."""
    if not path.exists():
        return None
    reason = refusal(path)
    if reason is not None:
        return reason
    with open(path, "rb") as stream:
        contents = pickle.load(stream)
    return contents if isinstance(contents, dict) else "it holds no dictionary"


def save(path: Path, contents: dict[str, Any]) -> None:
    """Writes the cache whole or not at all: temporary file, fsync, replace.

    The temporary name does not end in .pkl, so that nobody takes a half-written file for a cache.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as stream:
            pickle.dump(contents, stream, protocol=5)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
