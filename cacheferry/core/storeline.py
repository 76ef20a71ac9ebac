"""The `store:` line of a `cacheferry.yaml` that needs no YAML parser; imports nothing."""

_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./_-")


def plain_store_line(data: bytes) -> str | None:
    """The store where it stands alone in one simple line; spares the agent a YAML parser."""
    lines = [line for line in data.splitlines() if line.startswith(b"store:")]
    value = lines[0][6:].strip() if len(lines) == 1 else b""
    simple = value and _PLAIN.issuperset(value) and value[:1] not in b"-"
    return value.decode() if simple and not _not_text(value) else None


def _not_text(value: bytes) -> bool:
    # A number, a date, a boolean or null would be a wrong type: the parser says so with its line.
    letters = value.lower()
    words = (b"true", b"false", b"yes", b"no", b"on", b"off", b"null", b"y", b"n")
    return letters in words or letters[:1].isdigit() or letters[:2].strip(b".").isdigit()
