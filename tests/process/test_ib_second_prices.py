"""What decides while Yahoo is silent or has lost a session: the real engine, the official client, the gateway stand-in.

Whatever IB's answers are, a check ends in the decision of the true prices or in a sentence, and never in another order.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from qqqbot.adapters.ib.requests import TOO_LATE
from qqqbot.model.errors import PRICE_ERRORS
from qqqbot.strategy.planning import decide
from qqqbot.trading.alerts import LogNotifier
from qqqbot.trading.assembly import Identity, assemble, load_records
from qqqbot.trading.bookkeeping import set_capital
from qqqbot.trading.engine import Check, Engine
from qqqbot.trading.parts import Adapters
from standins.ib_gateway.exchange import Quote, around
from standins.ib_gateway.history import REFUSALS
from tests.support.ib_bench import Bench, MovedClock, bench, eventually
from tests.support.symbols import QQQ, TQQQ
from tests.unit.trading.test_steady_prices import MINUTE, RULES, SESSIONS, TRUTH, Yahoo

Bars = list[tuple[date, float]]
Told = Sequence[tuple[date | str, float]]
BY_DAY = {
    symbol: dict(zip((s.date for s in TRUTH.table.sessions), TRUTH.closes(symbol), strict=True))
    for symbol in (QQQ, TQQQ)
}
LOST = SESSIONS[0].date


def bars(symbol: str, now: datetime) -> Bars:
    """The finished sessions and, while the exchange is open, today's unfinished bar."""
    days = [session.date for session in TRUTH.table.sessions if session.open <= now]
    closes = [*(BY_DAY[symbol][day] for day in days[:-1]), TRUTH.price(symbol, now)]
    return list(zip(days, closes, strict=True))


class Bot:
    """An engine whose account and second prices are IB's. `yahoo` loses sessions, or is away."""

    def __init__(self, at: Bench, logs: Path) -> None:
        self.at, self.yahoo = at, Yahoo()
        mode, account = at.broker.identity(30) or pytest.fail("not connected")
        self.records = load_records(logs, Identity(mode, account), at.clock, LogNotifier(at.clock))
        set_capital(self.records.book, Decimal(100_000), at.clock)
        outside = Adapters(at.clock, self.yahoo, at.broker, LogNotifier(at.clock), second=at.broker)
        self.engine: Engine = assemble(self.records, outside, RULES, timedelta(seconds=20))

    def check(self, session: int, minute: int = 60) -> Check:
        self.at.clock.move((SESSIONS[session].open + minute * MINUTE - self.at.clock.now()).total_seconds())
        eventually(lambda: self.at.broker.problem() is None)
        before = len(self.at.gateway.orders)
        self.engine.step()
        check = self.engine.state.last_check
        assert check is not None
        if len(self.at.gateway.orders) > before:
            assert check.row["target"] == self.true_target(), "an order that the true prices do not want"
        return check

    def check_with(self, wrong: "Wrong", told: str) -> Check:
        """The check of the rotation. An answer that is to come too late is waited for hastily, and no other is."""
        wrong(self)
        with self.at.timing.hasty(answer=1) if TOO_LATE in told else nullcontext():
            return self.check(ROTATES)

    def true_target(self) -> str:
        seen = self.engine.snapshot_of(TRUTH.market(self.at.clock.now()), self.at.broker.snapshot())

        return str(decide(seen, RULES).target)


def decided(check: Check) -> bool:
    return not check.failed and check.error not in PRICE_ERRORS


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bot]:
    with bench(clock=MovedClock(SESSIONS[0].open + 60 * MINUTE)) as at:
        at.gateway.fractional_size_rules = False
        at.gateway.use_sessions((session.open, session.close) for session in TRUTH.table.sessions)
        at.gateway.use_quotes(true_quote)
        at.gateway.use_history(bars)
        made = Bot(at, tmp_path)
        assert decided(made.check(0))
        made.yahoo.away = True
        yield made
        for part in (made.records.book, made.records.journal, made.records.decisions):
            part.close()


def true_quote(symbol: str, now: datetime) -> Quote:
    return around(Decimal(str(TRUTH.price(symbol, now))))


