"""Runs a page's commands in their order in one shell, and compares what they print.

```sh       every command must end with 0
```console  `$ COMMAND`, then what it prints; `…` stands for anything within a line, a line of `…`
            alone for any lines; `[exit N]` for another exit code than 0
```python, ```yaml whose first line is `# FILE`: the file is written to the current folder
<!-- run: … -->  as `sh`, for what a reader does by hand or has done before
"""

import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.conftest import CHECKOUT, PROGRAM, World
from tests.docs.pages import Block, file_name

EXEMPT = {
    r"make (demo|test|campaigns|bench|setup|lint|format|clean)\b": "it would start itself",
    r"(pip|pipx|uv tool|uv pip|python -m pip) install\b": "tests/packaging installs every way",
    r"(sudo )?(apt|brew|winget|apt-get) ": "changes the machine",
    r"ssh(-add|-copy-id|-keygen)? ": "the server is the reader's",
    r"cacheferry kaggle mirror\b": "tests/kaggle runs it against a recording server",
    r"git clone \S*cacheferry": "this repository's own address is the reader's",
}
_MARK = "\x1e"


class Step(NamedTuple):
    """A shell text that prints `expected` and ends with `exit`; any output where that is None."""

    block: Block
    text: str
    expected: list[str] | None = None
    exit: int = 0


class Done(NamedTuple):
    """What a step printed, and its exit code."""

    step: Step
    output: list[str]
    exit: int


def exempted(command: str) -> str | None:
    """Why a command is not run here; None where it is."""
    return next((why for what, why in EXEMPT.items() if re.match(what, command)), None)


def steps(blocks: Sequence[Block]) -> Iterator[Step]:
    """What the blocks of a page come to."""
    for block in blocks:
        if name := file_name(block):
            target = shlex.quote(name)
            folder = shlex.quote(str(Path(name).parent))
            yield Step(block, f"mkdir -p {folder} && cat >{target} <<'EOF!'\n{block.text}EOF!")
        elif block.kind in ("sh", "run"):
            kept = [line for line in block.text.splitlines() if not exempted(line)]
            yield Step(block, "\n".join(kept) or ":")
        elif block.kind == "console":
            yield from _console(block)


def run(world: World, where: Path, todo: Sequence[Step]) -> list[Done]:
    """Runs the steps one after the other in one `sh`; stops at the first that has to end with 0."""
    script = where.parent / "page.sh"
    script.write_text(_script(todo), encoding="utf-8")
    done = world.run(["sh", str(script)], where, env=_path(world), timeout=110)
    assert not done.stderr, done.stderr
    parts = done.stdout.split(_MARK)[1:]
    found = []
    for begin, end in zip(parts[::2], parts[1::2], strict=False):
        number, _, output = begin.partition("\n")
        lines = [line.rstrip() for line in output.splitlines()]
        found.append(Done(todo[int(number)], lines, int(end.strip())))
    return found


def fits(expected: Sequence[str], printed: Sequence[str]) -> bool:
    """True where the printed lines are the expected ones."""
    pattern = "".join(
        r"(?:.*\n)*?" if line == "…" else re.escape(line).replace("…", ".*") + r"\n"
        for line in expected
    )
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in printed)) is not None


def _console(block: Block) -> Iterator[Step]:
    command, expected, code = "", list[str](), 0
    for line in [*block.text.splitlines(), "$ "]:
        if line.startswith("> "):
            command += f"\n{line[2:]}"
        elif match := re.fullmatch(r"\[exit (\d+)\]", line):
            code = int(match[1])
        elif line.startswith("$ "):
            if command:
                yield Step(block, command, expected, code)
            command, expected, code = line[2:], [], 0
        else:
            expected.append(line.rstrip())


def _script(todo: Sequence[Step]) -> str:
    lines = ["exec 2>&1", f"""trap 'printf "{_MARK}%s\\n" $?' EXIT"""]
    for number, step in enumerate(todo):
        lines += [f"printf '{_MARK}{number}\\n'", "set -e" if step.expected is None else ""]
        lines += [step.text, f"set -- $?; set +e; printf '{_MARK}%s' $1"]
    return "\n".join([*lines, "trap - EXIT", "exit 0"]) + "\n"


def _path(world: World) -> dict[str, str]:
    """`cacheferry` and `python` are this checkout's."""
    folder = world.folder / "bin"
    folder.mkdir(exist_ok=True)
    python, program = shlex.quote(sys.executable), shlex.quote(str(PROGRAM))
    with_us = f"PYTHONPATH={shlex.quote(str(CHECKOUT))} exec {python}"
    texts = {"cacheferry": f"exec {python} -I {program}", "python": with_us, "python3": with_us}
    for name, text in texts.items():
        (folder / name).write_text(f'#!/bin/sh\n{text} "$@"\n', encoding="utf-8")
        (folder / name).chmod(0o755)
    return {"PATH": f"{folder}:{world.env['PATH']}"}


def needs() -> str | None:
    """What is missing to run a page; None where nothing is."""
    missing = [name for name in ("sh", "git-lfs") if shutil.which(name) is None]
    return f"needs {', '.join(missing)}" if missing else None
