"""What `cacheferry.yaml` may say, and that every problem is named with its line (contract 2)."""

import os
import time

import pytest

from cacheferry.core import configfile
from cacheferry.core.config import CachePattern, Config, Sync, parse_size
from cacheferry.core.configfile import parse
from cacheferry.core.confighash import Strategy
from cacheferry.core.errors import ConfigurationError
from cacheferry.core.repository import Repository

WHOLE = b"""\
store: ../arz-store
caches:
  - name: baseline
    file: validation_ch7/cache/{section}/{scenario}_baseline_cache.pkl
  - name: rl
    file: validation_ch7/cache/{section}/{scenario}_{config_hash}_rl_cache.pkl
    config: Code_RL/configs/env_lagos.yaml
    hash: md5-text
track: ["validation_ch7/cache/**/*.pkl"]
sync: {settle: 0.25, max_wait: 20, max_file_size: 1GiB}
safety: {allow: ["arz_model.*"]}
"""


def problems(text: str | bytes) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        parse(text.encode() if isinstance(text, str) else text)
    assert caught.value.exit_code == 2
    return caught.value.message.split("\n")


def test_the_contracts_example_is_read():
    read = parse(WHOLE)
    assert read.store == "../arz-store"
    assert [one.name for one in read.caches] == ["baseline", "rl"]
    assert read.caches[0].configs == ()
    assert read.caches[1].configs == ("Code_RL/configs/env_lagos.yaml",)
    assert read.track == ("validation_ch7/cache/**/*.pkl",)
    assert read.sync == Sync(0.25, 20.0, 1 << 30)
    assert read.allow == ("arz_model.*",)


@pytest.mark.parametrize("text", [b"", b"# nothing\n", b"\xef\xbb\xbf", b"---\n"])
def test_an_empty_file_is_the_default(text):
    assert parse(text) == Config() and Config().sync == Sync(0.5, 10, 2 << 30)


def test_byte_order_mark_and_windows_line_ends_change_nothing():
    assert parse(b"\xef\xbb\xbf" + WHOLE.replace(b"\n", b"\r\n")) == parse(WHOLE)


def test_track_is_by_default_the_folders_of_caches():
    read = parse(
        b"caches:\n- {name: a, file: 'out/{x}/a.pkl'}\n- {name: b, file: 'out/{x}_b.pkl'}\n"
        b"- {name: c, file: 'other/c.pkl'}\n"
    )
    assert read.track == ("out/**/*.pkl", "other/**/*.pkl")
    assert read.is_tracked("out/deep/er/x.pkl") and read.is_tracked("other/c.pkl")
    assert not read.is_tracked("out/x.txt") and not read.is_tracked("elsewhere/x.pkl")


def test_a_cache_in_the_root_tracks_everywhere():
    assert parse(b"caches: [{name: a, file: '{x}.pkl'}]").track == ("**/*.pkl",)


def test_anchors_are_read():
    read = parse(b"caches:\n- {name: a, file: &f 'c/{x}.pkl'}\n- {name: b, file: *f}\n")
    assert read.caches[1].file == "c/{x}.pkl"


