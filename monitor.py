#!/usr/bin/env python3
"""Shows what the daemon did, does and will do, from the files of its logs folder only; also while it is dead.

It never imports a price source or a broker: a look must be cheap and unable to trade. A number library is loaded only
for --drift, and for --performance if the backtest has kept prices to compare the book with.
"""

import argparse
import importlib.util
import io
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, TextIO, TypeVar

from qqqbot import use_own_python
from qqqbot.display.terminal import Screen, show
from qqqbot.model.errors import BotError, ConfigError, StartRefused
from qqqbot.model.ports import Clock
from qqqbot.model.program import COMMAND
from qqqbot.monitoring.facts.answer import Answer, json_values
from qqqbot.records.folder import Folder, identity
from qqqbot.runtime import place
from qqqbot.runtime.clock import SystemClock
from qqqbot.runtime.console import drop_unprinted
from qqqbot.runtime.lock import holder

KEPT_PRICES = Path(".cache") / "prices"
"""the folder, beside the logs folder, in which the backtest keeps prices"""
UNREADABLE = 1
WRONG_ARGUMENT = 2
NO_LIVE = f"there is no --live: use `watch -n5 {COMMAND} status` in a terminal, or --web for a page"


def main(
    arguments: Sequence[str] | None = None,
    clock: Clock | None = None,
    out: TextIO | None = None,
    lock_holder: Callable[[Path], int | None] = holder,
) -> int:
    """Run one view; returns the exit code."""
    clock, out = clock or SystemClock(), out or sys.stdout
    try:
        options = _parser().parse_args(arguments)
    except SystemExit:  # argparse has printed the help, or what is wrong with the arguments
        drop_unprinted(out)
        raise
    folder = Folder(options.logs_dir, lock_holder)
    try:
        return _view(options, folder, clock, out)
    except BrokenPipeError:  # the reader of a view that goes on, such as --tail, has gone
        drop_unprinted(out)
        return 0
    except ConfigError as problem:  # an unusable token
        return _refused(options, out, str(problem), WRONG_ARGUMENT)
    except ModuleNotFoundError as lacking:  # --web and --drift need installed libraries
        needs = f"not set up yet ({lacking.name} is missing): {COMMAND} start sets everything up"
        return _refused(options, out, needs, UNREADABLE)
    except StartRefused as refused:  # it cannot be determined who holds the lock
        return _refused(options, out, str(refused), UNREADABLE)
    except OSError as error:
        what = f"cannot read {error.filename}" if error.filename else f"cannot print, or read {folder.path}"
        return _refused(options, out, f"{what}: {error.strerror or error}", UNREADABLE)


def _refused(options: argparse.Namespace, out: TextIO, reason: str, code: int) -> int:
    """Say why there is no view: on stderr, or to a program (--json) where it looks for the answer."""
    print(f"monitor: {reason}", file=sys.stderr)
    if options.json:
        with suppress(OSError):
            _write_json({"error": reason}, out)
    drop_unprinted(out)
    return code


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say it in one sentence: the usage would name this program, and the owner has typed another command."""
        self.exit(WRONG_ARGUMENT, f"monitor: {message.removeprefix('argument ')}; --help lists what is possible\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="monitor.py",
        formatter_class=_help_formatter,
        description="Shows what the trading daemon did, does and will do. Reads files only; works while it is dead.",
        epilog="--status exits with 0 if all is well, 1 if the daemon is dead or hangs, 3 if it is stopped or never "
        "started, 4 if trading is halted, 5 if decisions are due and it cannot make them. --why and --replay take a "
        "New York date (2026-11-25, today, yesterday: all its checks), a time of today (15:45: the last check up to "
        "then), both, or nothing (the last check); --replay exits with 1 if today's code decides differently. "
        '--json prints account ids in full; the screens mask them. A view that is refused is {"error": reason}.',
    )
    view = parser.add_mutually_exclusive_group()
    view.add_argument("--status", action="store_true", help="running? holdings? problems? next? (the default)")
    view.add_argument("--trades", action="store_true", help="the newest trades, newest last")
    view.add_argument("--logs", action="store_true", help="the newest lines of the log")
    view.add_argument("--tail", action="store_true", help="follow the log, across midnight, until Ctrl-C")
    view.add_argument("--performance", action="store_true", help="what the bot has earned so far")
    view.add_argument("--drift", action="store_true", help="decisions and fills compared with the official closes")
    view.add_argument("--why", nargs="*", metavar="DATE|TIME", help="a decision with all its numbers; see below")
    view.add_argument("--replay", nargs="*", metavar="DATE|TIME", help="would today's code decide the same?")
    view.add_argument("--web", action="store_true", help="the dashboard, as a page for a browser, until Ctrl-C")
    view.add_argument("--live", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=_port, default=8787, metavar="N", help="the port of --web (8787)")
    parser.add_argument(
        "--bind", default="127.0.0.1", metavar="ADDRESS", help="the address of --web (127.0.0.1: this machine only)"
    )
    parser.add_argument("--limit", type=_positive, default=10, metavar="N", help="trades to show (10)")
    parser.add_argument("--lines", type=_positive, default=30, metavar="N", help="lines of the log to show (30)")
    parser.add_argument("--json", action="store_true", help="the same as JSON, times in UTC")
    parser.add_argument(
        "--logs-dir",
        type=Path,
        default=place.named(place.LOGS, "logs", os.environ),
        metavar="DIR",
        help="the logs folder (QQQBOT_LOGS, else logs beside this script)",
    )
    return parser


def _help_formatter(prog: str) -> argparse.HelpFormatter:
    """A formatter of fixed width: to find the terminal's width, argparse would import modules that nothing needs."""
    return argparse.HelpFormatter(prog, width=80)


