"""A Git host: repositories over smart HTTP (git's own http-backend), their LFS objects by giftless.

Both want the same credential. Run as a program it serves one folder; each request is a line of
`requests.log` there: method, path, `credential` or `none` (what came in `Authorization`).
"""

import atexit
import base64
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

USER = "_jwt"  # giftless takes a token for the password of this user
KEY = "a key of the tests, of more than thirty-two bytes"
ELSEWHERE = "elsewhere"
"""Repositories of this owner have their objects behind another origin than the server's."""

CHECKOUT = Path(__file__).resolve().parents[2]
Environ = dict[str, Any]
Start = Callable[..., Any]


class Host(NamedTuple):
    """A server that runs, and one repository on it."""

    url: str
    repository: Path
    objects: Path
    log: Path

    @property
    def address(self) -> str:
        """Scheme, host and port."""
        return self.url.partition("://")[0] + "://" + self.url.split("/")[2]

    def requests(self) -> list[str]:
        """What was asked of the server since the last call."""
        lines = self.log.read_text("utf-8").splitlines()
        self.log.write_text("", "utf-8")
        return lines

    def object(self, oid: str) -> Path:
        """Where the server keeps an object."""
        return self.objects / oid


def host(owner: str = "ada") -> Host:
    """A new bare repository on the server, which is started where it does not run yet."""
    address, root = _running()
    repository = Path(tempfile.mkdtemp(suffix=".git", dir=_made(root / "repositories" / owner)))
    subprocess.run(["git", "init", "-q", "-b", "main", "--bare", repository], check=True)
    subprocess.run(["git", "-C", repository, "config", "http.receivepack", "true"], check=True)
    objects = root / "objects" / owner / repository.stem
    return Host(f"{address}/{owner}/{repository.name}", repository, objects, root / "requests.log")


def token() -> str:
    """The password of USER."""
    jwt = pytest.importorskip("jwt", reason="pip install pyjwt")
    return str(jwt.encode({"sub": "ada", "scopes": ["obj:*/*/*"]}, KEY, algorithm="HS256"))


def netrc(folder: Path) -> Path:
    """A netrc with the credential."""
    file = folder / "netrc"
    file.write_text(f"machine 127.0.0.1 login {USER} password {token()}\n", "utf-8")
    file.chmod(0o600)
    return file


@cache
def _running() -> tuple[str, Path]:
    pytest.importorskip("giftless", reason="pip install giftless")
    if shutil.which("git-lfs") is None:
        pytest.skip("install git-lfs")
    root = Path(tempfile.mkdtemp(prefix="lfs-server-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    (root / "requests.log").touch()
    command = [sys.executable, "-m", "tests.servers.lfsserver", str(root)]
    with open(root / "errors.log", "wb") as errors:
        process = subprocess.Popen(
            command, cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors
        )
    atexit.register(_end, process)
    assert process.stdout
    port = process.stdout.readline().decode().strip()
    assert port, (root / "errors.log").read_text("utf-8")
    return f"http://127.0.0.1:{port}", root


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    process.wait(10)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


# the server's own process


def serve(root: Path) -> None:
    """Serves until it is ended; the first line on stdout is the port."""
    from giftless.app import init_app  # type: ignore[import-untyped]
    from werkzeug.serving import make_server

    lfs = init_app(additional_config=_settings(root)).wsgi_app

    def app(environ: Environ, start: Start) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        sent = "credential" if environ.get("HTTP_AUTHORIZATION") else "none"
        with open(root / "requests.log", "a", encoding="utf-8") as log:
            log.write(f"{environ['REQUEST_METHOD']} {path} {sent} {environ['HTTP_HOST']}\n")
        if "/info/lfs/" not in path:
            return _git(root, environ, start)
        if path.startswith(f"/{ELSEWHERE}/"):
            environ["HTTP_HOST"] = environ["HTTP_HOST"].replace("127.0.0.1", "localhost")
        answer: Iterable[bytes] = lfs(environ, start)
        return answer

    server = make_server("127.0.0.1", 0, app, threaded=True)
    print(server.server_port, flush=True)
    server.serve_forever()


def _settings(root: Path) -> Environ:
    own = {"factory": "giftless.auth.jwt:factory"}
    options = {"algorithm": "HS256", "private_key": KEY}
    storage = {"storage_options": {"path": str(root / "objects")}}
    return {
        "LEGACY_ENDPOINTS": False,
        "AUTH_PROVIDERS": [own | {"options": options}],
        "PRE_AUTHORIZED_ACTION_PROVIDER": own | {"options": options | {"key_id": None}},
        "TRANSFER_ADAPTERS": {"basic": {"options": storage}},
    }


def _git(root: Path, environ: Environ, start: Start) -> Iterable[bytes]:
    wanted = "Basic " + base64.b64encode(f"{USER}:{token()}".encode()).decode()
    if environ.get("HTTP_AUTHORIZATION") != wanted:
        start("401 Unauthorized", [("WWW-Authenticate", 'Basic realm="git"')])
        return [b""]
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    names = ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "CONTENT_TYPE", "HTTP_GIT_PROTOCOL")
    env = os.environ | {name: environ[name] for name in names if name in environ}
    env |= {"GIT_PROJECT_ROOT": str(root / "repositories"), "GIT_HTTP_EXPORT_ALL": "1"}
    env |= {"REMOTE_USER": "ada", "CONTENT_LENGTH": str(len(body))}
    if environ.get("HTTP_CONTENT_ENCODING"):
        env["HTTP_CONTENT_ENCODING"] = environ["HTTP_CONTENT_ENCODING"]
    done = subprocess.run(
        ["git", "http-backend"], input=body, env=env, capture_output=True, check=False
    )
    head, _, rest = done.stdout.partition(b"\r\n\r\n")
    headers = [tuple(line.split(": ", 1)) for line in head.decode().split("\r\n") if line]
    status = next((value for key, value in headers if key == "Status"), "200 OK")
    start(status, [(key, value) for key, value in headers if key != "Status"])
    return [rest]


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
