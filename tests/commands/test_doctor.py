"""`cacheferry doctor`: what is broken for real is named with what mends it, and that does."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands.test_init import without_git_lfs
from tests.conftest import PROGRAM, World


def doctor(world: World, place: Path, code: int, **more: object) -> dict[str, list[str]]:
    """The lines of a doctor's visit by level."""
    done = world.cf(place, "doctor", **more)
    assert done.returncode == code, done.stdout + done.stderr
    assert not done.stderr
    lines = done.stdout.splitlines()
    found: dict[str, list[str]] = {level: [] for level in ("ok", "warning", "problem")}
    for line in lines[:-1]:
        level, _, rest = line.partition(" ")
        found[level].append(rest.strip())
    count = f"problems: {len(found['problem'])}, warnings: {len(found['warning'])}"
    assert lines[-1] == count
    return found


def follow(world: World, place: Path, line: str) -> None:
    """Does what a line says mends it."""
    folder = world.folder / "tools"
    folder.mkdir(exist_ok=True)
    (folder / "cacheferry").write_text(f'#!/bin/sh\nexec "{sys.executable}" -I "{PROGRAM}" "$@"\n')
    (folder / "cacheferry").chmod(0o755)
    command = line.partition("; mend: ")[2].replace("YOURS", "ada@example.org")
    path = f"{folder}:{world.env['PATH']}"
    done = world.run(["sh", "-c", command], place, env={"PATH": path})
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


@pytest.fixture
def clone(world: World) -> Path:
    place = world.clone("a")
    world.cache(place)
    world.sync(place)
    return place


def test_all_is_well(world: World, clone: Path) -> None:
    found = doctor(world, clone, 0)
    assert not found["problem"]
    assert found["warning"] == ["the daemon does not run; mend: cacheferry daemon start"]
    assert any("git lfs prune --verify-remote" in line for line in found["ok"])
    assert doctor(world, clone / "cache", 0) == found
    assert world.git(clone, "status", "--porcelain") == ""


def a_glob_is_not_routed(world: World, clone: Path) -> str:
    (clone / ".gitattributes").write_text("*.txt text\n")
    return ".gitattributes: filter is unspecified for cache/s1/tl_baseline_cache.pkl"


def a_glob_without_caches_is_not_routed(world: World, clone: Path) -> str:
    file = clone / "cacheferry.yaml"
    file.write_text(file.read_text() + "track: ['cache/**/*.pkl', 'more/**/*.npy']\n")
    return ".gitattributes: filter is unspecified for more/"


def line_ends_are_changed(world: World, clone: Path) -> str:
    file = clone / ".gitattributes"
    file.write_text(file.read_text().replace(" -text", ""))
    return ".gitattributes: line ends may be changed in cache/s1"


def lfsconfig_is_gone(world: World, clone: Path) -> str:
    (clone / ".lfsconfig").unlink()
    return ".lfsconfig does not point git-lfs at the agent"


def another_lfs_url(world: World, clone: Path) -> str:
    world.git(clone, "config", "lfs.url", "https://example.org/lfs")
    return "git config lfs.url leads git-lfs past the store"


def agent_is_not_set_up(world: World, clone: Path) -> str:
    world.git(clone, "config", "--remove-section", "lfs.cacheferry::")
    return "git does not know the agent"


def agent_is_gone(world: World, clone: Path) -> str:
    world.git(clone, "config", "lfs.customtransfer.cacheferry.path", "/gone/python")
    return "the agent's program is gone: /gone/python"


def agent_does_not_start(world: World, clone: Path) -> str:
    world.git(
        clone, "config", "lfs.customtransfer.cacheferry.args", "-c 'raise SystemExit(\"no\")'"
    )
    return "the agent does not start: no"


def filter_is_not_set_up(world: World, clone: Path) -> str:
    world.git(clone, "config", "--remove-section", "filter.lfs")
    return "git does not know the filter of git-lfs"


def a_hook_is_gone(world: World, clone: Path) -> str:
    (clone / ".git/hooks/pre-commit").unlink()
    return "hooks: pre-commit is absent"


def a_hook_is_anothers(world: World, clone: Path) -> str:
    file = clone / ".git/hooks/pre-commit"
    file.write_text(file.read_text().replace(PROGRAM.parents[1].as_posix(), "/gone"))
    return "hooks: pre-commit is outdated"


def merge_driver_is_gone(world: World, clone: Path) -> str:
    world.git(clone, "config", "--remove-section", "merge.cacheferry")
    return "the merge driver is not set up"


def merges_are_not_routed(world: World, clone: Path) -> str:
    (clone / ".git/info/attributes").unlink()
    return "the merge driver is not set up"


def store_is_not_accepted(world: World, clone: Path) -> str:
    (world.folder / "state/cacheferry/trusted-stores").unlink()
    return f"the store {world.store} comes from cacheferry.yaml"