def _positive(text: str) -> int:
    return _whole(text, 1, sys.maxsize, "must be a whole number of at least 1")


def _port(text: str) -> int:
    return _whole(text, 0, 65535, "must be a whole number from 0 to 65535")


def _whole(text: str, least: int, most: int, rule: str) -> int:
    with suppress(ValueError):
        if least <= int(text) <= most:
            return int(text)
    raise argparse.ArgumentTypeError(f"{rule}, was {text}")


def _view(options: argparse.Namespace, folder: Folder, clock: Clock, out: TextIO) -> int:
    if options.tail:
        return _tail(options, folder, clock, out)
    if options.web:
        return _web(options, folder, clock, out)
    if options.live:
        return _refused(options, out, NO_LIVE, WRONG_ARGUMENT)
    if options.drift:
        return _drift(options, folder, out)
    if options.why is not None or options.replay is not None:
        return _why(options, folder, clock, out)
    if options.trades or options.performance or options.logs:
        return _book_or_log(options, folder, clock, out)
    return _status(options, folder, clock, out)


# Each view imports only what it needs itself, so that --status, which scripts ask for all the time, starts quickly.


def _status(options: argparse.Namespace, folder: Folder, clock: Clock, out: TextIO) -> int:
    from qqqbot.monitoring.facts import status
    from qqqbot.monitoring.screens import status as screens

    facts = status.status(folder, clock.now())
    _print(options, out, facts, screens.status)
    return facts.exit_code


def _book_or_log(options: argparse.Namespace, folder: Folder, clock: Clock, out: TextIO) -> int:
    from qqqbot.monitoring.facts import trades
    from qqqbot.monitoring.screens import trades as screens

    if options.trades:
        _print(options, out, trades.trades(folder, options.limit), screens.trades)
    elif options.performance:
        _performance(options, folder, clock, out)
    else:
        _print(options, out, trades.logs(folder, options.lines), screens.logs)
    return 0


def _performance(options: argparse.Namespace, folder: Folder, clock: Clock, out: TextIO) -> None:
    from qqqbot.monitoring.facts import trades
    from qqqbot.monitoring.screens import trades as screens

    facts = trades.performance(folder, clock.now())
    prices = _beside(folder, KEPT_PRICES)
    if not prices.exists():
        _print(options, out, facts, screens.performance)
        return
    from qqqbot.backtest import holding

    held = holding.holding_facts(folder, prices)
    if options.json:
        _write_json({**json_values(facts), **held.as_json()}, out)
    else:
        show((*screens.performance(facts), *holding.holding_screen(held)), out)


def _drift(options: argparse.Namespace, folder: Folder, out: TextIO) -> int:
    from qqqbot.backtest import drift
    from qqqbot.monitoring.screens.frame import framed

    config = Path(os.environ.get(place.CONFIG) or _beside(folder, "config.json"))
    try:
        facts = drift.drift_facts(folder, _beside(folder, KEPT_PRICES), config)
    except BotError as reason:
        return _refused(options, out, f"--drift: {reason}", UNREADABLE)
    if options.json:
        _write_json(facts.as_json(), out)
    else:
        show(framed(identity(folder, folder.status()[0]), *drift.drift_screen(facts)), out)
    return 0


