"""`cacheferry init` (contract 6): sets up, adopts, is idempotent, and never commits."""

import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path

import pytest

from cacheferry.core.configfile import parse
from tests.conftest import PROGRAM, World, payload


def repository(world: World, name: str = "repo", *init: str) -> Path:
    """A repository with one commit and the remote as its upstream."""
    place = world.folder / name
    world.git(world.folder, "init", "-q", *init, str(place))
    (place / "code.py").write_text("print()\n")
    world.git(place, "add", ".")
    world.git(place, "commit", "-qm", "first")
    world.git(place, "remote", "add", "origin", str(world.remote))
    world.git(place, "push", "-q", "-u", "origin", "HEAD")
    return place


def raw_cache(world: World, place: Path, path: str = "cache/a.pkl", seed: int = 1) -> bytes:
    (place / path).parent.mkdir(parents=True, exist_ok=True)
    (place / path).write_bytes(payload(seed))
    world.git(place, "add", path)
    world.git(place, "commit", "-qm", f"raw {path}")
    world.git(place, "push", "-q")
    return payload(seed)


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below a folder, git's too: mode and bytes. The index may be refreshed."""
    return {
        str(file.relative_to(folder)): (file.lstat().st_mode, file.read_bytes())
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != "index"
    }


def init(world: World, place: Path, *args: str, code: int = 0) -> tuple[str, str]:
    done = world.cf(place, "init", *args)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


def follow(world: World, place: Path, said: str) -> None:
    """Does what init says is to commit."""
    [line] = [line.strip() for line in said.splitlines() if line.strip().startswith("git add")]
    done = world.run(["sh", "-c", line], place)
    assert done.returncode == 0, done.stdout + done.stderr


def without_git_lfs(world: World) -> dict[str, str]:
    """An environment in which git finds no git-lfs."""
    folder = world.folder / "bin"
    if not folder.exists():
        folder.mkdir()
        for place in reversed(os.environ["PATH"].split(":")):
            for tool in Path(place).glob("*") if Path(place).is_dir() else ():
                if tool.name != "git-lfs":
                    (folder / tool.name).unlink(missing_ok=True)
                    (folder / tool.name).symlink_to(tool)
    return {"PATH": str(folder)}


def test_a_new_repository_is_set_up_and_says_what_to_commit(world):
    place = repository(world)
    head = world.git(place, "rev-parse", "HEAD")
    said, _ = init(world, place)
    assert world.git(place, "rev-parse", "HEAD") == head and not world.git(
        place, "diff", "--cached", "--name-only"
    )
    assert "store: ../repo-store\n" in (place / "cacheferry.yaml").read_text()
    assert "filter=lfs diff=lfs merge=binary -text" in (place / ".gitattributes").read_text()
    lfsconfig = world.git(place, "config", "-f", ".lfsconfig", "--list").splitlines()
    assert lfsconfig == ["lfs.url=cacheferry::repo", "lfs.skipdownloaderrors=true"]
    follow(world, place, said)
    assert world.git(place, "status", "--porcelain") == ""
    world.cache(place)
    world.sync(place)
    assert world.on_remote("cache/s1/tl_baseline_cache.pkl").startswith("version https://git-lfs")


def test_an_unborn_branch_is_set_up(world):
    place = world.folder / "new"
    world.git(world.folder, "init", "-q", "new")
    said, _ = init(world, place)
    follow(world, place, said)
    assert world.git(place, "ls-files").splitlines() == [
        ".gitattributes", ".lfsconfig", "cacheferry.yaml",
    ]  # fmt: skip


def test_what_is_to_commit_can_be_run_in_a_subfolder(world):
    place = repository(world)
    (place / "sub dir").mkdir()
    said, _ = init(world, place / "sub dir")
    follow(world, place / "sub dir", said)
    assert world.git(place, "status", "--porcelain") == ""


def test_a_second_run_changes_no_byte(world):
    place = repository(world)
    world.cache(place)
    init(world, place, "--track", "cache/**/*.pkl")
    before = tree(place)
    said, err = init(world, place)
    assert tree(place) == before
    assert "set up already" in said and err == ""
    init(world, place, "--store", "../repo-store", "--track", "cache/**/*.pkl")
    assert tree(place) == before


def test_tracked_raw_caches_are_adopted(world):
    place = repository(world)
    data = raw_cache(world, place)
    said, _ = init(world, place)
    assert "1 cache" in said and "cacheferry sync" in said
    follow(world, place, said)
    world.git(place, "push", "-q")
    world.sync(place)
    assert world.on_remote("cache/a.pkl").startswith("version https://git-lfs")
    assert (place / "cache/a.pkl").read_bytes() == data
    world.git(place, "pull", "-q")
    assert world.git(place, "status", "--porcelain") == ""
    other = world.clone("other")
    assert world.cf(other, "pull").returncode == 0
    assert (other / "cache/a.pkl").read_bytes() == data


