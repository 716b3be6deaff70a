"""A year in which Yahoo loses sessions and is away for days: what is decided is what the true prices want, or nothing.

QQQBOT_SEEDS is how many years are tried. Each session has one check; the broker is a second source or there is none.
"""

import os
import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

import pytest

from qqqbot.adapters.simulated.prices import SimulatedPrices
from qqqbot.model.market import Market
from qqqbot.model.provenance import KeptWindow, Source
from qqqbot.model.values import Holding, Rules
from qqqbot.strategy import filling
from qqqbot.strategy.filling import Closes, depends_on
from qqqbot.strategy.rule import evaluate
from tests.support.symbols import SYMBOLS

RULES = Rules()
SEEDS = int(os.environ.get("QQQBOT_SEEDS", "4"))
FIRST = 130


def year(seed: int, second: bool) -> tuple[int, int, int]:
    """Sessions decided, refused, and decided on prices that are not all Yahoo's own."""
    rng = random.Random(seed)
    truth = SimulatedPrices(seed, SYMBOLS, date(2025, 1, 2), date(2026, 7, 31))
    lost: set[date] = set()
    away = decided = refused = others = 0
    kept: KeptWindow | None = None
    for number in range(FIRST, FIRST + 252):
        session = truth.table.sessions[number]
        true = truth.market(session.open + timedelta(minutes=rng.randint(10, 380)))
        expected = truth.table.before(session.date, RULES.form.history)
        away = max(0, away - 1) or (rng.randint(1, 15) if rng.random() < 0.02 else 0)
        lost |= {expected[-n] for n in range(1, rng.randint(1, 4) + 1)} if rng.random() < 0.03 else set()
        lost -= {day for day in lost if rng.random() < 0.1}
        closes = _broker(truth, number, rng) if second else {}
        found = _without_yahoo(kept, expected, true, closes) if away else _filled(kept, expected, true, lost, closes)
        answer = _answer(found, expected) if found else None
        if answer is None or found is None:
            refused += 1
            continue
        assert (
            answer is evaluate([b.close for b in true.bars[-119:]], true.signal_quote.price, Holding.CASH, RULES).target
        )
        assert second or found.quoted_by is Source.YAHOO
        assert second or set(found.origins.values()) <= {Source.KEPT}
        decided, others = decided + 1, others + bool(found.origins or found.quoted_by is not Source.YAHOO)
        kept = _window(found, expected)
    return decided, refused, others


def _broker(truth: SimulatedPrices, number: int, rng: random.Random) -> Closes:
    """The true closes but for a tenth of a per cent, and at times a wrong one."""
    days = [s.date for s in truth.table.sessions[:number]]
    closes = {s: dict(zip(days, truth.closes(s), strict=False)) for s in SYMBOLS}
    for symbol in SYMBOLS:
        closes[symbol] = {day: c * rng.uniform(0.9998, 1.0002) for day, c in closes[symbol].items()}
    if rng.random() < 0.1:
        closes[rng.choice(SYMBOLS)][days[-1]] *= rng.choice((0.82, 0.95, 1.02, 1.1))
    return closes


def _filled(
    kept: KeptWindow | None, expected: tuple[date, ...], true: Market, lost: set[date], closes: Closes
) -> Market | None:
    market = replace(
        true,
        bars=tuple(bar for bar in true.bars if bar.date not in lost),
        fund_bars=tuple(bar for bar in true.fund_bars if bar.date not in lost),
    )
    missing = filling.gaps(market, expected)
    if filling.fillable(market, expected, missing):
        return None
    then = filling.fill(
        market,
        missing,
        lambda known, day: (
            filling.from_kept(kept, known, day),
            filling.from_closes(Source.BROKER, closes, known, day),
        ),
        lambda _: None,
        RULES.leverage,
    )
    return None if filling.gaps(then, expected) else then


def _without_yahoo(kept: KeptWindow | None, expected: tuple[date, ...], true: Market, closes: Closes) -> Market | None:
    if kept is None or not closes:
        return None
    quotes = [true.signal_quote, true.fund_quote]
    found = filling.without_yahoo(kept, expected, true.newest_row, closes, quotes, RULES.leverage)
    return None if isinstance(found, str) else found


def _answer(market: Market, expected: tuple[date, ...]) -> Holding | None:
    """The rule's answer, None if it hangs on a filled close."""
    known: Mapping[date, float] = {bar.date: bar.close for bar in market.bars}
    closes = [known[day] for day in expected]
    uncertain = {n: market.origins[day].uncertainty for n, day in enumerate(expected) if day in market.origins}
    if depends_on(closes, uncertain, market.signal_quote.price, Holding.CASH, RULES) is not None:
        return None
    return evaluate(closes, market.signal_quote.price, Holding.CASH, RULES).target


def _window(market: Market, expected: tuple[date, ...]) -> KeptWindow:
    qqq, tqqq = ({bar.date: bar.close for bar in bars} for bars in (market.bars, market.fund_bars))
    return KeptWindow(
        market.newest_row,
        market.signal_quote.time,
        expected,
        tuple(qqq[day] for day in expected),
        tuple(tqqq.get(day, float("nan")) for day in expected),
        {day: source for day, source in market.origins.items() if day in expected},
    )


@pytest.mark.parametrize("second", [True, False])
def test_what_is_decided_is_what_the_true_prices_want(second: bool) -> None:
    years = [year(seed, second) for seed in range(SEEDS)]
    decided, refused, others = (sum(part) for part in zip(*years, strict=True))
    assert decided + refused == 252 * SEEDS
    assert others > 0
    if second:
        assert decided > 0.85 * 252 * SEEDS
