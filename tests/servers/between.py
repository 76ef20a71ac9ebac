"""A proxy between a store and its server: it writes down what is asked, and can do harm.

It passes requests on as they are, `Host` included, so that signatures stay right.
"""

import ssl
import threading
from collections.abc import Callable
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

_OF_ONE_CONNECTION = ("connection", "transfer-encoding", "keep-alive")


class Request(NamedTuple):
    """A request as it came in; the names of its headers are in lower case."""

    method: str
    path: str
    headers: dict[str, str]


class Answer(NamedTuple):
    """What to answer instead of asking the server."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_args: object) -> None:
        """A client that goes away, or is sent away, is no news."""


class Between:
    """A proxy that runs until `close`. `requests` are all that have come so far.

    `sealed_with` are the files of a certificate and its key, for TLS.
    """

    def __init__(self, upstream: str, sealed_with: tuple[Path, Path] | None = None) -> None:
        self.requests: list[Request] = []
        self.decide: Callable[[Request], Answer | None] = lambda _request: None
        """Asked first for each request; None passes it on."""
        self.send: Callable[[Request, bytes, Callable[[bytes], object]], object]
        """Hands a body to the client, for a test that wants to cut or change it."""
        self.send = lambda _request, body, write: write(body)
        self.receive: Callable[[Request, bytes], bytes] = lambda _request, body: body
        """What of an uploaded body reaches the server."""
        self.headers: Callable[[Request], dict[str, str]] = lambda request: request.headers
        """The headers that reach the server."""
        self._upstream = urlsplit(upstream).netloc
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        if sealed_with:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(*sealed_with)
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
            self.endpoint = self.endpoint.replace("http:", "https:")
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def ask(self, request: Request, body: bytes) -> tuple[HTTPResponse, bytes]:
        """The server's answer."""
        connection = HTTPConnection(self._upstream, timeout=30)
        try:
            connection.putrequest(
                request.method, request.path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in self.headers(request).items():
                connection.putheader(name, value)
            connection.endheaders(self.receive(request, body) or None)
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        between = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.command, self.path, headers)
                between.requests.append(request)
                if own := between.decide(request):
                    self._begin(own.status, [*own.headers, ("Content-Length", str(len(own.body)))])
                    self.wfile.write(own.body)
                    return
                answer, body = between.ask(request, body)
                kept = [h for h in answer.getheaders() if h[0].lower() not in _OF_ONE_CONNECTION]
                if answer.getheader("Content-Length") is None:
                    kept.append(("Content-Length", str(len(body))))
                self._begin(answer.status, kept)
                between.send(request, body, self.wfile.write)

            def _begin(self, status: int, headers: list[tuple[str, str]]) -> None:
                self.send_response_only(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_args: object) -> None:
                pass

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any

        return Handler
