"""Wrong answers from public reports, or tried against the bot: how each changes chart.result[0], in place.

Each takes the result and the fault's `value`. Sessions are counted back from the newest finished one, which is 1.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from standins.yahoo.series import NEW_YORK

Json = dict[str, Any]
PRICES = ("open", "high", "low", "close")
LEAST_INTEGER = -(2**63)


def finished(result: Json) -> list[int]:
    """The indices of the finished sessions' rows, newest first."""
    quoted = _day(result["meta"]["regularMarketTime"])
    return [i for i, stamp in reversed(list(enumerate(result["timestamp"]))) if _day(stamp) < quoted]


def _day(stamp: float) -> date:
    return datetime.fromtimestamp(stamp, UTC).astimezone(NEW_YORK).date()


def _quote(result: Json) -> Json:
    quote: Json = result["indicators"]["quote"][0]
    return quote


def _adjusted(result: Json) -> list[Any]:
    adjusted: list[Any] = result["indicators"]["adjclose"][0]["adjclose"]
    return adjusted


def _columns(result: Json) -> list[list[Any]]:
    return [*_quote(result).values(), _adjusted(result)]


def _place(result: Json, value: Any, default: int) -> int:
    """The index of the row of a date, or of the n-th finished session."""
    if isinstance(value, str):
        return [_day(stamp) for stamp in result["timestamp"]].index(date.fromisoformat(value))
    return finished(result)[int(value or default) - 1]


def _row_off(result: Json, value: Any) -> None:
    """[session or date, factor]: every price of one finished row is wrong by the factor."""
    which, factor = value or (7, 1.18)
    place = _place(result, which, 7)
    for column in (*(_quote(result)[name] for name in PRICES), _adjusted(result)):
        column[place] *= factor


def _gap(result: Json, value: Any) -> None:
    """The newest `value` finished rows are missing."""
    for place in finished(result)[: int(value or 2)]:
        for column in (result["timestamp"], *_columns(result)):
            del column[place]


def _frozen(result: Json, value: Any) -> None:
    """The newest `value` finished rows repeat the row before them (yfinance#2966)."""
    places = finished(result)
    count = int(value or 5)
    for place in places[:count]:
        for column in _columns(result):
            column[place] = column[places[count]]


def _dividend_times(result: Json, value: Any) -> None:
    """The newest dividend is `value` times as large, in the adjusted closes too (yfinance#2666, #2554)."""
    event = max(result["events"]["dividends"].values(), key=lambda one: one["date"])
    place = next(i for i, stamp in enumerate(result["timestamp"]) if _day(stamp) == _day(event["date"]))
    before, amount = _quote(result)["close"][place - 1], event["amount"]
    event["amount"] = amount * float(value or 100)
    factor = (1 - event["amount"] / before) / (1 - amount / before)
    _adjusted(result)[:place] = [close * factor for close in _adjusted(result)[:place]]


def _phantom_split(result: Json, value: Any) -> None:
    """[session or date, ratio]: a split is reported, and the rows before it are adjusted, but it did not happen."""
    which, ratio = value or (1, 2.0)
    place = _place(result, which, 1)
    stamp = _at_the_open(result, place)
    splits = result.setdefault("events", {}).setdefault("splits", {})
    splits[str(stamp)] = {"date": stamp, "numerator": ratio, "denominator": 1, "splitRatio": f"{ratio:g}:1"}
    for column in (*(_quote(result)[name] for name in PRICES), _adjusted(result)):
        column[:place] = [price / ratio for price in column[:place]]


def _untold_split(result: Json, value: Any) -> None:
    """The rows are on the basis of a split that is not reported."""
    result.get("events", {}).pop("splits", None)


def _bad_split(result: Json, value: Any) -> None:
    stamp = _at_the_open(result, _place(result, value, 100))
    splits = result.setdefault("events", {}).setdefault("splits", {})
    splits[str(stamp)] = {"date": stamp, "numerator": 0, "denominator": 0, "splitRatio": "0:0"}


def _bad_dividend(result: Json, value: Any) -> None:
    stamp = _at_the_open(result, _place(result, value, 100))
    result.setdefault("events", {}).setdefault("dividends", {})[str(stamp)] = {"date": stamp}


def _capital_gain(result: Json, value: Any) -> None:
    """A capital gain, which QQQ can have since its conversion in 2025, on a date or on the day of the price."""
    stamp = int(datetime.fromisoformat(value).timestamp()) if value else result["meta"]["regularMarketTime"]
    result.setdefault("events", {})["capitalGains"] = {str(stamp): {"amount": 0.4, "date": stamp}}


def _at_the_open(result: Json, place: int) -> int:
    local = datetime.fromtimestamp(result["timestamp"][place], UTC).astimezone(NEW_YORK)
    return int(local.replace(hour=9, minute=30, second=0).timestamp())


