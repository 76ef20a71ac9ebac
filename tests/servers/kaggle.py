"""A recording server that speaks Kaggle's API, and its storage, as kagglesdk uses them.

It stands behind kagglesdk's TEST endpoint. That has a fixed port, so the server is reached as the
HTTP proxy for it, which may listen anywhere: as many at once as there are test processes.

What it does is what Kaggle is known to do: a version is its full set of files; it is not there
until it has been processed; while the first one is, a second one is forbidden; a token serves
once; a file of a version comes from another host, at a signed address.
"""

import atexit
import base64
import hashlib
import json
import re
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from zipfile import ZipFile

TOKEN = "KGAT_0123456789abcdef"
KEY = ("ada", "the-key")
OWNER = "ada"
_STORAGE = "http://storage.kaggle.test"

Files = dict[str, bytes]


class Request(NamedTuple):
    """What came in: `what` is the API's method, or GET or PUT at the storage."""

    what: str
    about: dict[str, Any]
    headers: dict[str, str]


class Answer(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, message: str = "", headers: dict[str, str] | None = None):
        super().__init__(message)
        self.status, self.message, self.headers = status, message, headers or {}


class Dataset:
    """What Kaggle keeps; versions count from 1, the first `ready` ones have been processed."""

    def __init__(self) -> None:
        self.versions: list[Files] = []
        self.made: list[datetime] = []
        self.ready = 0
        self.looks_left = 0
        self.public = False
        self.failed: set[int] = set()
        """Versions that cannot be processed."""
        self.bare = False
        """Whether a listing names files without their folders."""
        self.zipped: dict[str, bytes] = {}

    def add(self, files: Files, looks: int) -> None:
        self.versions.append(files)
        self.made.append(datetime.now(UTC))
        self.looks_left = looks
        self.look()

    def look(self) -> None:
        """Somebody asks how far it is: processing takes so many questions."""
        if self.looks_left:
            self.looks_left -= 1
        elif len(self.versions) not in self.failed:
            self.ready = len(self.versions)

    @property
    def current(self) -> Files:
        return self.versions[self.ready - 1] if self.ready else {}


