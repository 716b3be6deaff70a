"""The order journal: what it remembers over a restart, in any state the files may be in."""

import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from qqqbot.model.errors import BookDamaged
from qqqbot.model.values import Holding, Mode, Order, OrderIntent, OrderStatus, OrderType, Side
from qqqbot.records.journal import LOST, ORDERS_REMEMBERED, OrderJournal
from qqqbot.records.jsonl import AppendOnlyFile
from qqqbot.records.ledger import Booked
from tests.support.builders import ACCOUNT, DAY, NOW, fill, intent
from tests.support.fakes import FullDisk
from tests.support.symbols import QQQ, TQQQ

TOMORROW = DAY + timedelta(days=1)


def opened(folder: Path, mode: Mode = Mode.PAPER, account: str = ACCOUNT) -> OrderJournal:
    journal = OrderJournal(AppendOnlyFile(folder / "orders.jsonl"), mode, account)
    journal.load(NOW)
    return journal


def numbered(number: int, **changes: Any) -> OrderIntent:
    return intent(order_ref=f"qqqbot-20261124-{number:02d}", **changes)


def booked(shares: int) -> Booked:
    return Booked(QQQ, Side.BUY, shares)


def ended(order: OrderIntent, status: OrderStatus, quantity: int = 0) -> Order:
    fills = (fill(order, quantity=quantity),) if quantity else ()
    return Order(order.order_ref, status, fills)


