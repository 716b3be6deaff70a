"""./bot_control.sh demo: the engine over simulated prices, months in seconds, without a network or an account.

What runs here is what trades: the same engine, polling loop, simulated account, records and monitor. Only the prices,
the calendar and the clock are made up, and three things are staged: one morning the prices are stale, the process dies
in the middle of a rotation, and a new one starts over the same files. Everything printed says SIMULATED PRICES.

    python -m qqqbot.demo [--logs DIR] [--seed N]
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
from qqqbot.adapters.simulated.prices import SimulatedPrices, sessions_between
from qqqbot.model.errors import BotError, StartRefused
from qqqbot.model.ports import PriceSource
from qqqbot.model.sessions import NEW_YORK, REGULAR_LENGTH, SessionTable, new_york_text
from qqqbot.model.values import Holding, Market, Mode, Rules
from qqqbot.runtime import place
from qqqbot.runtime.clock import VirtualClock
from qqqbot.runtime.daily_log import set_up
from qqqbot.runtime.lock import PID_FILE, Lock
from qqqbot.trading.alerts import LogNotifier
from qqqbot.trading.assembly import Identity, assemble, load_records, set_capital
from qqqbot.trading.engine import State
from qqqbot.trading.heartbeat import Heartbeat
from qqqbot.trading.loop import poll, timetable

ROOT = Path(__file__).resolve().parent.parent
SIMULATED = "SIMULATED PRICES"
MARKER = "SIMULATED_PRICES"
MADE_HERE = (
    "trades.jsonl",
    "orders.jsonl",
    "decisions.jsonl",
    "inputs.jsonl",
    "status.json",
    "status.json.new",
    "HALT",
)
MADE_HERE_PATTERNS = ("trading_bot_????????.log", "*.jsonl.torn-*")

SEED = 7
FIRST_ROW, FIRST_DAY, LAST_DAY, LAST_ROW = date(2024, 11, 12), date(2025, 7, 1), date(2025, 12, 31), date(2026, 3, 31)
STALE_MORNING = date(2025, 8, 12)
STALE_BY = timedelta(minutes=40)
CHECK_INTERVAL = timedelta(minutes=30)
# Nobody waits for a beat here; the daemon beats once a minute.
BEAT = timedelta(hours=6)
DEAD_FOR = timedelta(minutes=3)
CAPITAL = Decimal(100_000)
SLIPPAGE_BPS = Decimal(1)
ORDER_TIMEOUT = timedelta(seconds=60)
RULES = Rules()


class PowerCut(BaseException):
    """The staged death of the process: nothing in the bot may catch it."""


class StagedPrices:
    """A PriceSource whose prices are stale one morning, and which cuts the power once, when `cut_now` says so."""

    def __init__(self, source: PriceSource, cut_now: Callable[[], bool]) -> None:
        self._source = source
        self._cut_now = cut_now

    def sessions(self, now: datetime) -> SessionTable:
        if self._cut_now():
            raise PowerCut
        return self._source.sessions(now)

    def market(self, now: datetime) -> Market:
        market = self._source.market(now)
        morning = self._source.sessions(now).open_session(now)
        if morning is None or morning.date != STALE_MORNING or now > morning.open + 2 * STALE_BY:
            return market
        old = now - STALE_BY
        return replace(market, qqq=replace(market.qqq, time=old), tqqq=replace(market.tqqq, time=old))


class Teller:
    """Prints what comes into the decisions' file as it comes: rotations, refusals, the first check of a half-day."""

    def __init__(self, decisions: Path, table: SessionTable, out: TextIO) -> None:
        decisions.touch()
        self._lines = decisions.open(encoding="utf-8")
        self._half_days = {s.date.isoformat(): s for s in table.sessions if s.close - s.open < REGULAR_LENGTH}
        self._out = out
        self._refused: str | None = None

    def tell_new(self) -> None:
        for line in self._lines:
            self._tell(json.loads(line))

    def say(self, at: datetime, text: str) -> None:
        print(f"{new_york_text(at)}  {text}", file=self._out, flush=True)

    def close(self) -> None:
        self._lines.close()

    def _tell(self, row: Mapping[str, Any]) -> None:
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
    parser = argparse.ArgumentParser(prog="demo", description="The bot over simulated prices: no network, no account.")
    parser.add_argument(
        "--logs", type=Path, default=place.home(os.environ) / "logs" / "demo", help="where its records go (logs/demo)"
    )
    parser.add_argument("--seed", type=int, default=SEED, help=f"another seed, another market ({SEED})")
    options = parser.parse_args(arguments)
    try:
        options.logs.mkdir(parents=True, exist_ok=True)
        with Lock(options.logs / PID_FILE):
            empty(options.logs)
            run(options.logs, options.seed, sys.stdout)
        show_monitor(options.logs)
        print(f"\n{SIMULATED}. The records are in {options.logs}; nothing here was ever for sale.", flush=True)
    except BrokenPipeError:  # `demo | head -20`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (BotError, OSError) as error:
        print(f"the demo did not run: {error}", file=sys.stderr)
        return 1
    return 0


