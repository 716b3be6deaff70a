"""The dashboard's pictures: QQQ with its averages and the trades, the value beside QQQ held, the drawdown. Pure."""

from collections.abc import Sequence
from datetime import datetime, time

from qqqbot.display.markup import Markup, joined, tag
from qqqbot.display.svg import Chart, Curve, Mark, Size, line_chart
from qqqbot.model.new_york import NEW_YORK
from qqqbot.monitoring.facts.charts import Life, Months
from qqqbot.monitoring.facts.dashboard import Charts
from qqqbot.monitoring.facts.status import NearestFlip

# The same picture for a wide screen and for a telephone, on which its texts would otherwise be too small to read.
WIDE, NARROW = 920, 360
HEIGHT, NARROW_HEIGHT, LOW = 300, 230, 150
USD = "{:,.0f}".format


def charts(found: Charts, flip: NearestFlip | None) -> list[tuple[str, Markup | None]]:
    """Title and picture of each; None if there is nothing to draw yet."""
    life = found.life
    return [
        ("QQQ and its averages", _months(found.months, flip)),
        ("Value against QQQ held, USD", _value(life)),
        ("Below the highest value, per cent", _pictures(_drawdown(life), LOW)),
    ]


def _months(months: Months | None, flip: NearestFlip | None) -> Markup | None:
    if months is None:
        return None
    times = [(n, datetime.combine(day, time(), NEW_YORK)) for n, day in enumerate(months.days)]
    marks = [Mark(trade.day, trade.price, trade.is_buy, trade.text) for trade in months.trades]
    curves = [
        _curve("long", months.long),
        _curve("short", months.short),
        _curve("price", [*enumerate(months.closes)]),
    ]
    title = "QQQ's closes and last price with its short and long average, the flip price and the trades"
    chart = Chart(title, curves, times, USD, level=flip.price if flip else None, marks=marks)
    names = [("price", "QQQ"), ("short", "short average"), ("long", "long average"), ("level", "flip price")]
    names += [("buy", "buy"), ("sell", "sell")] if marks else []
    return _with_legend(names, _pictures(chart, HEIGHT))


def _value(life: Life) -> Markup | None:
    curves = [_curve("held", _by_time(life.held)), _curve("equity", _by_time(life.equity))]
    chart = Chart("The bot's value and QQQ held instead, in USD", curves, _times(life.equity), USD)
    names = [("equity", "the bot"), ("held", "QQQ held from the same day, without dividends")]
    return _with_legend(names, _pictures(chart, HEIGHT))


def _drawdown(life: Life) -> Chart:
    curve = Curve("drawdown", _by_time(life.drawdown), css="fall", filled=True)
    title = "How far the value is below its highest, in per cent"
    return Chart(title, [curve], _times(life.drawdown), "{:g}%".format)


def _pictures(chart: Chart, height: int) -> Markup | None:
    wide = line_chart(chart, Size(WIDE, height, titled=False, css="wide"))
    narrow = line_chart(chart, Size(NARROW, min(height, NARROW_HEIGHT), titled=False, css="narrow"))
    return joined([wide, narrow]) if wide and narrow else None


def _curve(css: str, points: Sequence[tuple[float, float]]) -> Curve:
    """A curve whose colour comes from the style sheet and whose name is in the legend."""
    return Curve(css, points, css=css)


def _with_legend(names: Sequence[tuple[str, str]], picture: Markup | None) -> Markup | None:
    if picture is None:
        return None
    entries = [tag("span", tag("i", "", class_=css), name) for css, name in names]
    return joined([tag("p", entries, class_="legend"), picture])


def _by_time(points: Sequence[tuple[datetime, float]]) -> list[tuple[float, float]]:
    return [(at.timestamp(), value) for at, value in points]


def _times(points: Sequence[tuple[datetime, float]]) -> list[tuple[float, datetime]]:
    return [(at.timestamp(), at.astimezone(NEW_YORK)) for at, _ in points]
