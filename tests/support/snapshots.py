"""Snapshots and rules at random, for tests of whatever decides on them."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from qqqbot.model.market import Bar, Quote
from qqqbot.model.values import Decide, Holding, OrderType, Rules, Snapshot
from tests.support.builders import (
    DAY,
    LEVELS,
    NOW,
    PRICE,
    TQQQ_PRICE,
    account,
    bars,
    closes,
    market,
    new_york,
    portfolio,
    session,
    snapshot,
    table,
)
from tests.support.symbols import QQQ, TQQQ

NAN, INFINITY = float("nan"), float("inf")

odd_numbers = st.sampled_from([NAN, INFINITY, -INFINITY, 0.0, -0.0, 5e-324, 1e308, -1.0]) | st.floats()


@st.composite
def odd_snapshots(draw: st.DrawFn) -> Snapshot:
    """Any numbers, any rows, any calendar."""
    history = list(bars(closes(Holding.QQQ)))
    for at in draw(st.lists(st.integers(0, 118), max_size=4)):
        history[at] = Bar(history[at].date, draw(odd_numbers))
    history = history[: draw(st.sampled_from([0, 1, 118, 119, 119, 119]))]
    if draw(st.booleans()):
        draw(st.randoms(use_true_random=False)).shuffle(history)
    now = NOW + timedelta(seconds=draw(st.integers(-100_000, 100_000)))
    prices: dict[str, Any] = {
        "signal_quote": Quote(
            QQQ, draw(odd_numbers | st.just(PRICE)), NOW + timedelta(seconds=draw(st.integers(-9999, 9999)))
        ),
        "fund_quote": Quote(TQQQ, draw(odd_numbers | st.just(TQQQ_PRICE)), NOW),
        "fund_previous_close": draw(st.none() | odd_numbers | st.just(TQQQ_PRICE)),
    }
    return snapshot(
        now=NOW,
        market=replace(market(), bars=tuple(history), **prices),
        expected=table().before(DAY, draw(st.sampled_from([0, 1, 118, 119, 119, 200]))),
        exchange_open=session().contains(now),
        broker_quotes={QQQ: Quote(QQQ, draw(odd_numbers), NOW)} if draw(st.booleans()) else {},
    )


all_rules = st.builds(
    Rules,
    band=st.sampled_from([0.0, 0.01]),
    decide=st.sampled_from(Decide),
    trading_hours_only=st.booleans(),
    position_size=st.integers(1, 100).map(lambda p: Decimal(p) / 100),
    order_type=st.sampled_from(OrderType),
    limit_collar=st.integers(1, 500).map(lambda b: Decimal(b) / 10_000),
)


@st.composite
def valid_snapshots(draw: st.DrawFn) -> Snapshot:
    """Prices, money and holdings at random, all of them possible."""
    target = draw(st.sampled_from(LEVELS))
    price = draw(st.floats(50, 900).map(lambda p: round(p, 2)))
    tqqq = draw(st.floats(5, 300).map(lambda p: round(p, 2)))
    cash = draw(st.decimals(0, 300_000, places=2))
    book = portfolio(
        qqq=draw(st.sampled_from([0, 0, 1, 250])),
        tqqq=draw(st.sampled_from([0, 0, 1, 1700])),
        cash=cash,
        foreign={QQQ: draw(st.sampled_from([0, 0, 30])), TQQQ: 0},
    )
    worth = book.equity({QQQ: Decimal(str(price)), TQQQ: Decimal(str(tqqq))})
    return snapshot(
        target,
        price,
        draw(st.sampled_from([NOW, new_york(DAY, 15, 50)])),
        portfolio=book,
        account=account(
            book,
            net_liquidation=worth * draw(st.sampled_from([1, 2])),
            spendable=cash * draw(st.sampled_from([Decimal(1), Decimal("0.5"), Decimal(0), Decimal(3)])),
            unsettled=draw(st.sampled_from([Decimal(0), Decimal(1000)])),
        ),
        market=market(target, price, NOW, tqqq_price=tqqq),
        unfinished=draw(st.sampled_from([None, QQQ, TQQQ])),
        decided_target=draw(st.none() | st.sampled_from(LEVELS)),
    )
