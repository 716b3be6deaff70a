"""The whole loop in a world that fails: `simulate(seed, p, crash_at, broker)` runs it, checks the laws on the way, and
returns how it ended. The same arguments give the same run, to the last byte; a run that fails prints them.

`p` is how unkind the world is until it becomes kind: prices that are missing, stale or wrong, a broker that does not
answer, answers late, twice or in part, a full disk, a clock that steps, an owner who halts and trades by hand, and
deaths of the process. `crash_at` is the number of the one point at which the process dies in a world that is otherwise
kind: each call that leaves the process has one before it, one after it and, for writes, one in the middle. A death is
an exception that the bot cannot catch; afterwards a new Engine starts with the same files.
"""

import errno
import json
import math
import os
import random
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from qqqbot.adapters.simulated.broker import ACCOUNT as PAPER_ACCOUNT
from qqqbot.adapters.simulated.broker import PaperBroker
from qqqbot.model.errors import BrokerUnavailable, LedgerMismatch, PricesUnavailable, StalePrices
from qqqbot.model.market import Market, Quote
from qqqbot.model.ports import Broker
from qqqbot.model.sessions import SessionTable
from qqqbot.model.values import AccountSnapshot, Action, Mode, Order, OrderIntent, Side
from qqqbot.records.jsonl import AppendOnlyFile, Row, _lines
from qqqbot.records.status_file import write_status
from qqqbot.runtime.halt_file import HaltSwitch
from qqqbot.trading import adoption as ownership
from qqqbot.trading.alerts import LogNotifier
from qqqbot.trading.assembly import Identity, assemble, load_records
from qqqbot.trading.bookkeeping import set_capital
from qqqbot.trading.engine import State
from qqqbot.trading.loop import poll, timetable
from qqqbot.trading.parts import Adapters
from tests.simulation.sim_broker import ACCOUNT
from tests.simulation.sim_records import rows
from tests.simulation.sim_watch import Watch
from tests.simulation.sim_world import OTHER_RULES, RULES, Death, OwnerStops, World
from tests.support.builders import fold

BEAT = timedelta(hours=12)
ORDER_TIMEOUT = timedelta(seconds=60)
RESTART = timedelta(seconds=20)
CAPITAL_ASKED_FOR = re.compile(r"set total_capital in config\.json to ([\d.]+), .* adopt --price (\w+)=([\d.]+)")
# Records in memory if the system offers it: what is proved here is the order of writes, not the speed of a disk.
FOLDERS = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


class Silence:
    def notify(self, kind: str, text: str) -> None:
        """Nobody is listening."""


class FailingFile(AppendOnlyFile):
    """A file on a disk that fills up, in a process that dies before, in the middle of and after a write."""

    def __init__(self, path: Path, world: World) -> None:
        super().__init__(path)
        self._world = world

    def open(self, now: datetime) -> str | None:
        self._world.die_before()
        aside = super().open(now)
        self._world.die_before()
        return aside

    def append_all(self, rows: Sequence[Row]) -> list[Row]:
        way = self._world.may_die(3)
        if way == 0:
            raise Death
        if way == 1:
            text = b"".join(_lines(rows))
            with self.path.open("ab") as file:
                file.write(text[: self._world.rng.randint(1, len(text) - 1)])
            raise Death
        if self._world.happens(0.1):
            raise OSError(errno.ENOSPC, "No space left on device", str(self.path))
        read = super().append_all(rows)
        if way == 2:
            raise Death
        return read


class FailingSwitch(HaltSwitch):
    def __init__(self, path: Path, world: World) -> None:
        super().__init__(path)
        self._world = world

    def halt(self, reason: str) -> None:
        self._world.die_before()
        super().halt(reason)
        self._world.die_before()


class FailingPrices:
    """The simulated prices, with everything that is known to go wrong with a free source."""

    def __init__(self, world: World) -> None:
        self._world, self.watch = world, world.prices.watch

    def sessions(self, now: datetime) -> SessionTable:
        self._world.die_before()
        self._world.step_clock()
        if self._world.happens(0.2):
            raise PricesUnavailable("no table of sessions")
        return self._world.prices.sessions(now)

    def market(self, now: datetime) -> Market:
        world = self._world
        world.die_before()
        world.step_clock()
        true = world.clock.true_now()
        valid = world.prices.market(true)
        world.market_was_valid = not world.happens()
        return valid if world.market_was_valid else _spoilt(valid, now, world.rng)


