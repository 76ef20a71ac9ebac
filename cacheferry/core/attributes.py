"""The lines of `.gitattributes` that route tracked paths through LFS."""

from collections.abc import Iterable

FILE = ".gitattributes"
_ROUTES = (" -diff merge=binary -text", " filter=lfs diff=lfs merge=binary -text")


def line(glob: str, plain_git: bool) -> str:
    """The line for a track glob. `merge=binary`: no clone ever gets merge markers in a cache."""
    return _quoted(glob) + _ROUTES[not plain_git]


def merge_line(glob: str) -> str:
    """The line for `.git/info/attributes` that puts cacheferry's merge driver first here."""
    return f"{_quoted(glob)} merge=cacheferry"


def extended(text: bytes, lines: Iterable[str]) -> bytes:
    """The file's bytes with the missing lines appended, in the file's own line ends.

    Lines of ours that route the same globs the other way (through LFS or not) are taken out.
    """
    wanted = [one.encode() for one in lines]
    text = _without(text, {_other_way(one) for one in wanted} - {*wanted})
    present = {one.strip() for one in text.splitlines()}
    missing = [one for one in wanted if one not in present]
    if not missing:
        return text
    end = b"\r\n" if b"\r\n" in text else b"\n"
    start = text if not text or text.endswith(b"\n") else text + end
    return start + b"".join(one + end for one in missing)


def _without(text: bytes, unwanted: set[bytes]) -> bytes:
    return b"".join(one for one in text.splitlines(True) if one.strip() not in unwanted)


def _other_way(line: bytes) -> bytes:
    plain, lfs = (route.encode() for route in _ROUTES)
    if line.endswith(lfs):
        return line.removesuffix(lfs) + plain
    return line.removesuffix(plain) + lfs if line.endswith(plain) else line


def _quoted(glob: str) -> str:
    plain = not any(character in glob for character in ' \t"\\#!')
    escaped = glob.replace("\\", "\\\\").replace('"', '\\"')
    return glob if plain else f'"{escaped}"'
