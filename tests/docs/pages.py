"""The pages of the documentation: their fenced blocks, links and headings."""

import re
from pathlib import Path
from typing import NamedTuple

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    file.relative_to(CHECKOUT).as_posix()
    for file in (
        *CHECKOUT.glob("*.md"),
        *CHECKOUT.glob("docs/**/*.md"),
        CHECKOUT / "examples/traffic/README.md",
    )
)
_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<kind>[a-z]*)\n(?P<text>.*?)^(?P=indent)```$", re.M | re.S
)
_HIDDEN = re.compile(r"^<!-- run:\n(?P<text>.*?)-->$", re.M | re.S)


class Block(NamedTuple):
    """A fenced block; `kind` is what stands behind the fence, `run` for one that nobody sees."""

    page: str
    line: int
    kind: str
    text: str


def read(page: str) -> str:
    return (CHECKOUT / page).read_text("utf-8")


def blocks(page: str) -> list[Block]:
    """The page's fenced and hidden blocks in their order."""
    text = read(page)
    found = []
    for match in _FENCE.finditer(text):
        indent = match["indent"]
        body = "".join(line.removeprefix(indent) for line in match["text"].splitlines(True))
        found.append(Block(page, _line(text, match.start()), match["kind"], body))
    for match in _HIDDEN.finditer(text):
        found.append(Block(page, _line(text, match.start()), "run", match["text"]))
    return sorted(found, key=lambda block: block.line)


def prose(page: str) -> str:
    """The page without its fenced blocks."""
    return _HIDDEN.sub("", _FENCE.sub("", read(page)))


def file_name(block: Block) -> str | None:
    """The file that the block is the text of: `# simulate.py` in its first line."""
    first = block.text.partition("\n")[0]
    match = re.fullmatch(r"# ([\w./-]+\.(?:py|ya?ml))", first)
    return match[1] if match and block.kind in ("python", "yaml") else None


def anchors(page: str) -> set[str]:
    """The anchors of the page's headings, as GitHub makes them."""
    text = _FENCE.sub("", read(page))
    return {_anchor(heading) for heading in re.findall(r"^#+ (.+)$", text, re.M)}


def _anchor(heading: str) -> str:
    plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
    return re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-")


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
