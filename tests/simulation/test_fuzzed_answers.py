"""Fuzzed answers of Yahoo: each becomes a market or a sentence, and none an order that the true prices do not want.

QQQBOT_FUZZED=10000 makes as many of them; without it, as many as a quick run of the tests has time for.
QQQBOT_FUZZED_FROM=1000000 makes others.
"""

import contextlib
import json
import os
import random
from dataclasses import replace
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from qqqbot.adapters.yahoo import child
from qqqbot.adapters.yahoo.answer import AnswerUnusable, Chart, read_chart
from qqqbot.adapters.yahoo.price_source import read_market
from qqqbot.model.errors import PricesUnavailable
from qqqbot.model.market import Market
from qqqbot.model.provenance import KeptWindow
from qqqbot.model.values import Mode, Plan, Portfolio, Rules, Snapshot
from qqqbot.records.jsonl import AppendOnlyFile, Row
from qqqbot.records.prices import PriceMemory, kept_window
from qqqbot.strategy import filling
from qqqbot.strategy.planning import decide
from standins.yahoo import Exchange, market_series, session_dates, with_event
from tests.support.builders import account, new_york, portfolio, snapshot, table
from tests.support.fuzzed_answers import Answers, FuzzedSession, fuzzed
from tests.support.symbols import QQQ, SYMBOLS, TQQQ

MANY = int(os.environ.get("QQQBOT_FUZZED", "300"))
FIRST = int(os.environ.get("QQQBOT_FUZZED_FROM", "0"))
BATCHES = 6
WORLDS = 12
RULES = Rules()
RECORDINGS = Path(__file__).resolve().parents[2].parent / "shared" / "recordings" / "yahoo"