def empty(logs: Path) -> None:
    """Remove what an earlier demo left in `logs`. Raises StartRefused for a folder whose records are not a demo's."""
    marker = logs / MARKER
    earlier = [logs / name for name in MADE_HERE if (logs / name).exists()]
    earlier += [path for pattern in MADE_HERE_PATTERNS for path in logs.glob(pattern)]
    if earlier and not marker.exists():
        raise StartRefused(f"{logs} holds records that no demo has made ({earlier[0].name}); choose another --logs")
    marker.write_text("Everything in this folder comes from ./bot_control.sh demo, which empties it first.\n")
    for path in earlier:
        path.unlink()


def run(logs: Path, seed: int, out: TextIO) -> None:
    """Six months of checks, told line by line."""
    source = SimulatedPrices(seed, FIRST_ROW, LAST_ROW)
    first, last = (sessions_between(day, day)[0] for day in (FIRST_DAY, LAST_DAY))
    clock = VirtualClock(first.open, stop_at=last.close + CHECK_INTERVAL)
    teller = Teller(logs / "decisions.jsonl", source.table, out)
    print(f"{SIMULATED}, seed {seed}: {FIRST_DAY} to {LAST_DAY}, a check every 30 minutes", file=out)
    print("Orders of the simulated account, and QQQ against its 30-day and its 120-day average.", file=out)
    print("Checks that changed nothing are not shown.", file=out)
    set_up(logs, clock, keep_days=90)
    cuts_left = 1
    while not clock.stopping():
        life = Life(logs, clock, source, cuts_left)
        try:
            life.live(teller)
        except PowerCut:
            cuts_left -= 1
            life.end()
            teller.tell_new()
            teller.say(clock.now(), "the process dies between the sell and the buy; a new one starts in 3 minutes")
            clock.advance(DEAD_FOR)
        else:
            life.heartbeat.beat("stopped")
            life.end()
    teller.close()


class Life:
    """One process's worth of state over the records in `logs`, put together as the daemon does it."""

    def __init__(self, logs: Path, clock: VirtualClock, source: PriceSource, cuts_left: int) -> None:
        notifier = LogNotifier(clock)
        self._clock = clock
        self._records = load_records(logs, Identity(Mode.DRY_RUN, ACCOUNT), clock, notifier)
        set_capital(self._records.book, CAPITAL, clock)
        self._cuts_left = cuts_left
        state = State()
        broker = PaperBroker(self._records.book, clock, lambda: state.market, SLIPPAGE_BPS)
        prices = StagedPrices(source, self._cut_now)
        self._engine = assemble(logs, self._records, RULES, ORDER_TIMEOUT, clock, prices, broker, notifier, state=state)
        constants = {"simulated_prices": True}
        self.heartbeat = Heartbeat(logs / "status.json", clock, constants, notifier, self._engine)

    def live(self, teller: Teller) -> None:
        """Poll until the clock asks for a stop. Raises PowerCut once."""

        def beat(due: datetime) -> None:
            teller.tell_new()
            self.heartbeat.beat("running", due)

        poll(self._engine, self._clock, timetable(RULES, CHECK_INTERVAL), beat, BEAT)

    def end(self) -> None:
        """What the system does with a process that is gone: its files are closed."""
        self._records.book.close()
        self._records.journal.close()
        self._records.decisions.close()

    def _cut_now(self) -> bool:
        """Whether a rotation stands between its sell and its buy, for the first time."""
        ledger = self._records.book.ledger
        between = not any(ledger.shares.values()) and ledger.moving_to is not Holding.CASH
        return bool(self._cuts_left and between)


def show_monitor(logs: Path) -> None:
    """The monitor's own view of the records, on the same terminal or pipe."""
    for view in ("--status", "--trades", "--performance"):
        print(f"\nmonitor.py {view}", flush=True)
        subprocess.run([sys.executable, str(ROOT / "monitor.py"), view, "--logs-dir", str(logs)], check=False)


def _rule(row: Mapping[str, Any]) -> str:
    """'QQQ 636.00 > 571.82 > 569.25': the price, the short and the long average, as the rule compares them."""
    price, short, long = row["price"], row["short_ma"], row["long_ma"]
    first, second = ">" if price > short else "<=", ">" if short > long else "<="
    return f"QQQ {price:,.2f} {first} {short:,.2f} {second} {long:,.2f}"


if __name__ == "__main__":
    sys.exit(main())