MENDED_BY_THE_COMMAND = [
    a_glob_is_not_routed, a_glob_without_caches_is_not_routed, line_ends_are_changed,
    lfsconfig_is_gone, another_lfs_url, agent_is_not_set_up, agent_is_gone, agent_does_not_start,
    filter_is_not_set_up, a_hook_is_gone, a_hook_is_anothers, merge_driver_is_gone,
    merges_are_not_routed, store_is_not_accepted,
]  # fmt: skip


@pytest.mark.parametrize("broken", MENDED_BY_THE_COMMAND, ids=lambda broken: broken.__name__)
def test_a_problem_is_named_and_the_command_mends_it(
    world: World, clone: Path, broken: Callable[[World, Path], str]
) -> None:
    said = broken(world, clone)
    problems = doctor(world, clone, 1)["problem"]
    assert problems[0].startswith(said), problems
    follow(world, clone, problems[0])
    assert not doctor(world, clone, 0)["problem"]


def daemon_is_not_running(world: World, clone: Path) -> str:
    return "the daemon does not run"


def nobody_commits(world: World, clone: Path) -> str:
    world.git(clone, "config", "--global", "--unset", "user.email")
    return "user.email is not set"


def prune_verifies(world: World, clone: Path) -> str:
    world.git(clone, "config", "--global", "lfs.pruneverifyremotealways", "true")
    return "`git lfs prune` always verifies the remote"


def pushes_may_be_incomplete(world: World, clone: Path) -> str:
    world.git(clone, "config", "lfs.allowincompletepush", "true")
    return "a push may publish pointers without their objects"


def set_up_is_not_committed(world: World, clone: Path) -> str:
    file = clone / "cacheferry.yaml"
    file.write_text(file.read_text() + "# more\n")
    return "not committed, so that other clones do not have it: cacheferry.yaml"


def no_pre_push_hook(world: World, clone: Path) -> str:
    (clone / ".git/hooks/pre-push").unlink()
    return "no pre-push hook calls git-lfs"


WARNINGS = [
    daemon_is_not_running, nobody_commits, prune_verifies, pushes_may_be_incomplete,
    set_up_is_not_committed, no_pre_push_hook,
]  # fmt: skip


@pytest.mark.parametrize("broken", WARNINGS, ids=lambda broken: broken.__name__)
def test_a_warning_names_the_command_that_ends_it(
    world: World, clone: Path, broken: Callable[[World, Path], str]
) -> None:
    said = broken(world, clone)
    lines = [line for line in doctor(world, clone, 0)["warning"] if line.startswith(said)]
    assert len(lines) == 1
    try:
        follow(world, clone, lines[0])
        after = doctor(world, clone, 0)["warning"]
    finally:
        world.cf(clone, "daemon", "stop")
    assert not [line for line in after if line.startswith(said)]


def test_ignored_caches_are_named_with_the_rule(world: World, clone: Path) -> None:
    (clone / ".gitignore").write_text("# mine\nnew_*\n")
    world.cache(clone, "new_one.pkl", 5)
    problems = doctor(world, clone, 1)["problem"]
    assert problems == [
        "git ignores the cache cache/s1/new_one.pkl; mend: take `.gitignore:2:new_*` out, or the "
        "path out of track"
    ]
    for seed in range(12):
        world.cache(clone, f"new_{seed}.pkl", seed)
    problems = doctor(world, clone, 1)["problem"]
    assert len(problems) == 11 and "3 more caches" in problems[-1]


def test_a_store_that_is_away(world: World, clone: Path) -> None:
    world.git(clone, "config", "cacheferry.store", str(world.folder / "no" / "drive"))
    problems = doctor(world, clone, 1)["problem"]
    assert len(problems) == 1 and "no/drive is not there" in problems[0]
    assert "git config cacheferry.store PATH" in problems[0]


def test_a_store_that_nobody_has_used_yet_is_no_problem(world: World) -> None:
    place = world.clone("a")
    assert not world.store.exists()
    doctor(world, place, 0)
    assert not world.store.exists()


def test_looking_writes_nothing_to_the_store(world: World, clone: Path) -> None:
    before = sorted(world.store.rglob("*"))
    doctor(world, clone, 0)
    assert sorted(world.store.rglob("*")) == before


def test_a_branch_without_upstream(world: World, clone: Path) -> None:
    world.git(clone, "switch", "-qc", "side")
    problems = doctor(world, clone, 1)["problem"]
    assert problems == ["caches have nowhere to go: no upstream; mend: git push -u REMOTE side"]


def test_an_operation_under_way(world: World, clone: Path) -> None:
    (clone / ".git/MERGE_HEAD").write_text(world.git(clone, "rev-parse", "HEAD"))
    assert (
        "the daemon waits: merge; mend: finish it, or abort it"
        in doctor(world, clone, 0)["warning"]
    )


def test_a_storage_that_cannot_be_written(world: World, clone: Path) -> None:
    (world.folder / "file").write_text("no folder")
    world.git(clone, "config", "lfs.storage", str(world.folder / "file" / "lfs"))
    problems = doctor(world, clone, 1)["problem"]
    assert len(problems) == 1 and "cannot be written" in problems[0]