def test_every_problem_comes_at_once_with_its_line():
    found = problems(
        "store: 5\n"
        "colour: red\n"
        "caches:\n"
        "  - name: a\n"
        "    file: /abs/{x}.pkl\n"
        "  - file: c/{config_hash}.pkl\n"
        "    nmae: b\n"
        "track: one.pkl\n"
        "sync: {settle: soon, max_file_size: big, wait: 1}\n"
        "safety: {allow: [os.system, '*']}\n"
    )
    lines = [int(line.split(":")[1]) for line in found]
    assert all(line.startswith("cacheferry.yaml:") for line in found)
    assert lines == sorted(lines)
    assert lines == [1, 2, 5, 6, 6, 7, 8, 9, 9, 9, 10, 10]
    for words in ("'colour'", "absolute", "`name`", "'nmae'", "`track`", "`settle`", "'wait'"):
        assert any(words in line for line in found), (words, found)


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd.pkl", "//server/share/x.pkl", "C:/x.pkl", "c:x.pkl", r"\\server\x.pkl",
        r"cache\x.pkl", "../x.pkl", "a/../../x.pkl", "a/..", "~/x.pkl", "~bob/x.pkl",
        ".git/x.pkl", "sub/.GIT/x.pkl", ".git./x.pkl", "GIT~1/x.pkl", ".git:stream/x.pkl",
        "./x.pkl", "a//x.pkl", "a/", "a\\u0000b.pkl", "a\\nb.pkl", " ",
    ],
)  # fmt: skip
@pytest.mark.parametrize("key", ["file", "config", "config list", "track"])
def test_no_path_is_absolute_or_leaves_the_repository(path, key):
    quoted = f'"{path}"' if "\\u" in path or "\\n" in path else f"'{path}'"
    text = {
        "file": f"caches:\n- name: a\n  file: {quoted}\n",
        "config": f"caches:\n- name: a\n  config: {quoted}\n  file: c/{{config_hash}}.pkl\n",
        "config list": f"caches:\n- name: a\n  config: [{quoted}]\n  file: c/{{config_hash}}.pkl\n",
        "track": f"track:\n\n- {quoted}\n",
    }[key]
    assert [line.split(": ")[0] for line in problems(text)] == ["cacheferry.yaml:3"]


@pytest.mark.parametrize(
    "text",
    [
        "- a\n", "text\n", "store: [a]\n", "store: 1\n", "store: true\n", "store: {a: b}\n",
        "store: !!binary aGFsbG8=\n", "store: ''\n", "store:\n", "caches: {name: a}\n",
        "caches: [a]\n", "caches: [{name: a}]\n", "caches: [{file: a.pkl}]\n",
        "caches: [{name: 1, file: a.pkl}]\n", "caches: [{name: a, file: [a.pkl]}]\n",
        "caches: [{name: a, file: 'x{.pkl'}]\n", "caches: [{name: a, file: '{a b}.pkl'}]\n",
        "caches: [{name: a, file: '{config_hash}.pkl'}]\n",
        "caches: [{name: a, file: '{config_hash}.pkl', config: []}]\n",
        "caches: [{name: a, file: '{config_hash}.pkl', config: 3}]\n",
        "caches: [{name: a, file: '{config_hash}.pkl', config: '{other}.yaml'}]\n",
        "caches: [{name: a, file: '{config_hash}.pkl', config: '{config_hash}.yaml'}]\n",
        "caches: [{name: a, file: a.pkl, hash: sha1}]\n",
        "caches: [{name: a, file: a.pkl, hash: 'md5-text:0'}]\n",
        "caches: [{name: a, file: a.pkl, hash: 'md5-text:33'}]\n",
        "caches: [{name: a, file: a.pkl, hash: 'canonical:x'}]\n",
        "caches: [{name: a, file: a.pkl}, {name: a, file: b.pkl}]\n",
        "caches: [{name: a, name: b, file: a.pkl}]\n", "store: a\nstore: b\n",
        "track: [1]\n", "track: [[a]]\n", "track: ['[z-a].pkl']\n", "track: ['!a.pkl']\n",
        "track: ['[attr]a']\n", "track: ['a**/b.pkl']\n", "track: ['a[.pkl']\n",
        "track: ['[[:digit:]].pkl']\n",
        "track: ['*']\n", "track: ['**/*.yaml']\n", "track: ['.git*']\n",
        "sync: []\n", "sync: {settle: -1}\n", "sync: {settle: .nan}\n", "sync: {settle: .inf}\n",
        "sync: {settle: '1'}\n", "sync: {max_wait: true}\n", "sync: {max_file_size: 0}\n",
        "sync: {max_file_size: -5}\n", "sync: {max_file_size: [1]}\n", "safety: [a]\n",
        "safety: {allow: a.b}\n", "safety: {allow: [os.path]}\n", "safety: {allow: ['*']}\n",
        "safety: {allow: ['a.b*']}\n", "safety: {allow: [builtins.eval]}\n",
        "safety: {allow: ['subprocess.*']}\n", "safety: {deny: []}\n", "1: 2\n", "[a]: b\n",
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line_with_its_number(text):
    found = problems(text)
    assert len(found) == 1, found
    assert found[0].startswith(f"cacheferry.yaml:{2 if text.count(chr(10)) > 1 else 1}: ")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"store: a\n  b: c\n", 2),
        (b"store: 'a\n", 2),
        (b"store: *nobody\n", 1),
        (b"a: b\n---\nc: d\n", 2),
        (b"store: a\ntrack: [\xff]\n", 2),
        (b"\xff\xfes\0t\0", 1),
        (b"store: a\0b\n", 1),
        (b"\tstore: a\n", 1),
        (b"[" * 100_000, 1),
        (b"#" * (1 << 21), 1),
    ],
)
def test_what_is_no_yaml_names_a_line(text, line):
    found = problems(text)
    assert len(found) == 1 and found[0].startswith(f"cacheferry.yaml:{line}: ")


