"""Yahoo's answers with something wrong in them: fields dropped, retyped, scaled, duplicated, shifted, exchanged.

Structure-aware: what is changed is chosen from the answer's own fields, so that a changed answer is nearly a sound one.
"""

import copy
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from qqqbot.adapters.yahoo.asking import CHART_PATH
from tests.support.symbols import QQQ, TQQQ

Answers = Mapping[str, Any]
"""symbol -> chart.result[0]"""

ODD: Sequence[Any] = (
    *(None, True, False, 0, -1, 1, 1e-9, 1e308, 10**30, float("nan"), float("inf"), -float("inf")),
    *("", "N/A", "450.1", "\x1b[31m", "ａ", [], {}, [None], {"raw": None}, {"raw": 451.5, "fmt": "451.50"}),
)
FACTORS = (
    0.0,
    0.01,
    0.1,
    0.5,
    0.82,
    0.9,
    0.95,
    0.98,
    1.005,
    1.02,
    1.05,
    1.1,
    1.18,
    2.0,
    3.0,
    10.0,
    100.0,
    1000.0,
    -1.0,
)


class FuzzedSession:
    """A session that no client accepts, so that the question is asked without one; it answers with these texts."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self.chart: Any = None
        self.chart_asked = False
        self.cookies: dict[str, str] = {}

    def forget_answer(self) -> None:
        self.chart, self.chart_asked = None, False

    def get(self, url: str, params: object, discard_cookies: bool) -> None:  # noqa: ARG002 (the answer is the same)
        body = self._texts[url.rpartition(CHART_PATH)[2]].encode("utf-8", "surrogatepass")
        self.chart_asked = True
        self.chart = SimpleNamespace(status_code=200, content=body, url=url, headers={})


def fuzzed(answers: Answers, rng: random.Random) -> tuple[dict[str, str], str]:
    """The texts of the two answers with one or two things wrong in one of them, and what was done."""
    results = copy.deepcopy(dict(answers))
    symbol = rng.choice((QQQ, TQQQ))
    done = []
    for _ in range(rng.choice((1, 1, 1, 2))):
        change = rng.choice(CHANGES)
        done.append(f"{symbol} {change.__name__.strip('_')} {change(results, symbol, rng)}")
    texts = {name: json.dumps({"chart": {"result": [result], "error": None}}) for name, result in results.items()}
    if rng.random() < 0.02:
        texts[symbol] = texts[symbol][: rng.randrange(len(texts[symbol]))]
        done.append("cut")
    return texts, "; ".join(done)


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of each field; of a long column, of the column and no field of it."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _places(part, (*path, key))
    elif isinstance(value, list) and len(value) < 5:
        for index, part in enumerate(value):
            yield from _places(part, (*path, index))


def _somewhere(result: Any, rng: random.Random) -> tuple[Any, Any]:
    """A field of the answer, or one value of one of its columns: what holds it, and its key."""
    path = rng.choice(list(_places(result)))
    holder = result
    for key in path[:-1]:
        holder = holder[key]
    value = holder[path[-1]]
    if isinstance(value, list) and len(value) >= 5 and rng.random() < 0.8:
        return value, rng.randrange(max(0, len(value) - 130), len(value))
    return holder, path[-1]


def _dropped(results: dict[str, Any], symbol: str, rng: random.Random) -> str:
    holder, key = _somewhere(results[symbol], rng)
    del holder[key]
    return str(key)


def _retyped(results: dict[str, Any], symbol: str, rng: random.Random) -> str:
    holder, key = _somewhere(results[symbol], rng)
    holder[key] = copy.deepcopy(rng.choice(ODD))
    return f"{key} {holder[key]!r}"


def _as_text_or_object(results: dict[str, Any], symbol: str, rng: random.Random) -> str:
    holder, key = _somewhere(results[symbol], rng)
    holder[key] = rng.choice((str(holder[key]), {"raw": holder[key], "fmt": "?"}, [holder[key]]))
    return str(key)


def _scaled(results: dict[str, Any], symbol: str, rng: random.Random) -> str:
    holder, key = _somewhere(results[symbol], rng)
    factor = rng.choice(FACTORS)
    values = holder[key]
    if isinstance(values, int | float):
        holder[key] = values * factor
    elif isinstance(values, list):
        holder[key] = [v * factor if isinstance(v, int | float) else v for v in values]
    return f"{key} {factor:g}"


def _columns(result: Any) -> list[list[Any]]:
    """The columns that are still there: what was done before may have taken them away."""
    indicators = result.get("indicators")
    groups = [indicators.get(name) for name in ("quote", "adjclose")] if isinstance(indicators, dict) else []
    parts = [part for group in groups if isinstance(group, list) for part in group if isinstance(part, dict)]
    found = [column for part in parts for column in part.values() if isinstance(column, list)]
    return [result["timestamp"], *found] if isinstance(result.get("timestamp"), list) else found


def _row(columns: Sequence[list[Any]], rng: random.Random) -> int:
    length = min((len(column) for column in columns), default=0)
    return rng.randrange(max(0, length - 130), length) if length else 0


def _row_scaled(results: dict[str, Any], symbol: str, rng: random.Random) -> str:
    columns, factor = _columns(results[symbol])[1:], rng.choice(FACTORS)
    first = _row(columns, rng)
    last = first + rng.choice((1, 1, 1, 2, 5))
    for column in columns:
        column[first:last] = [v * factor if isinstance(v, int | float) else v for v in column[first:last]]
    return f"{first}:{last} {factor:g}"


def _row_duplicated(results: dict[str, Any], symbol: str, rng: random.Random) -> str:
    columns = _columns(results[symbol])
    place = _row(columns, rng)
    for column in columns:
        column[place:place] = column[place : place + 1]
    return str(place)


def _rows_dropped(results: dict[str, Any], symbol: str, rng: random.Random) -> str:
    columns, count = _columns(results[symbol]), rng.choice((1, 1, 2, 5, 60))
    place = _row(columns, rng)
    for column in columns:
        del column[place : place + count]
    return f"{place} {count}"


def _frozen(results: dict[str, Any], symbol: str, rng: random.Random) -> str:
    columns, count = _columns(results[symbol])[1:], rng.choice((1, 2, 5, 10, 25))
    place = _row(columns, rng)
    for column in columns:
        column[place : place + count] = column[place : place + 1] * len(column[place : place + count])
    return f"{place} {count}"


def _column_shifted(results: dict[str, Any], symbol: str, rng: random.Random) -> str:
    columns = _columns(results[symbol])
    index = rng.randrange(len(columns)) if columns else 0
    for column in columns[index : index + 1]:
        column[:] = rng.choice((column[1:] + column[-1:], column[:1] + column[:-1], column[1:], column[::-1]))
    return str(index)


def _prices_shifted(results: dict[str, Any], symbol: str, rng: random.Random) -> str:
    """Every price on the date of its neighbour."""
    step = rng.choice((-1, 1))
    for column in _columns(results[symbol])[1:]:
        column[:] = column[step:] + column[:step]
    return str(step)


def _shuffled(results: dict[str, Any], symbol: str, rng: random.Random) -> str:
    columns = _columns(results[symbol])
    place = _row(columns, rng)
    for column in columns:
        column[place : place + 3] = reversed(column[place : place + 3])
    return str(place)


def _exchanged(results: dict[str, Any], symbol: str, rng: random.Random) -> str:
    """The other symbol's part, or all of its answer."""
    other = TQQQ if symbol == QQQ else QQQ
    key = rng.choice(("meta", "timestamp", "events", "indicators", ""))
    if not key:
        results[symbol] = copy.deepcopy(results[other])
    elif key in results[other]:
        results[symbol][key] = copy.deepcopy(results[other][key])
    return key


CHANGES = (
    *(_dropped, _retyped, _as_text_or_object, _scaled, _row_scaled, _row_duplicated, _rows_dropped, _frozen),
    *(_column_shifted, _prices_shifted, _shuffled, _exchanged),
)
