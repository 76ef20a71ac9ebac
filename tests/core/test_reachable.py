"""What a repository needs: a pointer that only one thing reaches is found through that thing."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cacheferry.core import reachable, repository
from cacheferry.core.errors import Held
from cacheferry.core.pointer import Pointer
from tests.conftest import World

CACHE = "cache/x.pkl"


def pointer(seed: str) -> Pointer:
    return Pointer(hashlib.sha256(seed.encode()).hexdigest(), 2000)


WANTED = pointer("wanted")


class Place:
    """A repository without any filter, so that a pointer is committed as it stands."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.root = world.folder / "r"
        world.git(world.folder, "init", "-q", "r")
        self.commit("first")

    def git(self, *args: str, check: bool = True, **more: object) -> str:
        return self.world.git(self.root, *args, check=check, **more)

    def write(self, seed: str, path: str = CACHE, root: Path | None = None) -> Path:
        file = (root or self.root) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(pointer(seed).text())
        return file

    def commit(self, seed: str, path: str = CACHE) -> str:
        self.write(seed, path)
        self.git("add", "-A")
        self.git("commit", "-qm", seed)
        return self.git("rev-parse", "HEAD")

    def loose(self, seed: str = "wanted") -> str:
        """A commit that nothing names."""
        commit = self.commit(seed)
        self.git("reset", "-q", "--hard", "HEAD~1")
        self.forget()
        assert self.git("rev-parse", "ORIG_HEAD", check=False) == "ORIG_HEAD"
        return commit

    def forget(self) -> None:
        self.git("reflog", "expire", "--expire=now", "--all")
        for file in (self.root / ".git").rglob("ORIG_HEAD"):
            file.unlink()

    def linked(self, *args: str) -> Path:
        self.git("worktree", "add", "-q", "../linked", *args)
        return self.world.folder / "linked"

    def needed(self, where: Path | None = None) -> dict[Pointer, str]:
        return reachable.needed(repository.find(where or self.root))


@pytest.fixture
def place(world: World) -> Place:
    return Place(world)


def branch(place: Place) -> None:
    place.git("branch", "side", place.loose())


def tracking_branch(place: Place) -> None:
    place.git("update-ref", "refs/remotes/origin/side", place.loose())


def light_tag(place: Place) -> None:
    place.git("tag", "v1", place.loose())


def annotated_tag(place: Place) -> None:
    place.git("tag", "-m", "one", "v1", place.loose())


def ref_of_another_kind(place: Place) -> None:
    place.git("update-ref", "refs/notes/anything", place.loose())


def blob_that_a_ref_names(place: Place) -> None:
    text = WANTED.text().decode()
    place.git("update-ref", "refs/one/blob", place.git("hash-object", "-w", "--stdin", input=text))


def deep_in_history(place: Place) -> None:
    place.commit("wanted")
    place.commit("later")
    place.forget()


def merged_away(place: Place) -> None:
    place.git("branch", "side", place.loose())
    place.git("merge", "-q", "-s", "ours", "-m", "ours", "--no-ff", "side")
    place.git("branch", "-D", "side")
    place.forget()


def stash(place: Place) -> None:
    place.write("wanted")
    place.git("stash", "-q")


def older_stash(place: Place) -> None:
    stash(place)
    place.write("another")
    place.git("stash", "-q")


def untracked_file_in_a_stash(place: Place) -> None:
    place.write("wanted", "new.pkl")
    place.git("stash", "-q", "-u")


def amended_commit(place: Place) -> None:
    place.commit("wanted")
    place.write("better")
    place.git("commit", "-q", "-a", "--amend", "-m", "better")


def reset_branch(place: Place) -> None:
    place.commit("wanted")
    place.git("reset", "-q", "--hard", "HEAD~1")
    (place.root / ".git/ORIG_HEAD").unlink()


def index(place: Place) -> None:
    file = place.write("wanted")
    place.git("add", CACHE)
    file.write_text("something else")


def every_stage_of_a_conflict(place: Place) -> None:
    ids = [
        place.git("hash-object", "-w", "--stdin", input=pointer(seed).text().decode())
        for seed in ("first", "another", "wanted")
    ]
    lines = [f"100644 {blob} {stage}\t{CACHE}" for stage, blob in enumerate(ids, 1)]
    deletion = f"0 {'0' * 40}\t{CACHE}"
    place.git("update-index", "--index-info", input="\n".join([deletion, *lines]) + "\n")
    (place.root / CACHE).unlink()