def test_every_problem_of_the_configuration_is_a_line(world: World, clone: Path) -> None:
    file = clone / "cacheferry.yaml"
    file.write_text(file.read_text() + "trak: []\nsafty: {}\n")
    problems = doctor(world, clone, 1)["problem"]
    assert len(problems) == 2 and all("cacheferry.yaml:" in line for line in problems)


def test_without_a_configuration_or_a_repository(world: World, clone: Path) -> None:
    (clone / "cacheferry.yaml").unlink()
    assert world.cf(clone, "doctor").returncode == 2
    assert world.cf(world.folder, "doctor").returncode == 2


def test_without_git_lfs_it_only_warns(world: World, clone: Path) -> None:
    bare = without_git_lfs(world)
    assert "git-lfs is not installed" in doctor(world, clone, 0, env=bare)["warning"][0]
    kernel = world.folder / "kernel"
    world.git(world.folder, "clone", "-q", str(world.remote), "kernel", env=bare)
    assert world.cf(kernel, "init", env=bare).returncode == 0
    doctor(world, kernel, 0, env=bare)


def test_plain_git(world: World) -> None:
    place = world.clone("a", config="store: git\ntrack: ['cache/**/*.pkl']\n")
    world.cache(place)
    world.sync(place)
    doctor(world, place, 0)


@pytest.mark.parametrize(
    ("tool", "said"), [("git", "git version 2.30.1"), ("git-lfs", "git-lfs/2.13")]
)
def test_an_old_program(world: World, clone: Path, tool: str, said: str) -> None:
    folder, real = world.folder / "old", shutil.which(tool)
    folder.mkdir()
    (folder / tool).write_text(
        f'#!/bin/sh\nwords=" $*"\n[ "${{words% lfs version}}" = "$words" ] || exec "{real}" "$@"\n'
        f'case "$words" in *\\ version) echo "{said}" ;; *) exec "{real}" "$@" ;; esac\n'
    )
    (folder / tool).chmod(0o755)
    path = f"{folder}{os.pathsep}{world.env['PATH']}"
    problems = doctor(world, clone, 1, env={"PATH": path})["problem"]
    assert len(problems) == 1 and problems[0].startswith(f"{tool} 2.") and "too old" in problems[0]


def test_a_pre_push_hook_of_the_users_own(world: World, clone: Path) -> None:
    (clone / ".git/hooks/pre-push").write_text("#!/bin/sh\nmake test\n")
    warnings = doctor(world, clone, 0)["warning"]
    assert any('call `git lfs pre-push "$@"`' in line for line in warnings)


def test_hooks_outside_of_the_repository(world: World, clone: Path) -> None:
    world.git(clone, "config", "core.hooksPath", str(world.folder / "hooks"))
    warnings = doctor(world, clone, 0)["warning"]
    assert any("core.hooksPath" in line for line in warnings)


def test_a_daemon_that_fails_is_a_problem(world: World, clone: Path) -> None:
    world.remote.rename(world.folder / "away")
    world.cache(clone, "new.pkl", 9)
    assert world.cf(clone, "daemon", "start").returncode == 0
    try:
        until = 100
        while not (found := world.cf(clone, "doctor")).returncode and (until := until - 1):
            pass
    finally:
        world.cf(clone, "daemon", "stop")
    assert "problem  the daemon's last pass: cannot " in found.stdout
    assert "mend: cacheferry daemon logs" in found.stdout


def test_prune_with_verify_remote_deletes_the_only_copies(world: World, clone: Path) -> None:
    """What the doctor's line says is so with git-lfs as it is; if not, the line has to go."""
    world.cache(clone, seed=4)
    world.sync(clone)
    objects = clone / ".git/lfs/objects"
    before = [file for file in objects.rglob("*") if file.is_file()]
    shutil.rmtree(world.store)
    for key in ("fetchrecentrefsdays", "fetchrecentcommitsdays", "pruneoffsetdays"):
        world.git(clone, "config", f"lfs.{key}", "0")
    world.git(clone, "lfs", "prune", "--verify-remote")
    assert len([file for file in objects.rglob("*") if file.is_file()]) < len(before)


@pytest.mark.parametrize("visited", [True, False], ids=["after a sync", "untouched"])
def test_a_read_only_repository_is_looked_at_to_the_end(
    world: World, clone: Path, visited: bool
) -> None:
    if not visited:
        shutil.rmtree(clone / ".git" / "cacheferry")
    script = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && cd "$0" && exec "$@"'
    become = ["unshare", "-m", "sh", "-c", script, str(clone)]
    if not shutil.which("unshare") or world.run([*become, "true"], world.folder).returncode != 0:
        pytest.skip("only root can mount")
    program = [sys.executable, "-I", str(PROGRAM)]
    done = world.run([*become, *program, "doctor"], world.folder)
    assert (done.returncode, done.stderr) == (1, "")
    assert f"problem  {clone / '.git'} cannot be written" in done.stdout
    assert "never run `git lfs prune --verify-remote`" in done.stdout
    if not visited:
        assert world.run([*become, *program, "status"], world.folder).returncode == 0
