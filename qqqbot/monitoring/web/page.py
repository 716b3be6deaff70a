"""The dashboard as HTML, in the words of the other screens and in parts: the browser replaces changed parts. Pure.

No text in a part depends on the time of the request ("12 s ago"): the script computes such texts from the moment, so
that a part changes only if something has happened. In each part as a whole, everything that could be an account id is
masked, whatever file it came from.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby

from qqqbot.display.formatting import NONE, column_time, count, percent, time_near, usd, words
from qqqbot.display.markup import Markup, joined, tag
from qqqbot.display.masking import printable, without_accounts, without_detail
from qqqbot.display.terminal import Field, Tone
from qqqbot.model.new_york import NEW_YORK, new_york_date
from qqqbot.monitoring.facts.changes import Change, Changes
from qqqbot.monitoring.facts.dashboard import Dashboard, Run
from qqqbot.monitoring.facts.status import NearestFlip, Own, Status
from qqqbot.monitoring.facts.trades import Log, LogLine
from qqqbot.monitoring.facts.why import Why
from qqqbot.monitoring.health import REFUSED
from qqqbot.monitoring.screens import status as status_screen
from qqqbot.monitoring.screens import why as why_screen
from qqqbot.monitoring.screens.frame import SIMULATED, mode_words
from qqqbot.monitoring.screens.trades import LEVEL_TONES, trade_table
from qqqbot.monitoring.web.blocks import TONES, drawn, fields, table
from qqqbot.records.coerce import moment, text
from qqqbot.records.risk_line import Position
from qqqbot.records.tail import Row
from qqqbot.records.verdict import Health

_WRONG = (Health.DEAD, Health.STALE, Health.FAILING)
# Colours of the tab and the pill: all is well, the owner wants it so, something is wrong, not known.
_COLOURS = {"good": "#0a7d45", "warning": "#c77700", "bad": "#b3261e", "unknown": "#7a828c"}
ICONS = {
    f"icon-{name}": (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
        f'<rect width="32" height="32" rx="7" fill="{colour}"/>'
        '<path d="M5 23l7-8 5 4 10-12" fill="none" stroke="#fff" stroke-width="3"/></svg>'
    )
    for name, colour in _COLOURS.items()
}
# The fields of the status screen that the page shows nowhere else.
_ONLY_HERE = ("Prices", "Time in", "Notices", "Signal")
_LOGGED_DECISION = re.compile(r'action=(\w+) .*sentence="((?:[^"\\]|\\.)*)"')
_HEAD = (
    tag("meta", charset="utf-8"),
    tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
    tag("meta", name="color-scheme", content="light dark"),
    tag("link", rel="stylesheet", href="dashboard.css"),
    tag("link", rel="icon", href="icon-unknown.svg", type="image/svg+xml", id="icon"),
)
# The place of each part; the parts of a card have a title.
_CARDS = {"mind": "What would change its mind", "decisions": "Decisions", "trades": "Trades"}
_CARDS |= {"status": "Status", "log": "Log"}
BOOK = "book.csv"
_WIDE = ("mind", "status", "log")


def document(content: Mapping[str, str], tags: str) -> str:
    """The whole page, made of its parts; the browser sends `tags` when it asks for changes."""
    banner, problems, tiles, mind, *rest = (_placed(name, html) for name, html in content.items())
    head = tag(
        "head",
        *_HEAD,
        tag("title", "qqqbot"),
        tag("script", src="charts.js", defer="defer"),
        tag("script", src="dashboard.js", defer="defer"),
        tag("noscript", tag("meta", http_equiv="refresh", content="30")),
    )
    pictures = tag("section", tag("noscript", "The charts need scripts."), id="charts", class_="card wide")
    lost = tag("p", "", id="lost", class_="alarm", role="alert", hidden="hidden")
    main = tag("main", banner, problems, tiles, mind, pictures, rest, id="page", data_tags=tags)
    return f"<!doctype html>\n{tag('html', head, tag('body', lost, main), lang='en')}\n"


def _placed(name: str, html: str) -> Markup:
    title = tag("h2", _CARDS[name]) if name in _CARDS else None
    place = tag("div", Markup(html), id=name)
    css = "card wide" if name in _WIDE else "card"
    return tag("section", title, place, class_=css) if title else place


def parts(facts: Dashboard) -> dict[str, str]:
    """Id of each place on the page -> its content, in the order of the page."""
    status = facts.status
    found = {
        "banner": _banner(status),
        "problems": _problems(status),
        "tiles": _tiles(facts),
        "mind": _mind(status),
        "decisions": _decisions(facts.runs),
        "trades": _trades(facts.trades.trades),
        "status": joined([_channels(status), fields(status_screen.fields(status), _ONLY_HERE)]),
        "log": _log(facts.log),
        "foot": _footer(status),
        "drawn": _drawn_of(facts),
    }
    return {name: _shown(html) for name, html in found.items()}


def why(facts: Why) -> str:
    """The decisions of a check or a day, with all their numbers, as a page of its own."""
    back = tag("p", tag("a", "back to the page", href="./"))
    told = tag("section", drawn(why_screen.why(facts)), class_="card wide")
    body = tag("body", tag("main", back, told), class_="why")
    head = tag("head", *_HEAD, tag("title", "why - qqqbot"))
    return f"<!doctype html>\n{_shown(tag('html', head, body, lang='en'))}\n"


def _shown(html: Markup) -> str:
    return printable(without_accounts(html))


def _banner(status: Status) -> Markup:
    who, health, process = status.who, status.health, status.process
    mode, told, _ = mode_words(who.mode, who.account)
    colour = TONES[Tone.BAD if _is_wrong(status) else status_screen.HEALTH_TONES.get(health, Tone.BAD)]
    colour = "unknown" if health is Health.NEVER_STARTED else colour
    beat = ("last heartbeat ", _ago(process.heartbeat_at, status)) if process.heartbeat_at else None
    return tag(
        "header",
        tag("p", SIMULATED, class_="simulated") if who.simulated_prices else None,
        tag("h1", mode),
        tag("p", tag("span", health.upper(), id="health", class_=f"health {colour}"), class_="state"),
        tag("p", told, class_="told"),
        tag("p", beat, tag("span", "", id="seen"), class_="asof faint"),
        tag("p", f"Halted by you: {status.halted_by_owner}", class_="warning") if status.halted_by_owner else None,
        class_=who.mode or "none",
        data_title=f"{health.upper()} - {mode} - qqqbot",
        data_icon=f"icon-{colour}.svg",
    )


def _problems(status: Status) -> Markup:
    loud = _is_wrong(status)
    return joined(
        tag(
            "p",
            tag("strong", words(without_detail(problem.text))),
            tag("span", problem.advice, class_="advice") if problem.advice else None,
            class_="alarm" if loud and n == 0 else "alarm soft",
        )
        for n, problem in enumerate(status.problems)
    )


def _is_wrong(status: Status) -> bool:
    """Whether the page is red: a bad exit code of status that its owner did not cause. A failing channel is not."""
    wanted = status.health in (Health.STOPPED, Health.NEVER_STARTED) or status.halted_by_owner is not None
    return status.exit_code != 0 and not (wanted and status.health not in _WRONG)


def _tiles(facts: Dashboard) -> Markup:
    status = facts.status
    own, signal = status.own, status.last_signal
    tiles = []
    if own is not None:
        tiles.append(_value(own, status))
        bought = [line for one in status.positions for line in _position(one, status)]
        agreed = _written(status_screen.broker_field(status, own))
        held = " + ".join(status_screen.held(own)) or "cash"
        tiles.append(_tile("Holds", held, *bought, f"{usd(own.cash)} USD cash", agreed))
    tiles += [*_gained(facts.changes), *_risk(status)]
    if signal is not None:
        averages = f"average {usd(signal.long_ma)}"
        if signal.short_ma != signal.price:  # otherwise the rule compares the price itself
            averages = f"short average {usd(signal.short_ma)}, long {usd(signal.long_ma)}"
        tiles.append(_tile(f"{signal.symbol}, {time_near(signal.at, status.now)}", usd(signal.price), averages))
    wanted = signal.target if signal else None
    tiles.append(_tile("The rule wants", wanted or "not known yet", *_coming(status)))
    return tag("section", tiles, class_="tiles")


def _value(own: Own, status: Status) -> Markup:
    change = f"{usd(own.change, sign=True)} USD ({percent(own.change_pct, sign=True)})"
    seen = _seen(own.valued_at, status) if own.equity is not None and own.rests_on_prices else []
    return _tile("Value, USD", usd(own.equity), change if own.change is not None else "not known yet", *seen)


def _seen(at: datetime | None, status: Status) -> list[str]:
    """The time of figures from prices that are not recent."""
    return [] if status.is_of_now(at) else [f"as of {time_near(at, status.now) if at else 'an unknown time'}"]


def _position(one: Position, status: Status) -> Iterator[Markup | str]:
    bought = f"bought at {usd(one.entry_price)}, {new_york_date(one.opened_at):%a %Y-%m-%d} "
    yield tag("p", bought, None if status.who.simulated_prices else _in(one.opened_at))
    if one.profit is not None:
        yield f"open profit {usd(one.profit, sign=True)} ({percent(one.profit_pct, sign=True)})"
        yield from _seen(status.last_signal.at if status.last_signal else None, status)


def _gained(found: Changes | None) -> Iterator[Markup]:
    """The gains of today, and of this week, month and year."""
    if found is None:
        return
    spans = [("this week", found.week), ("this month", found.month), ("this year", found.year)]
    lines = [f"{name} {_gain(change)}" for name, change in spans]
    yield _tile("Today, USD", usd(found.today.usd if found.today else None, sign=True), *lines)


def _gain(change: Change | None) -> str:
    return NONE if change is None else f"{usd(change.usd, sign=True)} ({percent(change.pct, sign=True)})"


def _risk(status: Status) -> Iterator[Markup]:
    """The bot compared with holding the index, how far it is below its highest value, and what trading has cost."""
    if (line := status.risk) is None:
        return
    seen = _seen(line.at, status)
    points = f"{line.ahead_pct:+,.2f} points; " if line.ahead_pct is not None else ""
    beside = f"{points}{line.signal} would be {usd(line.qqq_held)}"
    yield _tile(f"Bot less {line.signal} held, USD", usd(line.ahead, sign=True), beside, *seen)
    worst = f" on {new_york_date(line.worst_at)}" if line.worst_at and line.worst_drawdown_pct else ""
    deepest = f"{percent(line.worst_drawdown_pct)} at worst{worst}"
    yield _tile("Below its highest value", percent(line.drawdown_pct), deepest, *seen)
    if line.commissions is not None and line.slippage is not None:
        parts = f"commissions {usd(line.commissions)}, slippage {usd(line.slippage)}"
        yield _tile("Costs, USD", usd(line.commissions + line.slippage), parts, f"{count(line.rotations)} rotations")


def _tile(label: str, value: str, *rest: Markup | str) -> Markup:
    lines = [line if isinstance(line, Markup) else tag("p", line) for line in rest]
    return tag("div", tag("p", label, class_="label"), tag("p", value, class_="value"), lines, class_="tile")


def _written(field: Field) -> Markup:
    return tag("p", field.text, class_=TONES.get(field.tone))


def _coming(status: Status) -> list[Markup]:
    """The next check; and when the last minutes of the day begin, if only they decide."""
    coming, now = status.next, status.now
    if coming.check_at is None:
        return [tag("p", "no check is coming: the bot is not running", class_="faint")]
    lines = [tag("p", f"next check {time_near(coming.check_at, now)} ", _in(coming.check_at))]
    if (opens := coming.decides_from) is not None:
        lines.append(tag("p", f"it decides from {time_near(opens, now)} ", _in(opens)))
    elif coming.opens_at and coming.exchange_open is False:
        lines.append(tag("p", f"the exchange opens {time_near(coming.opens_at, now)} ", _in(coming.opens_at)))
    return lines


def _in(at: datetime) -> Markup:
    """How far away a moment is, in brackets; the script fills it in."""
    return tag("time", "", datetime=at.isoformat(), class_="near")


def _ago(at: datetime, status: Status) -> Markup:
    """How long ago a moment was; only the script fills it in, and not for a demo, whose time stands still."""
    told = time_near(at, status.now)
    return tag("span", told) if status.who.simulated_prices else tag("time", told, datetime=at.isoformat())


def _mind(status: Status) -> Markup:
    flip = status.next.flip
    known = flip is not None and not flip.outdated and status.next.forecast is None
    told = [_written(field) for field in status_screen.flip_fields(status)]
    return joined([*told, _gauge(flip) if flip is not None and known else None])


def _gauge(flip: NearestFlip) -> Markup:
    """A line with the signal's price on it, divided at the flip price."""
    reach = max(abs(flip.distance_pct) * 1.5, 1.0)
    if not reach < 100:
        return Markup()
    divide, above = 50 + flip.distance_pct / reach * 50, flip.distance_pct > 0
    far = {"x": f"{divide if above else 0:.1f}", "width": f"{100 - divide if above else divide:.1f}"}
    bar = tag(
        "svg",
        tag("rect", x=0, width=100, y=2, height=6, class_="stays"),
        tag("rect", **far, y=2, height=6, class_="flips"),
        tag("rect", x="49.6", width="0.8", y=0, height=10, class_="now"),
        viewBox="0 0 100 10",
        preserveAspectRatio="none",
        role="img",
        aria_label=f"{flip.symbol} is {abs(flip.distance_pct):.1f} per cent from the flip price",
        class_="gauge",
    )
    ends = [f"now {usd(flip.seen_price)}", f"{flip.target} {'above' if above else 'below'} {usd(flip.price)}"]
    labels = [tag("span", end) for end in (ends if above else reversed(ends))]
    return joined([bar, tag("p", labels, class_="ends")])


