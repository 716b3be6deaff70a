"""The dashboard as HTML, in the words of the other screens. Pure.

Everything that could be an account id is masked in the whole text at the end, whatever file it came from.
"""

from collections.abc import Sequence
from datetime import datetime

from qqqbot.display.formatting import NONE, column_time, count, percent, time_near, until, usd, words
from qqqbot.display.markup import Markup, joined, tag
from qqqbot.display.masking import masked, without_accounts
from qqqbot.display.terminal import Fields, Tone
from qqqbot.model.new_york import NEW_YORK
from qqqbot.monitoring.facts.dashboard import Dashboard
from qqqbot.monitoring.facts.status import Next, Own, Status
from qqqbot.monitoring.facts.trades import Log, LogLine
from qqqbot.monitoring.health import Health
from qqqbot.monitoring.screens import status as status_screen
from qqqbot.monitoring.screens.frame import SIMULATED
from qqqbot.monitoring.web.page_charts import charts
from qqqbot.records.coerce import moment, number, text
from qqqbot.records.tail import Row

_MODES = {
    "dry_run": ("DRY RUN", "simulated account, no order can reach a broker"),
    "paper": ("PAPER", "Interactive Brokers paper trading, no real money"),
    "live": ("LIVE", "orders are for real money"),
}
_HEALTH = {
    Health.HEALTHY: "good",
    Health.STARTING: "good",
    Health.HALTED: "warning",
    Health.STOPPED: "warning",
    Health.NEVER_STARTED: "faint",
}
_TONES = {Tone.GOOD: "good", Tone.WARNING: "warning", Tone.BAD: "bad", Tone.FAINT: "faint", Tone.TITLE: "strong"}
_ACTIONS = {"ROTATE": "good", "WAIT": "warning", "FAILED": "bad"}
_LEVELS = {"WARNING": "warning", "ERROR": "bad", "CRITICAL": "bad"}
_GONE = (Health.DEAD, Health.STALE)
_LOUD = (*_GONE, Health.FAILING)
# Shown elsewhere on the page.
_SHOWN_ELSEWHERE = ("Problems", "Flip", "To start", "To stop", "To resume")