class Kaggle:
    """One site with one user. Its state may be changed under its lock, or between requests."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.datasets: dict[str, Dataset] = {}
        self.blobs: dict[str, dict[str, Any]] = {}
        self.requests: list[Request] = []
        self.looks = 1
        """How often one must ask until a version is ready."""
        self.hides = False
        """Whether it says of a dataset that does not exist that one may not see it."""
        self.before: Callable[[Request], None] = lambda request: None
        """Called before each answer; raises an Answer for one that fails."""

    def made(self, what: str) -> list[Request]:
        """The requests of one kind so far."""
        return [request for request in self.requests if request.what == what]

    # The API, method by method.

    def StartBlobUpload(self, ask: dict[str, Any], known: bool) -> dict[str, Any]:
        _require(known, 401, "Unauthenticated")
        token = uuid.uuid4().hex
        size = ask.get("contentLength", 0)
        self.blobs[token] = {"name": ask["name"], "size": size, "data": b"", "done": False}
        return {"token": token, "createUrl": f"{_STORAGE}/upload/{token}"}

    def CreateDataset(self, ask: dict[str, Any], known: bool) -> dict[str, Any]:
        _require(known, 401, "Unauthenticated")
        handle = f"{ask['ownerSlug']}/{ask['slug']}"
        _require(ask["ownerSlug"] == OWNER, 403, "Permission 'datasets.create' was denied")
        _require(6 <= len(ask["title"]) <= 50, 400, "The title must have 6 to 50 characters")
        if handle in self.datasets:
            return {"error": "The requested title is already in use by a dataset"}
        files = self._files(ask)
        dataset = self.datasets.setdefault(handle, Dataset())
        dataset.public = not ask.get("isPrivate", False)
        dataset.add(files, self.looks)
        return {"ref": handle, "status": "ok"}

    def CreateDatasetVersion(self, ask: dict[str, Any], known: bool) -> dict[str, Any]:
        dataset = self._dataset(ask, known)
        _require(known and ask["ownerSlug"] == OWNER, 403, "Permission was denied")
        _require(dataset.ready > 0, 403, "Permission 'datasets.update' was denied")
        dataset.add(self._files(ask["body"]), self.looks)
        return {"ref": "ref", "status": "ok"}

    def GetDatasetStatus(self, ask: dict[str, Any], known: bool) -> dict[str, Any]:
        dataset = self._dataset(ask, known)
        dataset.look()
        if not dataset.looks_left and len(dataset.versions) in dataset.failed:
            return {"status": "FAILED"}
        ready = dataset.ready == len(dataset.versions)
        return {"status": "READY" if ready else "BLOBS_RECEIVED"}

    def GetDataset(self, ask: dict[str, Any], known: bool) -> dict[str, Any]:
        dataset = self._dataset(ask, known)
        return {"id": 1, "currentVersionNumber": dataset.ready or None}

    def ListDatasetFiles(self, ask: dict[str, Any], known: bool) -> dict[str, Any]:
        dataset = self._dataset(ask, known)
        number, files = self._version(dataset, ask)
        start, size = int(ask.get("pageToken") or 0), min(ask.get("pageSize", 20), 200)
        names = sorted(files)[start : start + size]
        made = dataset.made[number - 1].strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        more = str(start + size) if start + size < len(files) else ""
        listed = [
            {
                "name": name.rpartition("/")[2] if dataset.bare else name,
                "totalBytes": len(files[name]),
                "creationDate": made,
            }
            for name in names
        ]
        return {"datasetFiles": listed, "nextPageToken": more}

    def DownloadDataset(self, ask: dict[str, Any], known: bool) -> dict[str, Any]:
        dataset = self._dataset(ask, known)
        number, files = self._version(dataset, ask)
        name = ask["fileName"]
        _require(name in files, 404, "Not found")
        ending = ".zip" if name in dataset.zipped else ""
        handle = f"{ask['ownerSlug']}/{ask['datasetSlug']}"
        raise Answer(
            302, headers={"Location": f"{_STORAGE}/{handle}/{number}/{name}{ending}?sig=x"}
        )

    # The storage.

    def get(self, path: str) -> bytes:
        owner, name, number, file = path.strip("/").split("/", 3)
        dataset = self.datasets[f"{owner}/{name}"]
        if file.removesuffix(".zip") in dataset.zipped and file.endswith(".zip"):
            return dataset.zipped[file.removesuffix(".zip")]
        return dataset.versions[int(number) - 1][file]

    def put(self, path: str, headers: dict[str, str], data: bytes) -> bytes:
        """The protocol of a resumable upload: 308 until all is there, and where it goes on."""
        blob = self.blobs[path.rpartition("/")[2]]
        span = re.fullmatch(r"bytes (\*|(\d+)-(\d+))/(\d+)", headers.get("Content-Range", ""))
        if span and span[2] and int(span[2]) == len(blob["data"]):
            blob["data"] += data
        elif not span:
            blob["data"] = data
        blob["done"] = len(blob["data"]) == blob["size"]
        if not blob["done"]:
            arrived = len(blob["data"])
            raise Answer(308, headers={"Range": f"bytes=0-{arrived - 1}"} if arrived else {})
        return b""

    def _dataset(self, ask: dict[str, Any], known: bool) -> Dataset:
        dataset = self.datasets.get(f"{ask['ownerSlug']}/{ask['datasetSlug']}")
        if dataset is None:
            raise Answer(403, "Permission denied") if self.hides else Answer(404, "Not found")
        if not dataset.public:
            _require(known, 403, "Permission 'datasets.get' was denied")
            _require(ask["ownerSlug"] == OWNER, 403, "Permission 'datasets.get' was denied")
        return dataset

    def _version(self, dataset: Dataset, ask: dict[str, Any]) -> tuple[int, Files]:
        number = ask.get("datasetVersionNumber") or dataset.ready
        _require(0 < number <= dataset.ready and number not in dataset.failed, 404, "Not found")
        return number, dataset.versions[number - 1]

    def _files(self, tree: dict[str, Any], above: str = "") -> Files:
        found: Files = {}
        for file in tree.get("files", []):
            blob = self.blobs.pop(file["token"], None)
            _require(blob is not None and blob["done"], 400, "Invalid file token")
            found[above + blob["name"]] = blob["data"]  # type: ignore[index]
        for folder in tree.get("directories", []):
            found |= self._files(folder, f"{above}{folder['name']}/")
        return found


def _require(holds: bool, status: int, message: str) -> None:
    if not holds:
        raise Answer(status, message)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_POST(self) -> None:
        ask = json.loads(self._body() or b"{}")
        method = self.path.rpartition("/")[2]
        known = self._is_known()
        self._answer(
            Request(method, ask, dict(self.headers)), lambda k: self._call(k, method, known)
        )

    def do_PUT(self) -> None:
        path = urlsplit(self.path).path
        request = Request("PUT", {"path": path}, dict(self.headers))
        data = self._body()
        self._answer(request, lambda k: k.put(path, dict(self.headers), data))

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self._answer(Request("GET", {"path": path}, dict(self.headers)), lambda k: k.get(path))

    def _call(self, kaggle: Kaggle, method: str, known: bool) -> Any:
        given = "Authorization" in self.headers
        _require(known or not given, 401, "Unauthenticated")
        return getattr(kaggle, method)(kaggle.requests[-1].about, known)

    def _answer(self, request: Request, call: Callable[[Kaggle], Any]) -> None:
        kaggle = self.server.kaggle
        try:
            with kaggle.lock:
                kaggle.requests.append(request)
                kaggle.before(request)
                answer = call(kaggle)
        except Answer as error:
            if error.status == 0:  # the line goes dead
                self.close_connection = True
                return
            body = json.dumps({"code": error.status, "message": error.message}).encode()
            json_too = {"Content-Type": "application/json"} if error.message else {}
            return self._send(
                error.status, body if error.message else b"", error.headers | json_too
            )
        if isinstance(answer, bytes):
            return self._send_file(answer)
        self._send(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _send_file(self, data: bytes) -> None:
        md5 = base64.b64encode(hashlib.md5(data).digest()).decode()
        headers = {"X-Goog-Hash": f"crc32c=AAAAAA==, md5={md5}"} if self.server.checksums else {}
        span = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(span[1]) if span else 0
        self._send(206 if span else 200, data[start:], headers)

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        part = self.server.break_off
        if part is not None and self.command == "GET" and len(body) > part:
            self.server.break_off = None
            self.wfile.write(body[:part])
            self.close_connection = True
            return
        self.wfile.write(body)

    def _body(self) -> bytes:
        size, data = int(self.headers.get("Content-Length", 0)), bytearray()
        while len(data) < size and (piece := self.rfile.read1(size - len(data))):
            data += piece
        if len(data) < size:
            self.close_connection = True
        return bytes(data)

    def _is_known(self) -> bool:
        basic = base64.b64encode(":".join(KEY).encode()).decode()
        return self.headers.get("Authorization") in (f"Bearer {TOKEN}", f"Basic {basic}")

    def log_message(self, *_: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    kaggle: Kaggle
    checksums = True
    break_off: int | None = None
    """After so many bytes the next download breaks off."""

    def handle_error(self, *_: Any) -> None:
        """Nothing: clients that go away are part of the tests."""


_running: list[_Server] = []


def server() -> _Server:
    """The server of this process, with an empty Kaggle behind it."""
    if not _running:
        made = _Server(("127.0.0.1", 0), _Handler)
        threading.Thread(target=made.serve_forever, daemon=True).start()
        atexit.register(made.shutdown)
        _running.append(made)
    running = _running[0]
    running.kaggle, running.checksums, running.break_off = Kaggle(), True, None
    return running


class KagglePlace:
    """A dataset that does not exist yet; see tests.servers.place.Place."""

    def __init__(self, inputs: Path) -> None:
        self.server = server()
        self.kaggle = self.server.kaggle
        self.handle = f"{OWNER}/thesis-caches"
        self.url = f"kaggle://{self.handle}"
        self.inputs = inputs
        address = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.env = {
            "KAGGLE_API_ENVIRONMENT": "TEST",
            "KAGGLE_API_TOKEN": TOKEN,
            "KAGGLE_CACHE_MOUNT_FOLDER": str(inputs),
            "HTTP_PROXY": address,
            "http_proxy": address,
            "NO_PROXY": "",
            "no_proxy": "",
        }

    @property
    def dataset(self) -> Dataset:
        return self.kaggle.datasets[self.handle]

    def make(self, files: Files, public: bool = False) -> Dataset:
        """Another hand makes a version, ready at once."""
        dataset = self.kaggle.datasets.setdefault(self.handle, Dataset())
        dataset.public = public
        dataset.add(files, 0)
        return dataset

    def attach(self, files: Files) -> Path:
        """The dataset as a kernel has it, with these files."""
        folder = self.inputs / self.handle.rpartition("/")[2]
        for name, data in files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        return folder

    def attach_current(self) -> Path:
        """The dataset's current version as a kernel has it."""
        return self.attach(self.dataset.current)

    def keep(self, oid: str, data: bytes) -> None:
        current = self.kaggle.datasets.get(self.handle, Dataset()).current
        self.make(current | {f"{oid[:2]}/{oid[2:4]}/{oid}": data})

    def held(self, oid: str) -> bytes | None:
        return self._current().get(f"{oid[:2]}/{oid[2:4]}/{oid}")

    def names(self) -> list[str]:
        return sorted(self._current())

    def _current(self) -> Files:
        dataset = self.kaggle.datasets.get(self.handle)
        return dataset.current if dataset else {}


def zip_of(files: Files) -> bytes:
    """An archive with these members."""
    data = BytesIO()
    with ZipFile(data, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()
