"""Yahoo's history on disk: fetched when there is something new, kept while Yahoo is silent, never half a day."""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from qqqbot.adapters.yahoo.answer import Chart, Row
from qqqbot.backtest.prices.cache import cached_prices, recent_bars
from qqqbot.backtest.prices.table import BadPrices
from qqqbot.model.errors import PricesUnavailable
from qqqbot.model.new_york import NEW_YORK
from tests.support.price_series import random_prices
from tests.support.symbols import SYMBOLS

PRICES = random_prices(300)
LAST = date.fromisoformat(str(PRICES.dates[-1]))


def new_york(day: date, hour: int, minute: int = 0) -> datetime:
    """In winter, when New York is five hours behind."""
    return datetime(day.year, day.month, day.day, hour + 5, minute, tzinfo=UTC)


class FakeYahoo:
    def __init__(self) -> None:
        self.asked: list[str] = []
        self.silent = False
        self.extra: list[tuple[date, float | None]] = []

    def __call__(self, symbol: str) -> Chart:
        self.asked.append(symbol)
        if self.silent:
            raise PricesUnavailable("Yahoo refuses to answer for a while")
        series = PRICES.signal if symbol == "QQQ" else PRICES.fund
        dates = [date.fromisoformat(text) for text in series.dates.astype(str).tolist()]
        close, opened = series.close.tolist(), series.open.tolist()
        for day, price in self.extra:
            dates, close, opened = [*dates, day], [*close, price], [*opened, price]
        rows = zip(dates, opened, close, strict=True)
        found = tuple(Row(new_york(day, 16), first, None, None, last, last) for day, first, last in rows)
        return Chart(symbol, "USD", None, None, None, None, found, (), ())


def bar(day: date, hour: int, minute: int, opened: float, closed: float | None) -> Row:
    return Row(new_york(day, hour, minute).astimezone(NEW_YORK), opened, None, None, closed, None)


def written_at(folder: Path, moment: datetime) -> None:
    for file in folder.iterdir():
        os.utime(file, (moment.timestamp(), moment.timestamp()))


def test_the_first_call_fetches_and_the_next_one_reads_the_copy(tmp_path: Path) -> None:
    yahoo, now = FakeYahoo(), new_york(LAST, 18)
    first = cached_prices(tmp_path / "prices", SYMBOLS, now, yahoo)
    assert yahoo.asked == ["QQQ", "TQQQ"]
    written_at(tmp_path / "prices", now)
    again = cached_prices(tmp_path / "prices", SYMBOLS, now + timedelta(hours=12), yahoo)
    assert yahoo.asked == ["QQQ", "TQQQ"]
    assert again.signal.close == pytest.approx(first.signal.close, rel=1e-12)
    assert len(first) == 300


def test_a_newer_session_is_fetched(tmp_path: Path) -> None:
    yahoo, now = FakeYahoo(), new_york(LAST, 18)
    cached_prices(tmp_path, SYMBOLS, now, yahoo)
    written_at(tmp_path, now)
    cached_prices(tmp_path, SYMBOLS, now + timedelta(days=7), yahoo)
    assert len(yahoo.asked) == 4


def test_todays_row_is_left_out_until_it_is_final(tmp_path: Path) -> None:
    yahoo = FakeYahoo()
    assert cached_prices(tmp_path, SYMBOLS, new_york(LAST, 15, 50), yahoo).dates[-1] == PRICES.dates[-2]
    assert cached_prices(tmp_path / "later", SYMBOLS, new_york(LAST, 16, 31), yahoo).dates[-1] == PRICES.dates[-1]


def test_a_row_without_a_price_is_not_a_session(tmp_path: Path) -> None:
    yahoo = FakeYahoo()
    yahoo.extra = [(LAST + timedelta(days=1), None)]
    assert len(cached_prices(tmp_path, SYMBOLS, new_york(LAST + timedelta(days=2), 18), yahoo)) == 300


def test_while_yahoo_does_not_answer_the_cached_prices_are_used_with_a_note(tmp_path: Path) -> None:
    yahoo, now = FakeYahoo(), new_york(LAST, 18)
    said: list[str] = []
    cached_prices(tmp_path, SYMBOLS, now, yahoo)
    written_at(tmp_path, now)
    yahoo.silent = True
    kept = cached_prices(tmp_path, SYMBOLS, now + timedelta(days=7), yahoo, said.append)
    assert len(kept) == 300
    assert said == [f"Yahoo refuses to answer for a while; using the prices kept in {tmp_path}"]


def test_without_yahoo_and_without_a_copy_it_asks_for_files(tmp_path: Path) -> None:
    yahoo = FakeYahoo()
    yahoo.silent = True
    with pytest.raises(BadPrices, match=r"no prices are kept in .* name files: --prices qqq\.csv"):
        cached_prices(tmp_path, SYMBOLS, new_york(LAST, 18), yahoo)


def test_bars_are_in_new_york_time_and_of_finished_sessions() -> None:
    def fetch(symbol: str) -> list[Row]:
        day = LAST - timedelta(days=1)
        return [bar(day, 9, 30, 1.0, 1.5), bar(LAST, 9, 30, 2.0, None), bar(LAST, 9, 45, 3.0, 3.5)]

    qqq, tqqq = recent_bars(SYMBOLS, new_york(LAST, 18), fetch) or pytest.fail("no bars")
    assert qqq[0].astype(str).tolist() == [f"{LAST - timedelta(days=1)}T09:30", f"{LAST}T09:45"]
    assert qqq[2].tolist() == tqqq[2].tolist() == [1.5, 3.5]
    during, _ = recent_bars(SYMBOLS, new_york(LAST, 12), fetch) or pytest.fail("no bars")
    assert during[0].astype(str).tolist() == [f"{LAST - timedelta(days=1)}T09:30"]


def test_without_bars_their_table_is_left_out_with_a_note() -> None:
    def fetch(symbol: str) -> list[Row]:
        raise PricesUnavailable("Yahoo refuses to answer for a while")

    said: list[str] = []
    assert recent_bars(SYMBOLS, new_york(LAST, 18), fetch, said.append) is None
    assert said == ["Yahoo refuses to answer for a while; the table on when to decide is left out"]
