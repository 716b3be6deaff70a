"""The document and the histories that the price process makes of Yahoo's answers: tests/process/test_yahoo_child.py has
the real client and its sockets."""

import json
from collections.abc import Mapping
from datetime import date, datetime, time
from types import SimpleNamespace
from typing import Any

import pytest

from qqqbot.adapters.yahoo import child
from qqqbot.adapters.yahoo.asking import CHART_PATH, HOST
from tests.support.builders import new_york
from tests.support.symbols import SYMBOLS

DAYS = [date(2026, 11, 20), date(2026, 11, 23), date(2026, 11, 24)]
ANSWERED = "Tue, 24 Nov 2026 17:00:00 GMT"


class CannedSession:
    """A session that no client accepts, so that the question is asked without one; it answers with `result`."""

    def __init__(self, result: Mapping[str, Any], status: int = 200) -> None:
        self.body = json.dumps({"chart": {"result": [result], "error": None}}).encode()
        self.status, self.cookies = status, {"A3": "x"}
        self.chart: Any = None
        self.chart_asked = False
        self.queries: list[Mapping[str, Any]] = []

    def forget_answer(self) -> None:
        self.chart, self.chart_asked = None, False

    def get(self, url: str, params: Mapping[str, Any], discard_cookies: bool) -> Any:
        assert url.startswith(HOST + CHART_PATH)
        assert not self.cookies
        assert discard_cookies
        self.queries.append(params)
        self.chart_asked = True
        headers = {"date": ANSWERED, "age": "5"}
        self.chart = SimpleNamespace(status_code=self.status, content=self.body, url=url, headers=headers)
        return self.chart


def result(times: list[datetime], **changes: Any) -> dict[str, Any]:
    stamps = [int(moment.timestamp()) for moment in times]
    closes = [440.0 + n for n in range(len(stamps))]
    quote = dict.fromkeys(("open", "high", "low", "close"), closes)
    meta = {"symbol": "QQQ", "currency": "USD", "regularMarketPrice": 442.0, "regularMarketTime": stamps[-1]}
    adjusted = [{"adjclose": [None, *closes[1:]]}]
    return {"meta": meta, "timestamp": stamps, "indicators": {"quote": [quote], "adjclose": adjusted}, **changes}


def daily(**changes: Any) -> dict[str, Any]:
    return result([new_york(day, 9, 30) for day in DAYS], **changes)


def test_the_document_has_what_the_answer_says() -> None:
    answer = child.document("prices", SYMBOLS, None, None, "1y", CannedSession(daily()))
    qqq = answer["prices"]["QQQ"]
    assert qqq["rows"] == [["2026-11-20", None, 440.0], ["2026-11-23", 441.0, 441.0], ["2026-11-24", 442.0, 442.0]]
    assert (qqq["price"], qqq["time"]) == (442.0, "2026-11-24T14:30:00+00:00")
    assert (qqq["symbol"], qqq["currency"]) == ("QQQ", "USD")
    assert qqq["answered_at"] == "2026-11-24T17:00:05+00:00"  # what a cache in between adds is its age
    assert (qqq["low"], qqq["high"], qqq["splits"], qqq["dividends"]) == (None, None, [], [])


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"timestamp": []}, "QQQ: Yahoo answered without prices [no rows]"),
        ({"meta": {}}, "QQQ: Yahoo answered without prices [no live price: None at None]"),
    ],
)
def test_an_answer_without_rows_or_price_is_a_failure(changes: Any, text: str) -> None:
    assert child.document("prices", SYMBOLS, None, None, "1y", CannedSession(daily(**changes)))["error"]["text"] == text


def test_a_refusal_without_the_client_is_the_failure_that_is_told() -> None:
    answer = child.document("prices", SYMBOLS, None, None, "1y", CannedSession(daily(), status=429))
    assert answer["error"]["code"] == "rate_limited"


def test_the_whole_history_is_asked_for_in_days() -> None:
    session = CannedSession(daily())
    assert [row.close for row in child.whole_history("QQQ", session).rows] == [440.0, 441.0, 442.0]
    assert (session.queries[0]["period1"], session.queries[0]["interval"]) == ("0", "1d")


def test_quarter_hours_are_those_of_regular_hours() -> None:
    moments = [new_york(DAYS[-1], *clock) for clock in ((9, 15), (9, 30), (15, 45), (16, 0))]
    bars = child.quarter_hours("QQQ", CannedSession(result(moments)))
    assert [(bar.time.time(), bar.open, bar.close) for bar in bars] == [
        (time(9, 30), 441.0, 441.0),
        (time(15, 45), 442.0, 442.0),
    ]
