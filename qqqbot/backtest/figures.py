"""The pictures of a study, each a function of it: the report and the notebook show the same ones."""

import numpy as np

from qqqbot.backtest import charts, metrics
from qqqbot.backtest.charts import BLUE, FAINT, GREEN, GREY, ORANGE, PURPLE, Curve
from qqqbot.backtest.signals import CASH, QQQ, TQQQ
from qqqbot.backtest.study import Study

LOOK_AHEAD = "look-ahead: WRONG"


def equity(study: Study) -> str:
    """What the capital became, log scale; with the wrong curve beside it where it was asked for."""
    curves = [
        Curve("TQQQ held", study.tqqq.equity, ORANGE),
        Curve("QQQ held", study.qqq.equity, GREEN),
        Curve("the rule, your account", study.own.equity, BLUE),
    ]
    if study.wrong is not None:
        capital = float(study.question.terms.capital)
        curves.append(Curve(LOOK_AHEAD, study.wrong.curve * capital, PURPLE, dashed=True))
    return charts.line_chart(study.days.dates, curves, "Equity in USD, log scale", log=True, height=360)


def drawdown(study: Study) -> str:
    """How far below its highest point each curve was."""
    curves = [
        Curve(name, metrics.drawdowns(line.equity), colour)
        for name, line, colour in (
            ("TQQQ held", study.tqqq, ORANGE),
            ("QQQ held", study.qqq, GREEN),
            ("the rule, your account", study.own, BLUE),
        )
    ]
    return charts.line_chart(study.days.dates, curves, "Drawdown", charts.percent, height=260)


def holdings(study: Study, last_sessions: int | None = None) -> str:
    """QQQ with both averages, and what was held below it; of the last sessions only where a number is given."""
    cut = slice(-last_sessions if last_sessions else None, None)
    days, rules = study.days, study.question.terms.rules
    curves = [
        Curve("QQQ", days.close[QQQ, cut], FAINT),
        Curve(f"{rules.short_period} days", days.short_ma[cut], BLUE),
        Curve(f"{rules.long_period} days", days.long_ma[cut], PURPLE),
    ]
    held = study.account.holding[cut]
    whole = "" if last_sessions is None else f", last {last_sessions} sessions"
    title = f"QQQ and averages{whole}"
    return charts.line_chart(days.dates[cut], curves, title, log=last_sessions is None, height=320, ribbon=held)


def yearly(study: Study) -> str:
    """Return of each calendar year; the first and last are as long as they are."""
    years = study.days.dates.astype("datetime64[Y]").astype(np.int64) + 1970
    lines = (("the rule", study.own, BLUE), ("QQQ held", study.qqq, GREEN), ("TQQQ held", study.tqqq, ORANGE))
    curves = [Curve(name, metrics.period_returns(line.equity, years)[1], colour) for name, line, colour in lines]
    return charts.bar_chart([str(y) for y in np.unique(years).tolist()], curves, "Return of each year")


def stays(study: Study) -> str:
    """Results of the stays in QQQ and in TQQQ, costs included."""
    first, _ = metrics.stays(study.account.holding)
    results = metrics.stay_returns(study.own.equity, study.account.holding)
    held = study.account.holding[first]
    groups = [Curve("QQQ", results[held == QQQ], GREEN), Curve("TQQQ", results[held == TQQQ], ORANGE)]
    groups = [g for g in groups if len(g.values)] or [Curve("cash", results[held == CASH], GREY)]
    return charts.histogram(groups, "Result of each stay")


def heat(study: Study, figure: str) -> str:
    """`figure` ("cagr" or "sharpe") of every pair of averages, the configured one in a red ring."""
    if study.sweep is None:
        return ""
    rules, swept = study.question.terms.rules, study.sweep
    names = {"cagr": "CAGR", "sharpe": "Sharpe ratio"}
    return charts.heat_map(
        swept.longs.tolist(),
        swept.shorts.tolist(),
        getattr(swept, figure),
        f"{names[figure]} of every pair of averages: a picture of fragility",
        ("long average, days", "short average, days"),
        (rules.long_period, rules.short_period),
        charts.percent if figure == "cagr" else lambda value: f"{value:.2f}",
    )


def luck(study: Study) -> str:
    """CAGR of every circular shift of the positions, and of the true ones."""
    if study.null is None:
        return ""
    group = [Curve("shifted", study.null.shifted, GREY)]
    return charts.histogram(group, "CAGR of the same positions at other times", (study.null.observed, "the rule"))


def walk_forward(study: Study) -> str:
    """Following the best pair of the five years before, beside the fixed pair."""
    if study.walk is None:
        return ""
    curves = [Curve("fixed pair", study.walk.fixed / study.walk.fixed[0], BLUE)]
    curves.append(Curve("best pair of the 5 years before", study.walk.equity / study.walk.equity[0], PURPLE))
    title = "Walk-forward: value of 1, log scale"
    return charts.line_chart(study.walk.dates, curves, title, lambda v: f"{v:g}", log=True)


def long_view(study: Study) -> str:
    """The same rule with a model of TQQQ before 2010."""
    if study.long_view is None:
        return ""
    rule, qqq, three = study.long_view.curves
    curves = [Curve("three times QQQ", three, ORANGE), Curve("QQQ held", qqq, GREEN), Curve("the rule", rule, BLUE)]
    title = "With a model of TQQQ before 2010: value of 1, log scale"
    return charts.line_chart(study.long_view.days.dates, curves, title, lambda v: f"{v:g}", log=True, height=340)
