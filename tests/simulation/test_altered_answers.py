"""Answers of Yahoo that are wrong for some checks of a session: the real client, the memory and the engine.

Sound checks come before and after, so that the memory knows what was true, and is asked what is left of the wrong ones.
QQQBOT_ALTERED=20 plays each alteration in as many worlds; without it, in two.
"""

import copy
import json
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from qqqbot.adapters.yahoo import child
from qqqbot.adapters.yahoo.price_source import read_market
from qqqbot.model.errors import PRICE_ERRORS
from qqqbot.model.market import Market
from qqqbot.model.sessions import SessionTable
from qqqbot.model.values import Rules
from qqqbot.runtime.clock import VirtualClock
from qqqbot.strategy.planning import decide
from qqqbot.trading.assembly import Identity, assemble, load_records
from qqqbot.trading.bookkeeping import set_capital
from qqqbot.trading.parts import Adapters
from standins.yahoo import Exchange, market_series, session_dates, with_event
from tests.support.builders import new_york, table
from tests.support.fakes import FakeBroker, FakeNotifier, Watching
from tests.support.fuzzed_answers import FuzzedSession
from tests.support.symbols import QQQ, SYMBOLS, TQQQ

RULES = Rules()
WORLDS = int(os.environ.get("QQQBOT_ALTERED", "2"))
Answers = dict[str, Any]
"""symbol -> chart.result[0]"""
Wrong = Callable[[Answers], object]


@dataclass
class Yahoo(Watching):
    """What the client makes of the answers of an exchange, which `wrong` alters."""

    exchange: Exchange
    wrong: Wrong = field(default=lambda _: None)

    def sessions(self, now: datetime) -> SessionTable:  # noqa: ARG002 (the table is whole from the start)
        return table()

    def market(self, now: datetime) -> Market:
        answers = copy.deepcopy({s: self.exchange.chart(s, now, {"range": "1y"}) for s in SYMBOLS})
        self.wrong(answers)
        texts = {s: json.dumps({"chart": {"result": [answer], "error": None}}) for s, answer in answers.items()}
        document = child.document("prices", SYMBOLS, None, None, "1y", FuzzedSession(texts))
        return read_market(json.loads(json.dumps(document, allow_nan=False)), SYMBOLS)


def columns(result: Any) -> list[list[Any]]:
    quote = result["indicators"]["quote"][0]
    return [
        *(quote[name] for name in ("open", "high", "low", "close")),
        result["indicators"]["adjclose"][0]["adjclose"],
    ]


def row(back: int, factor: float) -> Wrong:
    """QQQ's row of so many sessions ago, in every price."""

    def change(answers: Answers) -> None:
        for column in columns(answers[QQQ]):
            column[-1 - back] *= factor

    return change


def older(back: int, factor: float, adjusted: bool = False, symbol: str = QQQ) -> Wrong:
    """All rows before that; the adjusted closes alone, as by a wrong dividend."""

    def change(answers: Answers) -> None:
        for column in columns(answers[symbol])[4 if adjusted else 0 :]:
            column[:-back] = [value and value * factor for value in column[:-back]]

    return change


def frozen(count: int, *symbols: str) -> Wrong:
    def change(answers: Answers) -> None:
        for column in (c for symbol in symbols for c in columns(answers[symbol])):
            column[-1 - count : -1] = [column[-1 - count]] * count

    return change


def a_day_off(*symbols: str) -> Wrong:
    def change(answers: Answers) -> None:
        for column in (c for symbol in symbols for c in columns(answers[symbol])):
            column[:-1] = [column[0], *column[:-2]]

    return change


def exchanged(*symbols: str) -> Wrong:
    def change(answers: Answers) -> None:
        for column in (c for symbol in symbols for c in columns(answers[symbol])):
            column[-4], column[-10] = column[-10], column[-4]

    return change


def lost(back: int, count: int, *symbols: str) -> Wrong:
    def change(answers: Answers) -> None:
        for symbol in symbols:
            volume = answers[symbol]["indicators"]["quote"][0]["volume"]
            for column in (*columns(answers[symbol]), volume, answers[symbol]["timestamp"]):
                del column[-back - count : -back]

    return change


def live(price: Callable[[Any], float], null_row: bool = False) -> Wrong:
    """Both live prices are others, and perhaps the day's rows are null."""

    def change(answers: Answers) -> None:
        for result in answers.values():
            result["meta"]["regularMarketPrice"] = price(result)
            for column in columns(result) if null_row else ():
                column[-1] = None

    return change


def moved(result: Any) -> float:
    """2 % for QQQ, and 6 % for TQQQ."""
    return float(result["meta"]["regularMarketPrice"] * (1.02 if result["meta"]["symbol"] == QQQ else 1.06))


def split(symbol: str, back: int, new: int, old: int) -> Wrong:
    """One that is reported, and nothing else."""

    def change(answers: Answers) -> None:
        stamp = answers[symbol]["timestamp"][-1 - back]
        told = {"date": stamp, "numerator": new, "denominator": old, "splitRatio": f"{new}:{old}"}
        answers[symbol].setdefault("events", {}).setdefault("splits", {})[str(int(stamp))] = told

    return change


def meta(**values: Any) -> Wrong:
    return lambda answers: answers[QQQ]["meta"].update(values)