def _beside(folder: Folder, name: str | Path) -> Path:
    """The path of `name` beside the logs folder or, if there is none, in the owner's: logs may be anywhere."""
    beside = folder.path.parent / name
    return beside if beside.exists() else place.home(os.environ) / name


def _why(options: argparse.Namespace, folder: Folder, clock: Clock, out: TextIO) -> int:
    from qqqbot.monitoring.facts import why as explanation
    from qqqbot.monitoring.screens import why as why_screen  # imports the planner, which other views do not need

    asked = options.why if options.replay is None else options.replay
    try:
        when = explanation.When.parse(asked, explanation.today(folder, clock.now()))
    except ValueError:
        flag = "--why" if options.replay is None else "--replay"
        expected = "a date like 2026-11-25 (1970 to 9000), today or yesterday, a time like 15:45, or both"
        return _refused(options, out, f"{flag}: expected {expected}, found {' '.join(asked)}", WRONG_ARGUMENT)
    if options.replay is None:
        _print(options, out, explanation.why(folder, when, clock.now()), why_screen.why)
        return 0
    facts = explanation.replay(folder, when, clock.now())
    _print(options, out, facts, why_screen.replay)
    return UNREADABLE if facts.different else 0


def _web(options: argparse.Namespace, folder: Folder, clock: Clock, out: TextIO) -> int:
    import logging

    from qqqbot.monitoring.web import auth
    from qqqbot.monitoring.web import server as web
    from qqqbot.runtime.secret_files import fresh
    from qqqbot.runtime.systemd import Supervisor

    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    chosen = auth.chosen(os.environ, place.named(place.CONFIG, "config.json", os.environ).parent)
    token = chosen or fresh()
    try:
        hosts = web.addresses(options.bind)

        def ready(port: int) -> None:
            address = web.url(options.bind, port)
            if chosen is None:
                out.write(
                    f"Open {address}?token={token}\nThe browser remembers the token, which is valid until Ctrl-C.\n"
                )
            else:
                out.write(
                    f"Open {address}\nIt asks once for the token that you chose; the user name does not matter.\n"
                )
            # The addresses decide, not the name: /etc/hosts may give localhost an address that others can reach.
            if not all(map(auth.is_loopback, hosts)):
                out.write("It is not encrypted: use it on a network you trust, or through ssh -L or a VPN.\n")
            out.flush()
            Supervisor(os.environ).report("running", f"Open {address}")

        web.serve(web.application(folder, clock, token), hosts, options.port, ready)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        where = f"--web: cannot listen on {options.bind}, port {options.port}"
        return _refused(options, out, f"{where}: {reason}; choose another with --port or --bind", UNREADABLE)
    return 0


View = TypeVar("View", bound=Answer)


def _print(options: argparse.Namespace, out: TextIO, facts: View, screen: Callable[[View], Screen]) -> None:
    """Print a view. A reader who stops reading early does not change its exit code."""
    try:
        if options.json:
            _write_json(json_values(facts), out)
        else:
            show(screen(facts), out)
    except BrokenPipeError:  # `monitor.py --trades | head -3`
        drop_unprinted(out)


def _write_json(values: Mapping[str, Any], out: TextIO) -> None:
    out.write(json.dumps(values, indent=2) + "\n")
    out.flush()


def _tail(options: argparse.Namespace, folder: Folder, clock: Clock, out: TextIO) -> int:
    """Follow the log until Ctrl-C or a stop request; if there is no log yet, wait for the first one."""
    from qqqbot.monitoring.facts import trades
    from qqqbot.monitoring.screens import trades as screens
    from qqqbot.monitoring.screens.frame import framed
    from qqqbot.records.tail import follow

    first, *last = framed(identity(folder, folder.status()[0]))
    with suppress(KeyboardInterrupt):
        if not options.json:
            show([first], out)
        for path, line in follow(folder.newest_log, clock.wait, options.lines):
            if options.json:
                out.write(json.dumps({"file": path.name, **trades.log_line(line)._asdict()}) + "\n")
                out.flush()
            else:
                show((screens.log_line(trades.log_line(line)),), out)
    if not options.json:
        show(last, out)
    return 0


if __name__ == "__main__":
    if importlib.util.find_spec("rich") is None:  # without it there are no colours, no --web and no --drift
        use_own_python()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # without UTF-8 a terminal shows escapes, not a traceback
    sys.exit(main())
