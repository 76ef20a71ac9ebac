"""Links resolve; commands, options, files and messages that pages name are there."""

import ast
import re
from functools import cache
from pathlib import Path

import click
import pytest

from tests.docs import pages
from tests.docs.pages import CHECKOUT, PAGES

# Pages name these as what later versions bring; each must still be absent.
LATER = {"prune", "install", "uninstall"}
SOURCES = ("cacheferry", "daemon", "hooks", "lfs_agent")
_LINK = re.compile(r"!?\[[^]]*\]\(([^)\s]+)\)")
_CALL = re.compile(r"\bcacheferry((?: --?[a-z][a-z-]*| [a-z]+(?:\|[a-z]+)*)+)")


@pytest.mark.parametrize("page", PAGES)
def test_links_resolve(page: str) -> None:
    for target in _LINK.findall(pages.prose(page)):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        file = (CHECKOUT / page).parent / path if path else CHECKOUT / page
        assert file.exists(), f"{page}: {target}"
        if anchor:
            linked = file.resolve().relative_to(CHECKOUT).as_posix()
            assert anchor in pages.anchors(linked), f"{page}: {target}"


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_options_exist(page: str) -> None:
    for words in called(pages.read(page)):
        problem = unknown(words)
        assert problem is None, f"{page}: cacheferry {' '.join(words)}: {problem}"


def called(text: str) -> list[list[str]]:
    """The words behind each `cacheferry` that stands in code."""
    spans = re.findall(r"`([^`\n]+)`", text) + re.findall(r"^\$ (.+)$", text, re.M)
    found = []
    for span in spans:
        for match in _CALL.finditer(span):
            words = match[1].split()
            options = re.findall(r"(?<=[\s\[|])--[a-z-]+", span[match.end() :])
            found += [[*words[:-1], last, *options] for last in words[-1].split("|")]
    return found


def unknown(words: list[str]) -> str | None:
    """What of a command line does not exist; None where all does."""
    from cacheferry.cli import cacheferry

    command: click.Command = cacheferry
    context = click.Context(command)
    for word in words:
        if word.startswith("-"):
            known = {name for option in command.get_params(context) for name in option.opts}
            if word not in known:
                return word
        elif isinstance(command, click.Group):
            below = command.get_command(context, word)
            if below is None:
                return None if word in LATER else word
            command, context = below, click.Context(below)
    return None


def test_what_comes_later_is_not_there_yet() -> None:
    from cacheferry.cli import COMMANDS
    from cacheferry.commands.daemon import command

    assert not LATER & (set(COMMANDS) | set(command.commands))


def test_every_command_and_option_is_on_the_page_of_commands() -> None:
    from cacheferry.cli import COMMANDS, cacheferry

    text = pages.read("docs/commands.md")
    context = click.Context(cacheferry)
    for name in COMMANDS:
        command = cacheferry.get_command(context, name)
        assert command is not None
        assert f"\n## {name}\n" in text, name
        for one in [command, *getattr(command, "commands", {}).values()]:
            for option in one.params:
                if isinstance(option, click.Option) and not option.hidden:
                    assert f"`{option.opts[0]}" in text or f"[{option.opts[0]}" in text, option


def test_exit_codes_on_the_page_are_those_of_the_errors() -> None:
    from cacheferry.core import errors

    kinds = [one for one in vars(errors).values() if isinstance(one, type)]
    codes = {one.exit_code for one in kinds if issubclass(one, errors.CacheferryError)}
    table = re.findall(r"^\| (\d+) \|", pages.read("docs/commands.md"), re.M)
    assert codes | {0, 130} == set(map(int, table))


# 0001 names files of a wheel, and those of ways that were not taken.
@pytest.mark.parametrize("page", sorted({*PAGES} - {"docs/adr/0001-import-names.md"}))
def test_files_of_the_source_that_pages_name_exist(page: str) -> None:
    tops = r"(?:cacheferry|daemon|hooks|lfs_agent|tests|docs|examples|tools)/"
    for name in re.findall(rf"`({tops}[\w./-]*)`", pages.read(page)):
        assert (CHECKOUT / name).exists(), f"{page}: {name}"


@cache
def spoken() -> str:
    """Every text in the sources, the parts of f-strings each for itself."""
    found = []
    for folder in SOURCES:
        for file in (CHECKOUT / folder).rglob("*.py"):
            tree = ast.parse(file.read_text("utf-8"))
            found += [
                node.value
                for node in ast.walk(tree)
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
            ]
    return "\n".join(found)


HEADINGS = re.findall(
    r"^### (.+) \((cacheferry|git-lfs|git|Python)\)$", pages.read("docs/troubleshooting.md"), re.M
)


def test_each_heading_says_who_speaks() -> None:
    assert len(HEADINGS) == len(re.findall(r"^### ", pages.read("docs/troubleshooting.md"), re.M))
    assert len(HEADINGS) > 30


@pytest.mark.parametrize("heading", [text for text, who in HEADINGS if who == "cacheferry"])
def test_quoted_messages_are_in_the_source(heading: str) -> None:
    source = spoken().replace("`", "")
    for message in re.findall(r"`([^`]+)`", heading):
        parts = re.split(r"…|:(?: |$)", message.replace("cacheferry.yaml", "…"))
        for part in filter(None, (part.strip(" :,") for part in parts)):
            assert part in source, f"{message}: {part!r} is said nowhere"


def test_reasons_for_held_are_all_explained() -> None:
    text = pages.read("docs/troubleshooting.md")
    for reason in (
        "merge, rebase, cherry-pick, revert, bisect, am, detached HEAD, index.lock, commit editor, "
        "no upstream, unborn branch, conflict, too large, incomplete, unsafe, ignored"
    ).split(", "):
        headings = "\n".join(heading for heading, _ in HEADINGS)
        assert reason in headings, reason
    assert text.count("```") % 2 == 0


@pytest.mark.parametrize("page", PAGES)
def test_snippets_compile_and_configurations_parse(page: str) -> None:
    from cacheferry.core import configfile

    for block in pages.blocks(page):
        if block.kind == "python":
            compile(block.text, f"{page}:{block.line}", "exec")
        if block.kind == "yaml" and pages.file_name(block) == "cacheferry.yaml":
            assert configfile.parse(block.text.encode()).store


def texts() -> list[Path]:
    folders = ("docs", "tests/docs", "examples")
    files = [file for folder in folders for file in (CHECKOUT / folder).rglob("*")]
    kept = {".md", ".py", ".svg", ".txt", ".json", ".yaml"}
    return [*CHECKOUT.glob("*.md"), *(file for file in files if file.suffix in kept)]


def test_no_page_names_a_machine() -> None:
    places = re.compile(r"/(?:home|Users|root|tmp/docs|work)/(?!ada)")
    for file in texts():
        if file != Path(__file__).resolve():
            assert not places.search(file.read_text("utf-8")), file


def test_no_emoji_but_in_quoted_log_lines() -> None:
    emoji = re.compile("[\U0001f300-\U0001faff\u2705\u274c\u2728]")
    for page in PAGES:
        for line in pages.prose(page).splitlines():
            assert not emoji.search(line), f"{page}: {line}"
