"""When the next look is due: a table of what is under way, and a pause that grows and leaves two tries."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qqqbot.model.family import PRESETS
from qqqbot.model.reasons import Reason
from qqqbot.model.values import Decide, Holding, Mode, Order, OrderStatus, Side
from qqqbot.records.book import adopted
from qqqbot.records.journal import OrderJournal
from qqqbot.records.jsonl import AppendOnlyFile
from qqqbot.records.ledger import Ledger
from qqqbot.trading.come_back import SOON, half_made, pause, unfinished
from tests.support.builders import ACCOUNT, DAY, NOW, RULES, intent, session
from tests.support.symbols import QQQ, TQQQ

BEFORE_CLOSE = replace(RULES, decide=Decide.BEFORE_CLOSE)
IN_WINDOW = session().close - timedelta(minutes=10)
HOLD, WAIT, FAILED = ("HOLD", None), ("WAIT", None), ("FAILED", Reason.PRICES_UNAVAILABLE)


@pytest.fixture
def journal(tmp_path: Path) -> OrderJournal:
    opened = OrderJournal(AppendOnlyFile(tmp_path / "orders.jsonl"), Mode.PAPER, ACCOUNT)
    opened.load(NOW)
    return opened


def ended(journal: OrderJournal, target: Holding, status: OrderStatus = OrderStatus.REJECTED) -> None:
    order = intent(order_ref=journal.next_ref(DAY), target=target)
    journal.intended(order)
    journal.outcome(order, Order(order.order_ref, status), NOW)


def traded(side: Side, shares: int, target: Holding, held: int = 0) -> Ledger:
    """A book whose newest order, numbered 1, traded `shares` of QQQ, after `held` were bought."""
    ledger, stamp = Ledger(), {"timestamp": NOW.isoformat()}
    ledger.apply({"kind": "capital", "amount": 100_000, **stamp})
    for ref, way, count in (("old", Side.BUY, held), ("qqqbot-20261124-01", side, shares)):
        row = {"side": way, "symbol": QQQ, "quantity": count, "amount": count * 450, "commission": 1}
        if count:
            ledger.apply({**row, **stamp, "order_ref": ref, "exec_ids": [ref], "position": target})
    return ledger


def test_out_of_the_session_nothing_is_due(journal: OrderJournal) -> None:
    journal.intended(intent())
    assert pause(NOW, None, journal, Ledger(), RULES, FAILED) is None


@pytest.mark.parametrize("last", [HOLD, WAIT, FAILED, ("FAILED", Reason.ORDER_OUTCOME_UNKNOWN)])
def test_an_order_without_an_outcome_is_always_due(journal: OrderJournal, last: tuple[str, Reason | None]) -> None:
    journal.intended(intent())
    assert pause(NOW, session(), journal, Ledger(), RULES, last) == SOON


@pytest.mark.parametrize(
    ("last", "due"),
    [
        (HOLD, False),
        (WAIT, False),
        (FAILED, False),
        (("FAILED", Reason.ORDER_REJECTED), True),
        (("WAIT", Reason.MONEY_LATE), True),
        (("WAIT", Reason.MONEY_UNSETTLED), False),
        (("WAIT", Reason.ORDER_LIMIT), False),
        (("WAIT", Reason.TRADING_HALTED), False),
    ],
)
def test_with_nothing_begun_the_last_check_decides(
    journal: OrderJournal, last: tuple[str, Reason | None], due: bool
) -> None:
    assert (pause(NOW, session(), journal, Ledger(), RULES, last) == SOON) is due


@pytest.mark.parametrize(
    ("last", "due"),
    [
        (HOLD, False),
        (WAIT, True),
        (FAILED, True),
        (("FAILED", Reason.BROKER_UNAVAILABLE), True),
        (("WAIT", Reason.DISK_ERROR), True),
        *(((word, reason), False) for word in ("WAIT", "FAILED") for reason in Reason if reason.halts),
        (("WAIT", Reason.ORDER_LIMIT), False),
        (("WAIT", Reason.MONEY_UNSETTLED), False),
    ],
)
@pytest.mark.parametrize("by", ["an order", "a decision", "half a rotation"])
def test_what_was_begun_and_not_reached_is_due_unless_a_minute_cannot_change_it(
    journal: OrderJournal, last: tuple[str, Reason | None], due: bool, by: str
) -> None:
    ledger = Ledger()
    if by == "an order":
        ended(journal, Holding.QQQ)
    elif by == "a decision":
        journal.decided(DAY, Holding.QQQ, NOW)
    else:
        ledger = traded(Side.SELL, 200, Holding.TQQQ, held=200)
        journal.intended(intent(Side.SELL, quantity=200, target=Holding.TQQQ))
        journal.outcome(intent(), Order("qqqbot-20261124-01", OrderStatus.FILLED), NOW)
    assert (pause(NOW, session(), journal, ledger, RULES, last) == SOON) is due


def test_a_window_that_has_not_decided_is_due(journal: OrderJournal) -> None:
    assert pause(IN_WINDOW, session(), journal, Ledger(), BEFORE_CLOSE, FAILED) == SOON
    assert pause(IN_WINDOW, session(), journal, Ledger(), RULES, FAILED) is None
    assert pause(NOW, session(), journal, Ledger(), BEFORE_CLOSE, FAILED) is None
    journal.decided(DAY, Holding.CASH, NOW)
    assert pause(IN_WINDOW, session(), journal, Ledger(), BEFORE_CLOSE, FAILED) is None


@given(refusals=st.integers(1, 40), left=st.integers(61, 6 * 3600))
def test_the_pause_doubles_and_leaves_two_tries(refusals: int, left: int) -> None:
    class Refused(OrderJournal):
        def __init__(self) -> None:
            """No file."""

        def unresolved(self) -> tuple[()]:
            return ()

        def decided_in(self, session: object) -> Holding:  # noqa: ARG002
            return Holding.QQQ

        aim_in = decided_in

        def unfilled_in_row(self, session: object) -> int:  # noqa: ARG002
            return refusals

    now = session().close - timedelta(seconds=left)
    found = pause(now, session(), Refused(), Ledger(), RULES, FAILED)
    assert found is not None
    assert SOON <= found <= max(SOON, SOON * 2 ** (refusals - 1))
    assert found == SOON or 3 * found <= timedelta(seconds=left - 60, milliseconds=1)


@pytest.mark.parametrize(
    ("side", "shares", "ordered", "target", "held", "half"),
    [
        (Side.SELL, 200, 200, Holding.TQQQ, 200, Holding.TQQQ),
        (Side.SELL, 50, 200, Holding.TQQQ, 200, Holding.TQQQ),
        (Side.SELL, 50, 200, Holding.CASH, 200, Holding.CASH),
        (Side.SELL, 200, 200, Holding.CASH, 200, None),
        (Side.BUY, 100, 211, Holding.QQQ, 0, Holding.QQQ),
        (Side.BUY, 211, 211, Holding.QQQ, 0, None),
    ],
)
def test_half_a_rotation_is_what_traded_and_is_not_finished(
    journal: OrderJournal, side: Side, shares: int, ordered: int, target: Holding, held: int, half: Holding | None
) -> None:
    journal.intended(intent(side, quantity=ordered, target=target))
    assert half_made(journal, traded(side, shares, target, held), RULES) is half


def test_a_few_adopted_shares_of_the_target_do_not_finish_a_sale_in_part(journal: OrderJournal) -> None:
    """The owner sold the rest by hand and bought one share of the target; all the money would stay in cash."""
    journal.intended(intent(Side.SELL, quantity=200, target=Holding.TQQQ))
    ledger = traded(Side.SELL, 50, Holding.TQQQ, held=200)
    for symbol, quantity, price in ((QQQ, -150, 450), (TQQQ, 1, 60)):
        ledger.apply({**adopted(symbol, quantity, Decimal(price)), "timestamp": NOW.isoformat()})
    assert (ledger.portfolio().holding, unfinished(journal, ledger, RULES)) == (Holding.TQQQ, TQQQ)
    assert half_made(journal, ledger, RULES) is Holding.TQQQ


def test_a_rotation_to_what_a_new_rule_does_not_have_is_not_completed(journal: OrderJournal) -> None:
    order = intent(Side.SELL, QQQ, 100, order_ref="qqqbot-20261124-01", target=Holding.TQQQ)
    journal.intended(order)
    sold = traded(Side.SELL, 100, Holding.TQQQ, 100)
    assert half_made(journal, sold, RULES) is Holding.TQQQ
    assert half_made(journal, sold, replace(RULES, rule=PRESETS["spy-200-upro"])) is None


def test_without_a_trade_nothing_is_half_made(journal: OrderJournal) -> None:
    journal.intended(intent())
    assert half_made(journal, Ledger(), RULES) is None