def _stuck(result: Json, value: Any) -> None:
    """The price stays at the day's open; its time and the day's row go on (yfinance#277)."""
    result["meta"]["regularMarketPrice"] = round(_quote(result)["open"][-1], 4)


def _meta(result: Json, value: Any) -> None:
    result["meta"].update(value)


def _price_object(result: Json, value: Any) -> None:
    for name in ("regularMarketPrice", "regularMarketTime", "regularMarketDayHigh", "regularMarketDayLow"):
        result["meta"][name] = {"raw": result["meta"][name], "fmt": str(result["meta"][name])}


def _price_text(result: Json, value: Any) -> None:
    result["meta"]["regularMarketPrice"] = str(result["meta"]["regularMarketPrice"]) if value is None else value


def _time_in_milliseconds(result: Json, value: Any) -> None:
    result["meta"]["regularMarketTime"] *= 1000


def _time_text(result: Json, value: Any) -> None:
    result["meta"]["regularMarketTime"] = str(result["meta"]["regularMarketTime"]) if value is None else value


def _null_stamp(result: Json, value: Any) -> None:
    result["timestamp"][_place(result, value, 200)] = None


def _zero_today(result: Json, value: Any) -> None:
    """Today's row is zero (yloader#25)."""
    for column in _columns(result):
        column[-1] = 0
    _quote(result)["volume"][-1] = LEAST_INTEGER


def _infinite(result: Json, value: Any) -> None:
    """A price is infinite (yfinance#2856)."""
    _adjusted(result)[_place(result, value, 7)] = float("inf")


def _no_adjclose(result: Json, value: Any) -> None:
    del result["indicators"]["adjclose"]


def _short_adjclose(result: Json, value: Any) -> None:
    _adjusted(result).pop()


def _another_row(result: Json, stamp: float, close: float | None) -> None:
    result["timestamp"].append(int(stamp))
    for column in _columns(result):
        column.append(close)


def _tomorrow(result: Json, value: Any) -> None:
    """A null row of tomorrow (pandas-datareader#816)."""
    _another_row(result, result["meta"]["regularMarketTime"] + timedelta(days=1).total_seconds(), None)


def _night(result: Json, value: Any) -> None:
    """A row of overnight trades on a day without a session: the Sunday before the price."""
    local = datetime.fromtimestamp(result["meta"]["regularMarketTime"], UTC).astimezone(NEW_YORK)
    sunday = (local - timedelta(days=local.isoweekday())).replace(hour=21, minute=0, second=0)
    place = next(i for i, stamp in enumerate(result["timestamp"]) if stamp > sunday.timestamp())
    result["timestamp"].insert(place, int(sunday.timestamp()))
    for column in _columns(result):
        column.insert(place, column[place - 1])


def _stamped(hours: float) -> Callable[[Json, Any], None]:
    def shift(result: Json, value: Any) -> None:
        """Every row has a time `value` hours after its day's midnight in New York."""
        local = [datetime.fromtimestamp(stamp, UTC).astimezone(NEW_YORK) for stamp in result["timestamp"]]
        midnights = [moment.replace(hour=0, minute=0, second=0) for moment in local]
        result["timestamp"] = [int((moment + timedelta(hours=hours)).timestamp()) for moment in midnights]

    return shift


def _short_history(result: Json, value: Any) -> None:
    """Only the newest rows, as after a new listing."""
    for column in (result["timestamp"], *_columns(result)):
        del column[: -int(value or 60)]


def _in_euros(result: Json, value: Any) -> None:
    """Every price in another currency (yfinance#2748); `value` names it, None leaves "USD" as it is."""
    for name in ("regularMarketPrice", "regularMarketDayHigh", "regularMarketDayLow"):
        result["meta"][name] *= 0.86
    for column in (*(_quote(result)[name] for name in PRICES), _adjusted(result)):
        column[:] = [price * 0.86 for price in column]
    result["meta"]["currency"] = value or "USD"


KINDS: Mapping[str, Callable[[Json, Any], None]] = {
    "row_off": _row_off,
    "gap": _gap,
    "frozen": _frozen,
    "dividend_times": _dividend_times,
    "phantom_split": _phantom_split,
    "untold_split": _untold_split,
    "bad_split": _bad_split,
    "bad_dividend": _bad_dividend,
    "capital_gain": _capital_gain,
    "stuck": _stuck,
    "meta": _meta,
    "price_object": _price_object,
    "price_text": _price_text,
    "time_in_milliseconds": _time_in_milliseconds,
    "time_text": _time_text,
    "null_stamp": _null_stamp,
    "zero_today": _zero_today,
    "infinite": _infinite,
    "no_adjclose": _no_adjclose,
    "short_adjclose": _short_adjclose,
    "tomorrow": _tomorrow,
    "night": _night,
    "stamped_utc": _stamped(-5),
    "stamped_evening": _stamped(-3),
    "short_history": _short_history,
    "in_euros": _in_euros,
}
"""kind -> what it does"""