# The session of a rotation, and the finished one before it, of which only IB knows the close.
ROTATES, BEFORE = 4, SESSIONS[3].date
Wrong = Callable[[Bot], None]


def history(change: Callable[[str, Bars], Told]) -> Wrong:
    return lambda bot: bot.at.gateway.use_history(lambda symbol, now: change(symbol, bars(symbol, now)))


def closes(change: Callable[[date, float], float | None], symbols: Sequence[str] = (QQQ, TQQQ)) -> Wrong:
    """The bars with other closes; None is no bar."""

    def changed(symbol: str, days: Bars) -> Told:
        told = [(day, change(day, close) if symbol in symbols else close) for day, close in days]
        return [(day, close) for day, close in told if close is not None]

    return history(changed)


def shifted(_: str, days: Bars) -> Told:
    """Each bar has the day of the one after it."""
    return [(later[0], earlier[1]) for earlier, later in itertools.pairwise(days)]


def refused(why: str) -> Wrong:
    return lambda bot: setattr(bot.at.gateway, "history_refused", why)


def fault(request: str, do: str, **options: object) -> Wrong:
    return lambda bot: bot.at.gateway.next_fault(request, do, **options)


def data(kind: str, delay: int = 15, traded_at: datetime | None = None) -> Wrong:
    def change(bot: Bot) -> None:
        bot.at.gateway.market_data, bot.at.gateway.quote_delay = kind, timedelta(minutes=delay)
        bot.at.gateway.exchange.traded_at = traded_at

    return change


def price(symbol: str, text: str) -> Wrong:
    """One symbol has this price only, or is this many times dearer: x1.02."""

    def quote(asked: str, now: datetime) -> Quote:
        true = Decimal(str(TRUTH.price(asked, now)))
        if asked != symbol:
            return around(true)
        odd = true * Decimal(text[1:]) if text.startswith("x") else Decimal(text)
        return Quote(odd, odd, odd, odd)

    return lambda bot: bot.at.gateway.use_quotes(quote)


UNTOLD, ALONE = "the broker has no close of 2026-07-30", "no witness supports the broker's close of 2026-07-30"
SOUND, DOUBTED = "", "a dividend, a split or a wrong row"
HISTORIES: dict[str, tuple[Wrong, str]] = {
    "nothing": (lambda _: None, SOUND),
    **{f"history {why}": (refused(why), f"{number}: ") for why, (number, _) in REFUSALS.items()},
    "no bar of the newest session": (closes(lambda day, close: None if day == BEFORE else close), UNTOLD),
    "no bar of it in one symbol": (closes(lambda day, close: None if day == BEFORE else close, [TQQQ]), ALONE),
    "it is null": (closes(lambda day, close: math.nan if day == BEFORE else close), UNTOLD),
    "QQQ's is 2 % off": (closes(lambda day, close: close * (1.02 if day == BEFORE else 1), [QQQ]), ALONE),
    "TQQQ's is 3 % off": (closes(lambda day, close: close * (1.03 if day == BEFORE else 1), [TQQQ]), ALONE),
    "an earlier one is 2 % off": (closes(lambda day, close: close * (1.02 if day == LOST else 1), [QQQ]), DOUBTED),
    "a dividend later": (closes(lambda day, close: close * (0.9985 if day <= BEFORE else 1)), DOUBTED),
    "each bar a day off": (history(shifted), DOUBTED),
    "epochs for days": (
        history(lambda _, days: [(f"17951{n:05d}", c) for n, (_, c) in enumerate(days)]),
        "no daily close",
    ),
    "days with hours": (history(lambda _, days: [(f"{day:%Y%m%d} 16:00:00 US/Eastern", c) for day, c in days]), SOUND),
    "newest first": (history(lambda _, days: days[::-1]), SOUND),
    "each bar twice": (history(lambda _, days: [*days, *days]), SOUND),
    "ten bars": (history(lambda _, days: days[-10:]), "10 are needed"),
    "no bars": (history(lambda *_: []), "162: "),
    "other funds' closes": (closes(lambda _, close: close * 0.7), DOUBTED),
    "one symbol's history": (fault("reqHistoricalData", "swallow"), f"QQQ's daily closes: {TOO_LATE}"),
    "a late history": (fault("reqHistoricalData", "late", seconds=4, times=2), TOO_LATE),
    "a history twice": (fault("reqHistoricalData", "twice", times=2), SOUND),
    "a history without its end": (fault("reqHistoricalData", "no_end", times=2), TOO_LATE),
}
PRICES: dict[str, tuple[Wrong, str]] = {
    "delayed": (data("delayed"), SOUND),
    "delayed, 25 minutes": (data("delayed", 25), "older than 20 minutes"),
    "delayed and frozen": (data("delayed_frozen", 0, SESSIONS[3].close), "older than 20 minutes"),
    "frozen": (data("frozen", 0, SESSIONS[3].close), "older than 20 minutes"),
    "partly": (data("partly"), SOUND),
    "of tomorrow": (data("live", 0, SESSIONS[5].open), "clock is behind"),
    "of no time": (data("live", 0, datetime.fromtimestamp(0).astimezone()), TOO_LATE),
    "not subscribed": (data("none"), "10168: "),
    "elsewhere": (data("competing"), "10197: "),
    **{
        f"{symbol}'s price is {text}": (price(symbol, text), f"{symbol}'s price: {TOO_LATE}")
        for symbol in (QQQ, TQQQ)
        for text in ("NaN", "Infinity", "-1", "0", "1.7976931348623157e308")
    },
    "QQQ is 2 % off": (price(QQQ, "x1.02"), ALONE),
    "TQQQ is 4 % off": (price(TQQQ, "x0.96"), ALONE),
    "QQQ is a hundred times dearer": (price(QQQ, "x100"), ALONE),
    "one symbol's price": (fault("reqMktData", "swallow", times=3), f"QQQ's price: {TOO_LATE}"),
    "a late price": (fault("reqMktData", "late", seconds=4, times=4), TOO_LATE),
}


