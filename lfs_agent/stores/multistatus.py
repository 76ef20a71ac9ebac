"""Reads what a WebDAV server lists. The server may be anybody's: no entities, nothing unbounded."""

import re
from collections.abc import Iterable
from email.utils import parsedate_to_datetime
from typing import NamedTuple
from urllib.parse import unquote, urlsplit
from xml.parsers import expat

LIMIT = 16 << 20
"""Bytes that the listing of one folder may have: a hundred times what a store's folders need."""

MOST = 100_000
"""Entries that it may have: each takes more memory than it has bytes."""

QUESTION = (
    b'<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><prop>'
    b"<resourcetype/><getcontentlength/><getlastmodified/></prop></propfind>"
)
_TEXTS = ("DAV: href", "DAV: getcontentlength", "DAV: getlastmodified")


class NoListing(ValueError):
    """These bytes are no listing that may be read."""


class Listed(NamedTuple):
    """An entry: the names in its path, its size in bytes or None, its time (Unix) or None."""

    names: list[str]
    is_folder: bool
    size: int | None
    modified: float | None


def parse(pieces: Iterable[bytes]) -> list[Listed]:
    """The entries of a multistatus document, the folder itself among them. Raises NoListing."""
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _refuse  # where entities would be declared
    rest = LIMIT
    try:
        for piece in pieces:
            rest -= len(piece)
            if rest < 0:
                raise NoListing("it is too large")
            parser.Parse(piece, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise NoListing(str(error)) from None
    return reader.entries


class _Reader:
    def __init__(self) -> None:
        self.entries: list[Listed] = []
        self._found: dict[str, str] = {}
        self._inside: str | None = None
        self._words: list[str] = []

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        if name == "DAV: response":
            self._found = {}
        elif name == "DAV: collection":
            self._found[name] = ""
        self._inside, self._words = (name, []) if name in _TEXTS else (None, [])

    def text(self, words: str) -> None:
        if self._inside:
            self._words.append(words)

    def end(self, name: str) -> None:
        if name == self._inside:
            # A second propstat holds the properties that are not there, empty.
            self._found[name] = "".join(self._words).strip() or self._found.get(name, "")
            self._inside = None
        elif name == "DAV: response":
            if len(self.entries) == MOST:
                raise NoListing("it is too long")
            self.entries.append(_entry(self._found))


def _refuse(*_declared: object) -> None:
    raise NoListing("it has a document type")


def _entry(found: dict[str, str]) -> Listed:
    href, size, modified = (found.get(name, "") for name in _TEXTS)
    return Listed(
        _names(href),
        "DAV: collection" in found,
        int(size) if re.fullmatch("[0-9]{1,18}", size) else None,
        _time(modified),
    )


def _names(href: str) -> list[str]:
    """The path in pieces; none for one that leads out of where it stands."""
    try:
        names = unquote(urlsplit(href).path).strip("/").split("/")
    except ValueError:
        return []
    return [] if {".", ".."} & set(names) else names


def _time(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
