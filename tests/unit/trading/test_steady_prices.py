"""While Yahoo has lost a session, or is away: the checks go on with what a witness supports, and say so."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from qqqbot.adapters.simulated.prices import SimulatedPrices
from qqqbot.model.errors import PRICE_ERRORS, BrokerUnavailable, PricesUnavailable
from qqqbot.model.market import Market, Quote
from qqqbot.model.provenance import Source
from qqqbot.model.sessions import SessionTable
from qqqbot.model.values import Rules
from qqqbot.runtime.clock import VirtualClock
from qqqbot.strategy.filling import Closes
from qqqbot.trading.alerts import LogNotifier
from qqqbot.trading.assembly import Identity, assemble, load_records
from qqqbot.trading.bookkeeping import set_capital
from qqqbot.trading.engine import Check, Engine, State
from qqqbot.trading.heartbeat import Heartbeat
from qqqbot.trading.parts import Adapters
from qqqbot.trading.steady_prices import PAUSE_SECONDS, SteadyPrices
from tests.support.fakes import FakeBroker, FakeNotifier, Watching
from tests.support.symbols import QQQ, SYMBOLS, TQQQ

RULES = Rules(short_period=5, long_period=20)
TRUTH = SimulatedPrices(4, SYMBOLS, date(2026, 5, 1), date(2026, 12, 31))
SESSIONS = TRUTH.table.sessions[60:]
MINUTE = timedelta(minutes=1)


@dataclass
class Yahoo(Watching):
    """The true prices, without the sessions in `lost`, or nothing at all while `away`."""

    lost: set[date] = field(default_factory=set)
    away: bool = False
    answered: datetime | None = None
    """an old answer, of that moment, is given again and again"""

    def sessions(self, now: datetime) -> SessionTable:
        return TRUTH.sessions(now)

    def market(self, now: datetime) -> Market:
        if self.away:
            raise PricesUnavailable("Yahoo cannot be reached")
        market = TRUTH.market(self.answered or now)
        return replace(
            market,
            bars=tuple(bar for bar in market.bars if bar.date not in self.lost),
            fund_bars=tuple(bar for bar in market.fund_bars if bar.date not in self.lost),
        )


@dataclass
class Second:
    """The broker's prices. `changes` are made to its closes."""

    clock: VirtualClock
    refused: bool = False
    delay: timedelta = timedelta(0)
    lacks: tuple[str, ...] = ()
    factor: float = 1.0
    qqq_factor: float = 1.0
    wrong: Mapping[date, float] = field(default_factory=dict)
    """session -> factor of QQQ's close"""
    late: bool = False
    """the close of the newest session is not there yet"""
    asked: int = 0

    def daily_closes(self) -> Mapping[str, Mapping[date, float]]:
        self.asked += 1
        if self.refused:
            raise BrokerUnavailable("162: no permission")
        days = [s.date for s in TRUTH.table.sessions if s.close <= self.clock.now()]
        days = days[:-1] if self.late else days
        found = {s: dict(zip(days, [c * self.factor for c in TRUTH.closes(s)], strict=False)) for s in SYMBOLS}
        found[QQQ] |= {day: found[QQQ][day] * factor for day, factor in self.wrong.items() if day in found[QQQ]}
        return found

    def last_prices(self) -> Mapping[str, Quote]:
        at = self.clock.now() - self.delay
        factors = {QQQ: self.qqq_factor, TQQQ: 1.0}
        return {s: Quote(s, TRUTH.price(s, at) * factors[s], at) for s in SYMBOLS if s not in self.lacks}


@dataclass
class Bot:
    """An engine whose check is made at the given minute of a session."""

    logs: Path
    second: bool = True
    intraday: Callable[[datetime], Closes] | None = None

    def __post_init__(self) -> None:
        self.clock = VirtualClock(SESSIONS[0].open)
        self.yahoo, self.broker = Yahoo(), Second(self.clock)
        self.start()

    def start(self) -> None:
        account = FakeBroker(self.clock)
        records = load_records(self.logs, Identity(account.mode, account.account), self.clock, FakeNotifier())
        set_capital(records.book, Decimal(100_000), self.clock)
        second = self.broker if self.second else None
        outside = Adapters(
            *(self.clock, self.yahoo, account, FakeNotifier()),
            disk_free=lambda: 10**12,
            second=second,
            intraday=self.intraday,
        )
        self.engine: Engine = assemble(records, outside, RULES, timedelta(seconds=60))

    def check(self, session: int, minute: int = 60) -> Check:
        self.clock.advance(SESSIONS[session].open + minute * MINUTE - self.clock.now())
        self.engine.step()
        assert self.engine.state.last_check is not None
        return self.engine.state.last_check

    def evening(self, session: int, minutes: int = 20) -> list[date]:
        """That long after the close of a session; the dates of the window that is then kept."""
        self.clock.advance(SESSIONS[session].close + minutes * MINUTE - self.clock.now())
        self.engine.look_back()
        kept = self.engine.records.prices.newest
        return list(kept.dates) if kept else []

    def seen(self) -> Market:
        assert self.engine.state.market is not None
        return self.engine.state.market

    def status(self) -> dict[str, Any]:
        path = self.logs / "status.json"
        Heartbeat(path, self.clock, {}, LogNotifier(self.clock), self.engine).beat("running")
        found: dict[str, Any] = json.loads(path.read_text())["prices"]
        return found


