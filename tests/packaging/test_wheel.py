"""What docs/adr/0001-import-names.md promises of an installed wheel."""

import base64
import csv
import hashlib
import zipfile
from pathlib import Path

import pytest

from tests.packaging.installing import ROOT, Installed, agent_answers, repository, run, venv_with

pytestmark = pytest.mark.network

PROGRAMS = ("lfs_agent", "daemon", "hooks")
NOT_OURS = "raise RuntimeError('not ours: ' + __name__)\n"


# --- what is in it -----------------------------------------------------------------------------


def names_in(wheel: Path) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


def test_claims_no_import_name_but_cacheferry(wheel: Path) -> None:
    top = {name.split("/")[0] for name in names_in(wheel)}
    assert {name for name in top if not name.endswith(".dist-info")} == {"cacheferry"}


@pytest.mark.parametrize("program", PROGRAMS)
def test_has_every_module_of_a_program(wheel: Path, program: str) -> None:
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / program).rglob("*.py")}
    assert {f"cacheferry/_programs/{module}" for module in modules} <= names_in(wheel)
    # Without it, a package of that name further back on sys.path would win over ours.
    assert f"{program}/__init__.py" in modules


def test_has_the_example_without_what_it_computed(wheel: Path) -> None:
    example = {name for name in names_in(wheel) if name.startswith("cacheferry/_example/traffic/")}
    assert "cacheferry/_example/traffic/arz_model/__init__.py" in example
    assert not [name for name in names_in(wheel) if name.endswith((".pkl", ".pyc"))]


def test_is_the_same_by_way_of_an_sdist(wheel: Path, sdist: Path) -> None:
    assert names_in(next(sdist.parent.glob("*.whl"))) == names_in(wheel)


# --- beside PyPI's python-daemon ---------------------------------------------------------------


def files_of(installed: Installed, distribution: str) -> dict[str, str]:
    """Path -> hash, as its RECORD has them; files written by the installer have none."""
    (record,) = installed.site_packages.glob(f"{distribution}-*.dist-info/RECORD")
    with record.open(newline="", encoding="utf-8") as lines:
        return {row[0]: row[1] for row in csv.reader(lines)}


def is_untouched(installed: Installed, files: dict[str, str]) -> bool:
    def digest(name: str) -> str:
        raw = hashlib.sha256((installed.site_packages / name).read_bytes()).digest()
        return "sha256=" + base64.urlsafe_b64encode(raw).decode().rstrip("=")

    return all(digest(name) == expected for name, expected in files.items() if expected)


def test_no_file_of_python_daemon_is_overwritten(beside_python_daemon: Installed) -> None:
    ours = files_of(beside_python_daemon, "cacheferry")
    theirs = files_of(beside_python_daemon, "python_daemon")
    assert not ours.keys() & theirs.keys()
    assert is_untouched(beside_python_daemon, ours)
    assert is_untouched(beside_python_daemon, theirs)


def test_python_daemon_works_beside_it(beside_python_daemon: Installed, tmp_path: Path) -> None:
    code = "import cacheferry, daemon; print(daemon.DaemonContext().is_open)"
    assert run(beside_python_daemon.python, "-c", code, cwd=tmp_path).stdout == "False\n"


# --- nobody shadows ours -----------------------------------------------------------------------

IMPORT_ALL = """
import importlib, pkgutil, sys
from cacheferry import programs
programs.put_first()
for program in ("lfs_agent", "daemon", "hooks"):
    package = importlib.import_module(program)
    assert package.__file__.startswith(str(programs.folder())), package
    for module in pkgutil.walk_packages(package.__path__, program + "."):
        if module.name.endswith("__main__"):
            continue
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:  # the library of an extra
            assert error.name.split(".")[0] not in ("cacheferry", "lfs_agent", "daemon", "hooks")
        print(module.name)
"""


@pytest.fixture
def project(tmp_path: Path) -> dict[str, str]:
    """A PYTHONPATH with a user's project that has packages of the programs' names."""
    for program in PROGRAMS:
        package = tmp_path / "project" / program
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(NOT_OURS)
    return {"PYTHONPATH": str(tmp_path / "project")}


