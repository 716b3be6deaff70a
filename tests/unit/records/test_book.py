"""The book takes each fill once, whichever way and however often it arrives, and keeps accounts apart."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qqqbot.model.errors import BookDamaged
from qqqbot.model.executions import status_exec_id
from qqqbot.model.market import Split
from qqqbot.model.values import Fill, Holding, Mode, Order, OrderIntent, OrderStatus, Side
from qqqbot.records.book import Book, adopted, left_alone
from qqqbot.records.jsonl import AppendOnlyFile
from tests.support.builders import ACCOUNT, DAY, NOW, fill, intent
from tests.support.fakes import FullDisk
from tests.support.symbols import QQQ, TQQQ

BUY = intent()


def opened(folder: Path, mode: Mode = Mode.PAPER, account: str = ACCOUNT) -> Book:
    book = Book(AppendOnlyFile(folder / "trades.jsonl"), mode, account)
    book.load(NOW)
    return book


@pytest.fixture
def book(tmp_path: Path) -> Book:
    book = opened(tmp_path)
    book.set_capital(Decimal(100_000), NOW)
    return book


def order(fills: Sequence[Fill], of: OrderIntent = BUY) -> Order:
    return Order(of.order_ref, OrderStatus.FILLED, tuple(fills))


def part(name: str, quantity: int, revision: int = 1, price: str = "450", commission: str | None = "1.00") -> Fill:
    fee = None if commission is None else Decimal(commission)
    exec_id = f"0000e0d5.{name}.01.{revision:02d}"
    return fill(BUY, exec_id=exec_id, quantity=quantity, price=Decimal(price), commission=fee)


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "trades.jsonl").read_text().splitlines()]


def kinds(folder: Path) -> list[str]:
    return [row.get("kind", "trade") for row in rows(folder)]


@pytest.mark.parametrize(
    ("told", "booked"),
    [(-1440, 0), (5, 5), (29, 29), (60, 30), (1440, 30)],
    ids=["a day early", "real", "just now", "not yet", "a day late"],
)
def test_a_fill_is_neither_older_than_its_decision_nor_newer_than_now(
    book: Book, tmp_path: Path, told: int, booked: int
) -> None:
    """A misread date would give the shares a dividend of before they were bought, or keep a split from them."""
    minutes = timedelta(minutes=1)
    book.absorb(BUY, order([fill(BUY, time=NOW + told * minutes)]), NOW + 30 * minutes)
    assert rows(tmp_path)[-1]["timestamp"] == (NOW + booked * minutes).isoformat()


def test_a_trade_row_has_everything_the_manual_names(book: Book, tmp_path: Path) -> None:
    book.absorb(BUY, order([part("a", 111), part("b", 100, price="451")]), NOW)
    row = rows(tmp_path)[-1]
    assert row["timestamp"] == NOW.isoformat()
    assert (row["side"], row["symbol"], row["quantity"]) == ("BUY", "QQQ", 211)
    assert row["price"] == round((111 * 450 + 100 * 451) / 211, 6)
    assert row["commission"] == 2.0
    assert row["order_ref"] == BUY.order_ref
    assert row["exec_ids"] == ["0000e0d5.a.01.01", "0000e0d5.b.01.01"]
    assert (row["position"], row["reason"]) == ("QQQ", "a test")
    assert (row["qqq_price"], row["tqqq_price"]) == (450.0, 60.0)
    assert (row["short_ma"], row["long_ma"]) == (452.18, 443.79)
    assert row["price_to_short_ma"] == round((450 / 452.18 - 1) * 100, 4)
    assert row["short_to_long_ma"] == round((452.18 / 443.79 - 1) * 100, 4)
    assert row["decision_price"] == 450.0
    assert row["slippage_bps"] == round(100 / 211 / 450 * 10_000, 2)
    assert row["realized_pnl"] == 0
    assert row["cash"] == 100_000 - 111 * 450 - 100 * 451 - 2
    assert (row["mode"], row["account"], row["schema"]) == ("paper", ACCOUNT, 1)
    assert row["equity"] == pytest.approx(100_000 - 2, abs=0.01)


def test_a_sale_shows_its_profit_and_a_worse_price_is_positive_slippage(book: Book, tmp_path: Path) -> None:
    book.absorb(BUY, order([part("a", 211)]), NOW)
    sell = intent(Side.SELL, order_ref="qqqbot-20261124-02", target=Holding.CASH)
    book.absorb(sell, order([fill(sell, price=Decimal("449.55"))], sell), NOW)
    row = rows(tmp_path)[-1]
    assert row["slippage_bps"] == 10.0
    assert row["realized_pnl"] == -0.45 * 211 - 2
    assert row["cash"] == row["equity"] == 100_000 - 0.45 * 211 - 2
    assert row["position"] == "CASH"


def test_the_same_order_twice_is_counted_once(book: Book, tmp_path: Path) -> None:
    assert len(book.absorb(BUY, order([part("a", 211)]), NOW)) == 1
    assert book.absorb(BUY, order([part("a", 211)]), NOW) == []
    again = opened(tmp_path)
    assert again.absorb(BUY, order([part("a", 211)]), NOW) == []
    assert again.ledger.shares[QQQ] == 211


def test_a_fill_reported_twice_in_one_answer_is_counted_once(book: Book) -> None:
    book.absorb(BUY, order([part("a", 100), part("a", 100)]), NOW)
    assert book.ledger.shares[QQQ] == 100


def test_later_fills_are_a_row_of_their_own(book: Book, tmp_path: Path) -> None:
    book.absorb(BUY, order([part("a", 100)]), NOW)
    book.absorb(BUY, order([part("a", 100), part("b", 111)]), NOW)
    assert [row["quantity"] for row in rows(tmp_path)[1:]] == [100, 111]
    assert book.ledger.shares[QQQ] == 211


def test_an_order_without_fills_writes_nothing(book: Book) -> None:
    assert book.absorb(BUY, order([]), NOW) == []


def test_a_corrected_price_is_a_correction_row(book: Book, tmp_path: Path) -> None:
    book.absorb(BUY, order([part("a", 211)]), NOW)
    book.absorb(BUY, order([part("a", 211), part("a", 211, 2, "450.10")]), NOW)
    assert kinds(tmp_path) == ["capital", "trade", "correction"]
    assert book.ledger.cash == 100_000 - 211 * Decimal("450.10") - 1
    assert book.ledger.shares[QQQ] == 211


def test_a_corrected_quantity_changes_the_shares(book: Book) -> None:
    book.absorb(BUY, order([part("a", 211)]), NOW)
    book.absorb(BUY, order([part("a", 200, 2)]), NOW)
    assert book.ledger.shares[QQQ] == 200
    assert book.ledger.cash == 100_000 - 200 * 450 - 1


def test_a_corrected_sale_moves_cash_the_other_way(book: Book) -> None:
    sell = intent(Side.SELL, order_ref="qqqbot-20261124-02")
    book.absorb(BUY, order([part("a", 211)]), NOW)
    book.absorb(sell, order([fill(sell, exec_id="s.01.01")], sell), NOW)
    book.absorb(sell, order([fill(sell, exec_id="s.01.02", price=Decimal("449"))], sell), NOW)
    assert book.ledger.cash == 100_000 - 211 - 2
    assert book.ledger.shares[QQQ] == 0


def test_what_a_copy_of_the_order_did_on_the_other_side_is_not_the_orders(book: Book) -> None:
    bought, sold = part("a", 211), replace(part("b", 211), side=Side.SELL)
    book.absorb(BUY, order([bought, sold, replace(part("c", 9), symbol=TQQQ)]), NOW)
    assert book.absorb(BUY, order([bought, sold]), NOW) == []
    assert (book.ledger.shares[QQQ], book.ledger.shares[TQQQ]) == (211, 0)
    assert book.ledger.cash == 100_000 - 211 * 450 - 1


def test_an_execution_that_was_busted_before_it_was_seen_never_was(book: Book, tmp_path: Path) -> None:
    busted = part("a", 0, revision=2)
    assert book.absorb(BUY, order([busted]), NOW) == []
    book.absorb(BUY, order([busted, part("b", 211)]), NOW)
    assert book.absorb(BUY, order([busted, part("b", 211)]), NOW) == []
    assert kinds(tmp_path) == ["capital", "trade"]
    assert book.ledger.shares[QQQ] == 211


def test_a_late_older_revision_changes_nothing(book: Book) -> None:
    book.absorb(BUY, order([part("a", 211, 2, "450.10")]), NOW)
    assert book.absorb(BUY, order([part("a", 211, 1, "450")]), NOW) == []
    assert book.absorb(BUY, order([part("a", 211, 1), part("a", 211, 2, "450.10")]), NOW) == []


def test_a_correction_waits_for_an_answer_with_every_execution(book: Book) -> None:
    book.absorb(BUY, order([part("a", 100), part("b", 111)]), NOW)
    assert book.absorb(BUY, order([part("a", 100, revision=2, price="451")]), NOW) == []
    assert book.ledger.shares[QQQ] == 211


def test_a_correction_waits_until_no_older_revision_is_in_the_answer(book: Book) -> None:
    book.absorb(BUY, order([part("a", 100, revision=2, price="451"), part("b", 111)]), NOW)
    mixed = [part("a", 100, revision=1, price="450"), part("b", 111, revision=2, price="452")]
    assert book.absorb(BUY, order(mixed), NOW) == []


def test_a_correction_and_a_new_fill_in_one_answer_are_both_taken(book: Book) -> None:
    book.absorb(BUY, order([part("a", 100)]), NOW)
    book.absorb(BUY, order([part("a", 100, 2, "450.10"), part("b", 111)]), NOW)
    assert book.ledger.shares[QQQ] == 211
    assert book.ledger.cash == 100_000 - 100 * Decimal("450.10") - 111 * 450 - 2


def test_a_late_commission_is_charged_when_it_arrives(book: Book, tmp_path: Path) -> None:
    book.absorb(BUY, order([part("a", 211, commission=None)]), NOW)
    assert rows(tmp_path)[-1]["commission"] is None
    assert book.absorb(BUY, order([part("a", 211, commission=None)]), NOW) == []
    again = opened(tmp_path)
    again.absorb(BUY, order([part("a", 211, commission="1.06")]), NOW)
    assert again.ledger.cash == 100_000 - 211 * 450 - Decimal("1.06")
    assert again.absorb(BUY, order([part("a", 211, commission="1.06")]), NOW) == []
    assert kinds(tmp_path) == ["capital", "trade", "correction"]


@pytest.mark.parametrize("first", ["1.00", None])
@pytest.mark.parametrize("second", ["1.00", None])
def test_commissions_of_parts_are_charged_once_each(book: Book, first: str | None, second: str | None) -> None:
    book.absorb(BUY, order([part("a", 100, commission=first)]), NOW)
    book.absorb(BUY, order([part("a", 100, commission="1.00"), part("b", 111, commission=second)]), NOW)
    book.absorb(BUY, order([part("a", 100), part("b", 111)]), NOW)
    assert book.absorb(BUY, order([part("a", 100), part("b", 111)]), NOW) == []
    assert book.ledger.cash == 100_000 - 211 * 450 - 2


def test_capital_is_recorded_once_and_changes_are_deposits(book: Book, tmp_path: Path) -> None:
    assert book.set_capital(Decimal(100_000), NOW) is None
    assert book.set_capital(Decimal(120_000), NOW) is not None
    assert book.set_capital(Decimal(110_000), NOW) is not None
    again = opened(tmp_path)
    assert again.ledger.cash == again.ledger.total_capital == 110_000
    assert [row["amount"] for row in rows(tmp_path)] == [100_000, 20_000, -10_000]


def test_owners_answers_and_splits_are_rows(book: Book, tmp_path: Path) -> None:
    book.answer([adopted(TQQQ, 100, Decimal(60))], NOW)
    book.answer([left_alone(QQQ, 7)], NOW)
    book.record_split(Split(TQQQ, DAY + timedelta(days=1), 2.0), 200, 0, Decimal(0), NOW)
    again = opened(tmp_path)
    assert again.ledger.shares == {QQQ: 0, TQQQ: 200}
    assert again.ledger.foreign == {QQQ: 7, TQQQ: 0}
    assert kinds(tmp_path) == ["capital", "adopt", "leave", "split"]


@pytest.mark.parametrize(("mode", "account"), [(Mode.LIVE, ACCOUNT), (Mode.DRY_RUN, ACCOUNT), (Mode.PAPER, "DU7")])
def test_modes_and_accounts_never_mix(book: Book, tmp_path: Path, mode: Mode, account: str) -> None:
    book.absorb(BUY, order([part("a", 211)]), NOW)
    stranger = opened(tmp_path, mode, account)
    assert stranger.ledger.rows == 0
    assert stranger.ledger.cash == 0
    stranger.set_capital(Decimal(5), NOW)
    assert opened(tmp_path).ledger.total_capital == 100_000


def test_a_torn_row_is_set_aside_and_its_fill_recorded_again(book: Book, tmp_path: Path) -> None:
    book.absorb(BUY, order([part("a", 211)]), NOW)
    path = tmp_path / "trades.jsonl"
    path.write_bytes(path.read_bytes()[:-1])
    again = Book(AppendOnlyFile(path), Mode.PAPER, ACCOUNT)
    assert "set aside" in str(again.load(NOW))
    assert again.ledger.shares[QQQ] == 0
    again.absorb(BUY, order([part("a", 211)]), NOW)
    assert opened(tmp_path).ledger.shares[QQQ] == 211


@pytest.mark.parametrize(
    "line", ["garbage", "{}", '{"kind":"gold","mode":"paper","account":"DU1234567","timestamp":"2026-11-24T17:00:00Z"}']
)
def test_damage_in_the_middle_stops_the_start_with_its_number(book: Book, tmp_path: Path, line: str) -> None:
    path = tmp_path / "trades.jsonl"
    whole = path.read_text()
    if line == "{}":  # a row of no account is nobody's
        path.write_text(f"{whole}{line}\n")
        assert opened(tmp_path).ledger.rows == 1
        return
    path.write_text(f"{whole}{line}\n{whole}")
    with pytest.raises(BookDamaged, match=r"trades\.jsonl, line 2: "):
        opened(tmp_path)


@pytest.mark.parametrize("repeated", [[1], [2], [3], [4], [1, 2, 3, 4]])
def test_a_row_that_is_written_twice_stops_the_start_with_its_number(
    book: Book, tmp_path: Path, repeated: list[int]
) -> None:
    book.absorb(BUY, order([part("a", 11)]), NOW)
    book.absorb(BUY, order([part("a", 11), part("b", 200)]), NOW)
    book.answer([left_alone(TQQQ, 5)], NOW)
    path = tmp_path / "trades.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    last = max(repeated)
    path.write_text("".join([*lines[:last], *(lines[n - 1] for n in repeated), *lines[last:]]))
    with pytest.raises(BookDamaged, match="an earlier line recorded this already; remove this one"):
        opened(tmp_path)


def test_an_event_that_could_not_be_written_is_not_in_the_ledger(tmp_path: Path) -> None:
    book = Book(FullDisk(tmp_path / "trades.jsonl"), Mode.PAPER, ACCOUNT)
    book.load(NOW)
    with pytest.raises(OSError, match="No space"):
        book.absorb(BUY, order([part("a", 211)]), NOW)
    assert book.ledger.shares[QQQ] == 0
    assert not book.ledger.counted(part("a", 211).exec_id)


@st.composite
def answers(draw: st.DrawFn) -> list[list[Fill]]:
    """What the broker says of one order, again and again: parts, revisions and late commissions, in any order."""
    said = []
    for _ in range(draw(st.integers(1, 6))):
        names = draw(st.lists(st.sampled_from("abc"), max_size=4))
        said.append([part(n, 10, draw(st.integers(1, 3)), "450", draw(st.sampled_from(["1.00", None]))) for n in names])
    return said


@given(answers(), st.booleans())
def test_however_fills_arrive_the_book_ends_with_each_once(
    tmp_path_factory: pytest.TempPathFactory, said: list[list[Fill]], restart: bool
) -> None:
    folder = tmp_path_factory.mktemp("book")
    book = opened(folder)
    book.set_capital(Decimal(100_000), NOW)
    for fills in said:
        book.absorb(BUY, order(fills), NOW)
        if restart:
            book.close()
            book = opened(folder)
    names = {f.exec_id.split(".")[1] for fills in said for f in fills}
    final = [part(name, 10, 3) for name in sorted(names)]
    book.absorb(BUY, order(final), NOW)
    book.absorb(BUY, order(final), NOW)
    assert book.ledger.shares[QQQ] == 10 * len(names)
    assert book.ledger.cash == 100_000 - 4500 * len(names) - len(names)
    assert opened(folder).ledger.portfolio() == book.ledger.portfolio()


BY_STATUS = fill(BUY, exec_id=status_exec_id(BUY.order_ref), price=Decimal("450.10"), commission=None)


def totals(book: Book) -> tuple[int, Decimal, Decimal]:
    return book.ledger.shares[QQQ], book.ledger.cash, book.ledger.orders[BUY.order_ref].amount


@pytest.mark.parametrize("restarted", [False, True])
def test_executions_that_come_after_a_fill_from_the_status_take_its_place(
    book: Book, tmp_path: Path, restarted: bool
) -> None:
    book.absorb(BUY, order([BY_STATUS]), NOW)
    assert totals(book)[0] == 211
    if restarted:
        book.close()
        book = opened(tmp_path)
    late = [part("a", 111, price="450"), part("b", 100, price="450.05", commission=None)]
    assert book.absorb(BUY, order(late[:1]), NOW) == [], "half of them would take shares out of the book"
    book.absorb(BUY, order(late), NOW)
    book.absorb(BUY, order(late), NOW)
    paid = 111 * Decimal(450) + 100 * Decimal("450.05")
    assert totals(book) == (211, 100_000 - paid, paid)
    whole = [late[0], part("b", 100, price="450.05")]
    book.absorb(BUY, order(whole), NOW)
    book.absorb(BUY, order(whole), NOW)
    assert kinds(tmp_path) == ["capital", "trade", "correction", "correction"]
    assert totals(book) == (211, 100_000 - paid - 2, paid)


def test_more_executions_than_the_status_told_of_are_all_in_the_book(book: Book) -> None:
    book.absorb(BUY, order([BY_STATUS]), NOW)
    book.absorb(BUY, order([part("a", 211), part("b", 211)]), NOW)
    assert book.ledger.shares[QQQ] == 422


def test_a_fill_from_the_status_is_booked_once(book: Book, tmp_path: Path) -> None:
    told = order([part("a", 11), replace(BY_STATUS, quantity=200)])
    book.absorb(BUY, told, NOW)
    assert book.absorb(BUY, told, NOW) == []
    assert book.ledger.shares[QQQ] == 211
    assert kinds(tmp_path) == ["capital", "trade"]
