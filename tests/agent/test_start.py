"""The agent finds its own modules, in a checkout and in an installed wheel."""

import shutil
from pathlib import Path

from tests.agent.talk import AGENT, COMMAND, TERMINATE, World, init, oid_of, upload


def test_it_runs_where_a_wheel_puts_it(world: World):
    package = world.base / "site-packages" / "cacheferry"
    shutil.copytree(AGENT.parents[1] / "cacheferry", package)
    shutil.copytree(AGENT.parent, package / "_programs" / "lfs_agent")
    for name in ("re.py", "json.py"):  # site-packages must not shadow the standard library
        (package.parent / name).write_text("raise SystemExit('shadowed')")
    command = [*COMMAND[:3], str(package / "_programs" / "lfs_agent" / "__main__.py")]
    source = world.file("o", b"x")
    said = world.upload(upload(oid_of(b"x"), 1, source), command=command)
    assert said.errors() == [""] and said.err == ""


def test_nobodys_pythonpath_shadows_it(world: World):
    (world.base / "json.py").write_text("raise SystemExit('shadowed')")
    (world.base / "lfs_agent.py").write_text("raise SystemExit('shadowed')")
    env = world.env | {"PYTHONPATH": str(world.base)}
    said = world.say(init("upload"), TERMINATE, env=env, cwd=world.repo)
    assert said.out == b"{}\n"


def test_agent_is_where_the_tests_think():
    assert AGENT.is_file() and Path(COMMAND[0]).is_absolute()
