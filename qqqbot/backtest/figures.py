"""The pictures of a study, each a function of it: the report and the notebook show the same ones."""

from datetime import datetime

import numpy as np

from qqqbot.backtest import metrics
from qqqbot.backtest.prices.table import Dates, Floats
from qqqbot.backtest.signals import CASH, QQQ, TQQQ, Levels
from qqqbot.backtest.study import Study
from qqqbot.display import svg
from qqqbot.display.svg import BLUE, FAINT, GREEN, GREY, ORANGE, PURPLE, Chart, Curve, Format, Group, Size, Stretch

LOOK_AHEAD = "look-ahead: WRONG"
HELD = (("cash", GREY), ("QQQ", GREEN), ("TQQQ", ORANGE))
# The rarest one in a hundred at either end would leave most of a histogram empty.
USUAL = (1, 99)


def equity(study: Study) -> str:
    """What the capital became, log scale; with the wrong curve as well if that was asked for."""
    curves = [
        _curve("TQQQ held", study.tqqq.equity, ORANGE),
        _curve("QQQ held", study.qqq.equity, GREEN),
        _curve("the rule, your account", study.own.equity, BLUE),
    ]
    if study.wrong is not None:
        capital = float(study.question.terms.capital)
        curves.append(_curve(LOOK_AHEAD, study.wrong.curve * capital, PURPLE, dashed=True))
    return _lines("Equity in USD, log scale", study.days.dates, curves, svg.amount, 360, log=True)


def drawdown(study: Study) -> str:
    """How far each curve was below its highest point."""
    curves = [
        _curve(name, metrics.drawdowns(line.equity), colour)
        for name, line, colour in (
            ("TQQQ held", study.tqqq, ORANGE),
            ("QQQ held", study.qqq, GREEN),
            ("the rule, your account", study.own, BLUE),
        )
    ]
    return _lines("Drawdown", study.days.dates, curves, svg.percent, 260)


def holdings(study: Study, last_sessions: int | None = None) -> str:
    """QQQ with both averages, and below them what was held; of the last sessions only if a number is given."""
    cut = slice(-last_sessions if last_sessions else None, None)
    days, rules = study.days, study.question.terms.rules
    curves = [
        _curve("QQQ", days.close[QQQ, cut], FAINT),
        _curve(f"{rules.short_period} days", days.short_ma[cut], BLUE),
        _curve(f"{rules.long_period} days", days.long_ma[cut], PURPLE),
    ]
    whole = "" if last_sessions is None else f", last {last_sessions} sessions"
    strip = _strip(study.account.holding[cut])
    title = f"QQQ and averages{whole}"
    return _lines(title, days.dates[cut], curves, svg.amount, 320, log=last_sessions is None, strip=strip)


def yearly(study: Study) -> str:
    """Return of each calendar year; the first and last may be incomplete."""
    years = study.days.dates.astype("datetime64[Y]").astype(np.int64) + 1970
    lines = (("the rule", study.own, BLUE), ("QQQ held", study.qqq, GREEN), ("TQQQ held", study.tqqq, ORANGE))
    groups = [Group(name, metrics.period_returns(line.equity, years)[1].tolist(), c) for name, line, c in lines]
    return svg.bar_chart([str(y) for y in np.unique(years).tolist()], groups, "Return of each year")


def held_periods(study: Study) -> str:
    """Results of the periods in which QQQ or TQQQ was held, costs included."""
    first, _ = metrics.held_periods(study.account.holding)
    results = metrics.held_period_returns(study.own.equity, study.account.holding)
    held = study.account.holding[first]
    groups = [Group("QQQ", results[held == QQQ].tolist(), GREEN), Group("TQQQ", results[held == TQQQ].tolist(), ORANGE)]
    groups = [g for g in groups if g.values] or [Group("cash", results[held == CASH].tolist(), GREY)]
    return svg.histogram(groups, "Result of each held period", _usual(groups))


def heat(study: Study, figure: str) -> str:
    """`figure` ("cagr" or "sharpe") of every pair of averages, the configured one in a red ring."""
    if study.sweep is None:
        return ""
    rules, swept = study.question.terms.rules, study.sweep
    names = {"cagr": "CAGR", "sharpe": "Sharpe ratio"}
    return svg.heat_map(
        svg.HeatMap(
            f"{names[figure]} of every pair of averages: a picture of fragility",
            swept.longs.tolist(),
            swept.shorts.tolist(),
            getattr(swept, figure).tolist(),
            ("long average, days", "short average, days"),
            (rules.long_period, rules.short_period),
            svg.percent if figure == "cagr" else "{:.2f}".format,
        )
    )


def luck(study: Study) -> str:
    """CAGR of every circular shift of the positions, and of the true ones."""
    if study.null is None:
        return ""
    groups = [Group("shifted", study.null.shifted.tolist(), GREY)]
    title = "CAGR of the same positions at other times"
    return svg.histogram(groups, title, _usual(groups), (study.null.observed, "the rule"))


def walk_forward(study: Study) -> str:
    """Following the best pair of the previous five years, and keeping the fixed pair."""
    if study.walk is None:
        return ""
    curves = [
        _curve("fixed pair", study.walk.fixed / study.walk.fixed[0], BLUE),
        _curve("best pair of the previous 5 years", study.walk.equity / study.walk.equity[0], PURPLE),
    ]
    return _lines("Walk-forward: value of 1, log scale", study.walk.dates, curves, "{:g}".format, 300, log=True)


def long_view(study: Study) -> str:
    """The same rule with a model of TQQQ before 2010."""
    if study.long_view is None:
        return ""
    rule, qqq, three = study.long_view.curves
    curves = [
        _curve("three times QQQ", three, ORANGE),
        _curve("QQQ held", qqq, GREEN),
        _curve("the rule", rule, BLUE),
    ]
    title = "With a model of TQQQ before 2010: value of 1, log scale"
    return _lines(title, study.long_view.days.dates, curves, "{:g}".format, 340, log=True)


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
    return svg.line_chart(chart, Size(height=height)) or ""


def _strip(held: Levels) -> tuple[Stretch, ...]:
    first, last = metrics.held_periods(held)
    return tuple(
        Stretch(begin, end, *HELD[int(held[begin])]) for begin, end in zip(first.tolist(), last.tolist(), strict=True)
    )


def _usual(groups: list[Group]) -> tuple[float, float]:
    low, high = np.percentile(np.concatenate([group.values for group in groups]), USUAL).tolist()
    return low, high