def numbers(batch: int) -> range:
    return range(FIRST + batch * MANY // BATCHES, FIRST + (batch + 1) * MANY // BATCHES)


@cache
def world(number: int) -> tuple[Answers, datetime]:
    """The sound answers of a moment of some afternoon, with a dividend of the last weeks in two worlds of three."""
    rng = random.Random(number)
    series = market_series(number, date(2025, 1, 2), date(2027, 1, 29), deviation=rng.choice((0.006, 0.012, 0.018)))
    days = session_dates(date(2026, 9, 1), date(2026, 12, 30))
    day = rng.choice(days[60:])
    paid = days[days.index(day) - rng.choice((1, 7, 20))]
    if number % 3:
        series = {**series, "QQQ": with_event(series["QQQ"], paid, dividend=0.8)}
    now = new_york(day, 12, 37)
    exchange = Exchange(series)
    answers = {s: exchange.chart(s, now, {"range": "1y"}) for s in SYMBOLS}
    return {s: answer for s, answer in answers.items() if answer is not None}, now


def market_of(texts: dict[str, str]) -> Market:
    """What the daemon makes of these answers. Raises PricesUnavailable."""
    document = child.document("prices", SYMBOLS, None, None, "1y", FuzzedSession(texts))
    return read_market(json.loads(json.dumps(document, allow_nan=False)), SYMBOLS)


def seen(market: Market, now: datetime, held: Portfolio) -> Snapshot:
    session = table().open_session(now)
    assert session is not None
    return snapshot(
        now=now,
        market=market,
        session=session,
        exchange_open=True,
        expected=table().before(session.date, RULES.form.history),
        portfolio=held,
        account=replace(account(), positions=dict(held.shares)),
    )


def plan_of(market: Market, now: datetime, held: Portfolio) -> Plan:
    return decide(seen(market, now, held), RULES)


class Unwritten(AppendOnlyFile):
    """A file that takes each row and has none."""

    def append(self, row: Row) -> Row:
        return row


@cache
def kept(number: int) -> KeptWindow:
    """What the daemon kept of the session before: the true rows."""
    answers, now = world(number)
    market = market_of(texts_of(answers))
    dates = seen(market, now, HOLDINGS[0]).expected
    return kept_window(market, dates[:-1], dates[-1], now)


def filled(market: Market, number: int) -> Market:
    """As the daemon does with its own memory, for what the answer lacks."""
    expected = seen(market, world(number)[1], HOLDINGS[0]).expected
    missing = filling.gaps(market, expected)
    if not missing or filling.fillable(market, expected, missing):
        return market

    def candidates(so_far: Market, day: date) -> list[filling.Candidate | None]:
        return [filling.from_kept(kept(number), so_far, day)]

    return filling.fill(market, missing, candidates, lambda _: None, RULES.leverage)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_a_daemon_with_its_memory_ends_no_check_in_a_traceback(batch: int, tmp_path: Path) -> None:
    """And trades on nothing else than the true prices want. It keeps what it decided on, whatever that is."""
    wrong = []
    for number in numbers(batch):
        answers, now = world(number % WORLDS)
        texts, done = fuzzed(answers, random.Random(-number - 1))
        with contextlib.suppress(PricesUnavailable):
            market = filled(market_of(texts), number % WORLDS)
            snapshot = replace(seen(market, now, HOLDINGS[0]), kept=kept(number % WORLDS))
            plan = decide(snapshot, RULES)
            if plan.signal is not None:
                memory = PriceMemory(Unwritten(tmp_path / "prices.jsonl"), Mode.DRY_RUN, "simulated")
                memory.keep(snapshot)
                assert memory.newest is not None
            if plan.orders and not _wanted(plan, true_plan(number % WORLDS, 0)):
                wrong.append((number, done, told(market, plan)))
    assert wrong == []


def texts_of(answers: Answers) -> dict[str, str]:
    return {s: json.dumps({"chart": {"result": [answer], "error": None}}) for s, answer in answers.items()}


HOLDINGS = (portfolio(), portfolio(shares={QQQ: 0, TQQQ: 500}), portfolio(shares={QQQ: 100, TQQQ: 0}))


@cache
def true_plan(number: int, held: int) -> Plan:
    answers, now = world(number)
    return plan_of(market_of(texts_of(answers)), now, HOLDINGS[held])


def told(market: Market, plan: Plan) -> str:
    return f"{plan.sentence}; {market.signal_quote}, {market.fund_quote}"


@pytest.mark.parametrize("batch", range(BATCHES))
def test_a_fuzzed_answer_is_a_market_or_a_sentence_and_never_a_wrong_order(batch: int) -> None:
    wrong, traded = [], 0
    for number in numbers(batch):
        rng = random.Random(number)
        answers, now = world(number % WORLDS)
        texts, done = fuzzed(answers, rng)
        held = rng.randrange(len(HOLDINGS))
        true = true_plan(number % WORLDS, held)
        with contextlib.suppress(PricesUnavailable):
            market = market_of(texts)
            plan = plan_of(market, now, HOLDINGS[held])
            assert plan.sentence.isprintable()
            traded += bool(plan.orders)
            if plan.orders and not _wanted(plan, true):
                wrong.append((number, done, told(market, plan), true.sentence))
    assert wrong == []
    assert traded > MANY // BATCHES // 20


def _wanted(plan: Plan, true: Plan) -> bool:
    """Whether the true prices want the same orders, of about the same sizes."""
    ours, theirs = ([(order.side, order.symbol, order.quantity) for order in made.orders] for made in (plan, true))
    same = [one[:2] for one in ours] == [other[:2] for other in theirs]
    return same and all(abs(one[2] / other[2] - 1) < 0.03 for one, other in zip(ours, theirs, strict=True))


def test_the_worlds_are_not_all_alike() -> None:
    targets = set()
    for number in range(WORLDS):
        targets.add(true_plan(number, 0).target)
    assert targets == set(RULES.form.shelves)


def recordings() -> list[Path]:
    return sorted(RECORDINGS.glob("*.json")) if RECORDINGS.is_dir() else []


@pytest.mark.parametrize("recording", recordings(), ids=lambda path: str(path.stem))
def test_a_fuzzed_answer_that_was_real_is_read_or_unusable(recording: Path) -> None:
    found = _result(json.loads(recording.read_text()))
    if found is None:
        pytest.skip("no chart in this recording")
    for number in range(MANY // 10):
        texts, _ = fuzzed(dict.fromkeys(SYMBOLS, found), random.Random(number))
        for text in texts.values():
            with contextlib.suppress(AnswerUnusable):
                assert isinstance(read_chart(text), Chart)


def _result(recorded: Any) -> Any:
    """The first chart of a recording, wherever it is wrapped."""
    if isinstance(recorded, dict):
        if isinstance(recorded.get("indicators"), dict) and "meta" in recorded:
            return recorded
        for part in recorded.values():
            if (found := _result(part)) is not None:
                return found
    if isinstance(recorded, list):
        return next((found for part in recorded if (found := _result(part)) is not None), None)
    if isinstance(recorded, str) and '"indicators"' in recorded:
        return _result(json.loads(recorded))
    return None
