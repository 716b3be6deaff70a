"""What the cells of backtest.ipynb call, so that the notebook tells a story and has no logic.

Pictures and tables are the same as in the report. Prices come from the files named in QQQBOT_PRICES and QQQBOT_BARS
(two paths each, separated by the system's path separator), otherwise from Yahoo.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qqqbot.backtest import tables
from qqqbot.backtest.prices.cache import cached_prices, recent_bars
from qqqbot.backtest.prices.csv_files import load_intraday, load_prices
from qqqbot.backtest.prices.table import BadPrices, Bars, Prices, adjusted_to
from qqqbot.backtest.study import Question, Study, in_common, study
from qqqbot.backtest.vectorized import Terms
from qqqbot.display import markup
from qqqbot.model.family import DEFAULT, DEFAULT_SYMBOLS, PRESETS
from qqqbot.model.values import Rules
from qqqbot.runtime.clock import SystemClock

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "prices"


@dataclass(frozen=True, slots=True)
class Shown:
    """Something a notebook displays: a picture or a table, and the same as text."""

    markup: str
    text: str = ""

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        if self.markup.startswith("<svg"):
            return {"image/svg+xml": self.markup, "text/plain": self.text}
        return {"text/html": self.markup, "text/plain": self.text}


def prices_of_this_run(environment: Mapping[str, str] = os.environ) -> tuple[Prices, tuple[Bars, Bars] | None]:
    """Daily prices, and intraday bars if there are any. Raises BadPrices."""
    bars = None
    if files := _two(environment, "QQQBOT_BARS"):
        bars = (load_intraday(files[0]), load_intraday(files[1]))
    if files := _two(environment, "QQQBOT_PRICES"):
        return load_prices(dict(zip(DEFAULT_SYMBOLS, files, strict=True))), bars
    now = SystemClock().now()
    symbols = DEFAULT_SYMBOLS
    return cached_prices(CACHE, symbols, now, say=print), bars or recent_bars(symbols, now, say=print)


def examined(
    prices: Prices,
    bars: tuple[Bars, Bars] | None = None,
    start: str | None = None,
    end: str | None = None,
    look_ahead: bool = False,
) -> Study:
    """The study of the default rule, from `start` to `end`, on prices adjusted to that end. Raises BadPrices."""
    if end is not None:
        prices = adjusted_to(prices, np.datetime64(end))
    first = None if start is None else np.datetime64(start)
    return study(prices, Question(Terms(), first, None, look_ahead=look_ahead), bars)


def presets(prices: Prices) -> list[Study]:
    """The studies of all presets for which `prices` suffice, over the same sessions. Raises BadPrices."""
    known = {series.symbol for series in prices.all}
    enough = {name: rule for name, rule in PRESETS.items() if known >= {*rule.symbols}}
    rules = [Rules(rule=None if name == DEFAULT else rule) for name, rule in enough.items()]
    asked = in_common([(Question(Terms(each)), prices, None) for each in rules])
    return [study(theirs, question) for question, theirs, _ in asked]


def findings(found: Study) -> Shown:
    return table((("", "found"), tables.findings(found)))


def table(found: tables.Headed) -> Shown:
    """A table of `tables`, without rows if there are too few prices for it."""
    head, rows = found
    if not rows:
        return _note("There are too few prices for this table.")
    return Shown(markup.table(head, rows), "\n".join("  ".join(row) for row in (head, *rows)))


def picture(svg: str) -> Shown:
    """A picture of `figures`, empty if there are too few prices for it."""
    return Shown(svg, "a picture") if svg else _note("There are too few prices for this picture.")


def _note(text: str) -> Shown:
    return Shown(markup.tag("p", text), text)


def _two(environment: Mapping[str, str], name: str) -> tuple[Path, Path] | None:
    value = environment.get(name, "")
    if not value:
        return None
    parts = value.split(os.pathsep)
    if len(parts) != 2:
        raise BadPrices(
            f"{name} must name two files, {' and '.join(DEFAULT_SYMBOLS)}, separated by {os.pathsep!r}; was {value!r}"
        )
    return Path(parts[0]), Path(parts[1])
