"""Counts what the witnesses of QQQ's rows refuse, and what passes: python -m benchmarks.witnesses FOLDER [--every N]

FOLDER holds qqq_daily.csv and tqqq_daily.csv with date, close (adjusted for splits only), adj_close and dividend.
On every Nth day since 2015 the rule is asked near the close: with the true rows, and with each error of `ERRORS`. A
check is refused if the witnesses stop it; an answer is let through if it differs from the answer of the true rows and
is not stopped. Pure arithmetic: no network, no process.
"""

import argparse
import csv
import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path

from qqqbot.model.values import Holding, Rules
from qqqbot.strategy.rule import wanted
from qqqbot.strategy.witnesses import Window, doubts, other_answer, too_many, unwitnessed

RULES = Rules()
FIRST = date(2015, 1, 1)
# The places of a wrong row, counted back from yesterday's: both edges of the short average, and of the long average.
PLACES = (1, 2, 3, 5, 10, 20, 28, 29, 30, 60, 90, 118, 119)
LENGTHS = (119, 199, 249, 499, 1_249)
SIZES = (0.05, -0.05, 0.10, -0.10, 0.15, -0.15, 0.18, -0.18)


@dataclass(frozen=True, slots=True)
class Day:
    """One check near the close: the true window; each dividend's place, and its size as a part of the close before."""

    day: date
    window: Window
    dividends: Sequence[tuple[int, float]]


@dataclass
class Count:
    """For one kind of error: checks; wrong answers without witnesses; checks refused; wrong answers let through."""

    checks: int = 0
    wrong: int = 0
    refused: int = 0
    through: list[str] = field(default_factory=list)


def days(folder: Path, first: date = FIRST, every: int = 1, length: int = RULES.form.history) -> Iterator[Day]:
    """A check on every Nth day from `first` on, as far as the files go, with `length` finished sessions."""
    qqq, fund = (_rows(folder / f"{symbol}_daily.csv") for symbol in ("qqq", "tqqq"))
    dates = sorted(qqq.keys() & fund.keys())
    columns = [[rows[day][n] for day in dates] for rows in (qqq, fund) for n in range(3)]
    begin = next(n for n, day in enumerate(dates) if n >= length and day >= first)
    for today in range(begin, len(dates), every):
        cut = slice(today - length, today)
        _, plain, paid, _, fund_plain, _ = (column[cut] for column in columns)
        closes, fund_closes = (_as_of(today, cut, columns[n], columns[n + 1]) for n in (0, 3))
        paid, days_of_window = [*paid, columns[2][today]], [*dates[cut], dates[today]]
        window = Window(
            dates[cut],
            closes,
            plain,
            fund_closes,
            fund_plain,
            dates[today],
            columns[1][today],
            columns[4][today],
            dividends={day: amount for day, amount in zip(days_of_window, paid, strict=True) if amount},
        )
        dividends = [(n, paid[n] / plain[n - 1]) for n in range(1, length + 1) if paid[n]]
        yield Day(dates[today], window, dividends)


def _as_of(today: int, cut: slice, adjusted: Sequence[float], plain: Sequence[float]) -> list[float]:
    """The adjusted closes as they were on that day: a later dividend had not been paid yet."""
    return [close * plain[today] / adjusted[today] for close in adjusted[cut]]


def refused(window: Window) -> bool:
    """Whether the witnesses stop this check."""
    if unwitnessed(window):
        return True
    found = doubts(window, RULES.leverage)
    return too_many(window, found) or other_answer(window, found, Holding.CASH, RULES) is not None


def of_factor(window: Window, factor: float) -> Window:
    """The window with a fund of another factor that tracks QQQ without any error."""
    closes = [*window.closes, window.price]
    fund = [100.0]
    for before, after in itertools.pairwise(closes):
        fund.append(fund[-1] * (1 + factor * (after / before - 1)))
    return replace(window, fund=fund[:-1], fund_unadjusted=fund[:-1], fund_price=fund[-1])


def doubtful(folder: Path, length: int, every: int) -> str:
    """How many doubts windows of `length` sessions raise, and how many they raise with a fund of another factor."""
    windows = [day.window for day in days(folder, date.min, every, length)]
    most = max(len(doubts(window, RULES.leverage)) for window in windows)
    fewest = min(len(doubts(of_factor(window, 2.0), RULES.leverage)) for window in windows)
    return f"doubts in {length} sessions: {most} at most, with a fund of factor 2: {fewest} at least"


def answer(window: Window) -> Holding:
    return wanted(window.closes, window.price, Holding.CASH, RULES)


def with_dividends(day: Day, times: float, amount_too: bool = True) -> Iterable[Window]:
    """The window adjusted for `times` as much as each dividend in turn, and the reported amount as wrong, or right."""
    dates = [*day.window.dates, day.window.today]
    for place, part in day.dividends:
        factor = (1 - times * part) / (1 - part)
        closes = [c * factor if n < place else c for n, c in enumerate(day.window.closes)]
        amount = day.window.dividends[dates[place]] * (times if amount_too else 1)
        yield replace(day.window, closes=closes, dividends={**day.window.dividends, dates[place]: amount})


