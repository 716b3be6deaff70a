"""Makes one request to Yahoo's chart service, through the unmodified client and, if its helpers fail, without them.

The client deals with Yahoo's cookie, crumb and consent page. The chart needs none of them, so a failure there must not
end the request. The client's files on disk are not used at all: a stored cookie without an expiry, or a damaged or
locked database, would make every later request fail. The only seam is the HTTP session given to the client: it keeps
the answer itself, see answer.read_chart.
"""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import SplitResult, urlsplit

from qqqbot.adapters.yahoo.answer import AnswerUnusable, Chart, read_chart
from qqqbot.model.errors import PricesUnavailable
from qqqbot.model.program import COMMAND
from qqqbot.runtime.foreign_text import washed

# The client gives its cookie request 30 s, whatever its configuration says; this is the limit for each request.
REQUEST_TIMEOUT_SECONDS = 10
HOST = "https://query2.finance.yahoo.com"
CHART_PATH = "/v8/finance/chart/"
CONSENT_HOST = "consent.yahoo.com"
COOKIE_HOST = "fc.yahoo.com"
QUOTED = 80
# In bytes. Forty years of daily rows take less than 2 MB. A body without an end brought 4 GB in the time of a request.
LARGEST_ANSWER = 8 << 20

SENTENCES = {
    "rate_limited": "Yahoo refuses to answer for a while (429, too many requests)",
    "refused": "Yahoo refuses to answer",
    "consent": "Yahoo asks for consent to its cookies instead of answering",
    "not_found": "Yahoo does not know the symbol (404)",
    "server_error": "Yahoo reports an internal error",
    "unreadable": "Yahoo's answer is not what was expected",
    "connection": "Yahoo cannot be reached: check this machine's network and proxy",
    "tls": "Yahoo's certificate is not accepted: check this machine's clock, proxy and certificates",
    "too_slow": "Yahoo did not answer in time",
    "empty": "Yahoo answered without prices",
    "calendar": f"the calendar library has no sessions for these days: update it ({COMMAND} update)",
}
"""code -> sentence for the owner"""

CODES = {
    "YFRateLimitError": "rate_limited",
    "CertificateVerifyError": "tls",
    "SSLError": "tls",
    "Timeout": "too_slow",
    "ConnectTimeout": "too_slow",
    "RequestException": "connection",
    "OSError": "connection",
}
"""name of an exception class of yfinance, curl_cffi or Python -> code; any other means an unreadable answer"""

CURL_CODES = {47: "unreadable", 61: "unreadable", 63: "unreadable"}
"""curl's code -> code: redirects without an end, a body that cannot be unpacked, one larger than LARGEST_ANSWER"""

STATUS_CODES = {404: "not_found", 429: "rate_limited"}
"""HTTP status -> code; 500 and above are "server_error", all other errors "refused\""""

# After a refused crumb or cookie, or a page instead of the answer, a request without them may help. After a 429 Yahoo
# is left alone.
WITHOUT_HELPERS = frozenset({"refused", "consent", "unreadable"})


class SourceFailed(PricesUnavailable):
    """Yahoo or the calendar library gave no usable answer. `code` is one of SENTENCES."""

    def __init__(self, code: str, subject: str, detail: str) -> None:
        self.code = code
        super().__init__(f"{subject}: {SENTENCES[code]} [{washed(detail)}]")


def asked(symbol: str, session: Any, interval: str = "1d", **span: str | None) -> Chart:
    """The chart of `symbol` over `span`: range=, or period1= and period2=. Raises SourceFailed."""
    query = {**span, "interval": interval, "includePrePost": "false", "events": "div,splits,capitalGains"}
    url = f"{HOST}{CHART_PATH}{symbol}"
    session.forget_answer()
    problem = _asked_by_client(session, url, query)
    try:
        return _answer(symbol, session, problem)
    except SourceFailed as failure:
        if session.chart_asked and failure.code not in WITHOUT_HELPERS:
            raise
    session.forget_answer()
    return _answer(symbol, session, _asked_without_helpers(session, url, query))


