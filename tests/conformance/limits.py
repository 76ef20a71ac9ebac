"""What a case takes away from the agent: room, rights. Some of it only root can take."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.conformance.case import NotApplicable
from tests.conformance.scene import Scene


def without_rights(command: list[str]) -> list[str]:
    """The command, with root's right to read and write everything taken away."""
    if os.geteuid() != 0:
        return command
    if not shutil.which("setpriv"):
        raise NotApplicable("root may read anything, and there is no setpriv (util-linux)")
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--", *command]


def small_disk(scene: Scene, folder: Path, size: int) -> None:
    """Mounts a file system of `size` bytes at the folder until the case is over."""
    folder.mkdir(parents=True, exist_ok=True)
    _mount(scene, folder, "-t", "tmpfs", "-o", f"size={size}", "tmpfs", os.fspath(folder))


def read_only(scene: Scene, folder: Path) -> None:
    """Makes the folder a read-only file system until the case is over."""
    name = os.fspath(folder)
    _mount(scene, folder, "--bind", name, name)
    _mount(scene, None, "-o", "remount,bind,ro", name)


def _mount(scene: Scene, folder: Path | None, *words: str) -> None:
    if os.geteuid() != 0 or not shutil.which("mount"):
        raise NotApplicable("only root can mount")
    done = subprocess.run(["mount", *words], capture_output=True, text=True)
    if done.returncode != 0:
        raise NotApplicable(f"no mount here: {done.stderr.strip()}")
    if folder:
        scene.after.callback(subprocess.run, ["umount", "-l", os.fspath(folder)], check=True)