def test_untracked_caches_are_adopted(world):
    place = repository(world)
    (place / "out" / "deep").mkdir(parents=True)
    (place / "out" / "deep" / "x.pkl").write_bytes(payload(3))
    said, _ = init(world, place)
    assert 'track: ["out/deep/**/*.pkl"]' in (place / "cacheferry.yaml").read_text()
    follow(world, place, said)
    world.sync(place)
    assert world.on_remote("out/deep/x.pkl").startswith("version https://git-lfs")


def test_ignored_pickles_are_no_caches_to_adopt(world):
    place = repository(world)
    for path in (".venv/lib/x.pkl", "out/[1] a/x.pkl"):
        (place / path).parent.mkdir(parents=True)
        (place / path).write_bytes(payload())
    (place / ".gitignore").write_text(".venv\n")
    init(world, place)
    assert 'track: ["out/[[]1] a/**/*.pkl"]' in (place / "cacheferry.yaml").read_text()
    asked = world.git(place, "check-attr", "filter", "out/[1] a/x.pkl")
    assert asked.endswith("filter: lfs")


def test_track_is_repeatable_and_added_to(world):
    place = repository(world)
    init(world, place, "--track", "a/*.pkl", "--track", "b/**/*.pkl")
    assert 'track: ["a/*.pkl", "b/**/*.pkl"]' in (place / "cacheferry.yaml").read_text()
    init(world, place, "--track", "c/*.pkl", "--track", "a/*.pkl")
    assert 'track: ["a/*.pkl", "b/**/*.pkl", "c/*.pkl"]' in (place / "cacheferry.yaml").read_text()
    attributes = (place / ".gitattributes").read_text().splitlines()
    assert [line.split()[0] for line in attributes] == ["a/*.pkl", "b/**/*.pkl", "c/*.pkl"]


YAMLS = [
    "# mine\nstore: ../old  # why\ncaches: []   # none\n",
    "# mine\ncaches: []   # none\n",
    "---\ncaches: []  # none\n",
    "{caches: []}  # mine\n",
    "# mine\r\nstore: '../old' # why\r\ntrack:\r\n  - a/*.pkl # a\r\n  # end\r\n",
    "\ufeffstore: ../old # why\ntrack: [ a/*.pkl, ]  # a\n",
    "track:\n- a/*.pkl",
    "# nothing\n",
    "",
]


def test_store_and_track_change_nothing_else_of_an_existing_file(world):
    place = repository(world)
    for text in YAMLS:
        file = place / "cacheferry.yaml"
        file.write_bytes(text.encode())
        init(world, place, "--store", "../new", "--track", "z/*.pkl")
        now = file.read_bytes().decode()
        assert "../new" in now and "../old" not in now and "z/*.pkl" in now
        for comment in ("# mine", "# why", "# none", "# a", "# end", "\ufeff", "# nothing"):
            assert now.count(comment) == text.count(comment), now
        loaded = parse(now.encode())
        assert loaded.store == "../new" and "z/*.pkl" in loaded.track
        assert ("a/*.pkl" in text) == ("a/*.pkl" in loaded.track)


def test_a_store_that_is_no_text_is_an_error(world):
    place = repository(world)
    (place / "cacheferry.yaml").write_text("# mine\nstore:\n")
    assert "cacheferry.yaml:2" in init(world, place, "--store", "../new", code=2)[1]
    assert (place / "cacheferry.yaml").read_text() == "# mine\nstore:\n"


def test_a_file_without_a_store_gets_the_usual_one(world):
    place = repository(world)
    (place / "cacheferry.yaml").write_text("track: [a/*.pkl]  # mine\n")
    init(world, place)
    assert (place / "cacheferry.yaml").read_text() == (
        "store: ../repo-store\ntrack: [a/*.pkl]  # mine\n"
    )


@pytest.mark.parametrize(
    ("text", "start"),
    [
        (b"*.txt text", b"*.txt text\n"),
        (b"*.txt text\r\n*.x -text\r\n", b"*.txt text\r\n*.x -text\r\n"),
        (b"# c\n\n", b"# c\n\n"),
        (b"\xff\xfe bytes\n", b"\xff\xfe bytes\n"),
    ],
)
def test_gitattributes_are_appended_to(world, text, start):
    place = repository(world)
    (place / ".gitattributes").write_bytes(text)
    init(world, place, "--track", "a b/*.pkl")
    now = (place / ".gitattributes").read_bytes()
    assert now.startswith(start)
    end = b"\r\n" if b"\r\n" in text else b"\n"
    assert now[len(start) :] == b'"a b/*.pkl" filter=lfs diff=lfs merge=binary -text' + end
    assert world.git(place, "check-attr", "filter", "a b/x.pkl").endswith("filter: lfs")


