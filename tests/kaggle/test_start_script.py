"""The start-up script, as a shell script and as a Python cell, on a real repository."""

import ast
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import CHECKOUT, World

UNIVERSAL = "cache/s1/tl_baseline_cache.pkl"
COMPUTE = """\
import pathlib, pickle, sys
file = pathlib.Path("cache/s1/kernel_baseline_cache.pkl")
file.parent.mkdir(parents=True, exist_ok=True)
assert pathlib.Path("cache/s1/tl_baseline_cache.pkl").stat().st_size > 1000, "no HIT"
file.write_bytes(pickle.dumps({"from": "kernel", "padding": bytes(2000)}))
sys.exit(int(sys.argv[1]))
"""


class Kernel:
    """A machine that starts from nothing but the script."""

    def __init__(self, world: World, run: str = "python compute.py 0") -> None:
        self.world = world
        laptop = world.clone("laptop")
        # By its URL: git copies a plain path whole, whatever --depth says.
        world.git(laptop, "remote", "set-url", "origin", world.remote.as_uri())
        (laptop / "cacheferry.yaml").write_text(
            (laptop / "cacheferry.yaml").read_text().replace("../store", world.store.as_posix())
        )
        (laptop / "compute.py").write_text(COMPUTE)
        world.git(laptop, "add", ".")
        world.git(laptop, "commit", "-qm", "the script to run")
        world.git(laptop, "push", "-q")
        assert world.cf(laptop, "trust").returncode == 0
        world.cache(laptop)
        world.sync(laptop)
        self.laptop = laptop
        self.place = world.folder / "kernel"
        self.place.mkdir()
        run = run.replace("python ", f"{sys.executable} ")
        printed = world.cf(laptop, "kaggle", "--run", run)
        assert printed.returncode == 0, printed.stderr
        self.script = self.place / "start"
        self.script.write_text(printed.stdout)
        self.env = {
            "HOME": str(world.folder / "kernel-home"),
            "XDG_STATE_HOME": str(world.folder / "kernel-home" / "state"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "PYTHON": sys.executable,
            "PYTHONPATH": str(CHECKOUT),
        }

    def start(self, *command: str) -> subprocess.CompletedProcess[str]:
        return self.world.run([*command, str(self.script)], self.place, env=self.env)

    @property
    def clone(self) -> Path:
        return self.place / "remote"


@pytest.mark.parametrize("command", [("sh",), ("bash",), (sys.executable,)])
def test_script_runs_in_a_shell_and_in_a_python_cell(world: World, command: tuple[str]) -> None:
    kernel = Kernel(world)
    done = kernel.start(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "oid sha256" in world.on_remote("cache/s1/kernel_baseline_cache.pkl")
    assert world.git(kernel.clone, "rev-parse", "--is-shallow-repository") == "true"
    assert world.cf(kernel.clone, "daemon", "status", env=kernel.env).returncode == 1


def test_script_is_valid_python_and_valid_shell(world: World) -> None:
    kernel = Kernel(world)
    ast.parse(kernel.script.read_text())
    assert world.run(["sh", "-n", str(kernel.script)], kernel.place).returncode == 0


def test_running_it_twice_is_harmless(world: World) -> None:
    kernel = Kernel(world)
    kernel.start("sh")
    before = world.git(world.remote, "rev-parse", "main")
    done = kernel.start("sh")
    assert done.returncode == 0, done.stdout + done.stderr
    assert world.git(world.remote, "rev-parse", "main") == before


def test_a_failing_run_still_publishes_and_its_status_is_the_scripts(world: World) -> None:
    kernel = Kernel(world, "python compute.py 7")
    done = kernel.start("sh")
    assert done.returncode == 7, done.stdout + done.stderr
    assert "oid sha256" in world.on_remote("cache/s1/kernel_baseline_cache.pkl")


def test_sigterm_flushes_what_was_finished(world: World) -> None:
    kernel = Kernel(world, "python compute.py 0; sleep 60")
    process = subprocess.Popen(
        ["sh", str(kernel.script)],
        cwd=kernel.place,
        env=world.env | kernel.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    written = kernel.clone / "cache" / "s1" / "kernel_baseline_cache.pkl"
    until = time.monotonic() + 40
    while not written.exists() and time.monotonic() < until:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait(30) == 143
    assert "oid sha256" in world.on_remote("cache/s1/kernel_baseline_cache.pkl")


def test_the_laptop_has_a_hit_after_git_pull(world: World) -> None:
    kernel = Kernel(world)
    kernel.start("sh")
    world.git(kernel.laptop, "pull", "-q")
    arrived = kernel.laptop / "cache" / "s1" / "kernel_baseline_cache.pkl"
    assert b"kernel" in arrived.read_bytes()
    assert world.git(kernel.laptop, "status", "--porcelain") == ""


def test_names_with_spaces_and_quotes_survive(world: World) -> None:
    laptop = world.clone("laptop")
    run = """echo "it's $HOME" 'and more'"""
    script = world.cf(laptop, "kaggle", "--run", run).stdout
    place = world.folder / "k"
    place.mkdir()
    (place / "start").write_text(script)
    env = {"PYTHON": sys.executable, "PYTHONPATH": str(CHECKOUT), "HOME": str(place)}
    done = world.run(["sh", "start"], place, env=env)
    assert f"it's {place} and more" in done.stdout, done.stdout + done.stderr


def test_credentials_of_the_remote_are_not_printed(world: World) -> None:
    laptop = world.clone("laptop")
    world.git(laptop, "remote", "set-url", "origin", "https://ada:s3cret@example.org/arz.git")
    done = world.cf(laptop, "kaggle")
    assert done.returncode == 0
    assert "s3cret" not in done.stdout + done.stderr
    assert "https://example.org/arz.git" in done.stdout


def test_outside_of_a_repository_it_says_so(world: World) -> None:
    done = world.cf(world.folder, "kaggle")
    assert done.returncode == 2
    assert "cacheferry: error:" in done.stderr