def head_of_a_linked_worktree(place: Place) -> None:
    commit = place.loose()
    place.git("config", "core.logAllRefUpdates", "false")
    linked = place.linked("--detach", commit)
    place.world.git(linked, "rm", "-q", CACHE)


def reflog_of_a_linked_worktree(place: Place) -> None:
    linked = place.linked("--detach", place.loose())
    place.world.git(linked, "checkout", "-q", "--detach", "main")


def index_of_a_linked_worktree(place: Place) -> None:
    linked = place.linked("--detach")
    file = place.write("wanted", root=linked)
    place.world.git(linked, "add", CACHE)
    file.unlink()


def bisect_of_a_linked_worktree(place: Place) -> None:
    commit = place.loose()
    linked = place.linked("--detach")
    place.world.git(linked, "update-ref", "refs/bisect/bad", commit)


def file_in_the_work_tree(place: Place) -> None:
    place.write("wanted", "not/committed.pkl")


def ignored_file_in_the_work_tree(place: Place) -> None:
    (place.root / ".git/info/exclude").write_text("*.pkl\n")
    file_in_the_work_tree(place)


def file_in_a_linked_worktree(place: Place) -> None:
    place.write("wanted", "not/committed.pkl", place.linked("--detach"))


def under_way(place: Place, name: str, text: str = "{}\n") -> None:
    commit = place.loose()
    file = place.root / ".git" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text.format(commit))


def merge_under_way(place: Place) -> None:
    under_way(place, "MERGE_HEAD")


def cherry_pick_under_way(place: Place) -> None:
    under_way(place, "CHERRY_PICK_HEAD")


def what_head_was_before(place: Place) -> None:
    under_way(place, "ORIG_HEAD")


def rebase_still_to_pick(place: Place) -> None:
    under_way(place, "rebase-merge/git-rebase-todo", "pick {} what it says\n")


def rebase_with_short_names(place: Place) -> None:
    under_way(place, "rebase-merge/git-rebase-todo", "pick {:.9} what it says\n")


def rebase_that_will_unstash(place: Place) -> None:
    under_way(place, "rebase-merge/autostash")


def sequence_of_picks(place: Place) -> None:
    under_way(place, "sequencer/todo", "pick {} what it says\n")


def merge_in_a_linked_worktree(place: Place) -> None:
    linked = place.linked("--detach")
    commit = place.loose()
    Path(place.world.git(linked, "rev-parse", "--git-dir"), "MERGE_HEAD").write_text(commit)


def behind_a_graft(place: Place) -> None:
    deep_in_history(place)
    file = place.root / ".git/info/grafts"
    file.write_text(place.git("rev-parse", "HEAD") + "\n")


def behind_a_replacement(place: Place) -> None:
    deep_in_history(place)
    other = place.git("commit-tree", "-m", "no parent", "HEAD^{tree}")
    place.git("replace", "HEAD", other)


def in_an_alternate(place: Place) -> None:
    branch(place)
    place.world.git(place.world.folder, "clone", "-q", "--shared", "--no-checkout", "r", "c")
    place.root = place.world.folder / "c"


