"""What the source itself must hold, so that the checkout, a wheel and an IDE see the same."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from cacheferry import programs
from tests.packaging.installing import ROOT

FIRST_PARTY = ("cacheferry", "lfs_agent", "daemon", "hooks")
SOURCES = sorted(path for folder in FIRST_PARTY for path in (ROOT / folder).rglob("*.py"))
# Import name -> name on PyPI, where they differ.
DISTRIBUTIONS = {"git": "gitpython", "yaml": "pyyaml"}


def imports(file: Path) -> Iterator[str]:
    """The modules that a file imports by their full names, at its top or within a function."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module


def is_in_the_checkout(module: str) -> bool:
    path = ROOT.joinpath(*module.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def test_every_import_of_ours_is_a_file_of_that_name() -> None:
    """What mypy, pyright and IDEs go by."""
    missing = [
        (str(file.relative_to(ROOT)), module)
        for file in SOURCES
        for module in imports(file)
        if module.split(".")[0] in FIRST_PARTY and not is_in_the_checkout(module)
    ]
    assert missing == []


def test_dependencies_are_what_the_code_imports() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    def names(requirements: list[str]) -> set[str]:
        return {re.split(r"[^\w.-]", requirement)[0].lower() for requirement in requirements}

    required = names(project["dependencies"])
    optional = {n for extra in project["optional-dependencies"].values() for n in names(extra)}
    top = {module.split(".")[0] for file in SOURCES for module in imports(file)}
    foreign = top - set(FIRST_PARTY) - set(sys.stdlib_module_names)
    imported = {DISTRIBUTIONS.get(name, name) for name in foreign}
    assert imported <= required | optional
    assert required <= imported


@pytest.mark.parametrize("name", ["lfs_agent", "daemon", "hooks"])
def test_programs_are_found_in_the_checkout(name: str) -> None:
    assert programs.program_file(name).parent == ROOT / name
    assert (ROOT / name / "__init__.py").is_file()


def test_example_is_found_in_the_checkout() -> None:
    assert programs.example_folder() == ROOT / "examples" / "traffic"


def test_put_first_puts_the_folder_there_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", ["elsewhere"])
    programs.put_first()
    programs.put_first()
    assert sys.path == [str(ROOT), "elsewhere"]
