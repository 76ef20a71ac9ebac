"""Real nginx, with what it offers of WebDAV. One process serves every test of a run."""

import atexit
import os
import shutil
import socket
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path

import pytest

from tests.servers.place import FolderPlace

USER, PASSWORD = "ada", "correct-horse"
MODULE = Path("/usr/lib/nginx/modules/ngx_http_dav_ext_module.so")
_CONFIG = """\
load_module {module};
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  log_format seen '$request_method $uri $status [$http_authorization]';
  access_log {folder}/access.log seen;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  client_max_body_size 0;
  server {{
    listen 127.0.0.1:{port};
    root {folder}/files;
    location /open/ {{
      dav_methods PUT DELETE MKCOL COPY MOVE;
      dav_ext_methods PROPFIND OPTIONS;
    }}
    location /guarded/ {{
      auth_basic store;
      auth_basic_user_file {folder}/users;
      dav_methods PUT DELETE MKCOL COPY MOVE;
      dav_ext_methods PROPFIND OPTIONS;
    }}
    location /to-write/ {{
      limit_except GET HEAD {{
        auth_basic store;
        auth_basic_user_file {folder}/users;
      }}
      dav_methods PUT DELETE MKCOL COPY MOVE;
    }}
    location /plain/ {{
      dav_methods PUT DELETE;
      create_full_put_path on;
    }}
    location /read-only/ {{
    }}
    location /small/ {{
      dav_methods PUT DELETE MKCOL COPY MOVE;
      client_max_body_size 1m;
    }}
  }}
}}
"""
KINDS = ("open", "guarded", "to-write", "plain", "read-only", "small")


def place(tmp_path: Path, kind: str = "guarded") -> FolderPlace:
    """An empty place; `kind` is one of KINDS, what stands above in the configuration."""
    port, folder = _running()
    files = Path(tempfile.mkdtemp(dir=folder / "files" / kind))
    env = {"NETRC": str(netrc(tmp_path))} if kind in ("guarded", "to-write") else {}
    return FolderPlace(files, f"http://127.0.0.1:{port}/{kind}/{files.name}", env)


def netrc(folder: Path) -> Path:
    """A netrc with the credential that the guarded places take."""
    file = folder / "netrc"
    file.write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\n")
    file.chmod(0o600)
    return file


def seen(place: FolderPlace) -> list[str]:
    """`METHOD PATH STATUS [AUTHORIZATION]` for each request to a place so far."""
    _, folder = _running()
    lines = (folder / "access.log").read_text().splitlines()
    return [line for line in lines if f"/{place.folder.name}/" in line]


def program() -> str:
    """Where nginx is; skips the test where it is not, or lacks its module for listing."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if not found or not MODULE.exists():
        pytest.skip("needs nginx with its dav-ext module: apt install nginx-extras")
    return found


@cache
def _running() -> tuple[int, Path]:
    nginx = program()
    folder = Path(tempfile.mkdtemp(prefix="nginx-"))
    for kind in KINDS:
        (folder / "files" / kind).mkdir(parents=True)
    (folder / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    while True:  # another process may take the port first
        port = free_port()
        (folder / "nginx.conf").write_text(
            _CONFIG.format(folder=folder, port=port, module=MODULE), encoding="utf-8"
        )
        process = subprocess.Popen(
            [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "error.log"],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        atexit.register(_end, process)
        if answers(port, process):
            return port, folder
        assert "Address already in use" in (folder / "error.log").read_text()


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def answers(port: int, process: subprocess.Popen[bytes]) -> bool:
    """Waits until the server takes connections; False where it has ended."""
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return process.poll() is None
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(10)
