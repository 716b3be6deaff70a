"""The figures that are the same wherever they are shown."""

from datetime import timedelta
from decimal import Decimal

import pytest

from qqqbot.records.ledger import Costs, Ledger
from qqqbot.records.risk_line import Position, gain, positions, risk_line, risk_words
from qqqbot.records.track import Track
from tests.support.builders import NOW
from tests.support.monitor_samples import book, known
from tests.support.symbols import QQQ, TQQQ

FIRST = NOW - timedelta(days=40)
WORST = NOW - timedelta(days=20)
TRACK = Track(FIRST, NOW, 90_000.0, QQQ, {QQQ: 600.0, TQQQ: 60.0}, 100_000.0, 200.0, 0.9, 1.2, -0.4, WORST)


def ledger() -> Ledger:
    found = Ledger()
    for row in book():
        found.apply(row)
    return found


def test_a_position_has_its_price_its_age_and_its_profit() -> None:
    (held,) = positions(ledger(), {QQQ: 600.0, TQQQ: 60.0})
    assert (held.symbol, held.shares, held.opened_at) == (TQQQ, 1500, NOW - timedelta(days=10))
    assert held.entry_price == pytest.approx(62 + 1 / 1500)
    assert (held.value, held.profit) == pytest.approx((90_000, -3_001))
    assert held.profit_pct == pytest.approx(-3_001 / 93_001 * 100)


def test_without_a_price_there_is_no_profit_and_without_a_beginning_no_position() -> None:
    (held,) = positions(ledger(), {TQQQ: None})
    assert (held.profit, held.value) == (None, None)
    cut = Ledger()
    cut.shares[QQQ] = 7
    assert positions(cut, {QQQ: 1.0}) == ()


def test_the_line() -> None:
    held = (Position(TQQQ, 1500, 62.0, FIRST, 60.0, 90_000.0, -3_000.0, -3.2),)
    line = known(risk_line(TRACK, held, Costs(Decimal(5), Decimal(7), Decimal(100), 3)))
    assert (line.value, line.put_in, line.change) == (90_000, 100_000, -10_000)
    assert (line.drawdown_pct, line.worst_drawdown_pct) == pytest.approx((-25, -40))
    assert line.worst_at == WORST
    assert (line.qqq_held, line.ahead) == (120_000, -30_000)
    assert (line.change_pct, line.qqq_change_pct, line.ahead_pct) == pytest.approx((-10, 20, -30))
    assert (line.open_profit, line.open_profit_pct) == pytest.approx((-3_000, -3_000 / 93_000 * 100))
    assert (line.commissions, line.slippage, line.rotations) == (5, 7, 3)


def test_what_the_account_does_not_have_is_in_no_figure() -> None:
    line = known(risk_line(TRACK, (), None, missing=50_000))
    assert (line.value, line.put_in, line.change, line.ahead) == (40_000, 50_000, -10_000, -30_000)
    assert line.commissions is line.rotations is None


def test_there_is_no_line_before_the_first_valuation() -> None:
    assert risk_line(None, (), None) is None


def test_the_line_in_words() -> None:
    words = dict(risk_words(known(risk_line(TRACK, (), None))))
    assert words == {
        "Drawdown": "-25.00 % now, -40.00 % at worst on 2026-11-04, at each check",
        "Beside QQQ": "-30,000.00 USD, -30.00 points against QQQ held, which would be 120,000.00",
    }


def test_the_gain_is_against_what_was_put_in() -> None:
    assert gain(101_000.0, 100_000.0) == pytest.approx((1000.0, 1.0))
    assert gain(None, 100_000.0) == gain(1.0, 0.0) == (None, None)
