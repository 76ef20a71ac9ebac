"""Writes the files that a person commits: cacheferry.yaml, .gitattributes, .lfsconfig."""

import codecs
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml

from cacheferry.core import atomic, attributes
from cacheferry.core.config import Config
from cacheferry.core.errors import ConfigurationError
from cacheferry.core.git import Git
from cacheferry.core.repository import Repository

COMMITTED = ("cacheferry.yaml", attributes.FILE, ".lfsconfig")

_NEW = """\
# What is shared, and where to: https://pypi.org/project/cacheferry
store: {store}
track: [{track}]
# Say which caches belong to which config, and cacheferry knows a stale one when it sees it:
# caches:
#   - name: baseline              # no {{config_hash}}: valid under any config
#     file: cache/{{scenario}}_baseline_cache.pkl
#   - name: rl
#     file: cache/{{scenario}}_{{config_hash}}_rl_cache.pkl
#     config: configs/env.yaml
"""

# A missing object then stays a pointer; it would fail the whole `git pull` otherwise.
_SPARING = {"lfs.skipdownloaderrors": "true"}


@contextmanager
def all_or_nothing(repository: Repository) -> Iterator[None]:
    """Puts the committed files back as they were where the block ends in a ConfigurationError.

    Raises ConfigurationError where one of them is no regular file: git follows no symlink there.
    """
    places = [repository.root / name for name in COMMITTED]
    for file in places:
        if file.is_symlink() or (file.exists() and not file.is_file()):
            raise ConfigurationError(f"{file} is no regular file", "put a regular file there")
    before = {file: file.read_bytes() if file.exists() else None for file in places}
    try:
        yield
    except ConfigurationError:
        for file, data in before.items():
            _put_back(file, data)
        raise


def new_config(file: Path, store: str, track: Sequence[str]) -> None:
    """Writes a first cacheferry.yaml."""
    listing = ", ".join(json.dumps(glob, ensure_ascii=False) for glob in track)
    text = _NEW.format(store=_scalar(store), track=listing)
    atomic.write(file, text.encode())


def set_store(file: Path, store: str) -> None:
    """Puts the store into a cacheferry.yaml, leaving every other byte as it is."""
    mark, text = _read(file)
    value, scalar = _value_of(text, "store"), _scalar(store)
    if value is None:
        changed = _with_first_key(text, f"store: {scalar}")
    else:
        start, end = value.start_mark.index, value.end_mark.index
        space = " " if start == end else ""  # `store:` with nothing behind it
        changed = text[:start] + space + scalar + text[end:]
    atomic.write(file, mark + changed.encode())


def add_track(file: Path, config: Config, globs: Sequence[str]) -> bool:
    """Adds globs that `track` does not have yet; True where there were some."""
    missing = [glob for glob in globs if glob not in config.track]
    if not missing:
        return False
    mark, text = _read(file)
    value = _value_of(text, "track")
    listing = ", ".join(json.dumps(glob, ensure_ascii=False) for glob in missing)
    if not isinstance(value, yaml.SequenceNode):
        every = [*config.track, *missing]
        whole = ", ".join(json.dumps(glob, ensure_ascii=False) for glob in every)
        changed = _with_first_key(text, f"track: [{whole}]")
    elif value.flow_style:
        end = value.end_mark.index - 1
        comma = ", " if value.value and not text[:end].rstrip().endswith(",") else ""
        changed = text[:end] + comma + listing + text[end:]
    else:
        changed = _in_block(text, value, missing)
    atomic.write(file, mark + changed.encode())
    return True


def extend_attributes(repository: Repository, config: Config, plain_git: bool) -> bool:
    """Appends the lines that route tracked paths; True where some were missing.

    Lines of ours that route them the other way (through LFS or not) are taken out.
    """
    file = repository.root / attributes.FILE
    text = file.read_bytes() if file.exists() else b""
    wanted = attributes.extended(text, [attributes.line(g, plain_git) for g in config.track])
    if wanted != text:
        atomic.write(file, wanted)
    return wanted != text