class FailingBroker:
    """`inner`, in a process that dies before and after each call, on a connection that fails."""

    def __init__(self, inner: Broker, world: World) -> None:
        self._inner, self._world = inner, world
        self.mode, self.account = inner.mode, inner.account
        self.needs_open_exchange, self.absence_is_final_after = inner.needs_open_exchange, inner.absence_is_final_after
        self.watch = inner.watch

    def snapshot(self) -> AccountSnapshot:
        self._call()
        return self._inner.snapshot()

    def quotes(self) -> Mapping[str, Quote]:
        return self._inner.quotes()

    def submit(self, intent: OrderIntent) -> None:
        way = self._world.may_die(2)
        if way == 0:
            raise Death
        if not self._world.broker_outside:
            self._world.check_sent(intent)
        self._inner.submit(intent)
        if way == 1:
            raise Death

    def find(self, intent: OrderIntent) -> Order:
        self._call()
        return self._inner.find(intent)

    def cancel(self, intent: OrderIntent) -> None:
        self._call()
        self._inner.cancel(intent)
        self._world.die_before()

    def recent_orders(self) -> tuple[Order, ...]:
        self._call()
        return self._inner.recent_orders()

    def _call(self) -> None:
        self._world.die_before()
        self._world.step_clock()
        if self._world.broker_outside and self._world.connection_is_down():
            raise BrokerUnavailable("the connection is down")


