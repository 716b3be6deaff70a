"""A split that Yahoo never reports: nobody trades on it unconfirmed, and it ends with the book's value as it was."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from qqqbot.adapters.simulated.broker import PaperBroker
from qqqbot.model.market import Bar, Market, Split
from qqqbot.model.sessions import SessionTable
from qqqbot.model.values import Mode
from qqqbot.records.book import adopted
from qqqbot.records.decisions import last_price
from qqqbot.runtime.clock import VirtualClock
from qqqbot.trading.assembly import Identity, assemble, load_records
from qqqbot.trading.bookkeeping import set_capital
from qqqbot.trading.engine import Check, Engine, State
from qqqbot.trading.parts import Adapters
from qqqbot.trading.steady_prices import NewBasis
from tests.support.fakes import FakeNotifier, Watching
from tests.support.symbols import TQQQ
from tests.unit.trading.test_steady_prices import MINUTE, RULES, SESSIONS, TRUTH, Second

SPLIT_ON = SESSIONS[2].date


@dataclass
class Yahoo(Watching):
    """From `SPLIT_ON` on, TQQQ's rows and price are `factor` times what they were; `told` is reported."""

    factor: float = 0.5
    told: tuple[Split, ...] = ()

    def sessions(self, now: datetime) -> SessionTable:
        return TRUTH.sessions(now)

    def market(self, now: datetime) -> Market:
        market = TRUTH.market(now)
        if market.newest_row < SPLIT_ON:
            return market
        assert market.fund_previous_close is not None
        return replace(
            market,
            fund_quote=replace(market.fund_quote, price=market.fund_quote.price * self.factor),
            fund_previous_close=market.fund_previous_close * self.factor,
            fund_bars=tuple(Bar(bar.date, bar.close * self.factor, bar.unadjusted) for bar in market.fund_bars),
            splits=self.told,
        )


class Dated(Yahoo):
    """The split is reported of the session with this number, from whenever that is changed."""

    told_of: int | None = None

    def market(self, now: datetime) -> Market:
        told = () if self.told_of is None else (Split(TQQQ, SESSIONS[self.told_of].date, 2.0),)
        return replace(super().market(now), splits=told)


class Phantom(Yahoo):
    """The rows before `SPLIT_ON` alone have changed: there was no split."""

    def market(self, now: datetime) -> Market:
        market = TRUTH.market(now)
        if market.newest_row < SPLIT_ON:
            return market
        rows = [replace(b, close=b.close * self.factor) if b.date < SPLIT_ON else b for b in market.fund_bars]
        return replace(market, fund_bars=tuple(rows), fund_previous_close=rows[-1].close, splits=self.told)


class SplitSecond(Second):
    """The broker's closes of TQQQ are `tqqq` times the true ones."""

    tqqq = 0.5

    def daily_closes(self) -> Mapping[str, Mapping[date, float]]:
        found = super().daily_closes()
        return {**found, TQQQ: {day: close * self.tqqq for day, close in found[TQQQ].items()}}


class Bot:
    """A simulated account that holds 300 TQQQ of before the split."""

    def __init__(self, logs: Path, yahoo: Yahoo, broker: bool = False, held: int = 300) -> None:
        self.logs, self.yahoo, self.held = logs, yahoo, held
        self.clock = VirtualClock(SESSIONS[0].open)
        self.second = SplitSecond(self.clock) if broker else None
        self.start()
        if held:
            price = Decimal(str(round(TRUTH.price(TQQQ, self.clock.now()), 4)))
            self.engine.records.book.answer([adopted(TQQQ, held, price)], self.clock.now())

    def start(self) -> None:
        state = State()
        records = load_records(self.logs, Identity(Mode.DRY_RUN, "simulated"), self.clock, FakeNotifier())
        set_capital(records.book, Decimal(100_000), self.clock)

        def before(symbol: str, day: date) -> float | None:
            return last_price(records.decisions.path, Mode.DRY_RUN, "simulated", symbol, day)

        account = PaperBroker(records.book, self.clock, lambda: state.market, Decimal(0), before)
        outside = Adapters(self.clock, self.yahoo, account, FakeNotifier(), disk_free=lambda: 10**12)
        outside = outside._replace(second=self.second)
        self.engine: Engine = assemble(records, outside, RULES, timedelta(seconds=60), state)
        self.engine.rules = replace(RULES, max_orders_per_session=0)

    def check(self, session: int, minute: int = 60) -> Check:
        self.clock.advance(SESSIONS[session].open + minute * MINUTE - self.clock.now())
        self.engine.records.switch.halt("a test that only looks")
        self.engine.step()
        assert self.engine.state.last_check is not None
        return self.engine.state.last_check

    @property
    def shares(self) -> int:
        return self.engine.portfolio().shares[TQQQ]

    def refused(self, session: int, minute: int = 60) -> bool:
        check = self.check(session, minute)
        return check.error in ("PricesDoubtful", "PricesRebased")