def test_tags_make_nothing(tmp_path):
    made = tmp_path / "made"
    for tag in ("python/object/apply:os.mkdir", "python/object/new:os.mkdir", "python/name:os.x"):
        found = problems(f"store: !!{tag} ['{made}']\n")
        assert found == ["cacheferry.yaml:1: `store` must be text"]
    assert not made.exists()


LAUGHS = [b"%c: &%c [%s]\n" % (c, c, b",".join([b"*%c" % (c - 1)] * 9)) for c in b"bcdefghi"]
WIDE = b"x: &c [%s]\ncaches: [%s]" % (
    b"a/b," * 2000,
    b"{name: a, file: '{config_hash}', config: *c}," * 2000,
)


@pytest.mark.parametrize(
    "text",
    [
        b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(LAUGHS),
        b"caches: &a [*a, *a]\n",
        b"track: &t [*t]\n",
        WIDE,
    ],
    ids=["laughs", "cycle", "track cycle", "wide"],
)
def test_a_bomb_is_refused_at_once(text):
    start = time.monotonic()
    assert problems(text)[0].startswith("cacheferry.yaml:")
    assert time.monotonic() - start < 10


@pytest.mark.parametrize(
    "store",
    [
        "https://user:hunter2@host/p", "https://hunter2@host/p", "http://:hunter2@host",
        "s3://bucket/p?secret=hunter2", "s3://b?X-Amz-Signature=hunter2&sig=hunter2",
        "sftp://user:hunter2@host/p", "sftp://user%3Ahunter2@host/p", "az://c?sas=hunter2",
        "https://host/p?access_token=hunter2", "https://user:p/hunter2@host/p",
        "ftp://user:hunter2@host/p", "s3://b?endpoint=https://user:hunter2@host",
        "az://c?endpoint=https://host/c%3Fsv%3Dhunter2", "s3://b?key=hunter2",
    ],
)  # fmt: skip
def test_no_credential_stands_in_a_store_and_none_is_shown(store):
    [line] = problems(f"# c\nstore: {store}\n")
    assert line.startswith("cacheferry.yaml:2: ") and "***" in line and "hunter2" not in line


def test_a_user_may_stand_in_sftp():
    assert parse(b"store: sftp://user@host/p\n").store == "sftp://user@host/p"


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("2GiB", 2 << 30), ("500 MB", 500_000_000), ("131072", 131072), ("1.5KiB", 1536),
        ("10b", 10), ("1T", 10**12), ("", None), ("GiB", None), ("-1", None), ("1 PB", None),
        ("1e3", None), ("9" * 400, None), ("٣", None),
    ],
)  # fmt: skip
def test_sizes(text, size):
    assert parse_size(text) == size


# {field}s


def fields(file: str, path: str, digits: int = 8) -> dict[str, str] | None:
    pattern = CachePattern("a", file, (), Strategy("md5-text", digits))
    return pattern.match(path)


def test_a_field_stays_in_its_segment():
    assert fields("c/{a}.pkl", "c/x-1.2_y.pkl") == {"a": "x-1.2_y"}
    assert fields("c/{a}.pkl", "c/x/y.pkl") is None
    assert fields("c/{a}.pkl", "c/.pkl") is None
    assert fields("c/{a}.pkl", "c/a b.pkl") is None
    assert fields("c/{a}.pkl", "c/é.pkl") is None
    assert fields("c/{a}.pkl", "c/xXpkl") is None
    assert fields("c/{a}.pkl", "c/x.pkl\n") is None


