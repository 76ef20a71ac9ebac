"""Where a repository's things lie: work tree, git folder, common folder, LFS storage."""

import os
from pathlib import Path
from typing import NamedTuple

from cacheferry.core.errors import ConfigurationError
from cacheferry.core.git import Git

CONFIG_NAME = "cacheferry.yaml"


class Repository(NamedTuple):
    """A work tree. In a linked worktree `git_dir` is its own and `common_dir` is shared."""

    root: Path
    git_dir: Path
    common_dir: Path

    @property
    def git(self) -> Git:
        """Git at the root, with the user's own configuration."""
        return Git(self.root)

    @property
    def config_file(self) -> Path:
        """`cacheferry.yaml`, whether it exists or not."""
        return self.root / CONFIG_NAME

    @property
    def state_dir(self) -> Path:
        """Cacheferry's own files: per work tree, never committed."""
        return self.git_dir / "cacheferry"

    @property
    def index_file(self) -> Path:
        """The index of this work tree."""
        return self.git_dir / "index"

    def lfs_storage(self) -> Path:
        """The LFS storage: `lfs.storage` (relative to the common folder), else `<common>/lfs`.

        As git-lfs reads it: a `~` stands for itself.
        """
        configured = self.git.ask("config", "--get", "lfs.storage")
        return self.common_dir / (configured or "lfs")


def find(start: Path | None = None) -> Repository:
    """The repository around a folder. Raises ConfigurationError outside of any work tree."""
    folder = start or Path.cwd()
    answer = Git(folder).ask(
        "rev-parse", "--show-toplevel", "--absolute-git-dir", "--git-common-dir"
    )
    if answer is None:
        raise ConfigurationError(
            f"{folder} is not in a git work tree", "run this in a clone, or `git init` first"
        )
    if answer.count("\n") != 2:
        raise ConfigurationError(
            f"the path of {folder} has a line's end in it", "rename the folder"
        )
    root, git_dir, common = answer.split("\n")
    return Repository(Path(root), Path(git_dir), Path(os.path.normpath(folder / common)))


def inside(root: Path, path: Path) -> str | None:
    """The path relative to root with forward slashes; None outside of it or at it."""
    absolute = Path(os.path.normpath(Path.cwd() / path))
    try:
        relative = (absolute.parent.resolve() / absolute.name).relative_to(root)
    except ValueError:
        return None
    return relative.as_posix() if relative.parts else None