def _decisions(runs: Sequence[Run]) -> Markup:
    return tag("ol", [_decision(run) for run in runs]) if runs else tag("p", "None yet.", class_="faint")


def _decision(run: Run) -> Markup:
    """The newest check of a run, with a link to all its numbers."""
    at, action = moment(run.row.get("timestamp")), text(run.row.get("action")) or NONE
    times = f" x {run.length}{'+' if run.open else ''} since {column_time(run.since)}" if run.length > 1 else ""
    link = f"why?at={at.astimezone(NEW_YORK):%Y-%m-%dT%H:%M}" if at else None
    sentence = words(without_detail(text(run.row.get("sentence")) or "no sentence"))
    return tag(
        "li",
        tag("span", column_time(at), class_="time"),
        tag("span", action, class_=f"action {TONES[status_screen.ACTION_TONES.get(action, Tone.FAINT)]}"),
        tag("span", times, class_="faint") if times else None,
        tag("p", sentence, " ", tag("a", "why", href=link) if link else None),
    )


def _trades(rows: Sequence[Row]) -> Markup:
    if not rows:
        return tag("p", "None yet.", class_="faint")
    more = tag("p", tag("a", "the whole book as CSV", href=BOOK), class_="faint")
    return joined([table(trade_table([*reversed(rows)])), more])


