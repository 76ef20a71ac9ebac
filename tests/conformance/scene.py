"""Where a case plays: a repository, a store, an agent's processes; all gone afterwards."""

import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.conformance.case import Failed, NotApplicable, expect
from tests.conformance.subject import Subject, clean_environment
from tests.conformance.talk import Talk
from tests.conformance.wire import TERMINATE, Said, Taken, download, init, oid_of, upload
from tests.servers.place import FolderPlace, Place


class LayoutPlace(FolderPlace):
    """A folder whose objects lie where the agent under test keeps them."""

    def __init__(self, folder: Path, objects: str | None) -> None:
        super().__init__(folder)
        self._objects = objects

    def _path(self, oid: str) -> Path:
        if self._objects is None:
            raise NotApplicable("nothing is known of the store's layout")
        return self.folder / self._objects.format(oid=oid, aa=oid[:2], bb=oid[2:4])


class Scene:
    """A case's world; `repo` is where the agent runs."""

    def __init__(self, subject: Subject, base: Path, place: Place | None = None) -> None:
        self.subject = subject
        self.base = base
        self.repo = base / "repo"
        self.env = clean_environment(base / "home")
        self.after = ExitStack()
        (base / "home").mkdir()
        self.git("init", "-q", "-b", "trunk", str(self.repo), cwd=base)
        self._is_folder = place is None
        if place:
            self.place = place
            self.address = place.url
            self.env |= place.env
        else:
            self.use_store(base / "store")

    def use_store(self, folder: Path, make: bool = True) -> None:
        """Takes another store; empty, where it is made."""
        self.store = folder
        self.place = LayoutPlace(folder, self.subject.objects)
        self.address = os.fspath(folder)
        self.remote = "file://" + quote(os.fsencode(folder))
        self.git("config", "remote.origin.url", self.remote)
        if make and self.subject.setup:
            words = [self._filled(word) for word in self.subject.setup]
            subprocess.run(words, check=True, env=self.env, capture_output=True)
        elif make:
            folder.mkdir(parents=True)

    def git(self, *words: str, cwd: Path | None = None) -> str:
        """Runs git, which must end well; what it printed."""
        code, text = self.try_git(*words, cwd=cwd)
        expect(code == 0, f"git {' '.join(words)}: {text[-300:]}")
        return text

    def try_git(self, *words: str, cwd: Path | None = None) -> tuple[int, str]:
        """Runs git; its exit code and what it printed."""
        try:
            done = subprocess.run(
                ["git", *words],
                cwd=cwd or self.repo,
                env=self.environment(),
                capture_output=True,
                timeout=self.subject.patience * 2,
            )
        except subprocess.TimeoutExpired:
            raise Failed(f"git {' '.join(words)} hangs") from None
        return done.returncode, (done.stdout + done.stderr).decode(errors="replace")

    def environment(self) -> dict[str, str]:
        """What the agent finds."""
        if not hasattr(self, "address"):
            return self.env
        return self.env | {k: self._filled(v) for k, v in self.subject.env.items()}

    def command(self) -> list[str]:
        """How the agent is started."""
        return [self._filled(word) for word in self.subject.command]

    def file(self, name: str, data: bytes) -> Path:
        """A file outside of the repository and the store."""
        path = self.base / name
        path.write_bytes(data)
        return path

    def sparse(self, name: str, size: int) -> Path:
        """A file of zeros that takes no room."""
        path = self.base / name
        with open(path, "wb") as stream:
            stream.truncate(size)
        return path

    def start(self, **options: Any) -> Talk:
        """A running agent."""
        usual = {"cwd": self.repo, "env": self.environment()}
        errors = self.base / f"stderr-{os.urandom(4).hex()}"
        talk = Talk(
            options.pop("command", self.command()),
            errors,
            self.subject.patience,
            **(usual | options),
        )
        self.after.callback(talk.end)
        return talk

    def say(self, *lines: bytes, **options: Any) -> Said:
        """A whole conversation."""
        return self.start(**options).all(*lines)

    def upload(self, *requests: bytes, **options: Any) -> Said:
        """A session of uploads."""
        return self.say(init("upload"), *requests, TERMINATE, **options)

    def download(self, *requests: bytes, **options: Any) -> Said:
        """A session of downloads."""
        talk = self.start(**options)
        talk.send(init("download"), *requests)
        return talk.finish(len(requests), self.take)

    def take(self, path: object) -> Taken:
        """Moves a file away that an agent has brought."""
        expect(isinstance(path, str) and os.path.isfile(path), f"no file at the path {path!r}")
        target = self.base / f"taken-{os.urandom(4).hex()}"
        shutil.move(str(path), target)
        return Taken(Path(str(path)), target)

    def put(self, data: bytes, **options: Any) -> str:
        """Uploads bytes, which must work; their oid."""
        oid = oid_of(data)
        source = self.file(f"source-{oid[:8]}", data)
        said = self.upload(upload(oid, len(data), source), **options)
        said.went_well()
        expect(len(said.completes()) == 1, f"{len(said.completes())} answers to one upload")
        return oid

    def get(self, oid: str, size: int, **options: Any) -> bytes:
        """Downloads an object, which must work, and takes the file away as git-lfs does."""
        return fetched(self.download(download(oid, size), **options)).data

    def holds(self, *datas: bytes) -> None:
        """Raises Failed unless these objects, and no others, lie whole in the store."""
        for data in datas:
            held = self.place.held(oid_of(data))
            expect(held == data, "the object is not in the store" if held is None else _WRONG)
        if self._is_folder:
            wanted = sorted(self.inside(self.object(oid_of(data))) for data in datas)
            found = self.files()
            expect(found == wanted, f"in the store: {found}, not only {wanted}")
        else:
            count = len(self.place.names())
            expect(count == len(datas), f"{count} files in the store, not {len(datas)}")

    def object(self, oid: str) -> Path:
        """Where the object belongs in the store."""
        if not isinstance(self.place, LayoutPlace):
            raise NotApplicable("the store is no folder")
        return self.place._path(oid)

    def inside(self, path: Path) -> str:
        """The path below the store."""
        return path.relative_to(self.store).as_posix()

    def files(self) -> list[str]:
        """All files in the store, temporary ones included, but those of its set-up."""
        names = self.place.names()
        if self.subject.setup and self.subject.objects:
            top = self.subject.objects.partition("/")[0] + "/"
            names = [name for name in names if name.startswith(top)]
        return names

    def lfs_files(self, storage: Path | None = None) -> list[Path]:
        """All files in the repository's LFS storage."""
        found = (storage or self.repo / ".git" / "lfs").rglob("*")
        return [path for path in found if not path.is_dir()]

    def _filled(self, word: str) -> str:
        return word.replace("{store}", self.address)


_WRONG = "the object in the store has wrong bytes"


def fetched(said: Said) -> Taken:
    """The file that a session of one download has brought."""
    said.went_well()
    expect(len(said.completes()) == 1, f"{len(said.completes())} answers to one download")
    expect(said.files, "complete without a path")
    return said.files[0]


@contextmanager
def scene(subject: Subject, make_place: Callable[[Path], Place] | None = None) -> Iterator[Scene]:
    """A fresh scene; whatever the case has started, mounted and written is gone afterwards."""
    base = Path(os.path.realpath(tempfile.mkdtemp(prefix="conformance-")))
    try:
        (base / "servers").mkdir()
        made = Scene(subject, base, make_place and make_place(base / "servers"))
        with made.after:
            yield made
    finally:
        _remove(base)


def _remove(base: Path) -> None:
    for folder, _, _ in os.walk(base):
        with suppress(OSError):
            os.chmod(folder, stat.S_IRWXU)
    shutil.rmtree(base, ignore_errors=True)