def test_a_project_on_pythonpath_shadows_no_module(
    beside_python_daemon: Installed, project: dict[str, str], tmp_path: Path
) -> None:
    done = run(beside_python_daemon.python, "-c", IMPORT_ALL, cwd=tmp_path, env=project)
    assert (done.returncode, done.stderr) == (0, "")
    assert "lfs_agent.agent" in done.stdout.split()


@pytest.mark.parametrize(
    ("words", "codes"),
    [(["--version"], [0]), (["daemon", "status"], [0, 1]), (["hooks", "status"], [0, 1])],
)
def test_commands_work_beside_a_project_on_pythonpath(
    beside_python_daemon: Installed,
    project: dict[str, str],
    tmp_path: Path,
    words: list[str],
    codes: list[int],
) -> None:
    work = repository(tmp_path)
    done = run(beside_python_daemon.cacheferry, *words, cwd=work, env=project)
    assert done.returncode in codes, done.stderr
    assert "Traceback" not in done.stderr


def test_agent_works_beside_a_project_on_pythonpath(
    beside_python_daemon: Installed, project: dict[str, str], tmp_path: Path
) -> None:
    agent_answers(beside_python_daemon.agent, folder=tmp_path, env=project)


def test_agent_is_started_by_its_path(
    beside_python_daemon: Installed, project: dict[str, str], tmp_path: Path
) -> None:
    code = "from cacheferry import programs; print(programs.program_file('lfs_agent'))"
    file = run(beside_python_daemon.python, "-c", code, cwd=tmp_path).stdout.strip()
    command = (beside_python_daemon.python, "-I", "-S", file)
    agent_answers(*command, folder=tmp_path, env=project)


STARTS = {
    "console script": lambda installed: [installed.cacheferry],
    "path, -I": lambda installed: [installed.python, "-I", installed.main_file()],
    "path": lambda installed: [installed.python, installed.main_file()],
    "-m": lambda installed: [installed.python, "-m", "cacheferry"],
}


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("words", [["--version"], ["check"], ["daemon", "status"]], ids=" ".join)
def test_nothing_is_imported_from_the_working_folder(
    alone: Installed, tmp_path: Path, start: str, words: list[str]
) -> None:
    """A repository comes from somebody else; to stand in it must not run its code."""
    work = repository(tmp_path)
    for name in ("yaml.py", "json.py", "click.py", "filelock.py", "git.py", "daemon/__init__.py"):
        (work / name).parent.mkdir(exist_ok=True)
        (work / name).write_text(NOT_OURS)
    done = run(*STARTS[start](alone), *words, cwd=work)
    assert "not ours" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert words != ["--version"] or done.returncode == 0, done.stderr


# --- and we shadow nobody ----------------------------------------------------------------------

USERS_SCRIPT = """
import sys
before = list(sys.path)
import cacheferry
cacheferry.config_hash, cacheferry.verdict
assert sys.path == before
import hooks
assert hooks.__file__.startswith(sys.path[0]), hooks
try:
    import daemon
    print(daemon.DaemonContext.__module__)
except ModuleNotFoundError:
    print("none")
"""


@pytest.mark.parametrize(
    ("environment", "daemon"), [("alone", "none"), ("beside_python_daemon", "daemon.daemon")]
)
def test_importing_cacheferry_changes_nothing_for_a_script(
    request: pytest.FixtureRequest, tmp_path: Path, environment: str, daemon: str
) -> None:
    installed: Installed = request.getfixturevalue(environment)
    (tmp_path / "script.py").write_text(USERS_SCRIPT)
    (tmp_path / "hooks").mkdir()
    (tmp_path / "hooks" / "__init__.py").touch()
    done = run(installed.python, tmp_path / "script.py", cwd=tmp_path)
    assert (done.stdout.strip(), done.stderr) == (daemon, "")


def test_editable_install_is_one_pth_line(tmp_path: Path) -> None:
    installed = venv_with(tmp_path, "--no-deps", "--editable", ROOT)
    files = [name for name in files_of(installed, "cacheferry") if ".dist-info" not in name]
    assert sorted(Path(name).name for name in files if "bin" not in name) == ["_cacheferry.pth"]
    code = "import sys, cacheferry; print(cacheferry.__file__)"
    done = run(installed.python, "-c", code, cwd=tmp_path)
    assert done.stdout.strip() == str(ROOT / "cacheferry" / "__init__.py")