def stamps(kind: Callable[[Any], Any]) -> Wrong:
    return lambda answers: answers[QQQ].update(timestamp=[kind(stamp) for stamp in answers[QQQ]["timestamp"]])


def each(*changes: Wrong) -> Wrong:
    return lambda answers: [change(answers) for change in changes]


ALTERED: dict[str, Wrong] = {
    "a dividend twice": older(20, 0.998, adjusted=True),
    "a dividend lost, and another": older(20, 1.006, adjusted=True),
    "adjusted closes of a month ago 4 % down": older(22, 0.96, adjusted=True),
    "rows of a month ago 4 % down": older(22, 0.96),
    "rows of both funds of a month ago 2 % up": each(older(22, 1.02), older(22, 1.06, symbol=TQQQ)),
    "rows of both funds of last week 4 % down": each(older(5, 0.96), older(5, 0.88, symbol=TQQQ)),
    "one row at the edge of the average 12 % up": row(29, 1.12),
    "the row before yesterday's 12 % down": row(2, 0.88),
    "every row of three months 2 % up": each(*(row(back, 1.02) for back in range(1, 60))),
    "every row a little off": each(*(row(back, 1 + 0.003 * (-1) ** back) for back in range(1, 119))),
    "two rows exchanged": exchanged(QQQ),
    "two rows of both funds exchanged": exchanged(QQQ, TQQQ),
    "two rows of both funds frozen": frozen(1, QQQ, TQQQ),
    "four rows frozen": frozen(3, QQQ),
    "every row a day late": a_day_off(QQQ),
    "every row of both funds a day late": a_day_off(QQQ, TQQQ),
    "yesterday lost": lost(1, 1, QQQ, TQQQ),
    "two sessions lost": lost(2, 2, QQQ),
    "a phantom split in the rows": each(older(5, 0.5, symbol=TQQQ), split(TQQQ, 5, 2, 1)),
    "a phantom split that nothing shows": split(QQQ, 1, 3, 2),
    "a phantom split of today": split(TQQQ, 0, 1, 10),
    "an untold split of the rows alone": older(1, 0.5, symbol=TQQQ),
    "closes as text": lambda answers: answers[QQQ]["indicators"]["quote"][0].update(close=["1"] * 3),
    "a list of dividends": lambda answers: answers[QQQ].update(events={"dividends": [{"amount": 1, "date": 1}]}),
    "times with decimals": stamps(float),
    "times as text": stamps(str),
    "no currency": meta(currency=None),
    "pence": each(meta(currency="USX"), older(1, 100)),
    "another spelling of the symbol": meta(symbol="qqq"),
    "each fund's answer for the other": lambda answers: answers.update({QQQ: answers[TQQQ], TQQQ: answers[QQQ]}),
    "both prices of yesterday": live(lambda result: float(result["indicators"]["quote"][0]["close"][-2])),
    "both prices the day's high": live(lambda result: float(result["meta"]["regularMarketDayHigh"])),
    "both prices off": live(moved),
    "both prices off and today's rows null": live(moved, null_row=True),
}
WHEN = ((0, 11, False), (0, 12, True), (0, 13, True), (0, 14, False), (1, 11, False))
"""session, hour, and whether the answer is altered"""


def exchange_of(number: int) -> tuple[Exchange, list[date]]:
    """An exchange, and two sessions of it, in every second world 19 sessions after a dividend."""
    rng = random.Random(number)
    series = market_series(number, date(2025, 1, 2), date(2027, 1, 29), deviation=rng.choice((0.006, 0.012, 0.018)))
    days = session_dates(date(2026, 9, 1), date(2026, 12, 18))
    at = rng.randrange(30, len(days) - 1)
    if number % 2:
        series = {**series, QQQ: with_event(series[QQQ], days[at - 19], dividend=0.8)}
    return Exchange(series), days[at : at + 2]


@pytest.mark.parametrize("number", range(WORLDS))
@pytest.mark.parametrize("name", ALTERED)
def test_no_alteration_makes_another_order_and_nothing_is_left_of_it(tmp_path: Path, name: str, number: int) -> None:
    exchange, days = exchange_of(number)
    clock, yahoo, true = VirtualClock(new_york(days[0], 11)), Yahoo(exchange), Yahoo(exchange)
    broker = FakeBroker(clock)
    records = load_records(tmp_path, Identity(broker.mode, broker.account), clock, FakeNotifier())
    set_capital(records.book, Decimal(100_000), clock)
    outside = Adapters(clock, yahoo, broker, FakeNotifier(), disk_free=lambda: 10**12)
    engine = assemble(records, outside, RULES, timedelta(seconds=60))
    for session, hour, altered in WHEN:
        clock.advance(new_york(days[session], hour) - clock.now())
        yahoo.wrong = ALTERED[name] if altered else true.wrong
        orders = len(broker.submitted)
        wanted = decide(engine.snapshot_of(true.market(clock.now()), broker.snapshot()), RULES).target
        engine.step()
        check = engine.state.last_check
        assert check is not None
        decided = not check.failed and check.error not in PRICE_ERRORS
        assert not decided or check.row["target"] == wanted, check.sentence
        assert decided or len(broker.submitted) == orders
        assert decided or altered, check.sentence
