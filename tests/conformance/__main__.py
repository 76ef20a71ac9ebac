"""`python -m tests.conformance [options] -- AGENT COMMAND`: one line a case, 1 if one fails."""

import argparse
import sys
from typing import Any

from tests.conformance.running import chosen, run
from tests.conformance.subject import Subject


def main() -> int:
    """Runs the chosen cases against the command behind `--`."""
    options, command = _options(sys.argv[1:])
    subject = Subject(
        tuple(command),
        dict(word.split("=", 1) for word in options.env),
        objects=None if options.objects == "none" else options.objects,
        setup=tuple(options.setup.split()),
        wrong=tuple(dict([word.split("=", 1)]) for word in options.wrong),
        memory=options.memory,
        patience=options.patience,
    )
    failed = False
    for case in chosen(options.only, options.slow):
        word, why = run(case, subject)
        print(f"{word:4}  {case.name}" + (f": {why}" if why else ""), flush=True)
        failed |= word == "FAIL"
    return int(failed)


def _options(words: list[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(
        prog="python -m tests.conformance",
        usage="%(prog)s [options] -- AGENT COMMAND",
        description="{store} in COMMAND, --env and --setup stands for the folder of the store.",
    )
    several: dict[str, Any] = {"action": "append", "default": [], "metavar": "KEY=VALUE"}
    parser.add_argument("--env", help="a variable of the agent's environment", **several)
    parser.add_argument(
        "--objects",
        metavar="PATTERN",
        default=Subject(()).objects,
        help="where an object lies below the store; default %(default)s; "
        "`none` where the store is no folder",
    )
    parser.add_argument("--setup", default="", metavar="COMMAND", help="makes an empty store")
    parser.add_argument("--wrong", help="an environment in which init must be refused", **several)
    parser.add_argument("--memory", type=int, default=60, metavar="MB", help="default %(default)s")
    parser.add_argument("--patience", type=float, default=20, metavar="SECONDS")
    parser.add_argument("--only", default="", metavar="WORDS", help="cases with these in the name")
    parser.add_argument("--slow", action="store_true", help="also gigabytes and every kill")
    here = words.index("--") if "--" in words else len(words)
    command = words[here + 1 :]
    if not command and not {"-h", "--help"} & set(words):
        parser.error("no agent behind --")
    return parser.parse_args(words[:here]), command


if __name__ == "__main__":
    sys.exit(main())
