"""`cacheferry pull` and git-lfs from stores, and with pointers, that are up to no good."""

from contextlib import suppress

import pytest

from tests.servers.place import oid_of
from tests.servers.recorder import serving

RAW = [word for key in ("clean", "process") for word in ("-c", f"filter.lfs.{key}=")]
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize {}\n"


def commit_pointer(world, clone, size: object) -> None:
    file = clone / "cache/s1/tl_baseline_cache.pkl"
    file.parent.mkdir(parents=True)
    file.write_text(POINTER.format(oid_of(b"data"), size))
    world.git(clone, *RAW, "-c", "filter.lfs.required=false", "add", "cache")
    world.git(clone, "commit", "--no-verify", "-qm", "a pointer")


def endless(request) -> bool:
    request.send_response(200)
    request.send_header("Transfer-Encoding", "chunked")
    request.end_headers()
    with suppress(OSError):
        while request.command == "GET":
            request.wfile.write(b"10000\r\n" + bytes(65536) + b"\r\n")
    request.close_connection = True
    return True


@pytest.mark.parametrize("command", [["cf", "pull"], ["lfs", "pull"]])
def test_a_body_without_end_is_cut_off_at_the_size_of_the_pointer(world, command):
    clone = world.clone("a")
    commit_pointer(world, clone, 4)
    with serving(endless) as server:
        env = {"CACHEFERRY_STORE": f"{server.url}/p"}
        if command[0] == "cf":
            done = world.cf(clone, command[1], env=env, timeout=30)
        else:
            done = world.run(["git", *command], clone, env=env, timeout=30)
    assert done.returncode != 0 and "more than 4 bytes" in done.stderr
    left = [f for f in (clone / ".git/lfs").rglob("*") if f.is_file() and f.stat().st_size]
    assert left == []


@pytest.mark.parametrize("size", ["9" * 700, str(1 << 63)])
def test_a_size_that_nothing_has_makes_no_pointer(world, size):
    clone = world.clone("a")
    commit_pointer(world, clone, size)
    for command in ("status", "check", "pull"):
        assert "Traceback" not in world.cf(clone, command).stderr
