"""An answer is tried on a copy of the book, shown beside the account, and recorded unless it is a dry run."""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from qqq_trading_bot import Daemon
from qqqbot.display.terminal import plain
from qqqbot.records.book import adopted
from qqqbot.runtime.config import Config
from qqqbot.trading.answers import NO_DIFFERENCE, Answer, Kind, price_of, screen
from tests.support.fakes import FakeAccount, World
from tests.support.symbols import QQQ, TQQQ


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.start().step()
    return world


def shown(world: World, kind: Kind, dry_run: bool = False) -> list[str]:
    world.pass_time(minutes=5)
    daemon = Daemon(Config(), world.logs, world.clock, world.prices, FakeAccount(world.broker))
    settled = daemon.settle(Answer(kind, dry_run=dry_run))
    assert settled is not None
    return plain(screen(settled)).splitlines()


@pytest.mark.parametrize("kind", [Kind.ADOPT, Kind.LEAVE])
def test_a_dry_run_shows_the_book_as_it_will_be_and_records_nothing(world: World, kind: Kind) -> None:
    world.broker.positions[QQQ] += 11
    world.broker.cash -= 11 * 450
    before = (world.logs / "trades.jsonl").read_bytes()
    trial = shown(world, kind, dry_run=True)
    assert (world.logs / "trades.jsonl").read_bytes() == before
    real = shown(world, kind)
    what = f"{kind}, what it would record (dry run, nothing was recorded):"
    assert trial == [what if line == f"{kind}, recorded:" else line for line in real[:-1]]


def test_the_book_is_shown_before_and_after_beside_the_account(world: World) -> None:
    world.broker.positions[QQQ] -= 11
    world.broker.cash += 11 * 450
    assert shown(world, Kind.ADOPT) == [
        "                  book     change       then   account",
        "QQQ                211        -11        200",
        "QQQ in all         211        -11        200       200",
        "TQQQ in all          0                     0         0",
        "USD cash      5,049.00  +4,950.00   9,999.00  9,999.00",
        "value        99,999.00             99,999.00",
        "",
        "adopt, recorded:",
        "  QQQ: -11 shares recorded in the book at 450.00",
        "To take this back: ./bot_control.sh undo",
    ]


def test_shares_of_the_owner_have_a_row_of_their_own(world: World) -> None:
    world.broker.positions[QQQ] += 40
    assert shown(world, Kind.LEAVE)[1:4] == [
        "QQQ                211                211",
        "QQQ, yours           0     +40         40",
        "QQQ in all         211     +40        251       251",
    ]


def test_after_an_undo_the_owner_is_asked_again(world: World) -> None:
    world.broker.positions[QQQ] += 40
    shown(world, Kind.LEAVE)
    assert shown(world, Kind.UNDO)[-2] == (
        "Account and book differ now: nothing is traded until you answer with adopt or leave."
    )


def test_where_nothing_differs_nothing_is_shown(world: World) -> None:
    assert shown(world, Kind.ADOPT) == [NO_DIFFERENCE]


def test_the_copy_of_the_book_has_nothing_to_do_with_the_book(world: World) -> None:
    book = world.records().book
    trial = book.rehearsal()
    trial.answer([adopted(QQQ, -11, Decimal(450))], world.clock.now())
    assert (trial.ledger.shares[QQQ], book.ledger.shares[QQQ]) == (200, 211)
    assert world.records().book.ledger.shares[QQQ] == 211


def test_a_price_is_for_one_symbol_or_for_whatever_is_adopted() -> None:
    assert price_of("61.25") == ("", Decimal("61.25"))
    assert price_of("TQQQ=61.25") == (TQQQ, Decimal("61.25"))


@pytest.mark.parametrize("text", ["", "TQQQ=", "0", "-1", "nan", "inf", "IBM=3", "TQQQ=1=2", "1,5"])
def test_what_is_no_price_of_a_fund_is_a_mistake(text: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(text) + "$"):
        price_of(text)
