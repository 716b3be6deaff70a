"""Every file that cannot be examined is refused with a sentence: the file, the place and what was expected."""

from pathlib import Path

import numpy as np
import pytest

from qqqbot.backtest.prices.csv_files import load_intraday, load_prices, load_series, save_series, series_from_rows
from qqqbot.backtest.prices.table import BadPrices
from tests.support.price_series import random_prices, write_csv

PRICES = random_prices(40)


def file(tmp_path: Path, text: str, name: str = "qqq.csv") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the file is empty"),
        ("date,open,close\n", "a header, but no row"),
        ("day,open,close\n2025-01-02,1,2\n", "no column date; found day, open, close"),
        ("date,open,close\n2025-01-02,1,2\n2025-01-03,1\n", "line 3 has 2 values, the header has 3"),
        ("date,open,close\n2025-01-02,1,abc\n", "the close of 2025-01-02 is 'abc'; expected a number"),
        ("date,open,close\n2025-01-02,,2\n", "the open of 2025-01-02 is ''; expected a number"),
        ("date,open,close\n02.01.2025,1,2\n", "'02.01.2025' is not a date; expected one like 2025-12-05"),
        ("date,open,close\n2025-01-02,1,nan\n", "the close of 2025-01-02 is nan; expected a positive number"),
        ("date,open,close\n2025-01-02,0,2\n", "the open of 2025-01-02 is 0; expected a positive number"),
        ("date,open,close\n2025-01-02,1,2\n2025-01-02,1,2\n", "2025-01-02 appears twice"),
        ("date,open,close\n2025-01-03,1,2\n2025-01-02,1,2\n", "2025-01-02 comes after 2025-01-03; sort the rows"),
    ],
)
def test_a_bad_file_is_refused_with_the_reason(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(BadPrices) as refused:
        load_series(file(tmp_path, text), "QQQ")
    assert sentence in str(refused.value)
    assert "qqq.csv" in str(refused.value) or "QQQ" in str(refused.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadPrices, match=r"nowhere\.csv: there is no such file"):
        load_series(tmp_path / "nowhere.csv", "QQQ")


def test_bytes_that_are_not_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "qqq.csv"
    path.write_bytes(b"\xff\xfe\x00\x01" * 10)
    with pytest.raises(BadPrices, match="cannot be read as CSV"):
        load_series(path, "QQQ")


def test_files_in_the_wrong_order_are_recognised(tmp_path: Path) -> None:
    qqq, tqqq = write_csv(tmp_path / "qqq.csv", PRICES.signal), write_csv(tmp_path / "tqqq.csv", PRICES.fund)
    with pytest.raises(BadPrices, match="wrong order, QQQ comes first"):
        load_prices({"QQQ": tqqq, "TQQQ": qqq})


def test_another_symbol_is_recognised(tmp_path: Path) -> None:
    qqq, stranger = (
        write_csv(tmp_path / f"{n}.csv", random_prices(40, seed).signal) for n, seed in (("q", 1), ("s", 2))
    )
    with pytest.raises(BadPrices, match="the two files are not QQQ and TQQQ"):
        load_prices({"QQQ": qqq, "TQQQ": stranger})


def test_an_unadjusted_split_names_its_day(tmp_path: Path) -> None:
    qqq, tqqq = write_csv(tmp_path / "qqq.csv", PRICES.signal), tmp_path / "tqqq.csv"
    rows = write_csv(tqqq, PRICES.fund).read_text().splitlines()
    for at in range(21, len(rows)):
        day, opened, closed = rows[at].split(",")
        rows[at] = f"{day},{float(opened) / 2},{float(closed) / 2}"
    tqqq.write_text("\n".join(rows))
    with pytest.raises(BadPrices, match=f"on {PRICES.dates[20]} TQQQ moved -49"):
        load_prices({"QQQ": qqq, "TQQQ": tqqq})


def test_a_missing_session_names_its_day_and_its_file(tmp_path: Path) -> None:
    qqq, tqqq = write_csv(tmp_path / "qqq.csv", PRICES.signal), write_csv(tmp_path / "tqqq.csv", PRICES.fund)
    rows = tqqq.read_text().splitlines()
    tqqq.write_text("\n".join(rows[:10] + rows[11:]))
    with pytest.raises(BadPrices, match=f"TQQQ has no row for {PRICES.dates[9]}, but QQQ has one"):
        load_prices({"QQQ": qqq, "TQQQ": tqqq})


def test_yahoos_own_layout_is_read(tmp_path: Path) -> None:
    text = "Date,Open,High,Low,Close,Adj Close,Volume,Stock Splits\n2025-01-02 00:00:00-05:00,10,11,9,10,9,5,0\n"
    series = load_series(file(tmp_path, text + "2025-01-03 00:00:00-05:00,6,6,5,5,5,5,2\n"), "TQQQ")
    assert series.dates.astype(str).tolist() == ["2025-01-02", "2025-01-03"]
    assert series.close.tolist() == [9, 5]
    assert series.open.tolist() == [9, 6]
    assert (series.close * series.factor).tolist() == [20, 5]  # what was printed on the day


def test_a_kept_file_is_read_back_as_it_was(tmp_path: Path) -> None:
    days = np.arange("2025-01-06", "2025-01-11", dtype="datetime64[D]")
    close = np.array([10.0, 11.0, 6.0, 6.5, 7.0])
    adjusted = close * np.array([0.98, 0.98, 0.99, 0.99, 1.0])
    series = series_from_rows("TQQQ", days, close * 1.01, close, adjusted, np.array([0, 0, 2.0, 0, 0]))
    save_series(tmp_path / "kept" / "tqqq.csv", series)
    again = load_series(tmp_path / "kept" / "tqqq.csv", "TQQQ")
    for name in ("open", "close", "factor", "splits"):
        assert getattr(again, name) == pytest.approx(getattr(series, name), rel=1e-12)


def test_intraday_bars_need_times(tmp_path: Path) -> None:
    bars = load_intraday(file(tmp_path, "datetime_et,open,close\n2025-05-12 09:30:00,1,2\n2025-05-12 09:45:00,2,3\n"))
    assert bars[0].astype(str).tolist() == ["2025-05-12T09:30", "2025-05-12T09:45"]
    with pytest.raises(BadPrices, match="no column of bar times"):
        load_intraday(file(tmp_path, "when,open,close\n2025-05-12 09:30:00,1,2\n"))
    with pytest.raises(BadPrices, match="'noon' is not a bar time"):
        load_intraday(file(tmp_path, "datetime,open,close\nnoon,1,2\n"))
