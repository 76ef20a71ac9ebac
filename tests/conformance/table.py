"""`python -m tests.conformance.table`: runs every case and writes the table of docs/conformance.md.

Takes some minutes, and wants root, git-lfs and strace, as some cases are skipped without.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from tests.conformance.case import Case
from tests.conformance.running import chosen, run
from tests.conformance.subject import BUILT_IN, CHECKOUT, OURS, Subject

PAGE = CHECKOUT / "docs" / "conformance.md"
AGENTS = {"cacheferry-agent": OURS, "git-lfs standalone-file": BUILT_IN}
BEGIN, END = "<!-- the table -->\n", "<!-- its end -->\n"


def checks() -> Iterator[tuple[str, str, list[Case]]]:
    """Name and promise of each check, with its variants."""
    kin: dict[tuple[str, str], list[Case]] = {}
    for case in chosen(slow=True):
        kin.setdefault((case.name.partition(":")[0], case.promise), []).append(case)
    for (name, promise), cases in kin.items():
        yield name, promise, cases


def written(page: str) -> list[tuple[str, str]]:
    """Name and promise of each row of a page."""
    rows = page.partition(BEGIN)[2].partition(END)[0].splitlines()[2:]
    cells = [row.strip("| ").split(" | ") for row in rows]
    return [(name, promise) for promise, name, *_ in cells]


def main() -> None:
    """Runs, and writes the page anew."""
    rows = [f"| promise | case | {' | '.join(AGENTS)} |", "|---" * (len(AGENTS) + 2) + "|"]
    for name, promise, cases in checks():
        cells = [_cell(cases, agent) for agent in AGENTS.values()]
        rows.append(f"| {promise} | {name} | {' | '.join(cells)} |")
        print(rows[-1], flush=True)
    head, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    table = "".join(row + "\n" for row in rows)
    PAGE.write_text(head + BEGIN + table + END + rest.partition(END)[2], "utf-8")


def _cell(cases: Iterable[Case], agent: Subject) -> str:
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(lambda case: (case, run(case, agent)), cases))
    failed = [case.name.partition(": ")[2] for case, (word, _) in outcomes if word == "FAIL"]
    if not failed:
        return "ok" if any(word == "ok" for _, (word, _) in outcomes) else "n.a."
    return "**fails**" if len(failed) == len(outcomes) else "**fails**: " + ", ".join(failed)


if __name__ == "__main__":
    main()