@pytest.mark.parametrize("name", ["cacheferry.yaml", ".gitattributes", ".lfsconfig"])
def test_a_symlink_is_neither_followed_nor_replaced(world, name):
    place = repository(world)
    target = world.folder / "target"
    target.write_text("")
    (place / name).symlink_to(target)
    before = tree(place)
    _, err = init(world, place, code=2)
    assert str(place / name) in err and (place / name).is_symlink()
    assert tree(place) == before and target.read_text() == ""


def test_an_lfs_server_is_left_alone(world):
    place = repository(world)
    (place / ".lfsconfig").write_text("[lfs]\n\turl = https://lfs.example.org/x\n")
    before = tree(place)
    _, err = init(world, place, code=2)
    assert "cacheferry: error: .lfsconfig" in err and "cacheferry: hint: " in err
    assert tree(place) == before


def test_a_wrong_store_or_glob_changes_nothing(world):
    place = repository(world)
    before = tree(place)
    for args in (
        ("--store", "nope://x"), ("--store", ""), ("--track", "../x"), ("--track", "/x"),
        ("--store", "https://me:hunter2@host/x"), ("--track", "*"),
    ):  # fmt: skip
        _, err = init(world, place, *args, code=2)
        assert "cacheferry: error: " in err and "hunter2" not in err
        assert tree(place) == before, args


def test_credentials_are_refused_wherever_they_come_from(world):
    place = world.clone("repo")
    url = "https://me:hunter2@host/x"
    for command in ("status", "sync", "pull", "check"):
        done = world.cf(place, command, env={"CACHEFERRY_STORE": url})
        assert done.returncode == 2 and "me:***@host" in done.stderr, command
        assert "hunter2" not in done.stdout + done.stderr
    world.git(place, "config", "cacheferry.store", url)
    done = world.cf(place, "status")
    assert done.returncode == 2 and "***" in done.stderr and "hunter2" not in done.stderr


@pytest.mark.parametrize("name", ["ünï-cødé 漢", "quo'te $(touch x)"])
def test_any_path_of_the_repository(world, name):
    place = repository(world, name)
    said, _ = init(world, place)
    follow(world, place, said)
    world.git(place, "push", "-q")
    world.cache(place)
    world.sync(place)
    again = world.folder / f"{name} again"
    world.git(world.folder, "clone", "-q", str(world.remote), str(again))
    init(world, again)
    assert world.cf(again, "pull").returncode == 0
    assert (again / "cache/s1/tl_baseline_cache.pkl").read_bytes() == payload()
    (again / "code.py").write_text("more\n")
    world.git(again, "commit", "-qam", "more")
    world.git(again, "push", "-q")


def test_a_linked_worktree(world):
    place = world.clone("repo")
    linked = world.folder / "linked"
    world.git(place, "worktree", "add", "-q", "-b", "side", str(linked))
    before = tree(place)
    said, _ = init(world, linked)
    assert "set up already" in said and tree(place) == before
    assert world.cf(linked, "hooks", "status").returncode == 0