def document(facts: Dashboard) -> str:
    """The whole page."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", _title(facts.status)),
        tag("link", rel="icon", href="icon.svg", type="image/svg+xml"),
        tag("link", rel="stylesheet", href="dashboard.css"),
        tag("script", src="dashboard.js", defer="defer"),
        tag("noscript", tag("meta", http_equiv="refresh", content="30")),
    )
    lost = tag("p", "", id="lost", class_="alarm", hidden="hidden")
    return f"<!doctype html>\n{tag('html', head, tag('body', lost, Markup(fragment(facts))), lang='en')}\n"


def fragment(facts: Dashboard) -> str:
    """The part of the page that is replaced while it is open."""
    status = facts.status
    content = tag(
        "main",
        _banner(status),
        _problems(status),
        _tiles(status),
        _flip(status),
        [_section(title, picture) for title, picture in charts(facts.charts, status.next.flip)],
        _section("Decisions", _decisions(facts.decisions)),
        _section("Trades", _trades(facts.trades.trades)),
        _section("Status", _status(status)),
        _section("Log", _log(facts.log)),
        _footer(status),
        id="page",
        data_title=_title(facts.status),
        class_=f"{status.who.mode or 'none'}{' gone' if status.health in _GONE else ''}",
    )
    return without_accounts(content)


def _title(status: Status) -> str:
    mode, _ = _MODES.get(status.who.mode or "", (status.who.mode or "nothing yet", ""))
    return f"{status.health.upper()} - {mode} - qqqbot"


def _banner(status: Status) -> Markup:
    who, health = status.who, status.health
    mode, meaning = _MODES.get(who.mode or "", (who.mode or "NOTHING YET", "nothing is recorded here"))
    account = f"account {masked(who.account)}" if who.account else "account not known yet"
    return tag(
        "header",
        tag("p", SIMULATED, class_="simulated") if who.simulated_prices else None,
        tag("h1", mode),
        tag("p", tag("span", health.upper(), class_=f"health {_HEALTH.get(health, 'bad')}"), class_="state"),
        tag("p", meaning if who.mode == "dry_run" else f"{meaning}; {account}", class_="told"),
        tag("p", f"as of {column_time(status.now)}:{status.now.astimezone(NEW_YORK):%S} ET", class_="asof faint"),
    )


def _problems(status: Status) -> Markup:
    loud = status.health in _LOUD or status.who.mode == "live"
    return joined(
        tag(
            "p",
            tag("strong", words(status_screen.without_detail(problem.text))),
            tag("span", problem.advice, class_="advice") if problem.advice else None,
            class_="alarm" if loud else "alarm soft",
        )
        for problem in status.problems
    )


def _tiles(status: Status) -> Markup:
    own, signal, coming = status.own, status.last_signal, status.next
    tiles = []
    if own is not None:
        rest = f"{usd(own.change, sign=True)} USD ({percent(own.change_pct, sign=True)})"
        tone = "good" if (own.change or 0) > 0 else "bad" if (own.change or 0) < 0 else "faint"
        tiles.append(_tile("Value, USD", usd(own.equity), rest if own.change is not None else "", tone))
        agrees, tone = _agreement(own, running=coming.check_at is not None)
        cash = f"{usd(own.cash)} USD cash; {agrees}"
        tiles.append(_tile("Holds", " + ".join(status_screen.held(own)) or "cash", cash, tone))
    if signal is not None:
        averages = f"short average {usd(signal.short_ma)}, long {usd(signal.long_ma)}"
        tiles.append(_tile(f"QQQ, {_near(signal.at, status)}", usd(signal.price), averages, "faint"))
        tiles.append(_tile("The rule wants", signal.target or NONE, _next_check(coming, status), "faint"))
    return tag("section", tiles, class_="tiles") if tiles else Markup()


def _agreement(own: Own, running: bool) -> tuple[str, str]:
    """Whether the account agrees with the book, in words, and their colour."""
    if own.agrees is None:
        return "the account has not been asked yet", "faint"
    if not own.agrees:
        return "the account DISAGREES", "bad"
    if running and not own.answers:
        return "the account does not answer now; it agreed when last asked", "warning"
    return f"the account {'agrees' if running else 'agreed when last asked'}", "faint"


def _tile(label: str, value: str, rest: str, tone: str) -> Markup:
    return tag(
        "div",
        tag("p", label, class_="label"),
        tag("p", value, class_="value"),
        tag("p", rest, class_=tone),
        class_="tile",
    )


def _near(at: datetime | None, status: Status) -> str:
    return time_near(at, status.now)


def _next_check(coming: Next, status: Status) -> str:
    if coming.check_at:
        return f"next check {_near(coming.check_at, status)} ({until(coming.check_at, status.now)})"
    return "no check is coming: the bot is not running"


def _flip(status: Status) -> Markup:
    flip, forecast = status.next.flip, status.next.forecast
    if forecast is not None:
        return _mind(status_screen.forecast_text(forecast))
    if flip is None:
        return Markup()
    sentence = status_screen.flip_text(flip, status.next.decides_near_close)
    seen = f"as of {_near(flip.seen_at, status)}"
    if flip.coming:
        seen = f"assumes that day closed at the price of {_near(flip.seen_at, status)}"
    return _mind(sentence, tag("span", f" ({seen})", class_="faint"))


def _mind(*content: Markup | str) -> Markup:
    return tag("p", tag("strong", "What would change its mind: "), *content, class_="flip")


def _section(title: str, content: Markup | None) -> Markup:
    return tag("section", tag("h2", title), content, class_="card") if content else Markup()


def _decisions(rows: Sequence[Row]) -> Markup:
    if not rows:
        return tag("p", "None yet.", class_="faint")
    return _table(("Time (ET)", "", "Why"), [_decision(row) for row in reversed(rows)], "decisions")


def _decision(row: Row) -> Markup:
    action = text(row.get("action")) or NONE
    return tag(
        "tr",
        tag("td", column_time(moment(row.get("timestamp"))), class_="time"),
        tag("td", tag("span", action, class_=f"action {_ACTIONS.get(action, 'faint')}")),
        tag("td", words(status_screen.without_detail(text(row.get("sentence")) or "no sentence"))),
    )


def _trades(rows: Sequence[Row]) -> Markup:
    if not rows:
        return tag("p", "None yet.", class_="faint")
    headings = ("Time (ET)", "Order", "Price", "Profit", "Value after")
    return _table(headings, [_trade(row) for row in reversed(rows)], "trades")


def _trade(row: Row) -> Markup:
    side = text(row.get("side")) or NONE
    profit = number(row.get("realized_pnl")) if side == "SELL" else None
    order = f"{count(number(row.get('quantity')))} {text(row.get('symbol')) or NONE}"
    return tag(
        "tr",
        tag("td", column_time(moment(row.get("timestamp"))), class_="time"),
        tag("td", tag("span", side, class_="up" if side == "BUY" else "down"), f" {order}"),
        tag("td", usd(number(row.get("price"))), class_="number"),
        tag("td", usd(profit, sign=True), class_=f"number {'good' if (profit or 0) > 0 else 'bad' if profit else ''}"),
        tag("td", usd(number(row.get("equity"))), class_="number"),
    )


def _table(headings: Sequence[str], rows: Sequence[Markup], css: str) -> Markup:
    head = tag("thead", tag("tr", [tag("th", heading) for heading in headings]))
    return tag("div", tag("table", head, tag("tbody", rows), class_=css), class_="scroll", id=f"{css}-table")


def _status(status: Status) -> Markup:
    """The words of the terminal, except for what is shown above in large letters."""
    label, items = "", []
    for block in status_screen.status(status):
        for row in block.rows if isinstance(block, Fields) else ():
            label = row.label or label
            if label not in _SHOWN_ELSEWHERE:
                name = words(row.label) if row.label else ""
                items.append(joined([tag("dt", name), tag("dd", row.text, class_=_TONES.get(row.tone))]))
    return tag("dl", items)


def _log(log: Log) -> Markup:
    lines = [_log_line(line) for line in log.lines] or [Markup("No log yet.")]
    notes = [tag("p", note, class_="warning") for note in log.notes]
    return joined([notes, tag("pre", lines, id="log-lines")])


def _log_line(line: LogLine) -> Markup:
    at = moment(line.at)
    shown = f"{column_time(at)}:{at.astimezone(NEW_YORK):%S} {line.level} {line.text}\n" if at else f"{line.text}\n"
    return tag("span", shown, class_=_LEVELS.get(line.level or ""))


def _footer(status: Status) -> Markup:
    match status.health:
        case Health.STOPPED | Health.DEAD | Health.NEVER_STARTED:
            how = [status_screen.HOW_TO_START]
        case Health.HALTED:
            how = [status_screen.HOW_TO_RESUME, status_screen.HOW_TO_STOP]
        case _:
            how = [status_screen.HOW_TO_STOP, status_screen.HOW_TO_HALT]
    return tag(
        "footer",
        [tag("p", tag("code", line)) for line in how],
        tag("p", "This page only reads; nothing on it can trade, stop or change anything.", class_="faint"),
    )
