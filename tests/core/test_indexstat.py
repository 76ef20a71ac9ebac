"""Stat fields are written into every kind of index that git makes, and nothing else of it."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from cacheferry.core.indexstat import NotUnderstood, Seen, with_stats

TRACKED = ("a.txt", "cache/a/one.pkl", "cache/a/one.pkl.more", "cache/b/two.pkl", "zürich.txt")
ONE = TRACKED[1]


class Indexed:
    """A repository whose files are all in the index."""

    def __init__(self, root: Path, *init: str) -> None:
        self.root = root
        self.git("init", "-q", *init, ".")
        for path in TRACKED:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(f"this is {path}\n")
        self.git("add", ".")
        self.git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "first")

    @property
    def index(self) -> Path:
        return self.root / ".git" / "index"

    def git(self, *args: str) -> str:
        env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        env |= {"GIT_CONFIG_NOSYSTEM": "1", "HOME": str(self.root)}
        command = ["git", "-C", str(self.root), *args]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout

    def replace(self, path: str, text: str, age: int = 10) -> Seen:
        """Other bytes at a path, as a pull puts them there; what git thinks is the old blob."""
        file = self.root / path
        blob = self.git("rev-parse", f":{path}").strip()
        new = file.with_name("new")
        new.write_text(text)
        os.utime(new, (time.time() - age,) * 2)
        new.replace(file)
        return Seen(blob, os.lstat(file))

    def patch(self, seen: dict[str, Seen]) -> None:
        written = int(self.index.stat().st_mtime)
        patched = with_stats(self.index.read_bytes(), seen, written)
        self.index.write_bytes(patched)
        os.utime(self.index, (written, written))


def kind_v2(repository: Indexed) -> None:
    repository.git("update-index", "--index-version", "2")


def kind_v3(repository: Indexed) -> None:
    (repository.root / "cache/a/aaa.txt").write_text("to be added\n")
    repository.git("add", "-N", "cache/a/aaa.txt")


def kind_v4(repository: Indexed) -> None:
    repository.git("update-index", "--index-version", "4")


def kind_v4_many(repository: Indexed) -> None:
    """Entries enough for git to write a table of offsets."""
    (repository.root / "many").mkdir()
    for number in range(300):
        (repository.root / f"many/{number:04}").write_text("")
    repository.git("config", "index.threads", "4")
    repository.git("add", "many")
    kind_v4(repository)


def kind_marked(repository: Indexed) -> None:
    repository.git("update-index", "--assume-unchanged", "a.txt")
    repository.git("update-index", "--skip-worktree", "zürich.txt")


def kind_untracked_cache(repository: Indexed) -> None:
    repository.git("update-index", "--untracked-cache")
    repository.git("status")


def kind_sparse(repository: Indexed) -> None:
    repository.git("sparse-checkout", "init", "--cone", "--sparse-index")
    repository.git("sparse-checkout", "set", "cache/a")


KINDS = (
    kind_v2,
    kind_v3,
    kind_v4,
    kind_v4_many,
    kind_marked,
    kind_untracked_cache,
    kind_sparse,
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hashes", ["sha1", "sha256"])
def test_git_takes_the_file_for_unchanged_and_all_else_stays(tmp_path, kind, hashes):
    repository = Indexed(tmp_path, f"--object-format={hashes}")
    kind(repository)
    seen = repository.replace(ONE, "other bytes, of another length\n")
    assert ONE in repository.git("--no-optional-locks", "status", "--porcelain"), "unless noted"
    before = repository.index.read_bytes()
    repository.patch({ONE: seen})
    assert ONE not in repository.git("--no-optional-locks", "status", "--porcelain")
    end = len(before) - (20 if hashes == "sha1" else 32)
    after = repository.index.read_bytes()
    assert len(after) == len(before)
    changed = [place for place in range(end) if before[place] != after[place]]
    assert changed[-1] - changed[0] < 40, "more than one entry's stat fields"
    repository.git("fsck", "--strict")


def test_a_checksum_that_git_leaves_out_stays_out(tmp_path):
    repository = Indexed(tmp_path)
    seen = repository.replace(ONE, "other bytes, of another length\n")
    index = repository.index.read_bytes()[:-20] + bytes(20)
    assert with_stats(index, {ONE: seen}, int(time.time())).endswith(bytes(20))


def test_a_split_index_is_left_to_git(tmp_path):
    repository = Indexed(tmp_path)
    repository.git("update-index", "--split-index")
    seen = repository.replace(ONE, "other bytes\n")
    with pytest.raises(NotUnderstood):
        with_stats(repository.index.read_bytes(), {ONE: seen}, int(time.time()))


@pytest.mark.parametrize("damage", [b"", b"DIRC", b"DIRC\0\0\0\5\0\0\0\0", b"x" * 100])
def test_what_is_no_index_is_left_to_git(damage):
    seen = Seen("0" * 40, os.stat(__file__))
    with pytest.raises(NotUnderstood):
        with_stats(damage, {ONE: seen}, 0)


def test_another_blob_or_a_conflict_is_not_touched(tmp_path):
    repository = Indexed(tmp_path)
    seen = repository.replace(ONE, "other bytes\n")
    index = repository.index.read_bytes()
    other = seen._replace(blob="1" * 40)
    assert with_stats(index, {ONE: other, "gone.pkl": seen}, int(time.time())) == index
    stages = "".join(f"100644 {seen.blob} {n}\t{ONE}\n" for n in (1, 2, 3))
    subprocess.run(
        ["git", "-C", str(tmp_path), "update-index", "--index-info"],
        input=f"0 {'0' * 40}\t{ONE}\n{stages}",
        text=True,
        check=True,
    )
    index = repository.index.read_bytes()
    assert with_stats(index, {ONE: seen}, int(time.time())) == index


def test_a_file_as_young_as_the_index_is_left_for_git_to_compare(tmp_path):
    repository = Indexed(tmp_path)
    seen = repository.replace(ONE, "other bytes, of another length\n", age=-5)
    repository.patch({ONE: seen})
    assert "size: 0" in repository.git("ls-files", "--debug", ONE)
    assert ONE in repository.git("status", "--porcelain")
