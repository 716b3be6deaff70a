"""The border: what each answer of Yahoo, sound or not, becomes."""

import contextlib
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qqqbot.adapters.yahoo.answer import LATEST_SECONDS, AnswerUnusable, Chart, moment, number, read_chart

STAMPS = [1_795_185_000, 1_795_444_200, 1_795_530_600]  # 09:30 of 2026-11-20, 23 and 24
LIVE = 1_795_539_597  # 12:00 less three seconds on 2026-11-24
DAYS = [date(2026, 11, 20), date(2026, 11, 23), date(2026, 11, 24)]


def answer() -> dict[str, Any]:
    """A sound answer of three rows."""
    return {
        "meta": {
            "symbol": "QQQ",
            "currency": "USD",
            "regularMarketPrice": 450.5,
            "regularMarketTime": LIVE,
            "regularMarketDayLow": 449.0,
            "regularMarketDayHigh": 451.0,
        },
        "timestamp": [*STAMPS],
        "events": {
            "dividends": {str(STAMPS[1]): {"amount": 0.7, "date": STAMPS[1]}},
            "splits": {str(STAMPS[2]): {"date": STAMPS[2], "numerator": 2, "denominator": 1, "splitRatio": "2:1"}},
        },
        "indicators": {
            "quote": [{name: [447.0, 448.0, 450.0] for name in ("open", "high", "low", "close", "volume")}],
            "adjclose": [{"adjclose": [446.3, 448.0, 450.0]}],
        },
    }


def read(change: Callable[[dict[str, Any]], object] = lambda _: None) -> Chart:
    result = answer()
    change(result)
    return read_chart(json.dumps({"chart": {"result": [result], "error": None}}))


def test_a_sound_answer_is_read_whole() -> None:
    chart = read()
    assert (chart.symbol, chart.currency) == ("QQQ", "USD")
    assert (chart.price, chart.low, chart.high) == (450.5, 449.0, 451.0)
    assert chart.time == datetime.fromtimestamp(LIVE, UTC)
    assert [(row.date, row.adjusted, row.close) for row in chart.rows] == list(
        zip(DAYS, [446.3, 448.0, 450.0], [447.0, 448.0, 450.0], strict=True)
    )
    assert chart.dividends == ((DAYS[1], 0.7),)
    assert chart.splits == ((DAYS[2], 2.0),)


def test_a_null_among_the_times_takes_its_row_and_no_other() -> None:
    chart = read(lambda result: result["timestamp"].__setitem__(1, None))
    assert [(row.date, row.close) for row in chart.rows] == [(DAYS[0], 447.0), (DAYS[2], 450.0)]


def test_a_short_column_lacks_its_last_values() -> None:
    chart = read(lambda result: result["indicators"]["adjclose"][0]["adjclose"].pop())
    assert [row.adjusted for row in chart.rows] == [446.3, 448.0, None]


def test_closes_that_are_not_adjusted_do_not_pass_as_adjusted_ones() -> None:
    chart = read(lambda result: result["indicators"].pop("adjclose"))
    assert [row.adjusted for row in chart.rows] == [None, None, None]
    assert [row.close for row in chart.rows] == [447.0, 448.0, 450.0]


@pytest.mark.parametrize(
    ("found", "value"),
    [
        (450.5, 450.5),
        (450, 450.0),
        ({"raw": 450.5, "fmt": "450.50"}, 450.5),
        ("450.5", 450.5),
        ("N/A", None),
        ("", None),
        (None, None),
        (True, None),
        ([450.5], None),
        ({"fmt": "450.50"}, None),
        (float("nan"), None),
        (float("-inf"), None),
        (10**400, None),
    ],
)
def test_a_number_is_finite_or_none(found: Any, value: float | None) -> None:
    assert number(found) == value


@pytest.mark.parametrize(
    ("found", "seconds"),
    [
        (LIVE, LIVE),
        (LIVE + 0.25, LIVE + 0.25),
        (LIVE * 1000, LIVE),
        (str(LIVE), LIVE),
        ({"raw": LIVE, "fmt": "12:00PM EST"}, LIVE),
        (0, None),
        (-LIVE, None),
        (None, None),
        ("noon", None),
        (1e300, None),
        (LATEST_SECONDS, None),
    ],
)
def test_a_time_is_in_seconds_or_milliseconds_or_none(found: Any, seconds: float | None) -> None:
    time = moment(found)
    assert (time and time.timestamp()) == seconds