def test_an_empty_journal_knows_nothing(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    assert journal.unresolved() == ()
    assert journal.orders_in(DAY) == 0
    assert journal.decided_in(DAY) is None
    assert journal.unfinished({}) is None
    assert journal.next_ref(DAY) == "qqqbot-20261124-01"


def test_the_tag_of_a_start_keeps_the_references_of_two_folders_apart(tmp_path: Path) -> None:
    """One account may see orders from a new folder, from a restored backup and from a second bot."""
    (tmp_path / "old").mkdir()
    old = opened(tmp_path / "old")
    old.intended(numbered(1))
    anew = OrderJournal(AppendOnlyFile(tmp_path / "orders.jsonl"), Mode.PAPER, ACCOUNT, tag="3f9a")
    anew.load(NOW)
    assert anew.next_ref(DAY) == "qqqbot-20261124-3f9a-01"
    anew.intended(intent(order_ref=anew.next_ref(DAY)))
    assert anew.next_ref(DAY) == "qqqbot-20261124-3f9a-02"
    assert opened(tmp_path).next_ref(DAY) == "qqqbot-20261124-02", "ordinals go on over another start's tag"


def test_an_intent_is_on_disk_when_it_is_intended(tmp_path: Path) -> None:
    opened(tmp_path).intended(intent())
    row = json.loads((tmp_path / "orders.jsonl").read_text())
    assert (row["event"], row["order_ref"], row["quantity"]) == ("intended", "qqqbot-20261124-01", 211)
    assert (row["mode"], row["account"], row["schema"]) == ("paper", ACCOUNT, 1)


@pytest.mark.parametrize(
    "order",
    [
        intent(),
        intent(Side.SELL, TQQQ, 1583, reason='a "quoted"\nreason'),
        intent(order_type=OrderType.LIMIT, limit_price=Decimal("450.90"), short_ma=451.123456789),
    ],
)
def test_an_intent_comes_back_as_it_was(tmp_path: Path, order: OrderIntent) -> None:
    opened(tmp_path).intended(order)
    assert opened(tmp_path).unresolved() == (order,)


def test_sent_is_not_an_outcome(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.intended(intent())
    journal.sent(intent(), NOW)
    assert journal.unresolved() == opened(tmp_path).unresolved() == (intent(),)


@pytest.mark.parametrize("status", [OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED])
def test_an_outcome_resolves(tmp_path: Path, status: OrderStatus) -> None:
    journal = opened(tmp_path)
    journal.intended(intent())
    journal.outcome(intent(), ended(intent(), status), NOW)
    assert journal.unresolved() == opened(tmp_path).unresolved() == ()


def test_a_reference_is_used_once_in_any_mode_account_and_after_any_outcome(tmp_path: Path) -> None:
    opened(tmp_path).intended(numbered(1))
    other = opened(tmp_path, Mode.DRY_RUN, "simulated")
    assert other.next_ref(DAY) == "qqqbot-20261124-02"
    other.intended(numbered(2))
    other.outcome(numbered(2), ended(numbered(2), OrderStatus.REJECTED), NOW)
    assert opened(tmp_path, Mode.LIVE, "U1").next_ref(DAY) == "qqqbot-20261124-03"
    assert opened(tmp_path).next_ref(TOMORROW) == "qqqbot-20261125-01"


def test_references_continue_beyond_two_digits(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.intended(numbered(99))
    journal.intended(numbered(100))
    assert opened(tmp_path).next_ref(DAY) == "qqqbot-20261124-101"


@pytest.mark.parametrize(("mode", "account"), [(Mode.LIVE, ACCOUNT), (Mode.PAPER, "DU7654321")])
def test_modes_and_accounts_never_mix(tmp_path: Path, mode: Mode, account: str) -> None:
    journal = opened(tmp_path)
    journal.intended(intent())
    journal.decided(DAY, Holding.TQQQ, NOW)
    stranger = opened(tmp_path, mode, account)
    assert stranger.unresolved() == ()
    assert stranger.orders_in(DAY) == 0
    assert stranger.decided_in(DAY) is None
    assert stranger.intent(intent().order_ref) is None


def test_orders_of_a_session_are_counted_over_restarts(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    for number in (1, 2):
        journal.intended(numbered(number))
        journal.outcome(numbered(number), ended(numbered(number), OrderStatus.REJECTED), NOW)
    assert opened(tmp_path).orders_in(DAY) == 2
    assert opened(tmp_path).orders_in(TOMORROW) == 0


def test_why_the_newest_order_of_a_session_filled_nothing_survives_a_restart(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    assert journal.refusal_in(DAY) == ""
    for number, quantity in ((1, 0), (2, 10), (3, 0)):
        order = numbered(number)
        journal.intended(order)
        journal.outcome(order, replace(ended(order, OrderStatus.REJECTED, quantity), message=f"201: no {number}"), NOW)
        told = "" if quantity else f"201: no {number}"
        assert (journal.refusal_in(DAY), opened(tmp_path).refusal_in(DAY)) == (told, told)
    assert journal.refusal_in(TOMORROW) == ""


def test_the_decision_of_a_session_survives_a_restart_and_ends_with_it(tmp_path: Path) -> None:
    opened(tmp_path).decided(DAY, Holding.TQQQ, NOW)
    journal = opened(tmp_path)
    assert journal.decided_in(DAY) is Holding.TQQQ
    assert journal.decided_in(TOMORROW) is None
    journal.decided(TOMORROW, Holding.CASH, NOW)
    assert opened(tmp_path).decided_in(TOMORROW) is Holding.CASH


@pytest.mark.parametrize(
    ("order", "status", "filled", "unfinished"),
    [
        (intent(), OrderStatus.CANCELLED, 100, QQQ),
        (intent(), OrderStatus.CANCELLED, 0, None),
        (intent(), OrderStatus.FILLED, 211, None),
        (intent(), OrderStatus.REJECTED, 0, None),
        (intent(Side.SELL, QQQ, 211), OrderStatus.CANCELLED, 100, QQQ),
        (intent(Side.SELL, QQQ, 211), OrderStatus.FILLED, 211, None),
        (intent(Side.BUY, TQQQ, 10), OrderStatus.CANCELLED, 1, TQQQ),
    ],
)
def test_a_partly_filled_order_is_unfinished(
    tmp_path: Path, order: OrderIntent, status: OrderStatus, filled: int, unfinished: str | None
) -> None:
    journal = opened(tmp_path)
    journal.intended(order)
    journal.outcome(order, ended(order, status, filled), NOW)
    known = {order.order_ref: booked(filled)} if filled else {}
    assert journal.unfinished(known) == opened(tmp_path).unfinished(known) == unfinished


def test_executions_that_came_after_the_end_of_an_order_finish_it(tmp_path: Path) -> None:
    journal, order = opened(tmp_path), intent(quantity=211)
    journal.intended(order)
    journal.outcome(order, ended(order, OrderStatus.CANCELLED, 100), NOW)
    assert journal.unfinished({order.order_ref: booked(211)}) is None


def test_a_refused_rest_leaves_the_order_unfinished(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    for number, status, filled, quantity in ((1, OrderStatus.CANCELLED, 100, 211), (2, OrderStatus.REJECTED, 0, 111)):
        order = numbered(number, quantity=quantity)
        journal.intended(order)
        journal.outcome(order, ended(order, status, filled), NOW)
    assert opened(tmp_path).unfinished({numbered(1).order_ref: booked(100)}) == QQQ


def test_a_later_order_supersedes_an_unfinished_one(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    for number, filled, quantity in ((1, 100, 211), (2, 111, 111)):
        order = numbered(number, quantity=quantity)
        journal.intended(order)
        journal.outcome(order, ended(order, OrderStatus.CANCELLED, filled), NOW)
    assert opened(tmp_path).unfinished({numbered(2).order_ref: booked(111)}) is None


def test_the_newest_intents_are_known_by_their_reference(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.intended(numbered(1))
    assert opened(tmp_path).intent("qqqbot-20261124-01") == numbered(1)
    assert journal.intent("somebody-elses") is None


def test_old_intents_are_forgotten_but_never_unresolved_ones(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    for number in range(1, ORDERS_REMEMBERED + 2):
        journal.intended(numbered(number))
    assert journal.intent(numbered(1).order_ref) is None
    assert journal.intent(numbered(2).order_ref) is not None
    assert len(journal.unresolved()) == ORDERS_REMEMBERED + 1


def test_a_torn_intent_was_never_sent_and_its_reference_is_free(tmp_path: Path) -> None:
    """A line that is not whole was not on disk when the process died, and so nothing was sent."""
    opened(tmp_path).intended(numbered(1))
    path = tmp_path / "orders.jsonl"
    path.write_bytes(path.read_bytes()[:-5])
    journal = OrderJournal(AppendOnlyFile(path), Mode.PAPER, ACCOUNT)
    assert "set aside" in str(journal.load(NOW))
    assert journal.unresolved() == ()
    assert journal.next_ref(DAY) == "qqqbot-20261124-01"


@pytest.mark.parametrize(
    "line",
    [
        "garbage",
        '{"event":"intended"}',
        '{"event":"intended","session":"2026-11-24","order_ref":"x","mode":"paper","account":"DU1234567"}',
        '{"event":"decided","session":"2026-11-24","target":"GOLD","mode":"paper","account":"DU1234567"}',
    ],
)
def test_a_line_that_is_not_an_event_stops_the_start_with_its_number(tmp_path: Path, line: str) -> None:
    opened(tmp_path).intended(intent())
    with (tmp_path / "orders.jsonl").open("a") as stream:
        stream.write(line + "\n")
    with pytest.raises(BookDamaged, match=r"orders\.jsonl, line 2: "):
        opened(tmp_path)


def test_damage_in_a_foreign_row_stops_the_start_too_if_its_reference_is_needed(tmp_path: Path) -> None:
    row = {"event": "intended", "session": "2026-11-24", "order_ref": "nonsense", "mode": "live", "account": "U1"}
    (tmp_path / "orders.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(BookDamaged, match="line 1"):
        opened(tmp_path)


def test_an_event_that_could_not_be_written_has_not_happened(tmp_path: Path) -> None:
    journal = OrderJournal(FullDisk(tmp_path / "orders.jsonl"), Mode.PAPER, ACCOUNT)
    journal.load(NOW)
    with pytest.raises(OSError, match="No space"):
        journal.intended(intent())
    assert journal.unresolved() == ()
    assert journal.next_ref(DAY) == "qqqbot-20261124-01"


def test_references_carry_the_date_of_the_session(tmp_path: Path) -> None:
    assert opened(tmp_path).next_ref(date(2027, 1, 4)) == "qqqbot-20270104-01"


def test_outcomes_carry_the_fills(tmp_path: Path) -> None:
    journal, order = opened(tmp_path), intent()
    journal.intended(order)
    journal.outcome(order, replace(ended(order, OrderStatus.CANCELLED, 100), message="by the exchange"), NOW)
    row = json.loads((tmp_path / "orders.jsonl").read_text().splitlines()[-1])
    assert (row["status"], row["filled"], row["message"]) == ("CANCELLED", 100, "by the exchange")
    assert row["exec_ids"] == [fill(order).exec_id]


def test_orders_whose_end_is_not_reported_any_more_are_known_by_their_message(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    for number, message in ((1, f"sent on {DAY}; {LOST}: if it was executed, ..."), (2, "")):
        journal.intended(numbered(number))
        journal.outcome(
            numbered(number), replace(ended(numbered(number), OrderStatus.CANCELLED, 0), message=message), NOW
        )
    assert journal.lost() == opened(tmp_path).lost() == (numbered(1),)
