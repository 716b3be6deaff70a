"""Yahoo's full daily history, kept on disk and refreshed when a newer finished session is available.

The whole history is fetched each time, never extended: each dividend rewrites all adjusted prices before it. If Yahoo
does not answer, the kept prices are used, with a note.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np

from qqqbot.adapters.yahoo.child import History, daily_history, quarter_hours
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

Fetch = Callable[[str], History]
Say = Callable[[str], None]
RawBars = tuple[list[datetime], list[float], list[float]]


def yahoo(symbol: str) -> History:
    """All daily rows that Yahoo has of `symbol`. Raises PricesUnavailable."""
    return daily_history(symbol, period="max")


def cached_prices(
    folder: Path, symbols: Sequence[str], now: datetime, fetch: Fetch = yahoo, say: Say = lambda _: None
) -> Prices:
    """`symbols` up to the last finished session. Raises BadPrices if there is neither an answer nor a copy."""
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
    """The copies only; nothing is fetched. Raises BadPrices if there are none."""
    files = _files(folder, symbols)
    if not all(file.exists() for file in files.values()):
        raise BadPrices(NO_HISTORY)
    return load_prices(files)


def _files(folder: Path, symbols: Sequence[str]) -> dict[str, Path]:
    return {symbol: folder / f"{symbol.lower()}.csv" for symbol in symbols}


def recent_bars(
    symbols: Sequence[str],
    now: datetime,
    fetch: Callable[[str], RawBars] = quarter_hours,
    say: Say = lambda _: None,
) -> tuple[Bars, Bars] | None:
    """Both symbols' bars of the finished sessions of the last 60 days; None, and a note, if there are none."""
    try:
        signal, fund = (_bars(fetch(symbol), now) for symbol in symbols)
    except PricesUnavailable as failure:
        say(f"{failure}; the table on when to decide is left out")
        return None
    return signal, fund


def _bars(raw: RawBars, now: datetime) -> Bars:
    starts = [start.astimezone(NEW_YORK).replace(tzinfo=None).isoformat(timespec="minutes") for start in raw[0]]
    times = np.array(starts, dtype="datetime64[m]")
    opens, closes = np.array(raw[1]), np.array(raw[2])
    finished = times.astype("datetime64[D]") <= np.datetime64(_newest_finished(now).isoformat())
    good = finished & np.isfinite(opens) & np.isfinite(closes)
    return times[good], opens[good], closes[good]


def _fresh(file: Path, now: datetime) -> bool:
    """Whether the file was written after Yahoo's last row that can be final."""
    return file.exists() and datetime.fromtimestamp(file.stat().st_mtime, UTC) >= _last_final(now)


def _last_final(now: datetime) -> datetime:
    """The newest weekday's 16:30 in New York that has passed; a holiday costs one fetch too many."""
    here = now.astimezone(NEW_YORK)
    day = here.date() if here.time() >= ROW_IS_FINAL else here.date() - timedelta(days=1)
    while day.weekday() >= 5:
        day -= timedelta(days=1)
    return datetime.combine(day, ROW_IS_FINAL, NEW_YORK)


def _series(symbol: str, history: History, now: datetime) -> Series:
    """The finished rows. Yahoo's rows without a price (it has some) are left out; the gap is then reported."""
    newest = _newest_finished(now)
    dates = np.array([d.isoformat() for d in history.dates], dtype="datetime64[D]")
    columns = [np.array(c) for c in (history.open, history.close, history.adj_close, history.splits)]
    good = np.isfinite(np.stack(columns)).all(axis=0) & (dates <= np.datetime64(newest.isoformat()))
    opens, closes, adjusted, splits = (column[good] for column in columns)
    return series_from_rows(symbol, dates[good], opens, closes, adjusted, splits)


def _newest_finished(now: datetime) -> date:
    return _last_final(now).date()


def _require_copies(files: list[Path], failure: PricesUnavailable) -> None:
    if not all(file.exists() for file in files):
        raise BadPrices(
            f"{without_detail(str(failure))}; and no prices are kept in {files[0].parent}. Try again later, or name "
            "files: --prices " + " ".join(file.name for file in files)
        ) from None