WAYS = [
    branch, tracking_branch, light_tag, annotated_tag, ref_of_another_kind, blob_that_a_ref_names,
    deep_in_history, merged_away, stash, older_stash, untracked_file_in_a_stash, amended_commit,
    reset_branch, index, every_stage_of_a_conflict, head_of_a_linked_worktree,
    reflog_of_a_linked_worktree, index_of_a_linked_worktree, bisect_of_a_linked_worktree,
    file_in_the_work_tree, ignored_file_in_the_work_tree, file_in_a_linked_worktree,
    merge_under_way, cherry_pick_under_way, what_head_was_before, rebase_still_to_pick,
    rebase_with_short_names, rebase_that_will_unstash, sequence_of_picks,
    merge_in_a_linked_worktree, behind_a_graft, behind_a_replacement, in_an_alternate,
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_what_one_thing_alone_reaches_is_needed(place: Place, way: Callable[[Place], None]) -> None:
    way(place)
    assert WANTED in place.needed()


@pytest.mark.parametrize("way", [index, merge_under_way, file_in_the_work_tree])
def test_the_main_worktree_counts_from_a_linked_one(
    place: Place, way: Callable[[Place], None]
) -> None:
    linked = place.linked("--detach")
    way(place)
    assert WANTED in place.needed(linked)


def test_what_nothing_reaches_is_not_needed(place: Place) -> None:
    place.loose()
    assert set(place.needed()) == {pointer("first")}


def test_a_worktree_that_is_not_mounted_still_counts(place: Place) -> None:
    index_of_a_linked_worktree(place)
    (place.world.folder / "linked").rename(place.world.folder / "elsewhere")
    assert WANTED in place.needed()


def test_it_says_where_a_pointer_stands(place: Place) -> None:
    place.commit("wanted", "some/ä name.pkl")
    lying = place.write("lying", "lying.pkl")
    found = place.needed()
    assert found[WANTED] == "some/ä name.pkl"
    assert found[pointer("lying")] == os.fspath(lying)


def test_a_pointer_that_git_lfs_reads_is_needed(place: Place) -> None:
    texts = {seed: pointer(seed).text() for seed in ("crlf", "above", "unended")}
    texts["crlf"] = texts["crlf"].replace(b"\n", b"\r\n")
    texts["above"] = b"\n" + texts["above"]
    texts["unended"] = texts["unended"].rstrip(b"\n")
    for seed, text in texts.items():
        (place.root / f"{seed}.pkl").write_bytes(text)
    place.git("add", "-A")
    place.git("commit", "-qm", "by other hands")
    for seed in texts:
        (place.root / f"{seed}.pkl").unlink()
    assert {pointer(seed) for seed in texts} <= place.needed().keys()


def test_only_pointers_are_found(place: Place) -> None:
    text = WANTED.text().decode()
    place.commit("other")
    for name, data in (("quoted.txt", f"so: {text}"), ("long.txt", text + "x" * 1024)):
        (place.root / name).write_text(data)
    place.git("add", "-A")
    place.git("commit", "-qm", "no pointers")
    assert WANTED not in place.needed()


def test_another_repository_inside_is_not_ours(place: Place) -> None:
    place.world.git(place.root, "init", "-q", "inner")
    place.write("wanted", "inner/x.pkl")
    assert WANTED not in place.needed()


def test_a_submodule_is_its_own_repository(place: Place, world: World) -> None:
    allow = ("-c", "protocol.file.allow=always")
    world.git(world.folder, "init", "-q", "super")
    world.git(world.folder / "super", *allow, "submodule", "--quiet", "add", str(place.root), "sub")
    inner = world.folder / "super" / "sub"
    place.write("wanted", root=inner)
    assert set(place.needed(inner)) == {pointer("first"), WANTED}


def test_a_repository_without_commits(world: World) -> None:
    world.git(world.folder, "init", "-q", "new")
    assert reachable.needed(repository.find(world.folder / "new")) == {}


def test_a_partial_clone_is_refused_and_fetches_nothing(place: Place, world: World) -> None:
    place.commit("wanted")
    place.git("config", "uploadpack.allowFilter", "true")
    place.git("config", "uploadpack.allowAnySHA1InWant", "true")
    args = ("clone", "-q", "--no-checkout", "--filter=blob:none", place.root.as_uri(), "partial")
    world.git(world.folder, *args)
    before = world.git(world.folder / "partial", "count-objects", "-v")
    with pytest.raises(Held, match="2 objects") as caught:
        place.needed(world.folder / "partial")
    assert caught.value.exit_code == 3 and "--filter" in (caught.value.hint or "")
    assert world.git(world.folder / "partial", "count-objects", "-v") == before
    world.git(world.folder / "partial", "checkout", "-q", "HEAD~1")
    world.git(world.folder / "partial", "checkout", "-q", "main")
    assert WANTED in place.needed(world.folder / "partial")


def test_more_blobs_than_are_read_at_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reachable, "_AT_ONCE", 3)
    for number in range(10):
        place.write(str(number), f"cache/{number}.pkl")
    place.git("add", "-A")
    place.git("commit", "-qm", "ten")
    assert set(place.needed()) == {pointer("first"), *(pointer(str(n)) for n in range(10))}
