"""The house of docs/architecture.md, read off the imports."""

import ast
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
PROGRAMS = ("lfs_agent", "daemon", "hooks")
ONE_FILE_KNOWS = {
    "watchdog": "daemon/watch.py",
    "git": "daemon/branches.py",
    "obstore": "lfs_agent/stores/objectstore.py",
    "asyncssh": "lfs_agent/stores/ssh.py",
    "kagglehub": "lfs_agent/stores/kagglehttp.py",
    "kagglesdk": "lfs_agent/stores/kaggleapi.py",
    "requests": "lfs_agent/stores/web.py lfs_agent/stores/kagglehttp.py",
}
ROOF_PREFIX = "cacheferry."
FLOOR = "cacheferry.core"


def imports(file: Path) -> set[str]:
    """Full names of the modules that a file imports, wherever it does so."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            found.add(node.module or "")
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def sources(folder: str) -> list[Path]:
    return sorted((CHECKOUT / folder).rglob("*.py"))


@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_never_import_each_other_nor_the_roof(program: str) -> None:
    for file in sources(program):
        for name in imports(file):
            top = name.partition(".")[0]
            assert top not in set(PROGRAMS) - {program}, f"{file} imports {name}"
            if name.startswith(ROOF_PREFIX):
                assert name.startswith(FLOOR), f"{file} imports {name} of the roof"


def test_the_floor_imports_nothing_above_it() -> None:
    for file in sources("cacheferry/core"):
        for name in imports(file):
            assert name.partition(".")[0] not in PROGRAMS, f"{file} imports {name}"
            if name.startswith(ROOF_PREFIX):
                assert name.startswith(FLOOR), f"{file} imports {name}"


@pytest.mark.parametrize(("library", "owner"), ONE_FILE_KNOWS.items())
def test_one_file_alone_knows_the_library(library: str, owner: str) -> None:
    files = [file for folder in ("cacheferry", *PROGRAMS) for file in sources(folder)]
    users = {
        file.relative_to(CHECKOUT).as_posix()
        for file in files
        if any(name.partition(".")[0] == library for name in imports(file))
    }
    assert users == set(owner.split())


def test_nothing_unpickles_and_no_shell_is_started() -> None:
    for folder in ("cacheferry", *PROGRAMS):
        for file in sources(folder):
            text = file.read_text("utf-8")
            assert "pickle" not in {name.partition(".")[0] for name in imports(file)}, file
            assert "shell=True" not in text, file


def test_commands_are_the_modules() -> None:
    from cacheferry.cli import COMMANDS

    modules = {file.stem for file in sources("cacheferry/commands")} - {"__init__"}
    assert modules == set(COMMANDS)
