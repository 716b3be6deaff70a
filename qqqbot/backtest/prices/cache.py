"""Yahoo's full daily history, kept on disk and refreshed when a newer finished session is available.

Each refresh fetches the whole history: a dividend rewrites all adjusted prices before it, so a history cannot be
extended. If Yahoo does not answer, the kept prices are used, with a note.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np

from qqqbot.adapters.yahoo.answer import Chart, Row
from qqqbot.adapters.yahoo.child import quarter_hours, whole_history
from qqqbot.backtest.prices.csv_files import load_prices, save_series, series_from_rows
from qqqbot.backtest.prices.table import BadPrices, Bars, Prices, Series
from qqqbot.display.masking import without_detail
from qqqbot.model.errors import PricesUnavailable
from qqqbot.model.new_york import NEW_YORK
from qqqbot.model.program import COMMAND

# Yahoo's row of a session is final some minutes after the close; a half-day's is final earlier.
ROW_IS_FINAL = time(16, 30)

REFRESH = f"{COMMAND} backtest fetches newer ones"
NO_HISTORY = (
    f"No price history yet, so there is nothing to compare with. Run {COMMAND} backtest once; it keeps the "
    "prices that --drift needs."
)

Fetch = Callable[[str], Chart]
Say = Callable[[str], None]


def cached_prices(
    folder: Path, symbols: Sequence[str], now: datetime, fetch: Fetch = whole_history, say: Say = lambda _: None
) -> Prices:
    """The prices of `symbols` up to the last finished session. Raises BadPrices without answer and copy."""
    files = _files(folder, symbols)
    if not all(_fresh(file, now) for file in files.values()):
        try:
            fetched = {symbol: _series(symbol, fetch(symbol), now) for symbol in symbols}
        except PricesUnavailable as failure:
            _require_copies([*files.values()], failure)
            say(f"{failure}; using the prices kept in {folder}")
        else:
            for symbol, series in fetched.items():
                save_series(files[symbol], series)
    return load_prices(files)


def kept_prices(folder: Path, symbols: Sequence[str]) -> Prices:
    """The kept prices; nothing is fetched. Raises BadPrices if there are none."""
    files = _files(folder, symbols)
    if not all(file.exists() for file in files.values()):
        raise BadPrices(NO_HISTORY)
    return load_prices(files)


def _files(folder: Path, symbols: Sequence[str]) -> dict[str, Path]:
    return {symbol: folder / f"{symbol.lower()}.csv" for symbol in symbols}


def recent_bars(
    symbols: Sequence[str],
    now: datetime,
    fetch: Callable[[str], Sequence[Row]] = quarter_hours,
    say: Say = lambda _: None,
) -> tuple[Bars, Bars] | None:
    """Both symbols' bars of the finished sessions of the last 60 days; None, and a note, if there are none."""
    try:
        signal, fund = (_bars(fetch(symbol), now) for symbol in symbols)
    except PricesUnavailable as failure:
        say(f"{failure}; the table on when to decide is left out")
        return None
    return signal, fund


def _bars(bars: Sequence[Row], now: datetime) -> Bars:
    newest = _newest_finished(now)
    whole = [bar for bar in bars if bar.date <= newest and None not in (bar.open, bar.close)]
    times = np.array([bar.time.replace(tzinfo=None) for bar in whole], dtype="datetime64[m]")
    opens, closes = (np.array(column, dtype=float) for column in ([b.open for b in whole], [b.close for b in whole]))
    return times, opens, closes


def _fresh(file: Path, now: datetime) -> bool:
    """Whether `file` was written after the newest row that can be final at Yahoo."""
    return file.exists() and datetime.fromtimestamp(file.stat().st_mtime, UTC) >= _last_final(now)


def _last_final(now: datetime) -> datetime:
    """The last 16:30 in New York on a weekday; a holiday costs one unnecessary fetch."""
    here = now.astimezone(NEW_YORK)
    day = here.date() if here.time() >= ROW_IS_FINAL else here.date() - timedelta(days=1)
    while day.weekday() >= 5:
        day -= timedelta(days=1)
    return datetime.combine(day, ROW_IS_FINAL, NEW_YORK)


def _series(symbol: str, chart: Chart, now: datetime) -> Series:
    """The finished rows. Rows without a price, of which Yahoo has some, are left out; the gap is reported later."""
    newest = _newest_finished(now)
    last_of_day = {row.date: row for row in chart.rows}  # Yahoo sometimes sends today's row twice, the live one last
    days = [day for day, row in sorted(last_of_day.items()) if day <= newest and None not in _three(row)]
    opens, closes, adjusted = np.array([_three(last_of_day[day]) for day in days], dtype=float).reshape(-1, 3).T
    splits = dict(chart.splits)
    dates, ratios = np.array(days, dtype="datetime64[D]"), np.array([splits.get(day, 0.0) for day in days])
    return series_from_rows(symbol, dates, opens, closes, adjusted, ratios)


def _three(row: Row) -> tuple[float | None, ...]:
    return row.open, row.close, row.adjusted


def _newest_finished(now: datetime) -> date:
    return _last_final(now).date()


def _require_copies(files: list[Path], failure: PricesUnavailable) -> None:
    if not all(file.exists() for file in files):
        raise BadPrices(
            f"{without_detail(str(failure))}; and no prices are kept in {files[0].parent}. Try again later, or name "
            "files: --prices " + " ".join(file.name for file in files)
        ) from None
