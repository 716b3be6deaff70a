"""Faults of the stand-in: what they are, when they apply, and how data faults change a chart answer."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from standins.yahoo import wrong
from standins.yahoo.series import NEW_YORK

Json = dict[str, Any]

CONNECTION_KINDS = ("refused", "tls")
COOKIES: Mapping[str, str | None] = {
    "cookie_of_another_name": "A1=d=stand-in; Expires=Fri, 31 Dec 2055 00:00:00 GMT; Domain=.yahoo.com; Path=/; Secure",
    "cookie_without_expiry": "A3=d=stand-in; Domain=.yahoo.com; Path=/; Secure",
    "no_cookie": None,
}
"""kind -> the cookie that its host sets; these faults are always `on` the cookie"""
CONSENT_KINDS = ("consent", "consent_for_ever", "loop")
"""a request is redirected to the consent page; with the second kind, again after the consent; or to itself"""
CLOCK_KINDS = ("no_date", "wrong_date")
WIRE_KINDS = ("reset", "hang", "truncated", "cut", "not_gzip", "bomb", "endless", "cookie_not_utf8")
"""not_gzip: a body that is not compressed as it says; bomb: one that unpacks to 64 MB; endless: one without an end"""

STATUS_BODIES: Mapping[str, tuple[int, str, str]] = {
    "429": (429, "text/plain", "Edge: Too Many Requests"),
    "401": (
        401,
        "application/json",
        '{"finance":{"result":null,"error":{"code":"Unauthorized","description":"Invalid Crumb"}}}',
    ),
    "404": (
        404,
        "application/json",
        '{"chart":{"result":null,"error":{"code":"Not Found","description":"No data found, symbol may be delisted"}}}',
    ),
    "500": (500, "text/html", "<html><body><h1>Internal Server Error</h1></body></html>"),
    "502": (502, "text/html", "<html><body><h1>Bad Gateway</h1></body></html>"),
    "html": (200, "text/html", "<!DOCTYPE html><html><body><h1>Sign in</h1></body></html>"),
    "back_soon": (200, "text/html", "<html><body>Will be right back...</body></html>"),
    "empty": (200, "application/json", '{"chart":{"result":[],"error":null}}'),
    "403": (403, "text/html", "<html><body>Forbidden</body></html>"),
    "451": (451, "text/plain", "Unavailable For Legal Reasons"),
    "503": (503, "text/plain", "upstream connect error"),
    "999": (999, "text/plain", "Unable to process request at this time -- error 999"),
    "blank": (200, "text/plain", ""),
    "nothing": (204, "text/plain", ""),
    "null_body": (200, "application/json", "null"),
    "spark": (200, "application/json", '{"spark":{"result":[{"symbol":"QQQ","response":[]}],"error":null}}'),
    "finance_error": (
        200,
        "application/json",
        '{"finance":{"result":null,"error":{"code":"internal-error","description":"try later"}}}',
    ),
    "no_token": (200, "text/html", "<html><body><form method='post'></form></body></html>"),
    "error": (
        200,
        "application/json",
        '{"chart":{"result":null,"error":{"code":"Internal Server Error","description":"Something broke inside"}}}',
    ),
}
"""kind -> status, content type, body"""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault applies `times` times; None is for ever. `on` names its requests: chart, crumb, cookie, consent or any.

    The first `after` of these requests are answered without the fault.
    """

    kind: str
    times: int | None = None
    on: str = "chart"
    symbol: str | None = None
    value: Any = None
    after: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no such fault: {self.kind!r}; there are {', '.join(sorted(KINDS))}")


class Faults:
    """The active faults; may be used from all threads of the server."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active: list[Fault] = []
        self._used: list[int] = []

    def set(self, faults: Sequence[Fault]) -> None:
        with self._lock:
            self._active = list(faults)
            self._used = [0] * len(faults)

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._active.append(fault)
            self._used.append(0)

    def take(self, kinds: Sequence[str], on: str, symbol: str | None) -> list[Fault]:
        """The faults of `kinds` that apply to this request, counted as used once more."""
        with self._lock:
            taken = []
            for i, fault in enumerate(self._active):
                if fault.kind in kinds and self._applies(i, on, symbol):
                    self._used[i] += 1
                    if self._used[i] > fault.after:
                        taken.append(fault)
            return taken

    def has(self, kind: str) -> bool:
        with self._lock:
            return any(f.kind == kind and self._left(i) for i, f in enumerate(self._active))

    def _left(self, index: int) -> bool:
        fault = self._active[index]
        return fault.times is None or self._used[index] < fault.times + fault.after

    def _applies(self, index: int, on: str, symbol: str | None) -> bool:
        fault = self._active[index]
        return self._left(index) and fault.on in (on, "any") and fault.symbol in (None, symbol)


def corrupt(result: Json, fault: Fault) -> None:
    """Apply one data fault to chart.result[0], in place."""
    _DATA[fault.kind](result, fault.value) if fault.kind in wrong.KINDS else _DATA[fault.kind](result, fault)


def _columns(result: Json) -> list[list[Any]]:
    quote, adjusted = result["indicators"]["quote"][0], result["indicators"]["adjclose"][0]
    return [result["timestamp"], *quote.values(), *adjusted.values()]


def _dates(result: Json) -> list[date]:
    return [datetime.fromtimestamp(t, UTC).astimezone(NEW_YORK).date() for t in result["timestamp"]]


def _index(result: Json, fault: Fault) -> int:
    """The index of the row of the date in `value`; without a date, of the last session before the quote's."""
    days = _dates(result)
    if fault.value is not None:
        return days.index(date.fromisoformat(str(fault.value)))
    quoted = datetime.fromtimestamp(result["meta"]["regularMarketTime"], UTC).astimezone(NEW_YORK).date()
    return max(i for i, day in enumerate(days) if day < quoted)


