"""The report as one self-contained HTML page: no external script, font or request, so that it opens offline."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from qqqbot.backtest import figures, metrics, tables
from qqqbot.backtest.prices.table import factor_of
from qqqbot.backtest.study import Study
from qqqbot.display.markup import Child, Markup, table, tag
from qqqbot.model.new_york import new_york_text
from qqqbot.records.risk_line import RiskLine, risk_words

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

STYLE = """
:root{color-scheme:light;--ink:#24292f;--faint:#57606a;--line:#d8dee4}
body{margin:0;background:#f6f8fa;color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:980px;margin:0 auto;padding:24px 16px 64px}
h1{font-size:26px;margin:0 0 4px}h2{font-size:19px;margin:40px 0 8px}
p{margin:6px 0 12px;max-width:75ch}.faint{color:var(--faint)}
.card{background:#fff;border:1px solid var(--line);border-radius:8px;padding:12px 14px;margin:12px 0;overflow-x:auto}
.verdict{font-size:17px;border-left:4px solid #0072b2}.wrong{border-left:4px solid #d00;background:#fff5f5}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:13.5px}
th,td{padding:4px 12px;text-align:right;border-bottom:1px solid #eef1f4;white-space:nowrap}
th:first-child,td:first-child{text-align:left;padding-left:2px}th{color:var(--faint);font-weight:600}
.months td,.months th{padding:3px 7px;font-size:12.5px}summary{cursor:pointer;padding:4px 0}
svg{display:block;max-width:100%;height:auto}dt{font-weight:600;margin-top:8px}dd{margin:0 0 6px}
"""


def write(path: Path, studies: Sequence[Study], own: tuple[str, RiskLine] | None = None) -> None:
    """Write the report to `path`. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(*studies, own=own), encoding="utf-8")


def page(study: Study, *others: Study, own: tuple[str, RiskLine] | None = None) -> str:
    """The whole page; for several studies their comparison, then each. `own` is the risk line of the bot's own book."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("title", f"{study.prices.signal.symbol}/{study.prices.fund.symbol} rotation: honest backtest"),
        tag("meta", name="viewport", content="width=device-width,initial-scale=1"),
        tag("style", Markup(STYLE)),
    )
    parts = [
        _comparison((study, *others)) if others else None,
        *(_parts(each, not others) for each in (study, *others)),
        _own_life(*own) if own else None,
        _fine_print(),
    ]
    return "<!doctype html>" + tag("html", head, tag("body", tag("main", parts)), lang="en")


def _parts(study: Study, alone: bool) -> Child:
    named = "the rule" if alone and tables.kind(study) == "pair" else tables.name(study)
    return [_opening(study, named), _curves(study), _when(study), _luck(study), _before(study), _costs(study)]


def _comparison(studies: Sequence[Study]) -> Child:
    return (
        tag("h1", "The rules side by side"),
        tag("p", tables.headline(studies[0]), class_="faint"),
        _picture(figures.comparison(studies)),
        _card(table(*tables.comparison(studies))),
        tag("p", tables.HINDSIGHT),
    )


def _opening(study: Study, named: str) -> Child:
    terms = tables.terms_text(study.question.terms)
    return (
        tag("h1", f"What {named} is really worth"),
        tag("p", f"{tables.headline(study)}. {terms}. No decision here knows a later price.", class_="faint"),
        tag("div", tables.verdict(study), class_="card verdict"),
        _card(table(*tables.summary(study))),
        tag(
            "p",
            "Your account: whole shares, the daemon's cash buffer and commissions. Ideal: fully invested in fractions "
            "of shares, slippage only; this is the line that other tools would show. Held lines pay no costs.",
            class_="faint",
        ),
        _look_ahead(study),
    )


def _look_ahead(study: Study) -> Child:
    if study.wrong is None:
        return None
    return tag(
        "div",
        tag("b", "Look-ahead: wrong, for comparison only."),
        " The popular backtest credits each day's return to a position chosen at that same day's close: it buys in the "
        "morning what it learns in the evening. The second row shows the same days without that error.",
        table(*tables.look_ahead(study)),
        class_="card wrong",
    )


def _curves(study: Study) -> Child:
    pictures = (
        figures.equity(study),
        figures.drawdown(study),
        figures.holdings(study),
        figures.holdings(study, min(500, len(study.days))),
        figures.yearly(study),
    )
    return (
        tag("h2", "The years"),
        [_picture(picture) for picture in pictures],
        _card(tag("b", "The rule, your account: return of each month"), _months(study)),
        tag("h2", "The held periods"),
        _picture(figures.held_periods(study)),
        _card(table(*tables.holdings(study))),
    )


def _when(study: Study) -> Child:
    text: list[Child] = [tag("h2", "When to decide, and how fast")]
    if study.intraday:
        text.append(_card(tag("b", tables.intraday_title(study)), table(*tables.intraday(study))))
        text.append(tag("p", "Every check that may trade can be misled. Once before the close is enough."))
    band = (
        "band around the short average" if study.question.terms.rules.form.strength else "band around the slow average"
    )
    text.append(_card(table(*tables.variants(study.fills, "filled (ideal line)"))))
    text.append(_card(table(*tables.variants(study.bands, band))))
    text.append(_card(table(*tables.variants(study.confirmations, "trend followed after"))))
    return text, tag("p", "Each of these rows is chosen with hindsight; none is a promise.", class_="faint")


def _luck(study: Study) -> Child:
    found = dict(tables.findings(study))
    ring, walk = f" The ring marks the configured {tables.kind(study)}.", found.get("walk-forward")
    text = (
        *(_picture(figures.luck(study)), _sentence(found.get("luck"))),
        *(_picture(figures.heat(study, "cagr")), _picture(figures.heat(study, "sharpe"))),
        _sentence(found.get("fragility"), ring),
        *(_picture(figures.walk_forward(study)), _sentence(walk and f"walk-forward: {walk}")),
    )
    too_few = tag("p", "Too few sessions to say anything about it.")
    return tag("h2", "Skill, luck and fragility"), text if any(text) else too_few


def _before(study: Study) -> Child:
    if study.long_view is None:
        return None
    fit, times = study.long_view.fit, tables.times_index(study)
    factor = factor_of(study.prices.fund.symbol, study.prices.signal.symbol)
    borrowed = "half" if factor == 2 else "two thirds"
    model = (
        f"{times[:1].upper()}{times[1:]}'s day, less interest on the borrowed {borrowed} at the Treasury bill's rate, "
        f"less a fee of {fit.fee:.2%} a year that makes the model end where the fund ended ({fit.first} to "
        f"{fit.last}). Its error there: a tracking error of {fit.tracking_error:.1%} a year, a correlation of days of "
        f"{fit.correlation:.4f}, the worst year {fit.worst_year[0]} with {fit.worst_year[1]:+.1%}."
    )
    return (
        tag("h2", "2000 and 2008"),
        _picture(figures.long_view(study)),
        _card(table(*tables.eras(study))),
        tag("p", model),
    )


def _costs(study: Study) -> Child:
    found = dict(tables.findings(study))
    items = [("Costs", found["costs"]), ("Tax", found.get("tax", "")), ("Worst", found["worst"])]
    head, rows = _held_periods(study)
    return (
        tag("h2", "Costs, tax and every rotation"),
        tag("dl", [(tag("dt", name), tag("dd", _full(text))) for name, text in items if text]),
        _details(f"All {len(rows):,} held periods in {' and '.join(study.days.names[1:])}", table(head, rows)),
        _details(f"All {len(study.account.trades):,} orders", _orders(study)),
    )


def _own_life(mode: str, line: RiskLine) -> Child:
    """The same figures as in status, performance, the page and the weekly message."""
    rows = [("Since", new_york_text(line.since)), ("Value", f"{line.value:,.2f} USD, as of {new_york_text(line.at)}")]
    if line.change is not None:
        rows.append(("Change", f"{line.change:+,.2f} USD ({line.change_pct:+,.2f} %)"))
    rows += risk_words(line)
    return tag("h2", f"Your own bot ({mode})"), _card(table(("", "so far"), rows))


def _fine_print() -> Child:
    return (
        tag("h2", "What this is not"),
        tag(
            "p",
            "Fills at the close it decided on are kinder than life: the real decision is made minutes before the "
            "close, and the real fill comes later and worse. Dividends count as reinvested on the ex-day. Prices are "
            "Yahoo's. The past is one path of many; nothing here is advice.",
            class_="faint",
        ),
    )


def _months(study: Study) -> Markup:
    months = study.days.dates.astype("datetime64[M]").astype(np.int64)
    which, returns = metrics.period_returns(study.own.equity, months)
    by_month = dict(zip(which.tolist(), returns.tolist(), strict=True))
    rows = [
        tag("tr", tag("td", str(1970 + year)), [_month_cell(by_month.get(year * 12 + m)) for m in range(12)])
        for year in range(which[0] // 12, which[-1] // 12 + 1)
    ]
    return tag("table", tag("tr", [tag("th", name) for name in ("", *MONTHS)]), rows, class_="months")


def _month_cell(value: float | None) -> Markup:
    if value is None:
        return tag("td")
    strength = min(abs(value) / 0.2, 1.0) * 0.55
    colour = "0,158,115" if value >= 0 else "213,94,0"
    return tag("td", f"{value * 100:+.1f}", style=f"background:rgba({colour},{strength:.2f})")


def _held_periods(study: Study) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    days, holding, equity = study.days, study.account.holding, study.own.equity
    first, last = metrics.held_periods(holding)
    rows: list[tuple[str, ...]] = []
    for begin, end in zip(first.tolist(), last.tolist(), strict=True):
        if holding[begin] == 0:
            continue
        gain = equity[end] - equity[begin]
        when = (str(days.dates[begin]), str(days.dates[end]), days.names[int(holding[begin])], str(end - begin))
        rows.append((*when, f"{gain / equity[begin]:+.2%}", f"{gain:+,.0f}"))
    return ("from", "to", "held", "sessions", "result", "USD"), rows


def _orders(study: Study) -> Markup:
    rows = (
        (str(t.date), t.side.value, t.symbol, f"{t.quantity:,}", f"{t.price:,.4f}", f"{t.commission:,.2f}")
        for t in study.account.trades
    )
    return table(("date", "side", "symbol", "shares", "price", "commission"), rows)


def _card(*content: Child) -> Markup:
    return tag("div", content, class_="card")


def _picture(svg: str) -> Child:
    """The picture; nothing if there are too few prices for it."""
    return _card(Markup(svg)) if svg else None


def _details(summary: str, content: Markup) -> Markup:
    return _card(tag("details", tag("summary", summary), content))


def _sentence(text: str | None, more: str = "") -> Child:
    return tag("p", _full(text) + more) if text else None


def _full(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."
