"""What a command says: its result on stdout, everything else on stderr. If nobody reads it, the command goes on."""

import os
import sys
from typing import TextIO


def say(text: str) -> None:
    _print(text, sys.stdout)


def warn(*lines: str) -> None:
    _print("\n".join(lines), sys.stderr)


def _print(text: str, out: TextIO) -> None:
    try:
        print(text, file=out, flush=True)
    except BrokenPipeError:  # `restart | head -1` must not end between its halves, nor at the interpreter's last flush
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())


def refused(*lines: str, code: int = 1) -> int:
    """Says why, and returns the exit code."""
    warn(*lines)
    return code
