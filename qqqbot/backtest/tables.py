"""A study as tables of text, and as plain values for JSON. No arithmetic here, only words and layout."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from qqqbot.backtest.metrics import cagr, ratio
from qqqbot.backtest.prices.table import factor_of, years_of
from qqqbot.backtest.robustness import Variant
from qqqbot.backtest.study import EquityLine, Study
from qqqbot.backtest.taxes import A_YEAR
from qqqbot.backtest.vectorized import CommissionPlan, FillAt, Terms
from qqqbot.display.terminal import Field, Fields, Line, Screen, Table, Tone
from qqqbot.model.family import name_of

Rows = tuple[tuple[str, ...], ...]
Headed = tuple[tuple[str, ...], Rows]
"""the headings and the rows of a table"""
FILLED = {
    FillAt.CLOSE: "at the close",
    FillAt.NEXT_OPEN: "at the next open",
    FillAt.NEXT_CLOSE: "at the next close",
    FillAt.INTRADAY: "during the session",
}
CHARGED = {
    CommissionPlan.IB_FIXED: "IB fixed commissions",
    CommissionPlan.IB_TIERED: "IB tiered commissions",
    CommissionPlan.NONE: "no commissions",
}
SUMMARY = ("", "final USD", "CAGR", "vol", "Sharpe", "Sortino", "max DD", "rotations")
HINDSIGHT = "Whoever picks a rule from this table picks with hindsight; walk-forward shows what picking has earned."
INTRADAY_KEYS = ("decides", "moves", "most a day", "days with 2+", "costs USD", "result")
"""keys of the JSON; the columns of the table have the same order"""


def screen(studies: Sequence[Study]) -> Screen:
    """What the terminal shows: one study in full; for several, their comparison and the findings of each."""
    if len(studies) == 1:
        return _whole(studies[0])
    blocks: list[Any] = [Line(headline(studies[0]), Tone.TITLE), Line(""), _table(*comparison(studies))]
    for study in studies:
        fields = Fields(tuple(Field(label, text) for label, text in findings(study)))
        blocks += [Line(""), Line(terms_text(study.question.terms), Tone.TITLE), fields]
    return (*blocks, Line(""), Line(HINDSIGHT))


def _whole(study: Study) -> Screen:
    blocks: list[Any] = [
        *(Line(headline(study), Tone.TITLE), Line(terms_text(study.question.terms)), Line("")),
        *(_table(*summary(study)), Line(""), _table(*holdings(study)), Line("")),
        Fields(tuple(Field(label, text) for label, text in findings(study))),
    ]
    if study.wrong is not None:
        blocks += [Line(""), Line("Look-ahead, WRONG, for comparison only", Tone.BAD)]
        blocks.append(_table(*look_ahead(study)))
    if study.intraday:
        blocks += [Line(""), Line(intraday_title(study), Tone.TITLE), _table(*intraday(study))]
    return tuple(blocks)


def headline(study: Study) -> str:
    days = study.days
    return f"{days.dates[0]} to {days.dates[-1]}: {len(days):,} sessions, {days.years:.1f} years"


def terms_text(terms: Terms) -> str:
    rules = terms.rules
    band = f", band {rules.band:.2%}" if rules.band else ""
    pair = f"{rules.short_period}/{rules.long_period} days{band}" if rules.rule is None else name_of(rules.rule)
    return (
        f"{pair}, filled {FILLED[terms.fill]}, {terms.slippage * 1e4:g} bp slippage a leg, "
        f"{CHARGED[terms.commission]}, {float(rules.position_size):.0%} of {terms.capital:,.0f} USD"
    )


def verdict(study: Study) -> str:
    """The result of a study in one sentence."""
    own, held, symbol = study.own.metrics, study.signal.metrics, study.prices.signal.symbol
    better = "more" if own.cagr > held.cagr else "less"
    deeper = "deeper" if own.max_drawdown < held.max_drawdown else "shallower"
    return (
        f"The rule earned {own.cagr:.1%} a year and fell by {fall(own.max_drawdown)} on the way; {symbol} held earned "
        f"{held.cagr:.1%} and fell by {fall(held.max_drawdown)}. That is {better} than holding {symbol}, with a "
        f"{deeper} fall, before tax."
    )


def summary(study: Study) -> Headed:
    return SUMMARY, tuple(map(_summary_row, (study.own, study.ideal, study.signal, study.fund)))


def comparison(studies: Sequence[Study]) -> Headed:
    """The accounts of several rules and, to compare them with, each index and fund held."""
    held = {line.name: line for study in studies for line in (study.signal, study.fund)}
    rows = [(name(study), *_summary_row(study.own)[1:]) for study in studies]
    return SUMMARY, (*rows, *map(_summary_row, held.values()))


def name(study: Study) -> str:
    """The name of a study's rule: its two averages, a preset's name, or the rule in one line."""
    rules = study.question.terms.rules
    return f"{rules.short_period}/{rules.long_period}" if rules.rule is None else name_of(rules.rule)


def holdings(study: Study) -> Headed:
    head = ("held", "time", "periods", "won", "mean win", "mean loss", "median sessions")
    rows = []
    for name, figures in zip(study.days.names, study.holdings, strict=True):
        known = (percent(figures.win_rate, 0), percent(figures.average_win), percent(figures.average_loss))
        won = ("", "", "") if name == "CASH" else known
        median = "" if math.isnan(figures.median_sessions) else f"{figures.median_sessions:g}"
        rows.append((name, percent(figures.time, 0), f"{figures.stays:,}", *won, median))
    return head, tuple(rows)


def findings(study: Study) -> tuple[tuple[str, str], ...]:
    """(label, sentence) for every result that is not in a table; no sentence if there are too few prices for it."""
    own, account = study.own, study.account
    a_year = ratio(own.rotations or 0, study.days.years)
    found = (
        ("verdict", verdict(study)),
        (
            "costs",
            f"{float(account.commissions):,.0f} USD of commissions and {float(account.slippage):,.0f} of slippage in "
            f"{len(account.trades)} orders; {a_year:.1f} rotations a year, "
            f"turnover {study.turnover:.1f} times a year",
        ),
        (
            "worst",
            f"worst day {percent(own.metrics.worst_day)}, longest time under water {own.metrics.longest_drawdown:,} "
            f"sessions, Calmar {figure(own.metrics.calmar) or 'unknown without a fall'}",
        ),
        ("luck", null_text(study)),
        ("fragility", sweep_text(study)),
        ("walk-forward", walk_text(study)),
        ("tax", tax_text(study)),
        (f"before {study.prices.fund.symbol}", long_view_text(study)),
    )
    return tuple((label, text) for label, text in found if text)


def null_text(study: Study) -> str:
    if study.null is None:
        return ""
    low, middle, high = np.percentile(study.null.shifted, [5, 50, 95]).tolist()
    return (
        f"the same positions started on {len(study.null.shifted):,} other days did at least as well in "
        f"{study.null.p_value:.0%} of cases (p = {study.null.p_value:.2f}). Median CAGR {middle:.1%}; nine in ten "
        f"between {low:.0%} and {high:.0%}"
    )


def sweep_text(study: Study) -> str:
    if study.sweep is None:
        return ""
    swept, around = study.sweep, "pairs of averages" if kind(study) == "pair" else "rules like it"
    low, high = float(np.nanmin(swept.cagr)), float(np.nanmax(swept.cagr))
    by_cagr, by_sharpe = swept.rank(swept.cagr), swept.rank(swept.sharpe)
    return (
        f"{np.isfinite(swept.cagr).sum():,} {around} earn from {low:.1%} to {high:.1%} a year; "
        f"{name(study)} is better than {by_cagr:.0%} of them by CAGR, {by_sharpe:.0%} by Sharpe ratio"
    )


def walk_text(study: Study) -> str:
    if study.walk is None:
        return ""
    walk = study.walk
    best = "pair" if kind(study) == "pair" else "one"
    chosen, fixed = (cagr(curve, years_of(walk.dates)) for curve in (walk.equity, walk.fixed))
    return (
        f"re-choosing, every six months, the best {best} of the previous five years "
        f"({len(walk.chosen)} choices) earned {chosen:.1%} a year; {name(study)} earned {fixed:.1%} over the "
        "same years"
    )


def tax_text(study: Study) -> str:
    if not study.taxes:
        return ""
    after = ", ".join(f"{t.cagr:.1%} at {t.rate:.0%}" for t in study.taxes)
    wash, strong = study.wash, study.question.terms.rules.form.strong
    longer = "; lots held for more than a year are taxed less" if wash.longest_days > A_YEAR else ""
    return (
        f"CAGR of the ideal line {study.ideal.metrics.cagr:.1%} before tax, {after} on each year's gains; "
        f"{wash.washed} of {wash.losing} losing {strong} lots were bought again within 30 days (wash sales){longer}. "
        "Not advice"
    )


def long_view_text(study: Study) -> str:
    if study.long_view is None:
        return ""
    view, found = study.long_view, study.long_view.fit
    whole = view.eras[0]
    symbol, times = study.prices.signal.symbol, times_index(study)
    return (
        f"with a model of {study.prices.fund.symbol} ({times}'s day less financing and {found.fee:.1%} a year; "
        f"tracking error {found.tracking_error:.1%} a year) from {whole.first}: the rule fell by "
        f"{fall(whole.drawdowns[0])}, {symbol} by {fall(whole.drawdowns[1])}, {times} by {fall(whole.drawdowns[2])}"
    )


def kind(study: Study) -> str:
    """What to call the neighbours: pairs of averages around the default form, rules around every other form."""
    return "pair" if study.question.terms.rules.rule is None else "rule"


def times_index(study: Study) -> str:
    """'three times QQQ'."""
    signal, fund = study.prices.signal.symbol, study.prices.fund.symbol
    return f"{'twice' if factor_of(fund, signal) == 2 else 'three times'} {signal}"


def look_ahead(study: Study) -> Headed:
    assert study.wrong is not None
    wrong = study.wrong
    days_in = "/".join(f"{count:,}" for count in (wrong.days_in[-1], *wrong.days_in[:-1]))
    names = "/".join(
        (study.days.names[-1], *(name.title() if name == "CASH" else name for name in study.days.names[:-1]))
    )
    right = ("the same, right", wrong.right_total_return, wrong.right_max_drawdown, wrong.right_sharpe)
    rows = [
        (name, f"{wrong.rows:,}", f"{wrong.switches:,}", days_in, gain(r), f"{d:.2%}", figure(s))
        for name, r, d, s in (
            ("look-ahead: WRONG", wrong.total_return, wrong.max_drawdown, wrong.sharpe),
            right,
        )
    ]
    return ("no costs", "rows", "rotations", f"{names} days", "return", "max DD", "CAGR/vol"), tuple(rows)


def intraday_title(study: Study) -> str:
    return f"When to decide: {len(study.intraday[0].account.equity):,} sessions, on intraday bars"


def intraday(study: Study) -> Headed:
    head = ("decides", "rotations", "most a day", "days with 2+", "costs USD", "result")
    rows = []
    for item in study.intraday:
        cost = float(item.account.commissions + item.account.slippage)
        result = item.account.equity[-1] / item.account.equity[0] - 1
        counts = (str(item.rotations), str(item.most_in_a_day), str(item.busy_days))
        rows.append((item.name, *counts, f"{cost:,.0f}", f"{result:+.1%}"))
    return head, tuple(rows)


def variants(items: Iterable[Variant], first: str) -> Headed:
    head = (first, "rotations", "CAGR", "vol", "Sharpe", "max DD")
    rows = []
    for item in items:
        m = item.metrics
        figures = (percent(m.cagr), percent(m.volatility, 0), figure(m.sharpe), percent(m.max_drawdown, 0))
        rows.append((item.name, str(item.rotations), *figures))
    return head, tuple(rows)


def eras(study: Study) -> Headed:
    items = study.long_view.eras if study.long_view else ()
    symbol = study.prices.signal.symbol
    times = f"{factor_of(study.prices.fund.symbol, symbol)} x"
    head = ("", "from", "to", "rule", symbol, times, "rule DD", f"{symbol} DD", f"{times} DD")
    rows = [
        (e.name, str(e.first), str(e.last), *(f"{r:+,.0%}" for r in e.returns), *(f"{d:.2%}" for d in e.drawdowns))
        for e in items
    ]
    return head, tuple(rows)


def percent(value: float, digits: int = 1) -> str:
    return "" if math.isnan(value) else f"{value:z.{digits}%}"


def fall(drawdown: float) -> str:
    """35%; for a fall of nearly everything, enough decimals to show that it is not all: 99.98%."""
    return f"{-drawdown:z.0%}" if drawdown > -0.995 else f"{-drawdown:.2%}"


def figure(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.2f}"


def gain(value: float) -> str:
    """12.34%, 10,325,705%."""
    return f"{value:,.2%}" if abs(value) < 100 else f"{value:,.0%}"


def as_json(study: Study) -> dict[str, Any]:
    """The numbers of the study, without the curves: these are as long as the prices."""
    terms = study.question.terms
    document: dict[str, Any] = {
        "first": str(study.days.dates[0]),
        "last": str(study.days.dates[-1]),
        "sessions": len(study.days),
        "terms": terms_text(terms),
        "lines": {line.name: asdict(line.metrics) for line in (study.own, study.ideal, study.signal, study.fund)},
        "rotations": study.own.rotations,
        "orders": len(study.account.trades),
        "commissions": float(study.account.commissions),
        "slippage": float(study.account.slippage),
        "turnover": study.turnover,
        "holdings": {name: asdict(figures) for name, figures in zip(study.days.names, study.holdings, strict=True)},
        "fills": {v.name: asdict(v.metrics) for v in study.fills},
        "bands": {v.name: {"rotations": v.rotations} | asdict(v.metrics) for v in study.bands},
        "confirmations": {v.name: {"rotations": v.rotations} | asdict(v.metrics) for v in study.confirmations},
        "taxes": [asdict(tax) for tax in study.taxes],
        "wash_sales": asdict(study.wash),
    }
    if study.null is not None:
        document["null_test"] = {"p_value": study.null.p_value, "observed": study.null.observed}
    if study.sweep is not None:
        document["sweep"] = {n: study.sweep.rank(getattr(study.sweep, n)) for n in ("cagr", "sharpe")}
    if study.wrong is not None:
        document["look_ahead"] = {k: v for k, v in asdict(study.wrong).items() if k != "curve"} | {"wrong": True}
    if study.intraday:
        _, rows = intraday(study)
        document["intraday"] = [dict(zip(INTRADAY_KEYS, row, strict=True)) for row in rows]
    if study.long_view is not None:
        document["synthetic"] = {
            k: str(v) if k in ("first", "last") else v for k, v in asdict(study.long_view.fit).items()
        }
    return _finite(document)  # type: ignore[no-any-return]


def _finite(value: Any) -> Any:
    """`value` with None for NaN and infinity, which JSON cannot write."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _summary_row(line: EquityLine) -> tuple[str, ...]:
    m = line.metrics
    return (
        *(line.name, f"{line.equity[-1]:,.0f}", percent(m.cagr), percent(m.volatility, 0), figure(m.sharpe)),
        *(figure(m.sortino), percent(m.max_drawdown), "" if line.rotations is None else str(line.rotations)),
    )


def _table(headings: tuple[str, ...], rows: Rows) -> Table:
    return Table(headings, rows, frozenset(range(1, len(headings))))