@pytest.fixture
def bot(tmp_path: Path) -> Bot:
    return Bot(tmp_path)


def decided(check: Check) -> bool:
    """Whether the prices were good for a decision, whatever the account makes of it."""
    return not check.failed and check.error not in PRICE_ERRORS


def whole() -> Closes:
    return {s: {x.date: c for x, c in zip(TRUTH.table.sessions, TRUTH.closes(s), strict=True)} for s in SYMBOLS}


def test_while_yahoo_answers_nobody_else_is_asked(bot: Bot) -> None:
    check = bot.check(0)
    assert not check.failed
    assert bot.seen().origins == {}
    assert bot.broker.asked == 0
    assert "prices_from" not in check.row
    assert bot.status() == {"silent_since": None, "from": None}


def test_all_rounds_of_a_check_have_the_same_memory(bot: Bot) -> None:
    """Or rows that the first has believed, as the rule wants the same beside the kept ones, end it half-way."""
    seen = []

    class Noting(Yahoo):
        def market(self, now: datetime) -> Market:
            seen.append(bot.engine.records.prices.newest)
            return super().market(now)

    bot.yahoo = Noting()
    bot.start()
    bot.check(0)
    assert len(seen) > 1
    assert {*seen} == {None}
    assert bot.engine.records.prices.newest is not None


def test_a_row_that_yahoo_loses_comes_from_memory(bot: Bot) -> None:
    bot.check(0)
    bot.yahoo.lost = {TRUTH.table.before(SESSIONS[0].date, 3)[0]}
    check = bot.check(0, 90)
    (lost,) = bot.seen().origins
    assert bot.seen().origins == {lost: Source.KEPT}
    assert check.row["prices_from"] == f"{lost} from the bot's own memory"
    assert check.row["target"] == bot.check(0, 91).row["target"]


def test_a_row_that_never_came_is_asked_of_the_broker_once(bot: Bot) -> None:
    bot.check(0)
    bot.yahoo.lost = {SESSIONS[0].date}
    for minute in (60, 75, 90):
        bot.check(1, minute)
    assert bot.seen().origins == {SESSIONS[0].date: Source.BROKER}
    assert bot.broker.asked == 1
    bot.start()  # a restart has it in its own memory
    assert bot.check(2).row["prices_from"] == f"{SESSIONS[0].date} from IB"
    assert bot.broker.asked == 1


def test_yahoos_own_bars_come_before_the_broker(tmp_path: Path) -> None:
    bot = Bot(tmp_path, intraday=lambda _: whole())
    bot.check(0)
    bot.yahoo.lost = {SESSIONS[0].date}
    assert bot.check(1).row["prices_from"] == f"{SESSIONS[0].date} from Yahoo's 15-minute bars"
    assert bot.broker.asked == 0


def test_without_another_source_a_session_that_nobody_saw_is_refused(tmp_path: Path) -> None:
    bot = Bot(tmp_path, second=False)
    bot.yahoo.lost = {SESSIONS[0].date}
    check = bot.check(1)
    assert check.error == "NoTrades"
    assert f"neither QQQ nor TQQQ has a row for {SESSIONS[0].date}" in check.sentence