def test_the_first_field_takes_the_least():
    assert fields("c/{a}_{b}.pkl", "c/x_y_z.pkl") == {"a": "x", "b": "y_z"}


def test_a_repeated_field_is_equal_each_time():
    assert fields("{a}/{a}.pkl", "x/x.pkl") == {"a": "x"}
    assert fields("{a}/{a}.pkl", "x/y.pkl") is None


def test_config_hash_is_exactly_its_hex_digits():
    assert fields("c/{s}_{config_hash}_rl.pkl", "c/a_0123abcd_rl.pkl") == {
        "s": "a",
        "config_hash": "0123abcd",
    }
    for wrong in ("0123abc", "0123abcde", "0123ABCD", "0123abcg"):
        assert fields("c/{config_hash}_rl.pkl", f"c/{wrong}_rl.pkl") is None
    twelve = fields("c/{config_hash}.pkl", "c/0123abcd0123.pkl", 12)
    assert twelve == {"config_hash": "0123abcd0123"}


def test_what_is_no_field_is_literal():
    assert fields("c/a+b.(1)*.pkl", "c/a+b.(1)*.pkl") == {}
    assert fields("c/a+b.pkl", "c/aab.pkl") is None


def test_the_first_pattern_that_matches_names_the_cache():
    read = parse(WHOLE)
    found = read.pattern_of("validation_ch7/cache/s/tl_0123abcd_rl_cache.pkl")
    assert found is not None and found[0].name == "rl" and found[1]["scenario"] == "tl"
    assert read.pattern_of("validation_ch7/cache/s/t/x_baseline_cache.pkl") is None


# Track globs mean what they mean to git in .gitattributes.

GLOBS = [
    "**/*.pkl", "*.pkl", "a/**/b.pkl", "a/**", "a/*.pkl", "a/b?.pkl", "a/[bc]*.pkl",
    "a/[!b]*.pkl", "a b/*.pkl", "é/*.pkl", "**/c/**/*.pkl", "a/[[]x].pkl", "a/[]b]x.pkl", "#a.pkl",
    'q"/x.pkl', "a/b*c.pkl", "a/[a-c]x.pkl",
]  # fmt: skip
PATHS = [
    "b.pkl", "x.pkl", "a/b.pkl", "a/x/b.pkl", "a/x/y/b.pkl", "ax/b.pkl", "axx/y/b.pkl", "a/bc.pkl",
    "a/cx.pkl", "a/bx.pkl", "a b/x.pkl", "é/x.pkl", "c/x.pkl", "x/c/y/z.pkl", "a/[x].pkl",
    "a/]x.pkl", "#a.pkl", "d/#a.pkl", 'q"/x.pkl', "a/b/c.pkl", "a/b-c.pkl",
]  # fmt: skip


def test_globs_mean_what_git_takes_them_for(world):
    from cacheferry.core import attributes

    repo = world.folder / "globs"
    world.git(world.folder, "init", "-q", str(repo))
    for glob in GLOBS:
        (repo / ".gitattributes").write_text(attributes.line(glob, False) + "\n")
        asked = world.run(
            ["git", "check-attr", "-z", "filter", "--stdin"], repo, input="\0".join(PATHS)
        ).stdout.split("\0")
        by_git = {asked[i] for i in range(0, len(asked) - 1, 3) if asked[i + 2] == "lfs"}
        ours = Config(track=(glob,))
        assert {path for path in PATHS if ours.is_tracked(path)} == by_git, glob


# The file itself


def test_a_file_that_is_none_is_not_read(tmp_path):
    around = Repository(tmp_path, tmp_path / ".git", tmp_path / ".git")
    with pytest.raises(ConfigurationError, match=r"has no cacheferry\.yaml"):
        configfile.load(around)
    secret = tmp_path / "secret"
    secret.write_text("store: a\n")
    around.config_file.symlink_to(secret)
    with pytest.raises(ConfigurationError, match="no regular file"):
        configfile.load(around)
    around.config_file.unlink()
    os.mkfifo(around.config_file)
    with pytest.raises(ConfigurationError, match="no regular file"):
        configfile.load(around)