@pytest.mark.parametrize(("factor", "after"), [(0.5, 600), (1 / 3, 900), (2.0, 150)])
def test_in_the_simulated_account_it_is_recorded_in_the_third_session_that_shows_it(
    tmp_path: Path, factor: float, after: int
) -> None:
    bot = Bot(tmp_path, Yahoo(factor))
    assert not bot.refused(1)
    assert [bot.refused(session, minute) for session in (2, 3) for minute in (60, 75, 90)] == [True] * 6
    bot.start()  # the sessions that have shown it are on disk
    assert bot.shares == 300
    assert not bot.refused(4)
    assert bot.shares == after
    assert [bot.refused(session) for session in (4, 5, 6)] == [False] * 3
    assert bot.shares == after


def test_reported_after_all_it_is_the_same_split(tmp_path: Path) -> None:
    bot = Bot(tmp_path, Yahoo())
    for session in (1, 2, 3, 4):
        bot.check(session)
    bot.yahoo.told = (Split(TQQQ, SPLIT_ON, 2.0),)
    assert not bot.refused(5)
    assert bot.shares == 600


def test_reported_late_it_is_recorded_at_once(tmp_path: Path) -> None:
    bot = Bot(tmp_path, Yahoo())
    assert [bot.refused(session) for session in (1, 2, 3)] == [False, True, True]
    bot.yahoo.told = (Split(TQQQ, SPLIT_ON, 2.0),)
    assert not bot.refused(3, 90)
    assert bot.shares == 600


def test_one_that_is_reported_with_another_ratio_than_its_rows_have_is_not_booked(tmp_path: Path) -> None:
    bot = Bot(tmp_path, Yahoo(told=(Split(TQQQ, SPLIT_ON, 3.0),)))
    bot.check(1)
    assert [bot.refused(session) for session in (2, 3)] == [True, True]
    assert bot.shares == 300
    assert not bot.refused(4)
    assert bot.shares == 600


@pytest.mark.parametrize("broker", [False, True])
@pytest.mark.parametrize(
    "told_of",
    [
        {0: None, 1: 2},  # a day ahead
        {0: None, 1: 1},  # a day ahead, and of that day
        {0: None, 2: 1, 3: 2},
        {0: None, 2: 3},  # of tomorrow, though it was today
        {0: None, 2: 3, 3: 2},
        {0: None, 2: 3, 3: None, 4: 2},
        {0: None, 3: 3, 4: 2},
    ],
    ids=str,
)
def test_of_whatever_day_it_is_reported_it_is_booked_once_and_nothing_is_decided_before(
    tmp_path: Path, told_of: dict[int, int | None], broker: bool
) -> None:
    yahoo = Dated()
    bot = Bot(tmp_path, yahoo, broker)
    for session in range(6):
        yahoo.told_of = told_of.get(session, yahoo.told_of)
        if bot.second:
            bot.second.tqqq = 0.5 if SESSIONS[session].date >= SPLIT_ON else 1.0
        for minute in (60, 90):
            refused = bot.refused(session, minute)
            assert refused or bot.shares == (600 if SESSIONS[session].date >= SPLIT_ON else 300)
    assert not refused
    assert bot.shares == 600


