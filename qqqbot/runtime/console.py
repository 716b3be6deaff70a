"""What a command prints: its result on stdout, all else on stderr. If that fails, the command still goes on."""

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
    except OSError:  # nobody reads it, or the disk is full: `restart | head -1` must not stop the bot and not start it
        drop_unprinted(out)


def drop_unprinted(out: TextIO) -> None:
    """Direct `out` to nowhere if it cannot be printed to: the interpreter flushes it at its end, and would complain."""
    try:
        out.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())


def refused(*lines: str, code: int = 1) -> int:
    """Say why on stderr, and return the exit code."""
    warn(*lines)
    return code