WRONG = {**HISTORIES, **PRICES}


def sound_again(bot: Bot) -> None:
    bot.at.gateway.use_history(bars)
    bot.at.gateway.use_quotes(true_quote)
    bot.at.gateway.history_refused, bot.at.gateway.faults.waiting = "", []
    data("live")(bot)


@pytest.mark.parametrize("name", WRONG)
def test_whatever_ib_answers_while_yahoo_is_away(bot: Bot, name: str) -> None:
    wrong, told = WRONG[name]
    for session in range(1, ROTATES):
        assert decided(bot.check(session))
    check = bot.check_with(wrong, told)
    assert told in check.sentence
    assert decided(check) == (told == SOUND)
    sound_again(bot)
    assert bot.check(ROTATES, 75).row["target"] == "QQQ", "what was of no use is asked again"


# With these its other closes are still those of Yahoo's rows, so that the missing one is right.
ENOUGH = ("a dividend later", "ten bars")


@pytest.mark.parametrize("name", HISTORIES)
def test_whatever_ib_answers_about_a_session_that_yahoo_has_lost(bot: Bot, name: str) -> None:
    wrong, told = HISTORIES[name]
    bot.yahoo.away = False
    for session in range(1, ROTATES):
        assert decided(bot.check(session))
    bot.yahoo.lost = {BEFORE}
    check = bot.check_with(wrong, told)
    assert decided(check) == (told == SOUND or name in ENOUGH)
    assert decided(check) or check.sentence == f"QQQ's daily prices are incomplete: no row for {BEFORE}"
    sound_again(bot)
    assert bot.check(ROTATES, 75).row["target"] == "QQQ", "what was of no use is asked again"


def test_an_account_without_a_subscription_decides_and_keeps_its_evenings(bot: Bot) -> None:
    """Delayed prices, and 2188 before the bars: the usual account."""
    data("delayed")(bot)
    bot.at.gateway.history_note = 2188, "Up-to-the-second historical data requires additional subscription for the API."
    for session in (1, 2):
        assert decided(bot.check(session))
        bot.at.clock.move((SESSIONS[session].close + 25 * MINUTE - bot.at.clock.now()).total_seconds())
        eventually(lambda: bot.at.broker.problem() is None)
        bot.engine.look_back()
        kept = bot.records.prices.newest
        assert kept is not None
        assert kept.dates[-1] == SESSIONS[session].date
