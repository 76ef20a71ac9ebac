"""Which commits a batch of caches comes to, on the upstream and on the user's branch."""

from collections.abc import Mapping
from typing import NamedTuple

from cacheferry.core.errors import Held
from daemon import survey
from daemon.branches import Branch
from daemon.commits import Commit, merge_message, message
from daemon.desk import Desk
from daemon.survey import Found


class Commits(NamedTuple):
    """`published` is for the upstream, `head` for the user's branch.

    Both hold `blobs`; HEAD's holds `beaten` besides, what has lost a conflict. `published` is
    None where the upstream has it all, and HEAD's commit need not be an ancestor of it.
    """

    published: Commit | None
    head: Commit
    blobs: dict[str, str]
    beaten: dict[str, str]


def commits(
    desk: Desk, branch: Branch, batch: dict[str, Found], lost: dict[str, Found], news: bool
) -> Commits:
    """Makes the commits. HEAD's is an ancestor or a descendant of the published one where it can.

    So a plain `git pull` and `git push` work afterwards as they would have before; and a pull
    replaces what has `lost`, as it replaces any file that HEAD holds and upstream has changed.
    `news` says whether the batch holds anything that the upstream has not.
    """
    assert branch.upstream is not None
    bench, blobs, beaten = desk.bench(), _write_blobs(desk, batch), _write_blobs(desk, lost)
    relation, text = _relation(desk, branch), message([*batch, *lost])
    if relation in ("even", "ahead"):
        published = bench.commit(branch.upstream, [branch.upstream], blobs, text)
        if relation == "even":
            return Commits(published, published, blobs, {})
        parents = [branch.head, published.id]
        joined = bench.commit(branch.head, parents, blobs, merge_message(batch))
        return Commits(published, joined, blobs, {})
    beside = bench.commit(branch.head, [branch.head], blobs | beaten, text)
    if relation == "diverged" and not news:
        return Commits(None, beside, blobs, beaten)
    parents = [branch.upstream] + ([beside.id] if relation == "behind" else [])
    published = bench.commit(branch.upstream, parents, blobs, text)
    return Commits(published, beside, blobs, beaten)


def merge(desk: Desk, branch: Branch, blobs: Mapping[str, str | None]) -> Commit:
    """Joins HEAD and an upstream that has `blobs` and nothing else that HEAD has not."""
    assert branch.upstream is not None
    parents = [branch.head, branch.upstream]
    return desk.bench().commit(branch.head, parents, blobs, merge_message(blobs))


def _relation(desk: Desk, branch: Branch) -> str:
    """Where HEAD stands to its upstream: even, ahead, behind or diverged."""
    if branch.head == branch.upstream:
        return "even"
    base = survey.merge_base(desk.repository, branch)
    return {branch.upstream: "ahead", branch.head: "behind"}.get(base, "diverged")


def _write_blobs(desk: Desk, batch: dict[str, Found]) -> dict[str, str]:
    if not batch:
        return {}
    bench = desk.bench()
    if desk.plain_git:
        written = bench.write_files([desk.repository.root / path for path in batch])
    else:
        written = bench.write_pointers([found.pointer for found in batch.values()])
    for blob, (path, found) in zip(written, batch.items(), strict=True):
        if blob != found.version:
            raise Held(f"{path} changed while it was read")
    return dict(zip(batch, written, strict=True))