def test_a_submodule(world):
    inner = world.clone("inner")
    world.cache(inner)
    world.sync(inner)
    outer = world.folder / "outer"
    world.git(world.folder, "init", "-q", str(outer))
    world.git(
        outer,
        *("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(world.remote), "sub"),
        env={"GIT_LFS_SKIP_SMUDGE": "1"},
    )
    init(world, outer / "sub")
    world.git(outer / "sub", "config", "cacheferry.store", str(world.store))
    assert world.cf(outer / "sub", "pull").returncode == 0
    assert (outer / "sub/cache/s1/tl_baseline_cache.pkl").read_bytes() == payload()
    assert world.cf(outer / "sub" / "conf", "hooks", "status").returncode == 0
    assert not (outer / "cacheferry.yaml").exists()


def test_outside_of_a_work_tree(world):
    for place in (world.folder, world.remote):
        _, err = init(world, place, code=2)
        assert "cacheferry: error: " in err and "cacheferry: hint: " in err


@pytest.mark.skipif(os.name == "nt" or not shutil.which("setpriv"), reason="needs setpriv")
def test_a_read_only_repository_is_named():
    world = World(Path(tempfile.mkdtemp()) / "w")
    place = repository(world)
    for folder in [place, *(f for f in place.rglob("*") if f.is_dir())]:
        folder.chmod(0o555)
    world.git(world.folder, "config", "--global", "safe.directory", "*")
    world.folder.parent.chmod(0o755)
    command = ["setpriv", "--reuid", "65534", "--clear-groups"] if os.getuid() == 0 else []
    done = world.run([*command, sys.executable, "-I", str(PROGRAM), "init"], place)
    shutil.rmtree(world.folder.parent)
    assert done.returncode == 4, done.stdout + done.stderr
    assert str(place) in done.stderr and "Traceback" not in done.stderr


# git-lfs is not there


def test_without_git_lfs_caches_are_ordinary_blobs(world):
    bare = without_git_lfs(world)
    place = repository(world)
    done = world.cf(place, "init", env=bare)
    assert done.returncode == 0 and "git-lfs is not installed" in done.stderr
    assert "store: git\n" in (place / "cacheferry.yaml").read_text()
    assert not (place / ".lfsconfig").exists()
    follow(world, place, done.stdout)
    world.git(place, "push", "-q", env=bare)
    file = world.cache(place)
    done = world.cf(place, "sync", env=bare)
    assert done.returncode == 0, done.stderr
    assert world.git(place, "status", "--porcelain", env=bare) == ""
    other = world.folder / "other"
    world.git(world.folder, "clone", "-q", str(world.remote), "other", env=bare)
    assert (other / "cache/s1/tl_baseline_cache.pkl").read_bytes() == file.read_bytes()
    assert world.cf(other, "init", env=bare).returncode == 0
    (other / "cache/s1/tl_baseline_cache.pkl").unlink()
    assert world.cf(other, "pull", env=bare).returncode == 0
    assert (other / "cache/s1/tl_baseline_cache.pkl").read_bytes() == file.read_bytes()
    assert world.git(other, "status", "--porcelain", env=bare) == ""
    assert world.cf(other, "check", env=bare).returncode == 0


def test_from_a_store_to_plain_git(world):
    place = repository(world)
    init(world, place)
    init(world, place, "--store", "git")
    assert (place / ".gitattributes").read_text() == "**/*.pkl -diff merge=binary -text\n"
    assert world.git(place, "check-attr", "filter", "a.pkl").endswith("unspecified")
    init(world, place, "--store", "../s")
    assert world.git(place, "check-attr", "filter", "a.pkl").endswith("lfs")


# --global


def test_global_makes_a_plain_clone_work(world):
    place = world.clone("repo")
    file = world.cache(place)
    world.sync(place)
    done = world.cf(world.folder, "init", "--global")
    assert done.returncode == 0, done.stderr
    again = world.cf(world.folder, "init", "--global")
    assert again.returncode == 0 and "nothing to do" in again.stdout
    other = world.folder / "other"
    world.git(world.folder, "clone", "-q", str(world.remote), "other")
    cache = other / "cache/s1/tl_baseline_cache.pkl"
    assert cache.read_bytes() == file.read_bytes()
    shutil.rmtree(other / ".git/lfs")
    cache.unlink()
    world.git(other, "lfs", "pull")
    assert cache.read_bytes() == file.read_bytes()
    assert world.git(other, "status", "--porcelain") == ""


def test_global_without_git_lfs_says_so(world):
    done = world.cf(world.folder, "init", "--global", env=without_git_lfs(world))
    assert done.returncode == 2 and "git-lfs" in done.stderr and "hint" in done.stderr


# Hooks of others


def test_hooks_outside_of_the_repository_are_not_touched(world):
    place = repository(world)
    outside = world.folder / "everybody"
    outside.mkdir()
    (outside / "pre-commit").write_text("#!/bin/sh\n")
    world.git(place, "config", "core.hooksPath", str(outside))
    before = tree(outside)
    _, err = init(world, place)
    assert "core.hooksPath" in err and tree(outside) == before


def test_hooks_path_inside_the_repository_is_honoured(world):
    place = repository(world)
    (place / ".githooks").mkdir()
    world.git(place, "config", "core.hooksPath", ".githooks")
    init(world, place)
    assert stat.S_IMODE((place / ".githooks/pre-commit").stat().st_mode) & 0o111
    assert not (place / ".git/hooks/pre-commit").exists()
    assert (place / ".githooks/pre-push").exists()


def test_a_pre_push_of_somebody_else_is_kept_and_named(world):
    place = repository(world)
    hook = place / ".git/hooks/pre-push"
    hook.write_text("#!/bin/sh\nexit 0\n")
    hook.chmod(0o755)
    _, err = init(world, place)
    assert "git lfs pre-push" in err and hook.read_text() == "#!/bin/sh\nexit 0\n"