@pytest.mark.parametrize("factor", [0.5, 1 / 3, 2.0])
@pytest.mark.parametrize("told", [False, True])
def test_one_that_is_in_the_rows_before_it_alone_is_never_booked(tmp_path: Path, factor: float, told: bool) -> None:
    bot = Bot(tmp_path, Phantom(factor, (Split(TQQQ, SPLIT_ON, 1 / factor),) if told else ()))
    for session in range(1, 9):
        bot.check(session)
        assert bot.shares == 300


def test_rows_that_return_leave_no_trace(tmp_path: Path) -> None:
    bot = Bot(tmp_path, Yahoo())
    assert [bot.refused(session) for session in (1, 2, 3)] == [False, True, True]
    bot.yahoo.factor = 1.0
    assert not bot.refused(3, 90)
    bot.yahoo.factor = 0.5
    assert [bot.refused(session) for session in (4, 5)] == [True, True]
    assert bot.shares == 300


@pytest.mark.parametrize("factor", [0.92, 0.86, 1.37, 100])
def test_what_is_no_ratio_of_a_split_needs_the_owner(tmp_path: Path, factor: float) -> None:
    bot = Bot(tmp_path, Yahoo(factor))
    bot.check(1)
    assert [bot.check(session).error for session in range(2, 9)] == ["PricesRebased"] * 7
    assert bot.shares == 300


def test_after_days_in_which_nobody_looked_its_day_is_not_known(tmp_path: Path) -> None:
    bot = Bot(tmp_path, Yahoo())
    bot.check(1)
    assert all(bot.refused(session) for session in range(7, 12))


@pytest.mark.parametrize("held", [0, 300])
def test_with_a_broker_its_closes_confirm_it_at_once(tmp_path: Path, held: int) -> None:
    bot = Bot(tmp_path, Yahoo(), broker=True, held=held)
    assert [bot.refused(session) for session in (1, 2)] == [False, False]
    assert bot.shares == 2 * held


@pytest.mark.parametrize("held", [0, 300])
@pytest.mark.parametrize("refused", [False, True])
def test_with_a_broker_yahoos_word_alone_is_never_enough(tmp_path: Path, held: int, refused: bool) -> None:
    bot = Bot(tmp_path, Yahoo(), broker=True, held=held)
    assert bot.second is not None
    bot.second.tqqq, bot.second.refused = 1.0, refused
    bot.check(1)
    assert all(bot.refused(session) for session in range(2, 8))
    assert bot.shares == held


def test_killed_between_the_book_and_the_memory_it_is_recorded_once(tmp_path: Path) -> None:
    bot = Bot(tmp_path, Yahoo())
    for session in (1, 2, 3):
        bot.check(session)
    before = (tmp_path / "prices.jsonl").read_bytes()
    bot.check(4)
    (tmp_path / "prices.jsonl").write_bytes(before)
    bot.start()
    assert not bot.refused(4, 75)
    assert bot.shares == 600


def test_what_the_owner_adopts_is_kept_with_the_split_that_it_shows(tmp_path: Path) -> None:
    bot = Bot(tmp_path, Yahoo())
    bot.check(1)
    bot.check(2)
    early = new_basis(bot)  # Yahoo may still report it
    assert (early.market.splits, early.take(RULES.form.history)) == ((), [])
    assert bot.refused(3)
    taking = new_basis(bot)
    assert taking.market.splits == (Split(TQQQ, SPLIT_ON, 2.0),)
    assert taking.take(RULES.form.history) == ["TQQQ: rows 0.5 times the earlier ones are accepted as right"]
    bot.start()
    assert not bot.refused(3, 90)
    again = new_basis(bot)
    assert (again.market.splits, again.take(RULES.form.history)) == ((), [])


def new_basis(bot: Bot) -> NewBasis:
    now = bot.clock.now()
    return NewBasis(bot.engine.records.prices, bot.yahoo.market(now), TRUTH.table, now)


def test_another_currency_that_the_owner_adopts_is_no_split(tmp_path: Path) -> None:
    bot = Bot(tmp_path, Yahoo(0.86))
    bot.check(1)
    bot.check(2)
    taking = new_basis(bot)
    assert taking.market.splits == ()
    assert taking.take(RULES.form.history) != []
    bot.start()
    assert not bot.refused(2, 90)
    assert bot.shares == 300
