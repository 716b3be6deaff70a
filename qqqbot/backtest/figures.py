"""The pictures of a study, one function each: the report and the notebook show the same pictures."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from qqqbot.backtest import metrics, tables
from qqqbot.backtest.prices.table import Dates, Floats, calendar_years
from qqqbot.backtest.signals import Levels
from qqqbot.backtest.study import EquityLine, Study
from qqqbot.display import svg
from qqqbot.display.svg import BLUE, FAINT, GREEN, GREY, ORANGE, PURPLE, Chart, Curve, Format, Group, Stretch
from qqqbot.model.family import PRICE, Average
from qqqbot.model.instruments import Holding, Kind

LOOK_AHEAD = "look-ahead: WRONG"
COLOURS = {Kind.CASH: GREY, Kind.INDEX: GREEN, Kind.LEVERAGED: ORANGE, Kind.BILLS: BLUE}
# The rarest value in a hundred at either end would leave most of a histogram empty.
USUAL = (1, 99)


def equity(study: Study) -> str:
    """What the capital became, on a log scale; with the look-ahead curve if that was asked for."""
    curves = [_curve(name, line.equity, colour) for name, line, colour in _held_and_own(study)]
    if study.wrong is not None:
        capital = float(study.question.terms.capital)
        curves.append(_curve(LOOK_AHEAD, study.wrong.curve * capital, PURPLE, dashed=True))
    return _lines("Equity in USD, log scale", study.days.dates, curves, svg.amount, 360, log=True)


def comparison(studies: Sequence[Study]) -> str:
    """The accounts of several rules, and the index of the first rule held; on a log scale."""
    first = studies[0]
    curves = [_curve(first.signal.name, first.signal.equity, FAINT)]
    colours = (BLUE, ORANGE, GREEN, PURPLE)
    curves += [
        _curve(tables.name(study), study.own.equity, colours[n % len(colours)], dashed=n >= len(colours))
        for n, study in enumerate(studies)
    ]
    return _lines("Equity in USD of each rule, log scale", first.days.dates, curves, svg.amount, 360, log=True)


def drawdown(study: Study) -> str:
    """How far each curve was below its highest point."""
    curves = [_curve(name, metrics.drawdowns(line.equity), colour) for name, line, colour in _held_and_own(study)]
    return _lines("Drawdown", study.days.dates, curves, svg.percent, 260)


def holdings(study: Study, last_sessions: int | None = None) -> str:
    """The signal with both averages, and below them what was held; only the `last_sessions` if that is given."""
    cut = slice(-last_sessions if last_sessions else None, None)
    days, trend, symbol = study.days, study.question.terms.rules.form.trend, study.prices.signal.symbol
    sides = ((trend.fast, days.short_ma, BLUE), (trend.slow, days.long_ma, PURPLE))
    curves = [
        _curve(symbol, days.signal[cut], FAINT),
        *(_curve(_side(side), values[cut], colour) for side, values, colour in sides if side != PRICE),
    ]
    whole = "" if last_sessions is None else f", last {last_sessions} sessions"
    strip = _strip(study.account.holding[cut], days.names)
    title = f"{symbol} and averages{whole}"
    return _lines(title, days.dates[cut], curves, svg.amount, 320, log=last_sessions is None, strip=strip)


def yearly(study: Study) -> str:
    """The return of each calendar year; the first and the last year may be incomplete."""
    years = calendar_years(study.days.dates)
    held = ((study.signal.name, study.signal, GREEN), (study.fund.name, study.fund, ORANGE))
    lines = (("the rule", study.own, BLUE), *held)
    groups = [Group(name, metrics.period_returns(line.equity, years)[1].tolist(), c) for name, line, c in lines]
    return svg.bar_chart([str(y) for y in np.unique(years).tolist()], groups, "Return of each year")


def held_periods(study: Study) -> str:
    """The results of the periods in which a fund was held, costs included."""
    first, last = metrics.held_periods(study.account.holding)
    results = study.own.equity[last] / study.own.equity[first] - 1
    held = study.account.holding[first]
    cash, *funds = (
        Group(_label(name), results[held == column].tolist(), _colour(name))
        for column, name in enumerate(study.days.names)
    )
    groups = [group for group in funds if group.values] or [cash]
    return svg.histogram(groups, "Result of each held period", _usual(groups))


def heat(study: Study, figure: str) -> str:
    """`figure` ("cagr" or "sharpe") of the rules around this one, which has a red ring."""
    if study.sweep is None:
        return ""
    around = study.sweep.grid
    names = {"cagr": "CAGR", "sharpe": "Sharpe ratio"}
    of = "every pair of averages" if tables.kind(study) == "pair" else "the rules around it"
    row, column = around.own
    return svg.heat_map(
        svg.HeatMap(
            f"{names[figure]} of {of}: a picture of fragility",
            _ticks(around.columns),
            _ticks(around.rows),
            getattr(study.sweep, figure).tolist(),
            around.axes,
            (column, row),
            svg.percent if figure == "cagr" else "{:.2f}".format,
        )
    )


def luck(study: Study) -> str:
    """The CAGR of every circular shift of the positions, and of the true positions."""
    if study.null is None:
        return ""
    groups = [Group("shifted", study.null.shifted.tolist(), GREY)]
    title = "CAGR of the same positions at other times"
    return svg.histogram(groups, title, _usual(groups), (study.null.observed, "the rule"))


def walk_forward(study: Study) -> str:
    """Two curves: following the best rule of the previous five years, and keeping the own rule."""
    if study.walk is None:
        return ""
    one = tables.kind(study)
    curves = [
        _curve(f"fixed {one}", study.walk.fixed / study.walk.fixed[0], BLUE),
        _curve(f"best {one} of the previous 5 years", study.walk.equity / study.walk.equity[0], PURPLE),
    ]
    return _lines("Walk-forward: value of 1, log scale", study.walk.dates, curves, "{:g}".format, 300, log=True)


def long_view(study: Study) -> str:
    """The same rule with a model of the fund before its first day."""
    if study.long_view is None:
        return ""
    rule, index, fund = study.long_view.curves
    curves = [
        _curve(tables.times_index(study), fund, ORANGE),
        _curve(study.signal.name, index, GREEN),
        _curve("the rule", rule, BLUE),
    ]
    began = str(study.long_view.fit.first)[:4]
    title = f"With a model of {study.prices.fund.symbol} before {began}: value of 1, log scale"
    return _lines(title, study.long_view.days.dates, curves, "{:g}".format, 340, log=True)


def _held_and_own(study: Study) -> tuple[tuple[str, EquityLine, str], ...]:
    held = ((line.name, line, colour) for line, colour in ((study.fund, ORANGE), (study.signal, GREEN)))
    return (*held, ("the rule, your account", study.own, BLUE))


def _curve(name: str, values: Floats, colour: str, dashed: bool = False) -> Curve:
    known = np.flatnonzero(np.isfinite(values))
    return Curve(name, [*zip(known.tolist(), values[known].tolist(), strict=True)], colour, dashed=dashed)


def _lines(
    title: str,
    dates: Dates,
    curves: list[Curve],
    form: Format,
    height: int,
    log: bool = False,
    strip: tuple[Stretch, ...] = (),
) -> str:
    times: list[datetime] = dates.astype("datetime64[s]").tolist()
    chart = Chart(title, curves, [*enumerate(times)], form, log=log, strip=strip)
    return svg.line_chart(chart, height) or ""


def _strip(held: Levels, names: tuple[str, ...]) -> tuple[Stretch, ...]:
    first, last = metrics.held_periods(held)
    labels = [(_label(name), _colour(name)) for name in names]
    return tuple(
        Stretch(begin, end, *labels[int(held[begin])]) for begin, end in zip(first.tolist(), last.tolist(), strict=True)
    )


def _label(name: str) -> str:
    return "cash" if name == Holding.CASH else name


def _colour(name: str) -> str:
    return COLOURS[Holding(name).kind]


def _side(side: Average) -> str:
    return f"{side.length} days" + (", exponential" if side.exponential else "")


def _ticks(values: Floats) -> list[float]:
    """Whole numbers as such."""
    return [int(value) if value == int(value) else value for value in values.tolist()]


def _usual(groups: list[Group]) -> tuple[float, float]:
    low, high = np.percentile(np.concatenate([group.values for group in groups]), USUAL).tolist()
    return low, high