@pytest.mark.parametrize(
    ("event", "dividends"),
    [
        ({"date": STAMPS[0]}, []),
        ({"date": STAMPS[0], "amount": "a lot"}, []),
        ({"amount": 0.5}, [(DAYS[0], 0.5)]),
        ({"amount": 0.5, "date": None}, [(DAYS[0], 0.5)]),
        (None, []),
        ([1], []),
    ],
)
def test_a_bad_dividend_is_left_out_and_the_others_are_read(event: Any, dividends: list[Any]) -> None:
    """One dividend without an amount, of any day of two years, made the client refuse the whole answer."""
    chart = read(lambda result: result["events"]["dividends"].update({str(STAMPS[0]): event}))
    assert list(chart.dividends) == [*dividends, (DAYS[1], 0.7)]


@pytest.mark.parametrize(
    "event",
    [
        {"numerator": 2, "denominator": 0},
        {"numerator": 0, "denominator": 0},
        {},
        None,
        {"numerator": -2, "denominator": 1},
    ],
)
def test_a_split_that_cannot_be_read_has_the_ratio_zero(event: Any) -> None:
    chart = read(lambda result: result["events"]["splits"].update({str(STAMPS[0]): event}))
    assert list(chart.splits) == [(DAYS[0], 0.0), (DAYS[2], 2.0)]


@pytest.mark.parametrize("key", ["meta", "timestamp", "events", "indicators"])
@pytest.mark.parametrize("value", [None, 7, "text", [], {}, [None], [[]]])
def test_a_part_of_another_type_is_a_part_that_is_missing(key: str, value: Any) -> None:
    chart = read(lambda result: result.update({key: value}))
    assert (chart.price is None) == (key == "meta")
    assert (chart.rows == ()) == (key == "timestamp")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", "unreadable"),
        ("<html>", "unreadable"),
        ("[]", "unreadable"),
        ("null", "unreadable"),
        ("7", "unreadable"),
        ("[" * 100_000, "unreadable"),
        ("1" * 10_000, "unreadable"),
        ('{"chart": null}', "unreadable"),
        ('{"chart": {}}', "unreadable"),
        ('{"spark": {"result": []}}', "unreadable"),
        ('{"chart": {"result": {}}}', "unreadable"),
        ('{"chart": {"result": [7]}}', "unreadable"),
        ('{"chart": {"result": null, "error": null}}', "empty"),
        ('{"chart": {"result": [], "error": null}}', "empty"),
        ('{"chart": {"result": null, "error": {"code": "Internal", "description": "broke"}}}', "server_error"),
        ('{"chart": {"result": null, "error": "broke"}}', "server_error"),
        ('{"finance": {"result": null, "error": {"code": "Unauthorized"}}}', "server_error"),
        ("<html>Will be right back...</html>", "server_error"),
    ],
)
def test_an_answer_without_a_chart_has_a_code(body: str, code: str) -> None:
    with pytest.raises(AnswerUnusable) as failure:
        read_chart(body)
    assert failure.value.code == code


@pytest.mark.parametrize("name", ["\x1b[31mQQQ", "Q" * 13, "", 7, None, "ＱＱＱ"])
def test_a_strange_symbol_is_none(name: Any) -> None:
    assert read(lambda result: result["meta"].update(symbol=name)).symbol is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(st.text(max_size=8), parts, max_size=4),
    max_leaves=20,
)


@given(JSON, st.sampled_from(["meta", "timestamp", "events", "indicators"]))
def test_whatever_an_answer_contains_it_is_read_or_unusable(value: Any, key: str) -> None:
    read(lambda result: result.update({key: value}))
    for whole in (value, {"chart": value}, {"chart": {"result": value}}, {"chart": {"result": [value]}}):
        with contextlib.suppress(AnswerUnusable):
            assert isinstance(read_chart(json.dumps(whole)), Chart)
