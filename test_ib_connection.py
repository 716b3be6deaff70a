#!/usr/bin/env python3
"""Checks the connection to Interactive Brokers step by step, and reports whether the bot could trade over it.

It only reads: no order is ever placed. It uses config.json, and works while dry_run is true as well. Exit codes: 0 if
the bot could trade, 1 if it could not, 2 for a configuration that cannot be used.

Started with a Python that lacks what it needs, it starts again with the project's own, before it imports anything else.
"""

import importlib.util
import sys

from qqqbot import use_own_python

NOT_SET_UP = "not set up yet ({}): ./bot_control.sh start sets everything up, ./bot_control.sh update does it again"

if __name__ == "__main__":
    lacking = [name for name in ("pydantic", "ibapi") if importlib.util.find_spec(name) is None]
    if lacking:
        use_own_python()
    if lacking and lacking != ["ibapi"]:
        sys.exit(NOT_SET_UP.format(", ".join(lacking) + " is missing"))

import argparse
import io
import json
import logging
import os
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from qqqbot.adapters.ib.connection import Timing
from qqqbot.adapters.ib.doctor.checkup import Checkup, Patience, Report
from qqqbot.adapters.ib.doctor.probe import Probe
from qqqbot.adapters.ib.doctor.result import Result
from qqqbot.display.masking import without_accounts
from qqqbot.display.terminal import Line, Tone, show
from qqqbot.model.errors import ConfigError, StartRefused
from qqqbot.model.ports import Clock
from qqqbot.records.folder import Folder
from qqqbot.records.row_prices import prices_of
from qqqbot.records.tail import last_rows
from qqqbot.runtime import config, place
from qqqbot.runtime.clock import SystemClock
from qqqbot.runtime.config import Config
from qqqbot.runtime.lock import PID_FILE, holder

SCHEMA = 1
WIDTH, TEXT_AT = 80, 25
TONES = {"ok": Tone.GOOD, "note": Tone.WARNING, "FAILED": Tone.BAD}


def main(
    arguments: Sequence[str] | None = None,
    clock: Clock | None = None,
    out: TextIO | None = None,
    patience: Patience | None = None,
) -> int:
    """Check what `arguments` ask for; returns the exit code."""
    options, out = _parse(arguments), out or sys.stdout
    try:
        settings = config.load(options.config)
        daemon = holder(options.logs / PID_FILE)
    except (ConfigError, StartRefused) as reason:
        print(reason, file=sys.stderr)
        if options.json:
            out.write(json.dumps({"schema": SCHEMA, "could_trade": False, "error": str(reason)}, indent=2) + "\n")
        return 2 if isinstance(reason, ConfigError) else 1
    try:
        return _check(options, settings, daemon, clock or SystemClock(), out, patience or Patience())
    except BrokenPipeError:  # `test_ib_connection.py | head -3`: the interpreter's last flush must not complain again
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
        return 1


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="test_ib_connection.py",
        description="Checks the connection to Interactive Brokers step by step. It places no order.",
        epilog="Exits 0 if the bot could trade, 1 if it could not, 2 for a configuration that cannot be used. "
        "--json prints account ids in full; the screen masks them.",
    )
    parser.add_argument(
        "--config",
        type=Path,
        default=place.named(place.CONFIG, "config.json", os.environ),
        metavar="FILE",
        help="the configuration (QQQBOT_CONFIG, else config.json next to this script)",
    )
    parser.add_argument(
        "--logs",
        type=Path,
        default=place.named(place.LOGS, "logs", os.environ),
        metavar="DIR",
        help="the daemon's logs folder; while the daemon is running, the check uses another client id",
    )
    parser.add_argument(
        "--what-if",
        action="store_true",
        help="also ask the broker what it would answer to a purchase of the bot's size, without placing it",
    )
    parser.add_argument("--json", action="store_true", help="print the results as JSON, at the end")
    return parser.parse_args(arguments)


def _check(
    options: argparse.Namespace,
    settings: Config,
    daemon: int | None,
    clock: Clock,
    out: TextIO,
    patience: Patience,
) -> int:

    def show_result(result: Result, accounts: tuple[str, ...]) -> None:
        if not options.json:
            show(_lines(result, accounts), out)

    if not options.json:
        where = f"Interactive Brokers at {settings.ib_host} port {settings.ib_port}; read only, no order is placed"
        show((Line(where, Tone.TITLE), Line("")), out)
    last_prices = _last_prices(options.logs)
    checkup = Checkup(settings, clock, patience, show_result, options.what_if, daemon, last_prices)
    report = _run(checkup, clock, patience)
    if options.json:
        out.write(json.dumps(_facts(report, settings), indent=2) + "\n")
    else:
        show(_ending(report), out)
    return 0 if report.could_trade else 1


def _last_prices(logs: Path) -> dict[str, float]:
    """Symbol -> price in the bot's newest decision."""

    try:
        rows = last_rows(Folder(logs, lambda _: None).decisions, 1).rows
    except OSError:
        return {}
    return prices_of(rows[-1]) if rows else {}


def _run(checkup: Checkup, clock: Clock, patience: Patience) -> Report:

    try:
        from ib_broker import CLIENT_RELEASE, IBGateway
    except ConfigError as unloadable:
        return checkup.without_package(f"the package ibapi cannot be loaded ({unloadable.__cause__})")
    timing = Timing(connect=patience.connect)
    return checkup.run(Probe(lambda listener: IBGateway(clock, timing, listener)), *CLIENT_RELEASE)


def _lines(result: Result, accounts: tuple[str, ...]) -> tuple[Line, ...]:
    """One result in 80 columns: verdict, name and what was found; below, what it means and what to do about it."""

    head, *more = _wrapped(result.found, accounts)
    lines = [Line(f"{result.verdict:<8}{result.name:<{TEXT_AT - 8}}{head}", TONES[result.verdict])]
    fix = f"Do: {result.fix}" if result.fix else ""
    texts = [*more, *_wrapped(result.meaning, accounts), *_wrapped(fix, accounts)]
    return (*lines, *(Line(" " * TEXT_AT + text) for text in texts))


def _ending(report: Report) -> tuple[Line, ...]:

    lines = [Line("")]
    if report.not_reached:
        missed = f"Not reached: {', '.join(report.not_reached)}."
        lines += [Line(text) for text in textwrap.wrap(missed, WIDTH, break_on_hyphens=False)]
    tone = Tone.GOOD if report.could_trade else Tone.BAD
    conclusion = without_accounts(report.conclusion, *report.accounts)
    return (*lines, *(Line(text, tone) for text in textwrap.wrap(conclusion, WIDTH)))


def _wrapped(text: str, accounts: tuple[str, ...]) -> list[str]:
    return textwrap.wrap(without_accounts(text, *accounts), WIDTH - TEXT_AT, break_on_hyphens=False)


def _facts(report: Report, settings: Config) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "could_trade": report.could_trade,
        "conclusion": report.conclusion,
        "host": settings.ib_host,
        "port": settings.ib_port,
        "account": report.account or None,
        "rungs": [asdict(result) for result in report.results],
        "not_reached": list(report.not_reached),
    }


if __name__ == "__main__":
    logging.getLogger().addHandler(logging.NullHandler())  # the screen shows what matters
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal without UTF-8 shows escapes, not a traceback
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted; nothing was ordered")
