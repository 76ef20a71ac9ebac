"""Repositories and stores in odd places."""

import os
from collections.abc import Callable
from pathlib import Path

from tests.conformance.case import NotApplicable, case, expect
from tests.conformance.scene import Scene, fetched
from tests.conformance.wire import download, oid_of, upload

DATA = os.urandom(30_000)
OID = oid_of(DATA)
NAMES = {
    "spaces": "a  b c ",
    "quotes": "a'b\"c`d",
    "a dollar": "$HOME;true&",
    "Unicode": "caché 日本",
}
PERCENT = {"percent, hash": "100%25#1"}
STORE_NAMES = NAMES | {"no UTF-8": os.fsdecode(b"caf\xe9")}


def there_and_back(scene: Scene, storage: Path, **where: object) -> None:
    """Uploads, downloads; the file must lie in this LFS storage."""
    scene.put(DATA, **where)
    said = scene.download(download(OID, len(DATA)), **where)
    taken = fetched(said)
    expect(taken.data == DATA, "other bytes")
    found, wanted = os.path.realpath(taken.path), os.path.realpath(storage / "tmp")
    expect(found.startswith(wanted + "/"), f"downloads to {found}, not to {wanted}")


def commit(scene: Scene, repo: Path) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=b")
    scene.git(*who, "commit", "-q", "--allow-empty", "-m", "x", cwd=repo)


@case("In a linked worktree the LFS storage is the common one.", "takes_git_dir_for_all")
def linked_worktree(scene: Scene) -> None:
    commit(scene, scene.repo)
    scene.git("worktree", "add", "-q", "../tree")
    tree = scene.base / "tree"
    there_and_back(scene, scene.repo / ".git/lfs", cwd=tree)
    git_dir = scene.repo / ".git/worktrees/tree"
    env = scene.environment() | {"GIT_DIR": str(git_dir)}
    there_and_back(scene, scene.repo / ".git/lfs", cwd=tree, env=env)


@case("In a submodule the LFS storage is the submodule's.", "takes_git_dir_for_all")
def submodule(scene: Scene) -> None:
    inner = scene.base / "inner"
    scene.git("init", "-q", str(inner), cwd=scene.base)
    commit(scene, inner)
    allow = ("-c", "protocol.file.allow=always")
    scene.git(*allow, "submodule", "--quiet", "add", str(inner), "sub")
    sub = scene.repo / "sub"
    scene.git("config", "remote.origin.url", scene.remote, cwd=sub)
    there_and_back(scene, scene.repo / ".git/modules/sub/lfs", cwd=sub)


@case("In a bare repository the LFS storage lies in it.", "takes_git_dir_for_all")
def bare_repository(scene: Scene) -> None:
    bare = scene.base / "bare.git"
    scene.git("init", "-q", "--bare", str(bare), cwd=scene.base)
    scene.git("config", "remote.origin.url", scene.remote, cwd=bare)
    there_and_back(scene, bare / "lfs", cwd=bare)


@case("GIT_DIR alone leads to the repository, from any folder.", "trusts_the_folder_it_is_in")
def git_dir_alone(scene: Scene) -> None:
    env = scene.environment() | {"GIT_DIR": str(scene.repo / ".git")}
    there_and_back(scene, scene.repo / ".git/lfs", cwd=Path("/"), env=env)


def absolute(scene: Scene) -> tuple[str, Path]:
    return str(scene.base / "elsewhere"), scene.base / "elsewhere"


def relative(scene: Scene) -> tuple[str, Path]:
    return "moved", scene.repo / ".git/moved"


def with_spaces(scene: Scene) -> tuple[str, Path]:
    return str(scene.base / "else where"), scene.base / "else where"


def with_a_tilde(scene: Scene) -> tuple[str, Path]:
    """git-lfs takes it for the name of a folder."""
    return "~/objects", scene.repo / ".git/~/objects"


def other_file_system(scene: Scene) -> tuple[str, Path]:
    folder = Path("/dev/shm")
    if not os.access(folder, os.W_OK) or folder.stat().st_dev == scene.base.stat().st_dev:
        raise NotApplicable("needs /dev/shm")
    import shutil

    storage = folder / scene.base.name
    scene.after.callback(shutil.rmtree, storage, ignore_errors=True)
    return str(storage), storage


@case(
    "Downloads go to the LFS storage that `lfs.storage` names.",
    "ignores_lfs_storage",
    {
        "absolute": absolute,
        "relative": relative,
        "with spaces": with_spaces,
        "with ~": with_a_tilde,
        "on another file system": other_file_system,
    },
)
def lfs_storage(scene: Scene, place: Callable[[Scene], tuple[str, Path]]) -> None:
    configured, storage = place(scene)
    scene.git("config", "lfs.storage", configured)
    there_and_back(scene, storage)


@case("A store may have any name.", "copies_by_shell", STORE_NAMES)
@case("A store may have any name.", "decodes_percent", PERCENT)
def store_name(scene: Scene, name: str) -> None:
    scene.use_store(scene.base / name / "store")
    there_and_back(scene, scene.repo / ".git/lfs")
    scene.holds(DATA)


@case("A repository may have any name.", "copies_by_shell", NAMES)
@case("A repository may have any name.", "decodes_percent", PERCENT)
def repository_name(scene: Scene, name: str) -> None:
    scene.repo = scene.repo.rename(scene.base / name)
    there_and_back(scene, scene.repo / ".git/lfs")


@case(
    "In a repository whose path is not UTF-8 a download is right, or an error.",
    "replaces_odd_letters",
)
def repository_not_utf8(scene: Scene) -> None:
    scene.repo = scene.repo.rename(scene.base / os.fsdecode(b"caf\xe9"))
    scene.put(DATA)
    said = scene.download(download(OID, len(DATA)))
    if said.served():
        expect(fetched(said).data == DATA, "other bytes")
    expect(scene.lfs_files() == [], f"leaves {scene.lfs_files()}")


@case("A source may have any name.", "copies_by_shell", NAMES)
@case("A source may have any name.", "decodes_percent", PERCENT)
def source_name(scene: Scene, name: str) -> None:
    source = scene.file(name, DATA)
    scene.upload(upload(OID, len(DATA), source)).went_well()
    scene.holds(DATA)


@case("A store on another file system works.", "renames_into_the_store")
def store_on_another_file_system(scene: Scene) -> None:
    _, folder = other_file_system(scene)
    scene.use_store(folder / "store")
    there_and_back(scene, scene.repo / ".git/lfs")
    scene.holds(DATA)


@case("Outside of a repository init is refused, or the object.", "ready_anywhere")
def outside(scene: Scene) -> None:
    said = scene.download(download(OID, len(DATA)), cwd=scene.base)
    expect(not said.served(), "is served")
    expect("Traceback" not in said.err and "panic:" not in said.err, "crashes")