def test_a_source_that_does_not_answer_is_asked_again_after_a_pause(bot: Bot) -> None:
    bot.broker.refused = True
    bot.yahoo.lost = {SESSIONS[0].date}
    for minute in (60, 61, 69):
        assert bot.check(1, minute).error == "NoTrades"
    assert bot.broker.asked == 1
    bot.broker.refused = False
    assert decided(bot.check(1, 60 + int(PAUSE_SECONDS) // 60))
    assert bot.broker.asked == 2


def test_an_answer_that_led_nowhere_is_asked_for_again_after_a_pause_but_not_of_yahoo(tmp_path: Path) -> None:
    asked = []

    def nothing(now: datetime) -> Closes:
        asked.append(now)
        return {}

    bot = Bot(tmp_path, intraday=nothing)
    bot.check(0)
    bot.yahoo.lost, bot.broker.late = {SESSIONS[0].date}, True
    assert not any(decided(bot.check(1, minute)) for minute in (60, 61, 69))
    assert (bot.broker.asked, len(asked)) == (1, 1)
    bot.broker.late = False
    assert decided(bot.check(1, 60 + int(PAUSE_SECONDS) // 60))
    assert (bot.broker.asked, len(asked)) == (2, 1)


def test_with_yahoo_away_the_broker_and_the_memory_go_on_for_weeks(bot: Bot) -> None:
    bot.check(0)
    bot.yahoo.away = True
    silent_since = SESSIONS[0].open + 90 * MINUTE
    near = 0
    for session in range(15):
        check = bot.check(session, 90)
        near += not decided(check)
        assert decided(check) or "so close to a flip" in check.sentence
        assert bot.seen().quoted_by is Source.BROKER
        assert [b.close for b in bot.seen().bars[-19:]] == pytest.approx(
            [b.close for b in TRUTH.market(bot.clock.now()).bars[-19:]], abs=1e-3
        )
    assert near <= 3
    assert len(bot.seen().origins) == 14
    assert bot.status() == {
        "silent_since": silent_since.isoformat(),
        "from": f"QQQ from IB; {SESSIONS[0].date} to {SESSIONS[13].date} (14 sessions) from IB",
    }
    bot.yahoo.away = False
    bot.check(15)
    assert bot.seen().origins == {}
    assert bot.status() == {"silent_since": None, "from": None}


def test_a_restart_in_an_outage_goes_on(bot: Bot) -> None:
    bot.check(0)
    bot.yahoo.away = True
    bot.check(1)
    bot.start()
    assert decided(bot.check(2))


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"refused": True}, "162: no permission"),
        ({"delay": timedelta(minutes=21)}, "older than 20 minutes"),
        ({"lacks": (TQQQ,)}, "the broker has no price of TQQQ"),
        ({"factor": 0.9985}, "a dividend, a split or a wrong row"),
    ],
    ids=str,
)
def test_what_nobody_supports_is_refused_and_told(bot: Bot, how: dict[str, Any], told: str) -> None:
    bot.check(0)
    bot.yahoo.away = True
    bot.check(0, 90)
    for name, value in how.items():
        setattr(bot.broker, name, value)
    check = bot.check(1)
    assert check.error
    assert told in check.sentence
    assert bot.status()["silent_since"] is not None
    assert (bot.status()["from"] is None) == ("delay" not in how), "only prices that came are somebody's"


def test_delayed_prices_within_the_limit_decide(bot: Bot) -> None:
    bot.check(0)
    bot.yahoo.away = True
    bot.broker.delay = timedelta(minutes=15)
    assert decided(bot.check(1))


def test_a_wrong_live_price_is_not_believed(bot: Bot) -> None:
    bot.check(0)
    bot.yahoo.away = True
    bot.broker.qqq_factor = 1.02
    assert "not near 3 to 1" in bot.check(0, 90).sentence


def test_after_more_than_five_sessions_without_a_check_it_is_refused(bot: Bot) -> None:
    bot.check(0)
    bot.yahoo.away = True
    assert "at most 5 are filled" in bot.check(6).sentence


def test_the_brokers_closes_are_kept_each_evening_so_that_weeks_without_a_decision_are_survived(bot: Bot) -> None:
    bot.check(0)
    bot.yahoo.away, bot.broker.lacks = True, (TQQQ,)
    for session in range(12):
        assert bot.check(session, 90).error
        assert bot.evening(session)[-1] == SESSIONS[session].date
    asked = bot.broker.asked
    assert bot.evening(11, 60)[-19:] == [s.date for s in TRUTH.table.sessions if s.date <= SESSIONS[11].date][-19:]
    assert bot.broker.asked == asked, "once an evening"
    bot.start()
    bot.broker.lacks = ()
    assert decided(bot.check(12))
    assert set(bot.seen().origins.values()) == {Source.BROKER}


def test_an_evening_waits_for_the_close_and_asks_again_after_a_pause(bot: Bot) -> None:
    before = bot.check(0) and bot.evening(0, 19)
    bot.yahoo.away = True
    bot.check(1)
    asked = bot.broker.asked
    assert bot.evening(1, 19) == bot.evening(1, 19) != before, "the bar may lack the auction"
    assert bot.broker.asked == asked
    bot.broker.late = True
    assert SESSIONS[1].date not in bot.evening(1, 20) + bot.evening(1, 29)
    assert bot.broker.asked == asked + 1
    bot.broker.late = False
    assert bot.evening(1, 31)[-1] == SESSIONS[1].date


