"""Addresses of stores, as a hostile repository might write them."""

from pathlib import Path

import pytest

from cacheferry.core import storeurl
from cacheferry.core.errors import ConfigurationError


@pytest.mark.parametrize(
    "address",
    [
        r"https://evil.example\.good.example/p",
        "sftp://-oProxyCommand=x/p",
        "sftp://host;id/p",
        "http://a b/p",
        r"s3://bucket?endpoint=https://evil.example\.amazonaws.com",
    ],
)
def test_what_libraries_read_as_different_hosts_is_no_address(address, tmp_path):
    with pytest.raises(ConfigurationError):
        storeurl.parse(address, tmp_path)


@pytest.mark.parametrize(
    "address", ["https://[::1]:8443/p", "https://hôte.example/p", "sftp://me@my_nas.local/p"]
)
def test_unusual_hosts_are_read(address, tmp_path):
    assert storeurl.parse(address, tmp_path).text == address


@pytest.mark.parametrize("code", ["%00", "%0a", "%1b[2J"])
def test_nothing_unprintable_gets_into_a_folder_by_an_escape(code, tmp_path):
    with pytest.raises(ConfigurationError):
        storeurl.parse(f"file:///nas/{code}", tmp_path)


def test_symlinks_that_lead_in_a_circle_are_an_error_with_words(tmp_path):
    (tmp_path / "round").symlink_to("round")
    with pytest.raises(ConfigurationError):
        storeurl.parse("round/store", Path(tmp_path))


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("https://me:pw@host/p", "https://host/p"),
        ("https://host/x@elsewhere/p", "https://host/x@elsewhere/p"),
        ("https://me@host?x@elsewhere", "https://host?x@elsewhere"),
        ("ssh://me@host/p", "ssh://me@host/p"),
    ],
)
def test_the_host_without_its_user_is_the_one_that_is_connected_to(text, plain):
    assert storeurl.without_user(text) == plain
