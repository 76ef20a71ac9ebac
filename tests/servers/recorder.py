"""A small web server for what real ones do not do on demand; it remembers what it was asked.

It keeps files in memory and serves GET with ranges, HEAD, PUT, DELETE, MKCOL and MOVE. A test
may `twist` it: a function that answers a request itself and returns True, or leaves it by
returning False.
"""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import urlsplit


class Asked(NamedTuple):
    """A request: `headers` with lower-case names."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Server"
    asked: Asked

    def answer(self, status: int, body: bytes = b"", **headers: str) -> bool:
        """Sends an answer; `Content_Length` and the like name headers."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if "Transfer-Encoding" not in named:
            named = {"Content-Length": str(len(body))} | named
        self.send_response(status)
        for name, value in named.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        return True

    def handle_any(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return
        path = urlsplit(self.path).path
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.asked = Asked(self.command, path, headers, body)
        self.server.asked.append(self.asked)
        if not (self.server.twist and self.server.twist(self)):
            getattr(self, f"usual_{self.command.lower()}")(path, body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_MKCOL = do_MOVE = do_PROPFIND = handle_any

    def usual_get(self, path: str, _body: bytes) -> None:
        data = self.server.files.get(path)
        if data is None:
            self.answer(404)
        elif part := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")):
            start, size = int(part[1]), len(data)
            where = f"bytes {start}-{size - 1}/{size}"
            self.answer(206, data[start:], Content_Range=where, ETag=self.tag(data))
        else:
            self.answer(200, data, ETag=self.tag(data))

    usual_head = usual_get

    def usual_put(self, path: str, body: bytes) -> None:
        self.server.files[path] = body
        self.answer(201)

    def usual_delete(self, path: str, _body: bytes) -> None:
        self.answer(204 if self.server.files.pop(path, None) is not None else 404)

    def usual_mkcol(self, _path: str, _body: bytes) -> None:
        self.answer(201)

    def usual_move(self, path: str, _body: bytes) -> None:
        if path not in self.server.files:
            self.answer(404)
            return
        target = urlsplit(self.headers["Destination"]).path
        self.server.files[target] = self.server.files.pop(path)
        self.answer(201)

    def usual_propfind(self, _path: str, _body: bytes) -> None:
        self.answer(405)

    def tag(self, data: bytes) -> str:
        return f'"{hash(data)}"'

    def log_message(self, *_args: object) -> None:
        pass


Twist = Callable[[Handler], bool]


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, twist: Twist | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.twist = twist
        self.files: dict[str, bytes] = {}
        self.asked: list[Asked] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def methods(self) -> list[str]:
        return [one.method for one in self.asked]

    def credentials(self) -> set[str | None]:
        """The values of `Authorization` that were sent."""
        return {one.headers.get("authorization") for one in self.asked}

    def handle_error(self, *_args: object) -> None:
        pass  # clients break off


@contextmanager
def serving(twist: Twist | None = None) -> Iterator[Server]:
    """The server, running in a thread until the block ends."""
    server = Server(twist)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