class Life:
    """One process: an Engine with the world's files."""

    def __init__(self, world: World) -> None:
        self._world = world
        identity = Identity(Mode.PAPER, ACCOUNT) if world.broker_outside else Identity(Mode.DRY_RUN, PAPER_ACCOUNT)
        self._files: list[FailingFile] = []
        state, notifier = State(), LogNotifier(world.clock)
        try:
            records = load_records(world.logs, identity, world.clock, notifier, self._file)
            set_capital(records.book, world.capital, world.clock)
        except BaseException:
            self.end()
            raise
        records = records._replace(switch=FailingSwitch(world.logs / "HALT", world))
        inner: Broker = (
            world.broker
            if world.broker_outside
            else PaperBroker(records.book, world.clock, lambda: state.market, Decimal(1))
        )
        outside = Adapters(
            world.clock,
            FailingPrices(world),
            FailingBroker(inner, world),
            notifier,
            disk_free=lambda: 0 if world.happens(0.1) else 10**10,
        )
        self.engine = assemble(records, outside, world.rules, ORDER_TIMEOUT, state)
        self._watch = Watch(world, self.engine, notifier)

    def live(self) -> None:
        """Poll until the world ends. Raises Death, OwnerStops."""
        world = self._world
        poll(self.engine, world.clock, timetable(world.rules, world.interval), self._beat, BEAT)

    def settle_ownership(self) -> None:
        """What `adopt` and `leave` do while the daemon is stopped. Raises BotError, OSError, Death."""
        world, book = self._world, self.engine.records.book
        self.engine.executor.resolve()
        account = self.engine.broker.snapshot()
        if world.hand_trade is None or self.engine.records.journal.unresolved() or world.unsettled_executions():
            return
        if ownership.differences(book, account) != dict([world.hand_trade]):
            return  # he looks first at what would be recorded
        ownership.refuse_late_positions(book, account)
        before = world.answers()
        try:
            self._answer(account)
            if world.confused.happens(3):  # it was the wrong one
                ownership.undo(book, world.clock.now())
                self._answer(account)
        except LedgerMismatch as refused:
            self._do_as_told(str(refused))
            raise
        finally:
            # A process that dies after its answer is on disk has answered.
            if world.answers() > before:
                world.hand_trade, world.told_price = None, {}

    def _answer(self, account: AccountSnapshot) -> None:
        world, book = self._world, self.engine.records.book
        world.clock.advance(timedelta(seconds=1))
        assert world.hand_trade is not None
        if world.hand_trade[1] > 0 and not world.short() and world.rng.random() < 0.5:
            ownership.leave(book, account, world.clock.now())
        else:
            now = world.clock.true_now()
            priced = {s: Decimal(str(world.prices.price(s, now))) for s in world.prices.symbols} | world.told_price
            prices = {symbol: ownership.Priced(price) for symbol, price in priced.items()}
            ownership.adopt(book, account, prices, world.clock.now())

    def _do_as_told(self, refusal: str) -> None:
        """The owner adds the capital that a refused `adopt` asks for; the next one, at the price it names, is made."""
        if asked := CAPITAL_ASKED_FOR.search(refusal):
            assert not self._world.told_price, f"refused, though the owner did as he was told: {refusal}"
            self._world.capital, self._world.told_price = Decimal(asked[1]), {asked[2]: Decimal(asked[3])}

    def end(self) -> None:
        for file in self._files:
            file.close()

    def _file(self, path: Path) -> FailingFile:
        self._files.append(FailingFile(path, self._world))
        return self._files[-1]

    def _beat(self, due: datetime) -> None:
        self._write_status(due)
        world = self._world
        world.check_books()
        world.check_account()
        if (check := self.engine.state.last_check) is not None:
            world.check_told(check)
        self._watch.look(due)
        if not world.kind():
            world.owner_acts()
        else:
            world.answers_the_gateway()
        if world.settled():
            self._check_settled()

    def _check_settled(self) -> None:
        """From the second check after the last fault on, each one ends in the rule's holding."""
        check = self.engine.state.last_check
        last = check.row if check is not None else None
        if last is None or not last["exchange_open"] or last["timestamp"] < self._world.settled_from.isoformat():
            return
        assert last["action"] == Action.HOLD, f"not settled: {last['sentence']}"
        if self._world.deciding(datetime.fromisoformat(last["timestamp"])):
            assert last["target"] == last["held"], f"holds {last['held']}, wants {last['target']}: {last['sentence']}"
            assert not self.engine.records.journal.unresolved()
            self._check_invested(last)

    def _check_invested(self, last: Mapping[str, Any]) -> None:
        """All of the money is in what the rule wants, unless the owner took some of it out himself."""
        book = rows(self._world.logs / "trades.jsonl")
        sold = any(row.get("kind") == "adopt" and row["quantity"] < 0 for row in book)
        if last["held"] in self._world.prices.symbols and not sold:
            assert last["cash"] < 0.15 * last["equity"], f"{last['cash']} of {last['equity']} is still in cash"

    def _write_status(self, due: datetime) -> None:
        path, way = self._world.logs / "status.json", self._world.may_die(3)
        if way == 0:
            raise Death
        if way == 1:
            path.with_name("status.json.new").write_text('{"state": "runn')
            raise Death
        write_status(path, {"state": "running", "next_check_at": due.isoformat()})
        assert json.loads(path.read_text())["state"] == "running"
        if way == 2:
            raise Death


@dataclass(frozen=True)
class End:
    """How a run ended. `fills` counts what was traded, as side, symbol and quantity."""

    shares: Mapping[str, int]
    fills: Mapping[tuple[str, str, int], int]
    points: int
    deaths: int
    orders: int
    holdings: frozenset[str]


def simulate(
    seed: int, p: float = 0.0, crash_at: int | None = None, broker: bool = True, form: str | None = None
) -> End:
    """One run. `broker`: a broker outside the process; otherwise the simulated account, whose state is the book.

    `form` is one of OTHER_RULES, None for the default's or, in a hostile world, for one that the seed chooses.
    """
    folder = Path(tempfile.mkdtemp(prefix="simulation-", dir=FOLDERS))
    try:
        world = World(seed, p, crash_at, broker, folder, OTHER_RULES[form] if form else None)
        _run(world)
        return _end(world)
    except Exception as error:
        repeated = f"seed={seed}, p={p}, crash_at={crash_at}, broker={broker}, form={form!r}"
        error.add_note(f"to repeat it: simulate({repeated})")
        raise
    finally:
        shutil.rmtree(folder)


