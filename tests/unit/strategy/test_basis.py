"""A held fund's rows and its shares change by the same splits, or nothing is traded."""

from dataclasses import replace
from datetime import timedelta

import pytest

from qqqbot.model.market import Bar, Split
from qqqbot.model.provenance import KeptWindow
from qqqbot.model.values import Snapshot
from qqqbot.strategy.basis import Moved, moved, split_in, told
from qqqbot.strategy.gates import history
from tests.support.builders import DAY, NOW, RULES, account, market, portfolio, snapshot
from tests.support.symbols import QQQ, TQQQ

YESTERDAY = DAY - timedelta(days=1)


def seen(factor: float, *splits: Split, symbol: str = TQQQ, held: int = 100) -> Snapshot:
    """The rows of `symbol` are `factor` times what they were yesterday."""
    now = market()
    dates = [bar.date for bar in now.bars]
    then = {
        name: tuple(bar.close / (factor if name == symbol else 1) for bar in bars)
        for name, bars in ((QQQ, now.bars), (TQQQ, now.fund_bars[-len(dates) :]))
    }
    kept = KeptWindow(YESTERDAY, NOW - timedelta(days=1), tuple(dates), then[QQQ], then[TQQQ])
    book = portfolio(qqq=held) if symbol == QQQ else portfolio(tqqq=held)
    return snapshot(market=replace(now, splits=splits), kept=kept, portfolio=book, account=account(book))


def split(ratio: float = 2, days_ago: int = 0, symbol: str = TQQQ) -> Split:
    return Split(symbol, DAY - timedelta(days=days_ago), ratio)


def found(at: Snapshot) -> tuple[Moved, ...]:
    return moved(at.kept, at.market)


@pytest.mark.parametrize("symbol", [QQQ, TQQQ])
@pytest.mark.parametrize(
    ("factor", "ratio"), [(0.5, 2), (1 / 3, 3), (2 / 3, 1.5), (10, 0.1), (1, None), (0.985, None), (1.015, None)]
)
def test_a_split_changes_both(symbol: str, factor: float, ratio: float | None) -> None:
    splits = [Split(symbol, DAY, ratio)] if ratio else []
    assert found(seen(factor, *splits, symbol=symbol)) == ()


@pytest.mark.parametrize("factor", [0.5, 1 / 3, 2 / 3, 10, 0.92, 1.37, 100, 0.01])
@pytest.mark.parametrize("real", [False, True])
def test_rows_that_changed_without_a_split_are_refused(factor: float, real: bool) -> None:
    at = replace(seen(factor), needs_open_exchange=real)
    (one,) = found(at)
    assert one.symbol == TQQQ
    assert one.factor == pytest.approx(factor)
    gate = history(at, RULES)
    like_a_split = factor in (0.5, 1 / 3, 2 / 3, 10)
    assert (gate.passed, gate.code) == (False, "PricesDoubtful" if like_a_split and not real else "PricesRebased")
    assert "TQQQ's earlier closes are" in gate.sentence
    assert "and no split that Yahoo has reported since explains it" in gate.sentence
    assert ("adopt" in gate.sentence) == (gate.code == "PricesRebased")


@pytest.mark.parametrize(
    ("factor", "ratio"), [(0.5, 2), (0.505, 2), (1 / 3, 3), (2 / 3, 1.5), (1.5, 2 / 3), (20, 0.05), (0.92, None)]
)
def test_what_one_funds_rows_look_like(factor: float, ratio: float | None) -> None:
    split = split_in((Moved(TQQQ, factor),))
    assert split == (None if ratio is None else pytest.approx(ratio))


def test_rows_of_both_funds_that_changed_are_no_split() -> None:
    both = (Moved(QQQ, 0.5), Moved(TQQQ, 0.5))
    assert split_in(both) is None
    assert split_in(()) is None
    assert "another currency" in told(both, simulated=True)[0]


def test_another_split_explains_nothing() -> None:
    assert found(seen(0.5, split(3))) != ()
    assert found(seen(0.5, split(symbol=QQQ))) != ()
    assert found(seen(0.5, split(days_ago=5))) != ()


@pytest.mark.parametrize("factor", [0.5, 1])
def test_one_of_the_day_of_the_kept_rows_may_be_in_them_or_not(factor: float) -> None:
    assert found(seen(factor, split(days_ago=1))) == ()


def test_one_before_that_is_in_them() -> None:
    assert found(seen(1, split(days_ago=5))) == ()


def test_a_fund_that_is_not_held_may_be_bought_and_is_judged_too() -> None:
    assert found(seen(0.92, held=0)) != ()


def test_two_splits_explain_each_basis_on_the_way() -> None:
    both = (split(2, days_ago=1), split(3))
    assert [found(seen(factor, *both)) == () for factor in (1, 1 / 3, 1 / 6, 1 / 2)] == [True, True, True, False]


def test_where_the_broker_quotes_both_its_prices_judge() -> None:
    at = seen(0.5)
    quotes = {symbol: at.market.quote(symbol) for symbol in (QQQ, TQQQ)}
    assert history(replace(at, broker_quotes=quotes), RULES).passed
    assert not history(replace(at, broker_quotes={QQQ: quotes[QQQ]}), RULES).passed


def test_what_was_not_kept_is_not_asked() -> None:
    assert found(replace(seen(0.5), kept=None)) == ()
    strange = seen(0.5)
    assert strange.kept is not None
    other = tuple(day - timedelta(days=4000) for day in strange.kept.dates)
    assert found(replace(strange, kept=replace(strange.kept, dates=other))) == ()


def test_one_wrong_row_is_no_split() -> None:
    whole = seen(1)
    bars = (*whole.market.fund_bars[:-1], Bar(whole.market.fund_bars[-1].date, 1.0))
    assert found(replace(whole, market=replace(whole.market, fund_bars=bars))) == ()
