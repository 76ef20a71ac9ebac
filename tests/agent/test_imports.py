"""The agent stands on the floor only: the standard library, cacheferry.core and itself.

A store may know the library that speaks to its servers.
"""

import ast
import sys
from pathlib import Path

import pytest

LIBRARIES = ("requests", "urllib3", "obstore", "asyncssh", "kagglehub", "kagglesdk")
FOLDER = Path(__file__).resolve().parents[2] / "lfs_agent"


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: path.name)
def test_imports(path: Path):
    libraries = LIBRARIES if path.parent.name == "stores" else ()
    for name in imported(path):
        floor = name.startswith(("cacheferry.core", "lfs_agent"))
        top = name.partition(".")[0]
        assert floor or top in (*sys.stdlib_module_names, *libraries), f"{path}: {name}"