def _run(world: World) -> None:
    life: Life | None = None
    stopped_by_owner = False
    while not world.clock.stopping():
        try:
            life = Life(world)
            if stopped_by_owner:
                stopped_by_owner = False
                life.settle_ownership()
            life.live()
        except Death:
            world.deaths += 1
            world.broker.told.clear()
            world.check_outcomes()
        except OwnerStops:
            stopped_by_owner = True
        except (BrokerUnavailable, LedgerMismatch, OSError):
            pass  # the start, or the owner's answer, failed with a message: it is tried again
        finally:
            if life is not None:
                life.end()
            life = None
        world.clock.advance(RESTART)


def _end(world: World) -> End:
    world.check_books()
    book, now = rows(world.logs / "trades.jsonl"), world.clock.true_now()
    ledger = fold(book)
    if world.broker_outside:
        owners = world.broker.capital - ledger.total_capital
        _check_equal(world, ledger.shares, ledger.foreign, ledger.cash + owners, book, now)
    assert sum(n > 0 for n in ledger.shares.values()) <= 1, f"left over: {ledger.shares}"
    trades = [row for row in book if row.get("kind", "trade") == "trade"]
    return End(
        shares=dict(ledger.shares),
        fills=Counter((row["side"], row["symbol"], row["quantity"]) for row in trades),
        points=world.points,
        deaths=world.deaths,
        orders=world.sent,
        holdings=frozenset(row["held"] for row in rows(world.logs / "decisions.jsonl") if row.get("held")),
    )


def _check_equal(
    world: World,
    shares: Mapping[str, int],
    foreign: Mapping[str, int],
    cash: Decimal,
    book: Sequence[Row],
    now: datetime,
) -> None:
    """In the end the book equals the broker's ledger of our orders plus what the owner had adopted."""
    adopted = [row for row in book if row.get("kind") == "adopt"]
    for row in (row for row in book if row.get("kind") == "undo"):
        adopted.append({**row, "quantity": row["quantity"] * (1 if row["side"] == Side.BUY else -1)})
    ours = world.broker.shares(now, by_hand=False)
    for symbol in world.prices.symbols:
        expected = ours[symbol] + sum(row["quantity"] for row in adopted if row["symbol"] == symbol)
        own = shares.get(symbol, 0)
        assert own == expected, f"{symbol}: {own} in the book, {expected} at the broker"
        assert own + foreign.get(symbol, 0) == world.broker.shares(now)[symbol]
    paid = sum((Decimal(str(row["price"])) * row["quantity"] for row in adopted), Decimal(0))
    expected_cash = world.broker.cash(now, by_hand=False) - paid + world.broker.untold_commissions(now)
    assert math.isclose(cash, expected_cash, abs_tol=0.001), f"{cash} by the book, {expected_cash} at the broker"


def _spoilt(market: Market, now: datetime, rng: random.Random) -> Market:
    """`market` with one error that must be noticed. Raises PricesUnavailable or StalePrices instead of an answer."""
    bars, qqq, tqqq = market.bars, market.signal_quote, market.fund_quote
    day = rng.randrange(len(bars) - RULES.long_period + 1, len(bars))
    match rng.randrange(12):
        case 0:
            raise PricesUnavailable("429")
        case 1:
            raise StalePrices("the same answer as an hour ago")
        case 2:
            return replace(market, bars=bars[:day] + bars[day + 1 :])
        case 3:
            return replace(market, bars=(*bars[:day], replace(bars[day], close=math.nan), *bars[day + 1 :]))
        case 4:
            return replace(market, bars=(*bars[:day], bars[day], *bars[day:]))
        case 5:
            return replace(market, bars=(*bars[: day - 1], bars[day], bars[day - 1], *bars[day + 1 :]))
        case 6:
            return replace(market, newest_row=bars[-1].date)
        case 7:
            return replace(market, signal_quote=replace(qqq, price=math.nan))
        case 8:
            return replace(market, signal_quote=replace(qqq, price=qqq.price * rng.choice((0.75, 1.25))))
        case 9:
            return replace(market, fund_quote=replace(tqqq, price=tqqq.price * rng.choice((0.5, 0.9, 2))))
        case 10:
            old = now - timedelta(minutes=40)
            return replace(market, signal_quote=replace(qqq, time=old), fund_quote=replace(tqqq, time=old))
        case _:
            return replace(market, fund_previous_close=None)
