"""Reads the nodes of `cacheferry.yaml` into a Config, gathering problems with their lines."""

from collections.abc import Callable
from pathlib import Path

import yaml

from cacheferry.core import patterns, storeurl
from cacheferry.core.config import CachePattern, Config, Sync, default_track, parse_size
from cacheferry.core.confighash import Strategy, parse_strategy
from cacheferry.core.errors import ConfigurationError

NAME = "cacheferry.yaml"
_MOST_BYTES = 1 << 17
_MOST_VALUES = 10_000  # a small file of aliases can unfold without end
_TAG = "tag:yaml.org,2002:"


def read(data: bytes) -> Config:
    """The configuration in `data`; raises ConfigurationError that lists every problem."""
    reader = _Reader()
    config = reader.config(_compose(data))
    if reader.problems:
        raise ConfigurationError("\n".join(_sorted_lines(reader.problems)))
    return config


def _compose(data: bytes) -> yaml.Node | None:
    if len(data) > _MOST_BYTES:
        raise ConfigurationError(f"{NAME}:1: larger than 128 KiB")
    try:
        # Not the loader in C: deep nesting, from an untrusted file, ends the process in it.
        return yaml.compose(data.decode("utf-8-sig"), Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigurationError(f"{NAME}:{line}: not UTF-8") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigurationError(
            f"{NAME}:{mark.line + 1 if mark else 1}: {error.problem}"
        ) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigurationError(f"{NAME}:1: {' '.join(str(error).split())}") from None


def _sorted_lines(problems: list[tuple[int, str]]) -> list[str]:
    return [f"{NAME}:{line}: {text}" for line, text in sorted(problems, key=lambda one: one[0])]


class _Reader:
    """Each method reads one kind of node, notes what is wrong with it and goes on."""

    def __init__(self) -> None:
        self.problems: list[tuple[int, str]] = []
        self._values = 0

    def config(self, node: yaml.Node | None) -> Config:
        if node is None or node.tag == _TAG + "null":
            return Config()
        top = self.mapping(node, "the file", ("store", "caches", "track", "sync", "safety"))
        caches = tuple(self.cache(entry) for entry in self.items(top.get("caches"), "caches"))
        self.unique_names(top.get("caches"), caches)
        track = tuple(self.glob(entry) for entry in self.items(top.get("track"), "track"))
        return Config(
            store=self.store(top.get("store")),
            caches=caches,
            track=track if "track" in top else default_track(caches),
            sync=self.sync(top.get("sync")),
            allow=self.allow(top.get("safety")),
        )

    def store(self, node: yaml.Node | None) -> str:
        text = self.text(node, "store")
        if node is not None and text:
            self.check(node, lambda: storeurl.parse(text, Path()))
        return text

    def cache(self, node: yaml.Node) -> CachePattern:
        keys = ("name", "file", "config", "hash")
        entry = self.mapping(node, "an entry of caches", keys, needed=("name", "file"))
        file = self.path(entry.get("file"), "file", template=True)
        strategy = self.strategy(entry.get("hash"))
        configs = self.configs(entry.get("config"), patterns.fields_of(file))
        if patterns.HASH_FIELD in patterns.fields_of(file) and "config" not in entry:
            self.note(entry["file"], "{config_hash} in `file` needs a `config` to be computed from")
        return CachePattern(self.text(entry.get("name"), "name"), file, configs, strategy)

    def configs(self, node: yaml.Node | None, fields: list[str]) -> tuple[str, ...]:
        if node is None:
            return ()
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        paths = tuple(self.path(entry, "config", template=True) for entry in nodes)
        if not nodes:
            self.note(node, "`config` is an empty list")
        for entry, path in zip(nodes, paths, strict=True):
            for field in patterns.fields_of(path):
                if field not in fields or field == patterns.HASH_FIELD:
                    self.note(entry, f"{{{field}}} in `config` is no field of `file`")
        return paths

    def strategy(self, node: yaml.Node | None) -> Strategy:
        if node is None:
            return Strategy()
        text = self.text(node, "hash")
        found = parse_strategy(text)
        if text and found is None:
            self.note(
                node, f"unknown hash {text!r}: md5-text or canonical, with :DIGITS or without"
            )
        return found or Strategy()

    def unique_names(self, node: yaml.Node | None, caches: tuple[CachePattern, ...]) -> None:
        names = [pattern.name for pattern in caches]
        for name in sorted({n for n in names if n and names.count(n) > 1}):
            assert node is not None
            self.note(node, f"two entries of caches are named {name!r}")

    def sync(self, node: yaml.Node | None) -> Sync:
        entries = self.mapping(node, "sync", Sync._fields) if node is not None else {}
        default = Sync()
        return Sync(
            self.seconds(entries.get("settle"), "settle", default.settle),
            self.seconds(entries.get("max_wait"), "max_wait", default.max_wait),
            self.size(entries.get("max_file_size"), default.max_file_size),
        )

    def allow(self, node: yaml.Node | None) -> tuple[str, ...]:
        entries = self.mapping(node, "safety", ("allow",)) if node is not None else {}
        nodes = self.items(entries.get("allow"), "allow")
        names = tuple(self.text(entry, "allow") for entry in nodes)
        if not names:
            return ()
        from cacheferry.core.pickles import valid_allow

        for entry, name in zip(nodes, names, strict=True):
            if name and (reason := valid_allow(name)):
                self.note(entry, f"{name!r} in `allow`: {reason}")
        return names

    # The kinds of nodes below everything else

    def mapping(
        self,
        node: yaml.Node,
        what: str,
        keys: tuple[str, ...],
        needed: tuple[str, ...] = (),
    ) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            self.note(node, f"{what} must be a mapping of {', '.join(keys)}")
            return {}
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else "?"
            if name not in keys:
                self.note(key, f"unknown key {name!r} (known: {', '.join(keys)})")
            elif name in found:
                self.note(key, f"{name!r} stands here twice")
            else:
                found[name] = value
        for name in needed:
            if name not in found:
                self.note(node, f"{what} needs `{name}`")
        return found

    def items(self, node: yaml.Node | None, what: str) -> list[yaml.Node]:
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            self.note(node, f"`{what}` must be a list")
            return []
        return list(node.value)

    def text(self, node: yaml.Node | None, what: str) -> str:
        if node is None:
            return ""
        self._values += 1
        if self._values > _MOST_VALUES:
            raise ConfigurationError(f"{NAME}:1: unfolds to more than {_MOST_VALUES:,} values")
        if not isinstance(node, yaml.ScalarNode) or node.tag != _TAG + "str" or not node.value:
            self.note(node, f"`{what}` must be text")
            return ""
        return str(node.value)

    def path(self, node: yaml.Node | None, what: str, template: bool = False) -> str:
        text = self.text(node, what)
        problem = patterns.problem_of_path(text) if text else None
        if text and template:
            problem = problem or patterns.problem_of_template(text)
        if problem and node is not None:
            self.note(node, f"`{what}` {text!r} {problem}")
            return ""
        return text

    def glob(self, node: yaml.Node) -> str:
        text = self.path(node, "track")
        if text and (problem := patterns.problem_of_glob(text)):
            self.note(node, f"`track` {text!r} {problem}")
            return ""
        return text

    def seconds(self, node: yaml.Node | None, what: str, default: float) -> float:
        number = self.number(node)
        if node is None:
            return default
        if number is None or not 0 <= number <= 86_400:
            self.note(node, f"`{what}` must be a number of seconds, 0 to 86400")
            return default
        return number

    def size(self, node: yaml.Node | None, default: int) -> int:
        if node is None:
            return default
        bytes_ = parse_size(str(node.value)) if isinstance(node, yaml.ScalarNode) else None
        if not bytes_:
            self.note(node, "`max_file_size` must be a size such as 500MB or 2GiB")
        return bytes_ or default

    def number(self, node: yaml.Node | None) -> float | None:
        is_number = isinstance(node, yaml.ScalarNode) and node.tag in (_TAG + "int", _TAG + "float")
        try:
            return float(node.value) if node is not None and is_number else None
        except ValueError:
            return None

    def check(self, node: yaml.Node, action: Callable[[], object]) -> None:
        try:
            action()
        except ConfigurationError as error:
            self.note(node, error.message)

    def note(self, node: yaml.Node, problem: str) -> None:
        self.problems.append((node.start_mark.line + 1, problem))
