"""The two pattern languages of `cacheferry.yaml`: file templates and track globs (contract 2)."""

import re
from functools import lru_cache

HASH_FIELD = "config_hash"
_FIELD = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_VALUE = r"[A-Za-z0-9._-]+?"
_GLOB_PIECES = re.compile(r"(\*+|\?|\[[!^]?\]?[^\]/]*\])")
_MOST_BESIDE_REPEATED = 3  # a match may then take the length to this power
_NEVER_CACHES = ("cacheferry.yaml", ".gitattributes", ".gitignore", ".gitmodules", ".lfsconfig")


def problem_of_path(path: str) -> str | None:
    """Why a path of the configuration may not stand there, or None where it may."""
    segments = path.split("/")
    if not path.strip() or not path.isprintable():
        return "is empty or has unprintable characters"
    if "\\" in path:
        return "has a backslash: write forward slashes"
    if path.startswith(("/", "~")) or segments[0].endswith(":") or path[1:2] == ":":
        return "is absolute: paths count from the repository's root"
    if ".." in segments:
        return "leaves the repository"
    if any(map(_is_gits_own, segments)):
        return "lies in git's own folder"
    if "" in segments or "." in segments:
        return "has an empty or `.` segment"
    return None


def problem_of_glob(glob: str) -> str | None:
    """Why a track glob cannot stand in `.gitattributes`, or None where it can."""
    if glob.startswith(("!", "[attr]")):
        return "begins with what git reads as something else"
    if any("**" in segment and segment != "**" for segment in glob.split("/")):
        return "has a `**` that is no whole segment"
    if "[:" in glob or any("[" in text for text in _GLOB_PIECES.split(glob)[::2]):
        return "has a named character class, or a `[` without its `]`"
    try:
        regex = glob_regex(glob)
    except re.error as error:
        return f"cannot be read: {error.msg}"
    taken = [name for name in _NEVER_CACHES if regex.fullmatch(name)]
    return f"would make a cache of {taken[0]}" if taken else None


def problem_of_template(template: str) -> str | None:
    """Why a `file` or `config` template cannot be read, or None."""
    rest = _FIELD.sub("", template)
    if "{" in rest or "}" in rest:
        return "has a brace that is no {field}"
    if _repeats(template) and len({*fields_of(template)} - {HASH_FIELD}) > _MOST_BESIDE_REPEATED:
        return f"repeats a field and has more than {_MOST_BESIDE_REPEATED}"
    return None


def fields_of(template: str) -> list[str]:
    """The fields of a template in their order, repeated ones each time."""
    return _FIELD.findall(template)


def template_regex(template: str, hash_digits: int) -> re.Pattern[str]:
    """Matches whole paths; each field is a named group, and equal where it stands twice."""
    seen: set[str] = set()
    repeats = _repeats(template)
    segments = (_template_segment(one, hash_digits, seen, repeats) for one in template.split("/"))
    return re.compile("/".join(segments))


def _template_segment(segment: str, hash_digits: int, seen: set[str], repeats: bool) -> str:
    runs = [("", "")]  # a field of any length, and what has a length of its own behind it
    for position, text in enumerate(_FIELD.split(segment)):
        if position % 2 and text != HASH_FIELD and text not in seen:
            runs.append((_group(text, hash_digits, seen), ""))
        else:
            fixed = _group(text, hash_digits, seen) if position % 2 else re.escape(text)
            runs[-1] = (runs[-1][0], runs[-1][1] + fixed)
    return "".join(map("".join, runs)) if repeats else _without_retries(runs)


def _without_retries(runs: list[tuple[str, str]]) -> str:
    """The runs of one segment, so that a match takes no longer than the square of the length.

    Where what follows a variable part matches first is as good as anywhere later, except for the
    last, which the segment's end decides. An untrusted file could keep us busy for ever otherwise.
    """
    tried_once = "".join(f"(?>{variable}{fixed})" for variable, fixed in runs[:-1])
    return tried_once + "".join(runs[-1])


def _repeats(template: str) -> bool:
    fields = fields_of(template)
    return len(set(fields)) < len(fields)


def filled(template: str, values: dict[str, str]) -> str:
    """The template with each field replaced by its value; KeyError for a missing one."""
    return _FIELD.sub(lambda match: values[match[1]], template)


def folder_of(pattern: str) -> str:
    """The part of a template or glob before its first variable segment: '' or 'a/b'."""
    fixed: list[str] = []
    for segment in pattern.split("/")[:-1]:
        if any(character in segment for character in "{*?["):
            break
        fixed.append(segment)
    return "/".join(fixed)


@lru_cache(maxsize=256)
def glob_regex(glob: str) -> re.Pattern[str]:
    """Matches what the glob matches in `.gitattributes`: `**/` any folders, `*` within one.

    A glob without a slash matches file names in any folder.
    """
    chunks: list[str] = [""]  # what stands between the `**`
    *folders, name = (glob if "/" in glob else "**/" + glob).split("/")
    for folder in folders:
        if folder != "**":
            chunks[-1] += _glob_segment(folder) + "/"
        elif chunks[-1] or len(chunks) == 1:
            chunks.append("")
    last = "(?s:.+)" if name == "**" else _glob_segment(name)
    if len(chunks) == 1:
        return re.compile(chunks[0] + last)
    middle = "".join(f"(?>(?:[^/]+/)*?{chunk})" for chunk in chunks[1:-1])
    return re.compile(f"{chunks[0]}{middle}(?:[^/]+/)*{chunks[-1]}{last}")


def _glob_segment(segment: str) -> str:
    runs = [("", "")]
    for piece in _GLOB_PIECES.split(segment):
        if piece and not piece.strip("*"):
            runs.append(("[^/]*?", ""))
        else:
            runs[-1] = (runs[-1][0], runs[-1][1] + _glob_piece(piece))
    return _without_retries(runs)


def _glob_piece(piece: str) -> str:
    if piece.startswith("[") and piece.endswith("]"):
        inverted = piece[1] in "!^"
        body = re.sub(r"([\[\]\\&~|^])", r"\\\1", piece[2 if inverted else 1 : -1])
        return "(?!/)[" + ("^" if inverted else "") + body + "]"
    return "[^/]" if piece == "?" else re.escape(piece)


def _is_gits_own(segment: str) -> bool:
    # Windows opens `.git.`, `.git ` and `git~1` as .git, and `.git:x` as a stream of it.
    return segment.lower().partition(":")[0].rstrip(". ") in (".git", "git~1")


def _group(name: str, hash_digits: int, seen: set[str]) -> str:
    if name in seen:
        return f"(?P={name})"
    seen.add(name)
    value = f"[0-9a-f]{{{hash_digits}}}" if name == HASH_FIELD else _VALUE
    return f"(?P<{name}>{value})"