def new_session(timeout_seconds: float = REQUEST_TIMEOUT_SECONDS, **options: Any) -> Any:
    """The HTTP session given to the client: curl_cffi's, with `options` such as proxies= and verify=.

    It keeps the last answer about prices, even if that was redirected, and lets no request wait longer than
    `timeout_seconds`. It asks for Yahoo's cookie only once, with or without success: the client, which cannot store it
    here, would ask before each request.
    """
    from curl_cffi import CurlOpt
    from curl_cffi.requests import Session as CurlSession

    class RecordingSession(CurlSession):  # type: ignore[type-arg]
        chart: Any = None
        chart_asked = False
        cookie: Future[Any] | None = None

        def forget_answer(self) -> None:
            self.chart, self.chart_asked = None, False

        def request(self, method: Any, url: str, **kwargs: Any) -> Any:  # type: ignore[override]
            wanted = min(kwargs.pop("timeout", None) or timeout_seconds, timeout_seconds)
            if _parts(url).hostname == COOKIE_HOST:
                self.cookie = self.cookie or _outcome(super().request, method, url, timeout=wanted, **kwargs)
                return self.cookie.result()
            about_prices = _is_chart(url)
            if about_prices:
                self.chart, self.chart_asked = None, True
            answer = super().request(method, url, timeout=wanted, **kwargs)
            if about_prices or _is_chart(answer.url):
                self.chart = answer
            return answer

    return RecordingSession(impersonate="chrome", curl_options={CurlOpt.MAXFILESIZE: LARGEST_ANSWER}, **options)


def server_time(session: Any) -> datetime | None:
    """When the server made its last answer, by the server's own clock; None if the answer does not say."""
    headers = session.chart.headers if session.chart is not None else {}
    try:
        made = parsedate_to_datetime(headers.get("date") or "")
        return made + timedelta(seconds=int(headers.get("age") or 0)) if made.tzinfo else None
    except (ValueError, TypeError, OverflowError):
        return None


def classify(error: Exception | None, status: int | None) -> str:
    """The code of a failure, from the HTTP status if that is an error, else from curl's or the exception's class."""
    if status is not None and status >= 400:
        return STATUS_CODES.get(status, "server_error" if status >= 500 else "refused")
    classes = type(error).__mro__ if error else ()
    by_class = next((CODES[c.__name__] for c in classes if c.__name__ in CODES), "unreadable")
    return CURL_CODES.get(getattr(error, "code", 0), by_class)


def _outcome(ask: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any]:
    """The answer or the failure of a request that is made only once."""
    outcome = Future[Any]()
    try:
        outcome.set_result(ask(*args, **kwargs))
    except Exception as error:  # noqa: BLE001 (whatever it is, `result` raises it)
        outcome.set_exception(error)
    return outcome


def _asked_by_client(session: Any, url: str, query: Mapping[str, Any]) -> Exception | None:
    """Let the client ask; returns what it raised."""
    try:
        import yfinance  # type: ignore[import-untyped]

        yfinance.set_tz_cache_location(os.path.join(os.devnull, "none"))
        yfinance.data.YfData(session=session).get(url, params=query, timeout=REQUEST_TIMEOUT_SECONDS)
    except Exception as error:  # noqa: BLE001 (whatever its helpers raise, the answer decides whether it matters)
        return error
    return None


def _asked_without_helpers(session: Any, url: str, query: Mapping[str, Any]) -> Exception | None:
    session.cookies.clear()
    try:
        # For a cookie that is not UTF-8, curl_cffi raises a UnicodeDecodeError, and the answer is lost.
        session.get(url, params=query, discard_cookies=True)
    except (OSError, ValueError) as error:  # curl_cffi's exceptions are an OSError; it also decodes headers and URLs
        return error
    return None


def _answer(symbol: str, session: Any, problem: Exception | None) -> Chart:
    """The chart in the answer that the session kept. Raises SourceFailed."""
    answer = session.chart
    if answer is None:
        raise SourceFailed(classify(problem, None), symbol, f"{type(problem).__name__}: {problem}")
    status: int = answer.status_code
    body = answer.content.decode("utf-8", "replace")
    if status >= 400:
        raise SourceFailed(classify(problem, status), symbol, f"HTTP {status}, {body[:QUOTED]}")
    if (_parts(answer.url).hostname or "").endswith(CONSENT_HOST):
        raise SourceFailed("consent", symbol, f"HTTP {status}")
    try:
        return read_chart(body)
    except AnswerUnusable as unusable:
        raise SourceFailed(unusable.code, symbol, f"HTTP {status}, {unusable}") from unusable


def _is_chart(url: Any) -> bool:
    return _parts(url).path.startswith(CHART_PATH)


def _parts(url: Any) -> SplitResult:
    try:
        return urlsplit(str(url))
    except ValueError:  # a redirection may lead anywhere
        return urlsplit("")
