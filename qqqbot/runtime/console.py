"""What a command says: its result on stdout, everything else on stderr."""

import sys


def say(text: str) -> None:
    print(text, flush=True)


def warn(*lines: str) -> None:
    print(*lines, sep="\n", file=sys.stderr, flush=True)


def refused(*lines: str, code: int = 1) -> int:
    """Says why, and returns the exit code."""
    warn(*lines)
    return code
