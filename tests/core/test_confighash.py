"""The config hash (contract 4), against values computed by hand with hashlib and json."""

import hashlib
import json
import time

import pytest

from cacheferry.core.confighash import Strategy, config_hash, parse_strategy
from cacheferry.core.errors import ConfigurationError

TEXT, CANONICAL = Strategy(), Strategy("canonical")


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def of(data: bytes, strategy: Strategy = TEXT) -> str:
    return config_hash(strategy, [("c.yaml", data)])


def refused(data: bytes, strategy: Strategy = CANONICAL) -> str:
    with pytest.raises(ConfigurationError) as caught:
        of(data, strategy)
    assert "c.yaml" in caught.value.message and "\n" not in caught.value.message
    return caught.value.message


# md5-text


def test_md5_text_is_what_a_script_computes():
    assert of(b"alpha: 1\n") == md5(b"alpha: 1\n")[:8]


def test_line_ends_do_not_matter():
    assert of(b"a\r\nb\rc\n") == of(b"a\nb\nc\n") == md5(b"a\nb\nc\n")[:8]
    assert of(b"a\r\r\nb") == md5(b"a\n\nb")[:8]


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
def test_other_line_separators_are_text(end):
    data = f"a{end}b".encode()
    assert of(data) == md5(data)[:8] != of(b"a\nb")


def test_a_byte_order_mark_counts():
    assert of(b"\xef\xbb\xbfa") == md5(b"\xef\xbb\xbfa")[:8] != of(b"a")


def test_everything_else_of_the_text_counts():
    assert len({of(x) for x in (b"a: 1", b"a: 1\n", b"a:  1", b"a: 1 # c", b"")}) == 5


@pytest.mark.parametrize("data", [b"a\xff", b"\xc3", "é".encode("latin-1"), b"\xff\xfea\0"])
@pytest.mark.parametrize("strategy", [TEXT, CANONICAL])
def test_other_encodings_are_an_error_that_names_the_file(data, strategy):
    assert "not UTF-8" in refused(data, strategy)


# canonical


def sha(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def test_canonical_is_sha256_of_compact_json():
    expected = hashlib.sha256(b'{"a":{"x":"y"},"b":[1,2.5,null,true]}').hexdigest()[:8]
    assert of(b"b: [1, 2.5, null, true]\na: {x: y}\n", CANONICAL) == expected


def test_comments_order_and_layout_do_not_matter():
    one = of(b"# c\na: 1\nb: {c: 2, d: [x]}\n", CANONICAL)
    assert one == of(b"b:\r\n  d:\r\n  - x\r\n  c: 2\r\na: 1 # one\r\n", CANONICAL)
    assert one != of(b"a: 1\nb: {c: 2, d: [y]}\n", CANONICAL)


def test_letters_are_not_escaped():
    expected = hashlib.sha256('{"a":"é漢😀"}'.encode()).hexdigest()[:8]
    assert of("a: é漢😀\n".encode(), CANONICAL) == expected


def test_dates_are_iso_text():
    assert of(b"a: 2024-01-31\n", CANONICAL) == sha({"a": "2024-01-31"})[:8]
    assert of(b"a: 2024-01-31 10:20:30\n", CANONICAL) == sha({"a": "2024-01-31T10:20:30"})[:8]
    with_zone = {"a": "2024-01-31T10:20:30+00:00"}
    assert of(b"a: 2024-01-31T10:20:30Z\n", CANONICAL) == sha(with_zone)[:8]


@pytest.mark.parametrize("data", [b"", b"# nothing\n", b"null\n"])
def test_an_empty_config_is_null(data):
    assert of(data, CANONICAL) == sha(None)[:8]


@pytest.mark.parametrize(
    "data",
    [
        b"a: .nan", b"a: .inf", b"a: -.inf", b"1: a", b"true: a", b"null: a", b"2024-01-01: a",
        b"a: {1: b}", b"[a]: b", b"a: !!set {b}", b"a: !!binary aGE=", b"a: !!python/name:os.x",
        b"a: !!python/object/apply:os.getcwd []", b"a: [b", b"a: b: c", b"a: *b",
        b"a: 1\n---\nb: 2",
        b"a: !!bool maybe", b"a: !!int ''", b"a: !!timestamp x", b"a: !!float x", b"a: 2024-13-45",
        b"a: !!omap [1: b]\nc: !!pairs [{2: d}, {3: {4: e}}]",
        b'a: "\\ud800"', b"[" * 20_000, b"a: &a [*a]", b"a: &a {b: *a}", b"a: " + b"9" * 5000,
        b"a: \0",
    ],
)  # fmt: skip
def test_what_has_no_canonical_form_is_an_error(data):
    refused(data)


@pytest.mark.parametrize("kind", ["aliases", "merges"])
def test_a_bomb_is_refused_at_once(kind):
    link = {"aliases": "{0}: &{0} [{1}]\n", "merges": "{0}: &{0} {{<<: [{1}]}}\n"}[kind]
    lines = "a: &a {k: v}\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        lines += link.format(name, ",".join([f"*{before}"] * 10))
    start = time.monotonic()
    assert "unfolds" in refused(lines.encode())
    assert time.monotonic() - start < 10


# Digits, several files, the strategy's name


def test_digits():
    assert of(b"a", Strategy("md5-text", 16)) == md5(b"a")[:16]
    assert of(b"a", Strategy("md5-text", 32)) == md5(b"a")
    assert of(b"a: 1", Strategy("canonical", 12)) == sha({"a": 1})[:12]
    assert of(b"a: 1", Strategy("canonical", 64)) == sha({"a": 1})


def test_several_files_hash_their_full_digests_in_order():
    files = [("a", b"x\r\n"), ("b", b"y")]
    assert config_hash(TEXT, files) == md5((md5(b"x\n") + md5(b"y")).encode())[:8]
    assert config_hash(TEXT, files) != config_hash(TEXT, files[::-1])
    both = hashlib.sha256((sha({"a": 1}) + sha(None)).encode()).hexdigest()
    assert config_hash(Strategy("canonical", 64), [("a", b"a: 1"), ("b", b"")]) == both


@pytest.mark.parametrize(
    ("text", "strategy"),
    [
        ("md5-text", TEXT), ("canonical", CANONICAL), ("md5-text:16", Strategy("md5-text", 16)),
        ("canonical:12", Strategy("canonical", 12)), ("canonical:64", Strategy("canonical", 64)),
        ("md5-text:33", None), ("canonical:65", None), ("md5-text:0", None), ("md5-text:", None),
        ("md5-text:-1", None), ("md5-text:٣", None), ("md5", None), ("", None), (":8", None),
        ("md5-text:8:8", None),
    ],
)  # fmt: skip
def test_names_of_strategies(text, strategy):
    assert parse_strategy(text) == strategy
