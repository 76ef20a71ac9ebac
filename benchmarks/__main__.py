"""`python -m benchmarks`: runs every measurement, prints it, and keeps it for the docs.

`--agent NAME=COMMAND` measures a further transfer agent beside ours; `{store}` in the command
stands for a folder. `--only WORD` runs what has the word in its title, and keeps nothing.
"""

import argparse

from benchmarks import buckets, memory, publishing, pulling, report, startup, transfer


def main() -> None:
    words = argparse.ArgumentParser(prog="python -m benchmarks")
    words.add_argument("--agent", action="append", default=[], metavar="NAME=COMMAND")
    words.add_argument("--only", default="", metavar="WORD")
    given = words.parse_args()
    further = [(name, command) for name, _, command in (one.partition("=") for one in given.agent)]
    measurements = {
        "start-up": startup.rows,
        "transfer by git-lfs": lambda: transfer.rows(further),
        "transfer by git-lfs on S3": buckets.rows,
        "pulling": pulling.rows,
        "publishing": publishing.rows,
        "memory": memory.rows,
    }
    found = []
    for title, rows in measurements.items():
        if given.only in title:
            found += (some := rows())
            report.show(title, some)
    if not given.only:
        report.keep(found)


if __name__ == "__main__":
    main()
