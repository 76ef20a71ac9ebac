"""The configuration of docs/stores-http.md is one that nginx runs and a store can live on."""

import atexit
import subprocess
from contextlib import closing
from pathlib import Path

from cacheferry.core.store import no_progress
from cacheferry.core.storeurl import StoreUrl
from lfs_agent.stores.http import HttpStore
from tests.docs import pages
from tests.servers import nginx
from tests.servers.place import FolderPlace, oid_of
from tests.stores.test_http_network import certificate as certificate

AROUND = """\
load_module {module};
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{
  access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
{server}
}}
"""


def of_the_page() -> str:
    texts = [block.text for block in pages.blocks("docs/stores-http.md") if block.kind == "text"]
    return next(text for text in texts if text.startswith("server {"))


def test_a_store_lives_on_the_configuration_of_the_page(
    tmp_path: Path, certificate: Path, monkeypatch
):
    program, port = nginx.program(), nginx.free_port()
    (tmp_path / "thesis").mkdir()
    (tmp_path / "users").write_text(f"{nginx.USER}:{{PLAIN}}{nginx.PASSWORD}\n")
    text = of_the_page()
    for written, here in {
        "443 ssl": f"127.0.0.1:{port} ssl",
        "/etc/ssl/caches.pem": str(certificate),
        "/etc/ssl/caches.key": str(certificate.with_suffix(".key")),
        "/etc/nginx/caches.users": f"{tmp_path}/users",
        "/srv/caches": str(tmp_path),
    }.items():
        assert written in text
        text = text.replace(written, here)
    file = tmp_path / "nginx.conf"
    file.write_text(AROUND.format(module=nginx.MODULE, folder=tmp_path, server=text))
    process = subprocess.Popen([program, "-p", str(tmp_path), "-c", str(file), "-e", "error.log"])
    atexit.register(process.kill)
    try:
        assert nginx.answers(port, process), (tmp_path / "error.log").read_text()
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        monkeypatch.setenv("NETRC", str(nginx.netrc(tmp_path)))
        use(FolderPlace(tmp_path / "thesis", f"https://127.0.0.1:{port}/thesis"), tmp_path)
    finally:
        process.terminate()
        process.wait(10)


def use(place: FolderPlace, tmp_path: Path) -> None:
    data = bytes(3 << 20)
    oid = oid_of(data)
    (tmp_path / "source").write_bytes(data)
    with closing(HttpStore(StoreUrl("https", place.url))) as store:
        store.put(oid, tmp_path / "source", no_progress)
        assert place.names() == [f"{oid[:2]}/{oid[2:4]}/{oid}"]
        store.get(oid, tmp_path / "target", no_progress)
        assert [one.oid for one in store.objects()] == [oid]
        store.delete(oid)
    assert (tmp_path / "target").read_bytes() == data and place.names() == []
