"""One HTML page with everything inside it: no script from elsewhere, no font, no request. It opens offline."""

import html
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from qqqbot.backtest import figures as study_pictures
from qqqbot.backtest import metrics
from qqqbot.backtest import tables as study_tables
from qqqbot.backtest.study import Study
from qqqbot.backtest.vectorized import NAMES

Rows = Iterable[tuple[str, ...]]
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


def write(path: Path, study: Study) -> None:
    """Write the report of `study` to `path`. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(study), encoding="utf-8")


def page(study: Study) -> str:
    """The whole page."""
    parts = [_opening(study), _curves(study), _when(study), _luck(study), _before(study), _costs(study), _fine_print()]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>QQQ/TQQQ rotation: honest backtest</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{STYLE}</style></head><body><main>{''.join(parts)}</main></body></html>"
    )


def _opening(study: Study) -> str:
    text = [
        "<h1>What the rule is really worth</h1>",
        f'<p class="faint">{_safe(study_tables.headline(study))}. '
        f"{_safe(study_tables.terms_text(study.question.terms))} USD. No decision here knows a later price.</p>",
        f'<div class="card verdict">{_safe(study_tables.verdict(study))}</div>',
        _card(_table(*study_tables.summary(study))),
        '<p class="faint">Your account: whole shares, the cash buffer and commissions of the daemon. Ideal: fully '
        "invested in fractions of shares, slippage alone; this is the line that other tools would show. Held lines pay "
        "no costs.</p>",
    ]
    if study.wrong is not None:
        text.append(
            '<div class="card wrong"><b>Look-ahead: wrong, for comparison only.</b> The popular backtest earns each '
            "day's return with the position computed from that day's own close. The same days without that error "
            f"stand below it.{_table(*study_tables.look_ahead(study))}</div>"
        )
    return "".join(text)


def _curves(study: Study) -> str:
    pictures = (
        study_pictures.equity(study),
        study_pictures.drawdown(study),
        study_pictures.holdings(study),
        study_pictures.holdings(study, min(500, len(study.days))),
        study_pictures.yearly(study),
    )
    return (
        "<h2>The years</h2>"
        + "".join(map(_card, pictures))
        + _card(f"<b>The rule, your account: return of each month</b>{_months(study)}")
        + "<h2>The held periods</h2>"
        + _card(study_pictures.held_periods(study))
        + _card(_table(*study_tables.holdings(study)))
    )


def _when(study: Study) -> str:
    text = ["<h2>When to decide, and how fast</h2>"]
    if study.intraday:
        head, rows = study_tables.intraday(study)
        text.append(_card(f"<b>{_safe(study_tables.intraday_title(study))}</b>{_table(head, rows)}"))
        text.append("<p>Every check that may trade is a check that may be fooled. Once before the close is enough.</p>")
    text.append(_card(_table(*study_tables.variants(study.fills, "fills (ideal line)"))))
    text.append(_card(_table(*study_tables.variants(study.bands, "band round the short average"))))
    text.append(_card(_table(*study_tables.variants(study.confirmations, "followed after"))))
    text.append('<p class="faint">Chosen with hindsight, each of these rows; none is a promise.</p>')
    return "".join(text)


def _luck(study: Study) -> str:
    text = ["<h2>Skill, luck and fragility</h2>"]
    if study.null is not None:
        text += [_card(study_pictures.luck(study)), f"<p>{_sentence(study_tables.null_text(study))}</p>"]
    if study.sweep is not None:
        text += [_card(study_pictures.heat(study, "cagr")), _card(study_pictures.heat(study, "sharpe"))]
        text.append(f"<p>{_sentence(study_tables.sweep_text(study))} The ring is the configured pair.</p>")
    if study.walk is not None:
        text += [_card(study_pictures.walk_forward(study)), f"<p>{_sentence(study_tables.walk_text(study))}</p>"]
    if len(text) == 1:
        text.append("<p>Too few sessions to say anything about it.</p>")
    return "".join(text)


def _before(study: Study) -> str:
    if study.long_view is None:
        return ""
    fit = study.long_view.fit
    model = (
        f"Three times QQQ's day, less interest on two parts of three at the Treasury bill's rate, less a fee of "
        f"{fit.fee:.2%} a year that makes the model end where the fund ended ({fit.first} to {fit.last}). Its error "
        f"there: {fit.tracking_error:.1%} a year of tracking error, days correlated {fit.correlation:.4f}, the worst "
        f"year {fit.worst_year[0]} with {fit.worst_year[1]:+.1%}."
    )
    return (
        "<h2>2000 and 2008</h2>"
        + _card(study_pictures.long_view(study))
        + _card(_table(*study_tables.eras(study.long_view.eras)))
        + f"<p>{_safe(model)}</p>"
    )


def _costs(study: Study) -> str:
    found = dict(study_tables.findings(study))
    items = [("Costs", found["costs"]), ("Tax", found.get("tax", "")), ("Worst", found["worst"])]
    listed = "".join(f"<dt>{name}</dt><dd>{_sentence(text)}</dd>" for name, text in items if text)
    head, rows = _rotations(study)
    return (
        f"<h2>Costs, tax and every rotation</h2><dl>{listed}</dl>"
        + _card(
            f"<details><summary>All {len(rows)} held periods in QQQ and TQQQ</summary>{_table(head, rows)}</details>"
        )
        + _card(f"<details><summary>All {len(study.account.trades)} orders</summary>{_orders(study)}</details>")
    )


def _fine_print() -> str:
    return (
        '<h2>What this is not</h2><p class="faint">Fills at the close it decided on are kinder than life: the real '
        "decision is taken minutes before the close, and the real fill comes later and worse. Dividends are taken as "
        "reinvested on the ex-day. Prices are Yahoo's. The past is one path of many; nothing here is advice.</p>"
    )


def _months(study: Study) -> str:
    months = study.days.dates.astype("datetime64[M]").astype(np.int64)
    which, returns = metrics.period_returns(study.own.equity, months)
    by_month = dict(zip(which.tolist(), returns.tolist(), strict=True))
    rows = []
    for year in range(which[0] // 12, which[-1] // 12 + 1):
        cells = "".join(_month_cell(by_month.get(year * 12 + m)) for m in range(12))
        rows.append(f"<tr><td>{1970 + year}</td>{cells}</tr>")
    head = "".join(f"<th>{name}</th>" for name in ("", *MONTHS))
    return f'<table class="months"><tr>{head}</tr>{"".join(rows)}</table>'


def _month_cell(value: float | None) -> str:
    if value is None:
        return "<td></td>"
    strength = min(abs(value) / 0.2, 1.0) * 0.55
    colour = f"rgba(0,158,115,{strength:.2f})" if value >= 0 else f"rgba(213,94,0,{strength:.2f})"
    return f'<td style="background:{colour}">{value * 100:+.1f}</td>'


def _rotations(study: Study) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    days, holding, equity = study.days, study.account.holding, study.own.equity
    first, last = metrics.held_periods(holding)
    rows: list[tuple[str, ...]] = []
    for begin, end in zip(first.tolist(), last.tolist(), strict=True):
        if holding[begin] == 0:
            continue
        gain = equity[end] - equity[begin]
        when = (str(days.dates[begin]), str(days.dates[end]), NAMES[int(holding[begin])], str(end - begin))
        rows.append((*when, f"{gain / equity[begin]:+.2%}", f"{gain:+,.0f}"))
    return ("from", "to", "held", "sessions", "result", "USD"), rows


def _orders(study: Study) -> str:
    rows = (
        (str(t.date), t.side.value, t.symbol, f"{t.quantity:,}", f"{t.price:,.4f}", f"{t.commission:,.2f}")
        for t in study.account.trades
    )
    return _table(("date", "side", "symbol", "shares", "price", "commission"), rows)


def _card(content: str) -> str:
    return f'<div class="card">{content}</div>' if content else ""


def _table(head: tuple[str, ...], rows: Rows) -> str:
    titles = "".join(f"<th>{_safe(name)}</th>" for name in head)
    lines = "".join("<tr>" + "".join(f"<td>{_safe(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{titles}</tr>{lines}</table>"


def _sentence(text: str) -> str:
    return _safe(text[:1].upper() + text[1:].rstrip(".") + ".")


def _safe(text: str) -> str:
    return html.escape(text)