def _missing(result: Json, fault: Fault) -> None:
    if len(result["timestamp"]) > 1:
        index = _index(result, fault)
        for column in _columns(result):
            del column[index]


def _stale(result: Json, fault: Fault) -> None:
    for column in _columns(result):
        del column[-1]


def _days_old(result: Json, fault: Fault) -> None:
    """The whole answer, with its quote, is that of `value` sessions ago (3 by default)."""
    for column in _columns(result):
        del column[-int(fault.value or 3) :]
    close = result["indicators"]["quote"][0]["close"][-1]
    result["meta"].update(regularMarketTime=result["timestamp"][-1] + 23_401, regularMarketPrice=round(close, 4))


def _twice(result: Json, fault: Fault) -> None:
    index = _index(result, fault)
    for column in _columns(result):
        column.insert(index, column[index])


def _twice_differing(result: Json, fault: Fault) -> None:
    index = _index(result, fault)
    _twice(result, fault)
    result["timestamp"][index + 1] += 60
    for name in ("open", "high", "low", "close"):
        result["indicators"]["quote"][0][name][index + 1] *= 1.07
    result["indicators"]["adjclose"][0]["adjclose"][index + 1] *= 1.07


def _shuffled(result: Json, fault: Fault) -> None:
    for column in _columns(result):
        column[-20:-10] = reversed(column[-20:-10])


def _null(result: Json, fault: Fault) -> None:
    index = _index(result, fault)
    for column in _columns(result)[1:]:
        column[index] = None


def _zero(result: Json, fault: Fault) -> None:
    index = _index(result, fault)
    for column in _columns(result)[1:]:
        column[index] = 0


def _null_today(result: Json, fault: Fault) -> None:
    for column in _columns(result)[1:]:
        column[-1] = None


def _off(result: Json, fault: Fault) -> None:
    """The live price is wrong by a factor, in the row and in the quote."""
    _set_live(result, result["meta"]["regularMarketPrice"] * float(0.75 if fault.value is None else fault.value))


def _still(result: Json, fault: Fault) -> None:
    _set_live(result, result["indicators"]["quote"][0]["close"][-2])


def _set_live(result: Json, price: float) -> None:
    result["meta"]["regularMarketPrice"] = round(price, 4)
    result["indicators"]["quote"][0]["close"][-1] = price
    result["indicators"]["adjclose"][0]["adjclose"][-1] = price


def _stuck(result: Json, fault: Fault) -> None:
    """The live price stays at the day's open while its time advances; the row is right."""
    result["meta"]["regularMarketPrice"] = round(result["indicators"]["quote"][0]["open"][-1], 4)


def _row_off(result: Json, fault: Fault) -> None:
    """The row of a day is wrong by a factor; `value` has the date and the factor."""
    day, factor = fault.value
    index = _dates(result).index(date.fromisoformat(day))
    for column in (*result["indicators"]["quote"], *result["indicators"]["adjclose"]):
        for name in column.keys() - {"volume"}:
            column[name][index] *= factor


def _dividend_off(result: Json, fault: Fault) -> None:
    """A dividend is reported too large; `value` has its ex-date and the excess as a fraction of the price."""
    day, part = fault.value
    index = _dates(result).index(date.fromisoformat(day))
    adjusted = result["indicators"]["adjclose"][0]["adjclose"]
    adjusted[:index] = [close * (1 - part) for close in adjusted[:index]]


def _frozen(result: Json, fault: Fault) -> None:
    """The last `value` finished rows repeat the first of them."""
    last = _index(result, Fault("frozen"))
    for column in _columns(result)[1:]:
        column[last - int(fault.value) + 1 : last + 1] = [column[last - int(fault.value) + 1]] * int(fault.value)


def _about_another(result: Json, fault: Fault) -> None:
    """The answer says that it is about something else: `value` replaces parts of its meta."""
    result["meta"].update(fault.value)


def _no_price(result: Json, fault: Fault) -> None:
    result["meta"]["regularMarketPrice"] = None


def _no_timestamps(result: Json, fault: Fault) -> None:
    result.pop("timestamp")
    result["indicators"] = {"quote": [{}], "adjclose": [{}]}


def _no_meta(result: Json, fault: Fault) -> None:
    result["meta"] = {"symbol": result["meta"]["symbol"]}


def _elsewhere(result: Json, fault: Fault) -> None:
    """`old`, `split_late`, `closed`, `halted` and `swapped` are applied where the answer is made."""


_DATA: Mapping[str, Callable[[Json, Fault], None]] = {
    "missing": _missing,
    "stale": _stale,
    "days_old": _days_old,
    "twice": _twice,
    "twice_differing": _twice_differing,
    "shuffled": _shuffled,
    "null": _null,
    "zero": _zero,
    "null_today": _null_today,
    "off": _off,
    "still": _still,
    "stuck": _stuck,
    "row_off": _row_off,
    "dividend_off": _dividend_off,
    "frozen": _frozen,
    "about_another": _about_another,
    "no_price": _no_price,
    "no_timestamps": _no_timestamps,
    "no_meta": _no_meta,
    **dict.fromkeys(("old", "split_late", "closed", "halted", "swapped"), _elsewhere),
    **wrong.KINDS,
}

DATA_KINDS = tuple(_DATA)
KINDS = frozenset((*CONNECTION_KINDS, *WIRE_KINDS, *STATUS_BODIES, *COOKIES, *CONSENT_KINDS, *CLOCK_KINDS, *DATA_KINDS))


def faults_from_json(entries: Sequence[Json]) -> list[Fault]:
    return [Fault(**entry) for entry in entries]
