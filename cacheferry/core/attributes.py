"""The lines of `.gitattributes` that route tracked paths through LFS."""

from collections.abc import Iterable

FILE = ".gitattributes"


def line(glob: str, plain_git: bool) -> str:
    """The line for a track glob. `merge=binary`: no clone ever gets merge markers in a cache."""
    routing = "-diff" if plain_git else "filter=lfs diff=lfs"
    return f"{_quoted(glob)} {routing} merge=binary -text"


def merge_line(glob: str) -> str:
    """The line for `.git/info/attributes` that puts cacheferry's merge driver first here."""
    return f"{_quoted(glob)} merge=cacheferry"


def extended(text: bytes, lines: Iterable[str]) -> bytes:
    """The file's bytes with the missing lines appended, in the file's own line ends."""
    present = {one.strip() for one in text.splitlines()}
    missing = [one.encode() for one in lines if one.encode() not in present]
    if not missing:
        return text
    end = b"\r\n" if b"\r\n" in text else b"\n"
    start = text if not text or text.endswith(b"\n") else text + end
    return start + b"".join(one + end for one in missing)


def without(text: bytes, lines: Iterable[str]) -> bytes:
    """The file's bytes without these lines."""
    unwanted = {one.encode() for one in lines}
    return b"".join(one for one in text.splitlines(True) if one.strip() not in unwanted)


def _quoted(glob: str) -> str:
    plain = not any(character in glob for character in ' \t"\\#!')
    escaped = glob.replace("\\", "\\\\").replace('"', '\\"')
    return glob if plain else f'"{escaped}"'