def write_lfsconfig(repository: Repository) -> bool:
    """Points git-lfs at the agent, in the file that clones get; True where that is new.

    Raises ConfigurationError where the repository uses an LFS server already.
    """
    git, file = Git(repository.root), ".lfsconfig"
    url = require_no_server(repository)
    wanted = {"lfs.url": url or f"cacheferry::{repository.root.name}"} | _SPARING
    return _write_settings(git, file, wanted)


def require_no_server(repository: Repository) -> str | None:
    """Our agent's address in `.lfsconfig`, if any. Raises ConfigurationError for a server's."""
    url = Git(repository.root).ask("config", "--file", ".lfsconfig", "--get", "lfs.url")
    if url and not url.startswith("cacheferry::"):
        raise ConfigurationError(
            ".lfsconfig names an LFS server already", "take lfs.url out of it to use a store"
        )
    return url


def leave_lfsconfig(repository: Repository) -> bool:
    """Takes our agent's address out again, so that git-lfs finds the server of the Git host.

    True where it stood there.
    """
    git, file = Git(repository.root), ".lfsconfig"
    url = git.ask("config", "--file", file, "--get", "lfs.url")
    if not url or not url.startswith("cacheferry::"):
        return False
    git.run("config", "--file", file, "--unset-all", "lfs.url")
    return True


def spare_downloads(repository: Repository) -> bool:
    """Lets a missing object stay a pointer instead of failing the whole `git pull`; True if new."""
    return _write_settings(Git(repository.root), ".lfsconfig", _SPARING)


def _write_settings(git: Git, file: str, wanted: dict[str, str]) -> bool:
    changed = {k: v for k, v in wanted.items() if git.ask("config", "--file", file, k) != v}
    for key, value in changed.items():
        git.run("config", "--file", file, key, value)
    return bool(changed)


def _put_back(file: Path, data: bytes | None) -> None:
    if data is None:
        file.unlink(missing_ok=True)
    elif file.read_bytes() != data:
        atomic.write(file, data)


def _read(file: Path) -> tuple[bytes, str]:
    """The byte order mark (or nothing), and the text behind it."""
    data = file.read_bytes()
    mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    return mark, data[len(mark) :].decode()


def _with_first_key(text: str, entry: str) -> str:
    top = yaml.compose(text, Loader=yaml.SafeLoader)
    end = "\r\n" if "\r\n" in text else "\n"
    if top is None:
        return f"{entry}{end}{text}"
    at = top.start_mark.index
    if isinstance(top, yaml.MappingNode) and top.flow_style:
        return f"{text[: at + 1]}{entry}{', ' if top.value else ''}{text[at + 1 :]}"
    return f"{text[:at]}{entry}{end}{text[at:]}"


def _value_of(text: str, key: str) -> yaml.Node | None:
    top = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(top, yaml.MappingNode):
        return None
    return next((value for name, value in top.value if name.value == key), None)


def _in_block(text: str, value: yaml.SequenceNode, missing: Sequence[str]) -> str:
    last = value.value[-1]
    line_end = text.find("\n", last.end_mark.index)
    at = len(text) if line_end < 0 else line_end + 1
    before = text[:at] if text[:at].endswith("\n") else text[:at] + "\n"
    indent = " " * value.start_mark.column
    added = "".join(f"{indent}- {json.dumps(glob, ensure_ascii=False)}\n" for glob in missing)
    return before + added + text[at:]


def _scalar(text: str) -> str:
    """The text as YAML: plain where it is read as the same text, else quoted."""
    simple = all(one.isalnum() or one in "./_-:@" for one in text) and text.isascii()
    try:
        return text if simple and yaml.safe_load(text) == text else json.dumps(text)
    except yaml.YAMLError:
        return json.dumps(text)
