"""The dashboard's pictures: QQQ with its averages and the trades, the value beside QQQ held, the drawdown. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from qqqbot.display.markup import Markup, joined, tag
from qqqbot.model.sessions import NEW_YORK
from qqqbot.monitoring.web.line_chart import Chart, Curve, Mark, draw

# The same picture for a wide screen and for a telephone, whose texts would else be unreadably small.
WIDE, NARROW = 920, 360
HEIGHT, NARROW_HEIGHT, LOW = 300, 230, 150

Facts = Mapping[str, Any]


def charts(facts: Facts) -> list[tuple[str, Markup | None]]:
    """Title and picture of each; None where there is nothing to draw yet."""
    life = facts["life"]
    return [
        ("QQQ and its averages", _months(facts["months"], facts["status"])),
        ("Value against QQQ held, USD", _value(life)),
        ("Below the highest value, per cent", _pictures(_drawdown(life), LOW)),
    ]


def _months(months: Facts | None, status: Facts) -> Markup | None:
    if months is None:
        return None
    flip = status["next"]["flip"]
    days: Sequence[Any] = months["days"]
    starts = [(n, f"{day:%b}") for n, day in enumerate(days) if n and day.month != days[n - 1].month]
    marks = [
        Mark(t["day"], t["price"], t["side"] == "BUY", f"{t['side']} {t['quantity']} {t['symbol']} {t['timestamp']}")
        for t in months["trades"]
    ]
    curves = [
        Curve("long", months["long"]),
        Curve("short", months["short"]),
        Curve("price", [*enumerate(months["closes"])]),
    ]
    told = "QQQ's closes and last price with its short and long average, the flip price and the trades"
    chart = Chart(told, curves, starts, flip["price"] if flip else None, marks)
    names = [("price", "QQQ"), ("short", "short average"), ("long", "long average"), ("level", "flip price")]
    names += [("buy", "buy"), ("sell", "sell")] if marks else []
    return _with_legend(names, _pictures(chart, HEIGHT))


def _value(life: Facts) -> Markup | None:
    curves = [Curve("held", _by_time(life["held"])), Curve("equity", _by_time(life["equity"]))]
    chart = Chart("The bot's value and QQQ held instead, in USD", curves, _dates(life["equity"]))
    names = [("equity", "the bot"), ("held", "QQQ held from the same day, without dividends")]
    return _with_legend(names, _pictures(chart, HEIGHT))


def _drawdown(life: Facts) -> Chart:
    curve = Curve("fall", _by_time(life["drawdown"]), filled=True)
    return Chart(
        "How far the value is below its highest, in per cent", [curve], _dates(life["drawdown"]), y_text="{:.1f}".format
    )


def _pictures(chart: Chart, height: int) -> Markup | None:
    wide, narrow = draw(chart, WIDE, height, "wide"), draw(chart, NARROW, min(height, NARROW_HEIGHT), "narrow")
    return joined([wide, narrow]) if wide and narrow else None


def _with_legend(names: Sequence[tuple[str, str]], picture: Markup | None) -> Markup | None:
    if picture is None:
        return None
    entries = [tag("span", tag("i", "", class_=css), name) for css, name in names]
    return joined([tag("p", entries, class_="legend"), picture])


def _by_time(points: Sequence[tuple[datetime, float]]) -> list[tuple[float, float]]:
    return [(at.timestamp(), value) for at, value in points]


def _dates(points: Sequence[tuple[datetime, float]]) -> list[tuple[float, str]]:
    """Every point is a candidate for a label; the chart keeps those that leave each other room."""
    if not points:
        return []
    span = points[-1][0] - points[0][0]
    form = "%H:%M" if span.days < 2 else "%d %b" if span.days < 200 else "%b %Y"
    return [(at.timestamp(), f"{at.astimezone(NEW_YORK):{form}}") for at, _ in points[:: max(1, len(points) // 8)]]