@pytest.mark.parametrize(
    "how", [{"factor": 0.9985}, {"wrong": {SESSIONS[1].date: 1.02}}, {"wrong": {SESSIONS[0].date: 1.02}}], ids=str
)
def test_an_evenings_close_that_nobody_supports_is_not_kept(bot: Bot, how: dict[str, Any]) -> None:
    bot.check(0)
    bot.yahoo.away = True
    bot.check(1)
    for name, value in how.items():
        setattr(bot.broker, name, value)
    assert SESSIONS[1].date not in bot.evening(1)


def test_while_yahoo_answers_the_broker_is_not_asked_in_the_evening(bot: Bot) -> None:
    bot.check(0)
    assert SESSIONS[0].date not in bot.evening(0)
    assert bot.broker.asked == 0


def test_a_row_that_yahoo_lacks_on_its_return_is_the_one_of_that_evening(bot: Bot) -> None:
    bot.check(0)
    bot.yahoo.away = True
    bot.check(0, 90)
    bot.evening(0)
    bot.yahoo.away, bot.yahoo.lost, bot.broker.refused = False, {SESSIONS[0].date}, True
    assert bot.check(1).row["prices_from"] == f"{SESSIONS[0].date} from IB"


def test_without_a_broker_an_outage_is_told(tmp_path: Path) -> None:
    bot = Bot(tmp_path, second=False)
    bot.check(0)
    bot.yahoo.away = True
    check = bot.check(0, 90)
    assert check.failed
    assert check.sentence == "Yahoo cannot be reached"
    assert bot.status()["silent_since"] == (SESSIONS[0].open + 90 * MINUTE).isoformat()


def test_without_a_memory_the_broker_alone_is_no_window(bot: Bot) -> None:
    bot.yahoo.away = True
    assert "no earlier prices are kept" in bot.check(0).sentence


def test_an_answer_of_another_day_is_none_if_the_broker_has_newer_prices(bot: Bot) -> None:
    bot.check(0)
    bot.yahoo.answered = SESSIONS[0].close
    assert bot.check(1, 5).error == "StalePrices"  # just after the open nobody else is asked
    check = bot.check(1)
    assert decided(check)
    assert check.row["prices_from"].startswith("QQQ from IB")
    assert bot.status()["silent_since"] is not None
    bot.yahoo.answered = None
    assert "prices_from" not in bot.check(1, 75).row
    assert bot.status()["silent_since"] is None


@pytest.mark.parametrize("how", [{"delay": timedelta(hours=20)}, {"refused": True}, {"lacks": (QQQ,)}], ids=str)
def test_it_is_told_as_a_closed_exchange_if_the_broker_has_none_either(bot: Bot, how: dict[str, Any]) -> None:
    bot.check(0)
    bot.yahoo.answered = SESSIONS[0].close
    for name, value in how.items():
        setattr(bot.broker, name, value)
    assert bot.check(1).error == "NoTrades"


def test_one_that_stands_still_since_this_morning_is_refused_whatever_the_broker_has(bot: Bot) -> None:
    """The exchange may have closed early, and the broker's newest trades be those of after hours."""
    bot.check(0)
    bot.yahoo.answered = SESSIONS[1].open + 20 * MINUTE
    assert bot.check(1).error == "StalePrices"


class TestWhatAnEarlierRuleHasLeft:
    """Its price and its last close come from the broker too while Yahoo is away, in this session and in the next."""

    class Three(Second):
        def daily_closes(self) -> Mapping[str, Mapping[date, float]]:
            found = super().daily_closes()
            return {**found, "QLD": {day: close / 5 for day, close in found[QQQ].items()}}

        def last_prices(self) -> Mapping[str, Quote]:
            found = super().last_prices()
            return {**found, "QLD": replace(found[QQQ], symbol="QLD", price=found[QQQ].price / 5)}

    @pytest.mark.parametrize("session", [0, 1])
    def test_it_is_among_the_prices(self, bot: Bot, session: int) -> None:
        bot.check(0)
        bot.yahoo.away = True
        bot.clock.advance(SESSIONS[session].open + 90 * MINUTE - bot.clock.now())
        second = self.Three(bot.clock)
        outside = Adapters(bot.clock, bot.yahoo, FakeBroker(bot.clock), FakeNotifier(), second=second)
        prices = SteadyPrices(outside, bot.engine.records.prices, RULES, State(), (*SYMBOLS, "QLD"))
        found = prices.market(bot.clock.now())
        assert list(found.quotes) == [*SYMBOLS, "QLD"]
        assert found.previous_close("QLD") == pytest.approx((found.previous_close(QQQ) or 0) / 5, rel=1e-6)
        with pytest.raises(PricesUnavailable, match="the broker has no price of QLD"):
            SteadyPrices(
                outside._replace(second=bot.broker), bot.engine.records.prices, RULES, State(), (*SYMBOLS, "QLD")
            ).market(bot.clock.now())