def _channels(status: Status) -> Markup:
    """The channels to the owner, each with its last sign of life."""
    rows = []
    for one in status.channels:
        last = ("last accepted ", _ago(one.delivered_at, status)) if one.delivered_at else "nothing accepted yet"
        wrong = tag("span", f"; {one.why or REFUSED}", class_="warning") if one.fails else None
        rows.append(tag("li", tag("strong", one.name), " ", last, wrong))
    if not status.channels:
        rows.append(tag("li", "No channel is set up: you are notified of nothing.", class_="warning"))
    return tag("ul", rows)


def _log(log: Log) -> Markup:
    """The log, newest line first; equal lines in a row are shown as one."""
    notes = [tag("p", note, class_="warning") for note in log.notes]
    if not log.lines:
        return joined([notes, tag("p", "No log yet.", class_="faint")])
    runs = [[*lines] for _, lines in groupby(reversed(log.lines), lambda line: (line.level, _told(line)))]
    return joined([notes, tag("ol", [_log_run(lines) for lines in runs])])


def _log_run(lines: Sequence[LogLine]) -> Markup:
    newest, at, first = lines[0], moment(lines[0].at), moment(lines[-1].at)
    times = f" x {len(lines)} since {column_time(first)[-5:]}" if len(lines) > 1 else ""
    shown = f"{column_time(at)}:{at.astimezone(NEW_YORK):%S} {newest.level}{times}" if at else ""
    return tag(
        "li",
        tag("span", shown, class_="time") if shown else None,
        " ",
        _told(newest),
        class_=TONES.get(LEVEL_TONES.get(newest.level or "", Tone.PLAIN)),
    )


def _told(line: LogLine) -> str:
    """A line of the log; of a decision only its sentence, as its numbers are a click away."""
    found = _LOGGED_DECISION.fullmatch(line.text)
    return f"{found[1]}: {found[2]}" if found else line.text


def _footer(status: Status) -> Markup:
    return tag(
        "footer",
        [tag("p", tag("code", field.text)) for field in status_screen.stop_fields(status)],
        tag("p", "This page only reads; nothing on it can trade, stop or change anything.", class_="faint"),
    )


def _drawn_of(facts: Dashboard) -> Markup:
    """What the charts depend on: when it changes, the browser fetches them again."""
    flip = facts.status.next.flip
    return tag("data", hidden="hidden", value=str(facts.drawn), data_flip=f"{flip.price:.2f}" if flip else None)