def with_row(day: Day, size: float) -> Iterable[Window]:
    """The window with one row of QQQ off by `size`, adjusted and unadjusted alike."""
    for back in PLACES:
        off = [1 + size if n == len(day.window.closes) - back else 1.0 for n in range(len(day.window.closes))]
        closes, plain = (
            [c * o for c, o in zip(column, off, strict=True)] for column in (day.window.closes, day.window.unadjusted)
        )
        yield replace(day.window, closes=closes, unadjusted=plain)


def with_both_rows(day: Day, size: float) -> Iterable[Window]:
    """One row of QQQ is off by `size` and the fund's row by its factor times as much, so that the two fit each other.

    But earlier checks saw the true rows, except yesterday's."""
    window = day.window
    kept, kept_fund = ([*column[:-1], math.nan] for column in (window.closes, window.fund))
    times = RULES.leverage * size
    for wrong, back in zip(with_row(day, size), PLACES, strict=True):
        fund, plain = (
            [c * (1 + times) if n == len(column) - back else c for n, c in enumerate(column)]
            for column in (window.fund, window.fund_unadjusted)
        )
        yield replace(wrong, fund=fund, fund_unadjusted=plain, kept=kept, kept_fund=kept_fund)


def with_both_older(day: Day, size: float) -> Iterable[Window]:
    """All rows before some session are wrong by one factor for each fund, so that only that session's move is wrong.

    But earlier checks saw the true rows, except yesterday's."""
    window = day.window
    kept, kept_fund = ([*column[:-1], math.nan] for column in (window.closes, window.fund))
    for back in (5, 15, 25, 60):
        first = len(window.closes) - back

        def older(column: Sequence[float], factor: float, first: int = first) -> list[float]:
            return [c * factor if n < first else c for n, c in enumerate(column)]

        yield replace(
            window,
            closes=older(window.closes, 1 + size),
            unadjusted=older(window.unadjusted, 1 + size),
            fund=older(window.fund, 1 + RULES.leverage * size),
            fund_unadjusted=older(window.fund_unadjusted, 1 + RULES.leverage * size),
            kept=kept,
            kept_fund=kept_fund,
        )


def frozen(day: Day, count: int) -> Iterable[Window]:
    """The last `count` rows of both funds repeat the first of them."""

    def stuck(column: Sequence[float]) -> list[float]:
        return [*column[:-count], *[column[-count]] * count]

    window = day.window
    yield replace(
        window,
        closes=stuck(window.closes),
        unadjusted=stuck(window.unadjusted),
        fund=stuck(window.fund),
        fund_unadjusted=stuck(window.fund_unadjusted),
    )


ERRORS: dict[str, Callable[[Day], Iterable[Window]]] = {
    "none": lambda day: [day.window],
    **{f"a dividend x{n}": partial(with_dividends, times=n) for n in (0, 2, 10, 100)},
    **{f"adjusted for x{n}": partial(with_dividends, times=n, amount_too=False) for n in (0, 2, 10, 100)},
    **{f"one row {size:+.0%}": partial(with_row, size=size) for size in SIZES},
    **{f"both rows {size:+.0%}": partial(with_both_rows, size=size) for size in (0.02, -0.02, 0.05, -0.05)},
    **{f"both older {size:+.0%}": partial(with_both_older, size=size) for size in (0.02, -0.02, 0.05, -0.05)},
    **{f"last {n} rows frozen": partial(frozen, count=n) for n in (2, 3, 5, 10, 25)},
}


def count(checks: Iterable[Day], names: Iterable[str] = ERRORS) -> dict[str, Count]:
    """Name of each error -> what became of it on all `checks`."""
    counts = {name: Count() for name in names}
    for day in checks:
        truth = answer(day.window)
        for name, of in counts.items():
            for window in ERRORS[name](day):
                wrong, stopped = answer(window) is not truth, refused(window)
                of.checks += 1
                of.wrong += wrong
                of.refused += stopped
                if wrong and not stopped:
                    of.through.append(f"{day.day} ({_error(window, day.window):+.3%})")
                elif stopped and name == "none":
                    of.through.append(str(day.day))
    return counts


def _error(window: Window, true: Window) -> float:
    """By how much the sum of the last 29 closes is wrong."""
    return math.fsum(window.closes[-29:]) / math.fsum(true.closes[-29:]) - 1


def _rows(path: Path) -> dict[date, tuple[float, float, float]]:
    with path.open(newline="", encoding="utf-8") as file:
        return {
            date.fromisoformat(row["date"]): (float(row["adj_close"]), float(row["close"]), float(row["dividend"]))
            for row in csv.DictReader(file)
        }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.witnesses", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=int, default=3, help="only every Nth day (3: within a minute)")
    parser.add_argument("--first", type=date.fromisoformat, default=FIRST)
    args = parser.parse_args()
    begun = time.perf_counter()
    print(f"{'error':<22}{'checks':>8}{'wrong':>8}{'refused':>9}{'through':>9}")
    for name, of in count(days(args.folder, args.first, args.every)).items():
        print(f"{name:<22}{of.checks:>8}{of.wrong:>8}{of.refused:>9}{len(of.through):>9}  {'; '.join(of.through[:6])}")
    for length in LENGTHS:
        print(doubtful(args.folder, length, args.every))
    print(f"{time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
