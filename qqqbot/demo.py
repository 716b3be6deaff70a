"""./bot_control.sh demo: the engine on simulated prices, months in seconds, without a network or an account.

What runs here is what trades: the same engine, polling loop, simulated account, records and monitor. Only the prices,
the calendar and the clock are invented, and three things are staged: one morning the prices are stale, the process dies
in the middle of a rotation, and a new one starts on the same files. Everything printed says SIMULATED PRICES.

    python -m qqqbot.demo [--logs DIR] [--seed N] [--rule RULE]
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

from qqqbot.adapters.simulated.broker import ACCOUNT, PaperBroker
from qqqbot.adapters.simulated.prices import ROWS, SimulatedPrices, sessions_between
from qqqbot.model.errors import BotError, ConfigError, StartRefused
from qqqbot.model.family import DEFAULT, DEFAULT_SYMBOLS, PRESETS, Rule, name_of, watched
from qqqbot.model.market import Market
from qqqbot.model.new_york import NEW_YORK, new_york_text
from qqqbot.model.ports import WatchedPrices
from qqqbot.model.program import COMMAND
from qqqbot.model.sessions import REGULAR_LENGTH, SessionTable
from qqqbot.model.values import Holding, Mode, Rules
from qqqbot.runtime import permissions, place
from qqqbot.runtime.clock import VirtualClock
from qqqbot.runtime.daily_log import set_up
from qqqbot.runtime.lock import PID_FILE, Lock
from qqqbot.runtime.rule_config import rule_named
from qqqbot.trading.alerts import LogNotifier
from qqqbot.trading.assembly import Identity, assemble, load_records
from qqqbot.trading.bookkeeping import set_capital
from qqqbot.trading.engine import State
from qqqbot.trading.heartbeat import Heartbeat
from qqqbot.trading.loop import poll, timetable
from qqqbot.trading.parts import Adapters

SIMULATED = "SIMULATED PRICES"
MADE_HERE = (
    "trades.jsonl",
    "orders.jsonl",
    "decisions.jsonl",
    "inputs.jsonl",
    "prices.jsonl",
    "last_end.json",
    "status.json",
    "status.json.new",
    "HALT",
)
MADE_HERE_PATTERNS = ("trading_bot_????????.log", "*.jsonl.torn-*")

SEED, OTHER_SEED = 7, 3
FIRST_ROW, FIRST_DAY, LAST_DAY, LAST_ROW = date(2024, 11, 12), date(2025, 7, 1), date(2025, 12, 31), date(2026, 3, 31)
STALE_MORNING = date(2025, 8, 12)
STALE_BY = timedelta(minutes=40)
CHECK_INTERVAL = timedelta(minutes=30)
# Longer than the daemon's minute: nobody watches the heartbeat here.
BEAT = timedelta(hours=6)
DEAD_FOR = timedelta(minutes=3)
CAPITAL = Decimal(100_000)
SLIPPAGE_BPS = Decimal(1)
ORDER_TIMEOUT = timedelta(seconds=60)
DAYS_FOR_A_SESSION = 1.5


HEAD = f"""\
{SIMULATED}: a deliberately nasty market, not a typical one. For another market: --seed {{other}}
Seed {{seed}}, {FIRST_DAY} to {LAST_DAY}, a check every 30 minutes; checks that changed nothing are not shown.
Each order with its reason: {{what}}."""
OF_THE_DEFAULT = "QQQ against its 30-day average (30d), and that against the 120-day average (120d)"


class PowerCut(BaseException):
    """The staged death of the process; nothing in the bot may catch it."""


class StagedPrices:
    """A PriceSource whose prices are stale on one morning. It cuts the power when `cut_now` says so."""

    def __init__(self, source: WatchedPrices, cut_now: Callable[[], bool]) -> None:
        self._source = source
        self._cut_now = cut_now
        self.watch = source.watch

    def sessions(self, now: datetime) -> SessionTable:
        if self._cut_now():
            raise PowerCut
        return self._source.sessions(now)

    def market(self, now: datetime) -> Market:
        market = self._source.market(now)
        morning = self._source.sessions(now).open_session(now)
        if morning is None or morning.date != STALE_MORNING or now > morning.open + 2 * STALE_BY:
            return market
        return replace(market, signal_quote=replace(market.signal_quote, time=now - STALE_BY))


class Narrator:
    """Prints what the file of decisions has gained: orders, refusals, the first check of a half-day."""

    def __init__(self, decisions: Path, table: SessionTable, out: TextIO) -> None:
        decisions.touch()
        self._lines = decisions.open(encoding="utf-8")
        self._half_days = {s.date.isoformat(): s for s in table.sessions if s.close - s.open < REGULAR_LENGTH}
        self._out = out
        self._refused: str | None = None

    def print_new(self) -> None:
        for line in self._lines:
            self._print(json.loads(line))

    def say(self, at: datetime, text: str) -> None:
        print(f"{new_york_text(at)}  {text}", file=self._out, flush=True)

    def close(self) -> None:
        self._lines.close()

    def _print(self, row: Mapping[str, Any]) -> None:
        at = datetime.fromisoformat(row["timestamp"])
        if row["exchange_open"] and (half := self._half_days.pop(row["session"], None)):
            self.say(at, f"a half-day: the exchange closes at {half.close.astimezone(NEW_YORK):%H:%M}")
        if row["error"] and row["error"] != self._refused:
            self.say(at, f"refused, {row['error']}: {row['sentence']}")
        elif self._refused and not row["error"]:
            self.say(at, "prices are good again")
        self._refused = row["error"]
        for order in row["orders"]:
            text = f"{order['side']:<4} {order['quantity']:>5,} {order['symbol']:<4} {order['price']:>7,.2f}"
            self.say(at, f"{text}  {_rule(row)}")


def main(arguments: Sequence[str] | None = None) -> int:
    what = "The bot on simulated prices: no network, no account."
    parser = argparse.ArgumentParser(prog=f"{COMMAND} demo", description=what)
    records = place.named(place.LOGS, "logs", os.environ) / "demo"
    parser.add_argument("--logs", type=Path, default=records, help="folder for its records (logs/demo)")
    parser.add_argument("--seed", type=int, default=SEED, help=f"another seed is another market ({SEED})")
    parser.add_argument(
        "--rule", default=DEFAULT, help=f"another rule ({DEFAULT}): {', '.join(PRESETS)}, or one spelled out"
    )
    options = parser.parse_args(arguments)
    try:
        rule = rule_named(options.rule)[0]
    except ConfigError as problems:
        print(problems, file=sys.stderr)
        return 2
    permissions.from_now_on()  # the parent folder may be the bot's own
    try:
        options.logs.mkdir(parents=True, exist_ok=True)
        with Lock(options.logs / PID_FILE):
            empty(options.logs)
            run(options.logs, options.seed, rule, sys.stdout)
        show_monitor(options.logs)
        print(f"\n{SIMULATED}. The records are in {options.logs}; these prices never existed.", flush=True)
    except BrokenPipeError:  # `demo | head -20`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (BotError, OSError) as error:
        print(f"the demo did not run: {error}", file=sys.stderr)
        return 1
    return 0


def empty(logs: Path) -> None:
    """Remove what an earlier demo left in `logs`. Raises StartRefused if its records are not those of a demo."""
    marker = logs / place.DEMO_MARKER
    earlier = [logs / name for name in MADE_HERE if (logs / name).exists()]
    earlier += [path for pattern in MADE_HERE_PATTERNS for path in logs.glob(pattern)]
    if earlier and not marker.exists():
        raise StartRefused(f"{logs} holds records that are not a demo's ({earlier[0].name}); choose another --logs")
    marker.write_text(f"Everything in this folder comes from {COMMAND} demo, which empties it first.\n")
    for path in earlier:
        path.unlink()


def run(logs: Path, seed: int, rule: Rule, out: TextIO) -> None:
    """Run six months of checks and print them as they happen."""
    first_row = min(FIRST_ROW, FIRST_DAY - timedelta(days=int(rule.history * DAYS_FOR_A_SESSION)))
    symbols = watched(rule, ())
    source = SimulatedPrices(seed, symbols, first_row, LAST_ROW, rows=max(ROWS, rule.history))
    first, last = (sessions_between(day, day)[0] for day in (FIRST_DAY, LAST_DAY))
    clock = VirtualClock(first.open, stop_at=last.close + CHECK_INTERVAL)
    narrator = Narrator(logs / "decisions.jsonl", source.table, out)
    default = rule == PRESETS[DEFAULT]
    what = OF_THE_DEFAULT if default else f"the rule {name_of(rule)}, on {' and '.join(symbols)}"
    print(HEAD.format(seed=seed, other=OTHER_SEED if seed != OTHER_SEED else SEED, what=what), file=out)
    set_up(logs, clock, keep_days=90)
    cuts_left = 1
    while not clock.stopping():
        life = Life(logs, clock, source, Rules(rule=None if default else rule), cuts_left)
        try:
            life.live(narrator)
        except PowerCut:
            cuts_left -= 1
            life.end()
            narrator.print_new()
            narrator.say(clock.now(), "the process dies between the sell and the buy; a new one starts in 3 minutes")
            clock.advance(DEAD_FOR)
        else:
            life.heartbeat.beat("stopped")
            life.end()
    narrator.close()


class Life:
    """The state of one process over the records in `logs`, assembled as in the daemon."""

    def __init__(self, logs: Path, clock: VirtualClock, source: WatchedPrices, rules: Rules, cuts_left: int) -> None:
        notifier = LogNotifier(clock)
        self._clock, self._rules = clock, rules
        self._records = load_records(logs, Identity(Mode.DRY_RUN, ACCOUNT), clock, notifier)
        set_capital(self._records.book, CAPITAL, clock)
        self._cuts_left = cuts_left
        state = State()
        broker = PaperBroker(self._records.book, clock, lambda: state.market, SLIPPAGE_BPS)
        prices = StagedPrices(source, self._cut_now)
        outside = Adapters(clock, prices, broker, notifier)
        self._engine = assemble(self._records, outside, rules, ORDER_TIMEOUT, state)
        constants = {"simulated_prices": True}
        self.heartbeat = Heartbeat(logs / "status.json", clock, constants, notifier, self._engine)

    def live(self, narrator: Narrator) -> None:
        """Poll until the clock asks for a stop. Raises PowerCut once."""

        def beat(due: datetime) -> None:
            narrator.print_new()
            self.heartbeat.beat("running", due)

        poll(self._engine, self._clock, timetable(self._rules, CHECK_INTERVAL), beat, BEAT)

    def end(self) -> None:
        """Close the files, as the system does when a process has died."""
        self._records.book.close()
        self._records.journal.close()
        self._records.decisions.close()

    def _cut_now(self) -> bool:
        """Whether a rotation is between its sell and its buy, for the first time."""
        ledger = self._records.book.ledger
        between = not any(ledger.shares.values()) and ledger.moving_to is not Holding.CASH
        return bool(self._cuts_left and between)


def show_monitor(logs: Path) -> None:
    """Print the monitor's own views of the records to the same terminal or pipe."""
    for view in ("--status", "--trades", "--performance"):
        print(f"\nmonitor.py {view}", flush=True)
        subprocess.run([sys.executable, str(place.MONITOR), view, "--logs-dir", str(logs)], check=False)


def _rule(row: Mapping[str, Any]) -> str:
    """'QQQ 636.00 above 30d 571.82; 30d above 120d 569.25', or the words of another rule."""
    if "rule" in row:
        return str(row["sentence"].partition(";")[0])
    price, short, long = row["price"], row["short_ma"], row["long_ma"]
    names = f"{Rules().short_period}d", f"{Rules().long_period}d"
    average = f"{names[0]} {_side(short, long)} {names[1]} {long:,.2f}"
    return f"{DEFAULT_SYMBOLS[0]} {price:,.2f} {_side(price, short)} {names[0]} {short:,.2f}; {average}"


def _side(value: float, line: float) -> str:
    return "above" if value > line else "below" if value < line else "at"


if __name__ == "__main__":
    sys.exit(main())
