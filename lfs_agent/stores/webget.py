"""Gets a body from a web server; where it breaks off it goes on from there."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, Self

from cacheferry.core.errors import StoreUnavailable
from lfs_agent.retry import DELAYS, LONGEST, jitter
from lfs_agent.stores.web import Answer, Web
from lfs_agent.stores.weberrors import broken_off, shown

_RANGE = re.compile(r"bytes (\d{1,18})-\d+/(\d+|\*)")


class _Changed(StoreUnavailable):
    """What is there now cannot be put together with what has come; from the start it can be had."""


class _Seen(NamedTuple):
    """What the first answer said of the whole: its size in bytes, and what tells versions apart."""

    size: int | None
    tag: str | None
    date: str | None

    @classmethod
    def of(cls, answer: Answer) -> Self:
        tag = answer.header("ETag")
        strong = tag if tag and not tag.startswith("W/") else None
        return cls(answer.length, strong, answer.header("Last-Modified"))


def fetched(
    web: Web,
    url: str,
    headers: Mapping[str, str] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[bytes]:
    """The body of a GET, 256 KiB at most at a time, each byte fetched once.

    Raises what Web.send does; StoreUnavailable where it cannot go on, or broke off too often.
    """
    usual, seen, got = dict(headers or {}), None, 0
    delays = iter(DELAYS)
    while True:
        try:
            with (
                _rest(web, url, usual, seen, got) if seen else web.send("GET", url, usual) as answer
            ):
                seen = seen or _Seen.of(answer)
                for piece in answer.pieces():
                    got += len(piece)
                    yield piece
            if seen.size is None or got >= seen.size:
                return
            raise broken_off(url)
        except _Changed:
            raise
        except StoreUnavailable as error:
            delay = next(delays, None)
            if delay is None or not got or not seen or seen.size is None:
                raise
            sleep(min(max(delay * jitter(), error.retry_after), LONGEST))


def _rest(web: Web, url: str, headers: dict[str, str], seen: _Seen, got: int) -> Answer:
    wanted = headers | {"Range": f"bytes={got}-"}
    if unchanged := seen.tag or seen.date:
        wanted["If-Range"] = unchanged
    answer = web.send("GET", url, wanted, passing=(416,))
    if answer.status == 206 and _goes_on(answer, seen, got):
        return answer
    answer.close()
    raise _Changed(f"{shown(url)} does not go on where it broke off")


def _goes_on(answer: Answer, seen: _Seen, got: int) -> bool:
    part = _RANGE.fullmatch(answer.header("Content-Range") or "")
    if not part or int(part[1]) != got or answer.length is None:
        return False
    same_size = part[2] in ("*", str(seen.size))
    return same_size and answer.header("ETag") in (None, seen.tag)
