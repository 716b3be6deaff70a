"""Prices for the tests of the backtest: generated, never recorded. TQQQ's day is three times QQQ's, a little off."""

from pathlib import Path

import numpy as np

from qqqbot.backtest.prices.table import Bars, Dates, Floats, Prices, Series, align

FIRST_DAY = np.datetime64("2004-01-05")
BARS_A_DAY = 26
FIRST_WITH_BARS = 40


def weekdays(count: int, first: np.datetime64 = FIRST_DAY) -> Dates:
    """`count` weekdays from `first` on."""
    days: Dates = np.busday_offset(first, np.arange(count), roll="forward")
    return days


def series(
    symbol: str,
    closes: Floats | list[float],
    opens: Floats | list[float] | None = None,
    first: np.datetime64 = FIRST_DAY,
) -> Series:
    """A series without splits or dividends; opens are the closes if none are given."""
    close = np.asarray(closes, dtype=np.float64)
    open_ = close if opens is None else np.asarray(opens, dtype=np.float64)
    ones = np.ones(len(close))
    return Series(symbol, weekdays(len(close), first), open_, close, ones, ones)


def random_prices(
    count: int = 900, seed: int = 1, tqqq_first: int = 0, digits: int = 2, first: np.datetime64 = FIRST_DAY
) -> Prices:
    """A market with trends, in cents or finer `digits`; TQQQ exists from session `tqqq_first` on."""
    rng = np.random.default_rng(seed)
    drift = 0.004 * np.sin(np.arange(count) / 70.0)
    day = rng.normal(0.0004, 0.011, count) + drift
    night = rng.normal(0.0, 0.004, count)
    close = np.round(100 * np.cumprod(1 + day), digits)
    open_ = np.round(np.append(close[:1], close[:-1]) * (1 + night), 2)
    real = close[1:] / close[:-1] - 1
    tqqq = np.round(50 * np.cumprod(1 + np.append(0.0, 3 * real - 0.0001 + rng.normal(0, 0.0008, count - 1))), 4)
    tqqq_open = np.round(np.append(tqqq[:1], tqqq[:-1]) * (1 + 3 * night), 4)
    whole = series("TQQQ", tqqq, tqqq_open, first)
    cut = slice(tqqq_first, None)
    late = Series("TQQQ", *(getattr(whole, n)[cut] for n in ("dates", "open", "close", "factor", "splits")))
    return align(series("QQQ", close, open_, first), late)


def write_csv(path: Path, prices: Series, first: int = 0) -> Path:
    """`prices` as a file of date, open and close, from session `first` on."""
    rows = zip(prices.dates[first:], prices.open[first:], prices.close[first:], strict=True)
    path.write_text(
        "date,open,close\n"
        + "".join(f"{d},{o!r},{c!r}\n" for d, o, c in rows).replace("np.float64(", "").replace(")", "")
    )
    return path


def bars_of(
    prices: Prices, seed: int = 3, half_day: int | None = None, first: int = FIRST_WITH_BARS
) -> tuple[Bars, Bars]:
    """15-minute bars of every session from `first` on, ending at its close; one session may end at 13:00."""
    rng = np.random.default_rng(seed)
    times, qqq, tqqq = [], [], []
    for day in range(first, len(prices)):
        count = 14 if day == half_day else BARS_A_DAY
        start = prices.dates[day].astype("M8[m]") + np.timedelta64(570, "m")
        times.append(start + np.arange(count) * np.timedelta64(15, "m"))
        wiggle = np.append(rng.normal(0, 0.006, count - 1), 0.0)
        before = prices.signal.close[day - 1]
        path = np.linspace(before, prices.signal.close[day], count) * (1 + wiggle)
        qqq.append(path)
        tqqq.append(prices.fund.close[day - 1] * (1 + 3 * (path / before - 1)))
    at, close, other = np.concatenate(times), np.concatenate(qqq), np.concatenate(tqqq)
    return (at, close, close), (at, other, other)


def write_bars(folder: Path, bars: tuple[Bars, Bars]) -> list[Path]:
    """`bars` as two files of bar time, open and close."""
    files = [folder / "q15.csv", folder / "t15.csv"]
    for file, (times, opens, closes) in zip(files, bars, strict=True):
        rows = zip(times.astype(str), opens.tolist(), closes.tolist(), strict=True)
        file.write_text("datetime,open,close\n" + "".join(f"{t},{o},{c}\n" for t, o, c in rows))
    return files
