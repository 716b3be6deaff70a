"""Daily prices from CSV files, and the kept copies of Yahoo's answers.

Columns by name, in any order and case: `date`, `open`, `close`; `adj_close` (or "Adj Close") to count dividends;
`split` (or "Stock Splits"), the ratio on the day a split took effect. `open` and `close` are adjusted for
splits, as Yahoo's are. Other columns are ignored. Without `adj_close` dividends are not counted, without `split` the
close is treated as the printed price.
"""

import csv
from collections.abc import Callable, Mapping, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import numpy as np

from qqqbot.backtest.prices.table import BadPrices, Bars, Dates, Floats, Prices, Series, align, check_series
from qqqbot.regular_file import reading

NEEDED = ("date", "open", "close")
NAMES = {"adj_close": "adj_close", "adjclose": "adj_close", "stock_splits": "split", "splits": "split"}
INTRADAY_TIME = ("datetime_et", "datetime", "time", "date")


def load_prices(files: Mapping[str, Path]) -> Prices:
    """The aligned prices in `files`: the signal's file first, then its fund's, then the others'.

    Raises BadPrices with a sentence that names the files.
    """
    try:
        return align(*(load_series(path, symbol) for symbol, path in files.items()))
    except BadPrices as bad:
        raise BadPrices(f"{', '.join(path.name for path in files.values())}: {bad}") from None


def load_series(path: Path, symbol: str) -> Series:
    """One file. Raises BadPrices if it cannot be read as prices."""
    columns = _read(path, NEEDED)
    dates = _dates(path, columns["date"])
    opens, closes = _numbers(path, "open", columns, dates), _numbers(path, "close", columns, dates)
    adjusted = _numbers(path, "adj_close", columns, dates) if "adj_close" in columns else closes
    splits = _numbers(path, "split", columns, dates) if "split" in columns else np.zeros(len(closes))
    series = series_from_rows(symbol, dates, opens, closes, adjusted, splits)
    check_series(series)
    return series


def series_from_rows(
    symbol: str, dates: Dates, opens: Floats, closes: Floats, adjusted: Floats, splits: Floats
) -> Series:
    """A series from split-adjusted opens and closes, dividend-adjusted closes, and split ratios (0 for none)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        dividends = adjusted / closes
        ratios = np.where(splits > 0, splits, 1.0)
        later = np.cumprod(np.append(ratios, 1.0)[::-1])[::-1][1:]
        return Series(symbol, dates, opens * dividends, adjusted, later / dividends, later)


def save_series(path: Path, series: Series) -> None:
    """Write `series` to a file for `load_series`; an old file stays until the new one is complete."""
    unadjust = series.factor / series.splits
    ratios = np.append(series.splits[:1], series.splits[:-1]) / series.splits
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = zip(
        series.dates.astype(str).tolist(),
        (series.open * unadjust).tolist(),
        (series.close * unadjust).tolist(),
        series.close.tolist(),
        np.where(ratios == 1, 0.0, ratios).tolist(),
        strict=True,
    )
    partial = path.with_suffix(".part")
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("date", "open", "close", "adj_close", "split"))
        writer.writerows(rows)
    partial.replace(path)


def load_intraday(path: Path) -> Bars:
    """Start of each bar in New York time (datetime64[m]), its open and its close. Raises BadPrices."""
    columns = _read(path, ("open", "close"))
    name = next((name for name in INTRADAY_TIME if name in columns), None)
    if name is None:
        raise BadPrices(f"{path.name}: no column of bar times; expected one of {', '.join(INTRADAY_TIME)}")
    texts = columns[name]
    starts = [text.replace(" ", "T")[:16] for text in texts]
    expected = "is not a bar time; expected 2025-05-12 09:30 in New York time"
    times = _array(starts, "datetime64[m]", lambda at: f"{path.name}: {texts[at]!r} {expected}")
    opens, closes = _numbers(path, "open", columns, times), _numbers(path, "close", columns, times)
    ones = np.ones(len(times))
    check_series(Series(path.name, times, opens, closes, ones, ones))
    return times, opens, closes


def _read(path: Path, needed: Sequence[str]) -> dict[str, list[str]]:
    """The columns as text, by their names in lower case."""
    try:
        with TextIOWrapper(reading(path), encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file) if row]
    except FileNotFoundError:
        raise BadPrices(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadPrices(f"{path}: cannot be read as CSV: {error}") from None
    if not rows:
        raise BadPrices(f"{path}: the file is empty; expected a header with {', '.join(needed)} and a row per session")
    header = [name.strip().lower().replace(" ", "_") for name in rows[0]]
    header = [NAMES.get(name, name) for name in header]
    if absent := [name for name in needed if name not in header]:
        raise BadPrices(f"{path}: no column {', '.join(absent)}; found {', '.join(header)}")
    if len(rows) == 1:
        raise BadPrices(f"{path}: there is a header, but no row of prices")
    ragged = next((number for number, row in enumerate(rows, 1) if len(row) != len(header)), None)
    if ragged:
        raise BadPrices(
            f"{path}: line {ragged} has {len(rows[ragged - 1])} values, "
            f"the header has {len(header)}; the file is damaged"
        )
    return {name: list(column) for name, column in zip(header, zip(*rows[1:], strict=True), strict=True)}


def _dates(path: Path, texts: list[str]) -> Dates:
    expected, days = "is not a date; expected one like 2025-12-05", [text[:10] for text in texts]
    dates: Dates = _array(days, "datetime64[D]", lambda at: f"{path}: {texts[at]!r} {expected}")
    return dates


def _numbers(path: Path, name: str, columns: dict[str, list[str]], dates: Dates) -> Floats:
    texts, place = columns[name], f"{path}: the {name} of"
    numbers: Floats = _array(texts, "float64", lambda at: f"{place} {dates[at]} is {texts[at]!r}; expected a number")
    return numbers


def _array(texts: list[str], kind: str, complaint: Callable[[int], str]) -> Any:
    """`texts` as values of `kind`. Raises BadPrices with the `complaint` about the first text that is none."""
    try:
        return np.array(texts, dtype=kind)
    except ValueError:
        wrong = next(at for at, text in enumerate(texts) if not _is_valid(text, kind))
        raise BadPrices(complaint(wrong)) from None


def _is_valid(text: str, kind: str) -> bool:
    try:
        np.array(text, dtype=kind)
    except ValueError:
        return False
    return True
