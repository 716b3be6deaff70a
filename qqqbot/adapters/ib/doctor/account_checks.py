"""The rungs of a connection check from the read-only switch to the precautions: what the account has and may do. Pure.

What the bot would refuse FAILED here, by the bot's own functions (see `ib_ladder`). An answer that is not complete is
no answer, as for the bot.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from qqqbot.adapters.ib import account as ib_account
from qqqbot.adapters.ib.account import PositionRow, SummaryRow
from qqqbot.adapters.ib.doctor.result import (
    CONTRACTS,
    LINE,
    ORDERS,
    POSITIONS,
    PRECAUTIONS,
    QUOTES,
    READ_ONLY,
    SUMMARY,
    Answer,
    Contract,
    Rung,
    Verdict,
    WhatIf,
)
from qqqbot.adapters.ib.error_codes import code
from qqqbot.adapters.ib.order_tracker import REF_PREFIX
from qqqbot.adapters.ib.requests import TOO_LATE
from qqqbot.display.formatting import usd
from qqqbot.model.errors import BrokerUnavailable
from qqqbot.model.sessions import new_york_date
from qqqbot.model.values import SYMBOLS
from qqqbot.runtime.config import Config

LAST = 4
PRECAUTIONS_FIX = (
    "in the gateway: Configure, Settings, API, Precautions: tick 'Bypass Order Precautions for API Orders' and every "
    "other API precaution"
)
CASH_MEANING = (
    "what a sale brings settles on the next business day, and a rotation between QQQ and TQQQ waits for it; the bot "
    "says so when it does"
)


def read_only(orders: Answer) -> Rung:
    """A read-only gateway refuses the question for open orders."""
    if orders.trouble.startswith("321:"):
        return Rung(
            READ_ONLY,
            Verdict.FAILED,
            f"on: {_trouble(orders)}",
            "the gateway refuses orders, and also the question which are open",
            "in the gateway: Configure, Settings, API, Settings: untick 'Read-Only API'; with ibc: ReadOnlyApi=no",
        )
    if orders.trouble:
        return _no_answer(READ_ONLY, orders)
    return Rung(READ_ONLY, Verdict.OK, "off")


def open_orders(orders: Answer) -> Rung:
    if orders.trouble:
        return _no_answer(ORDERS, orders)
    ours = [order for order in orders.rows if order.order_ref.startswith(REF_PREFIX)]
    others = [order for order in orders.rows if order not in ours]
    found = f"{len(ours)} of the bot's, {len(others)} of others"
    if ours:
        meaning = f"{', '.join(order.order_ref for order in ours)}: the bot sends nothing while it lives"
        return Rung(
            ORDERS, Verdict.NOTE, found, meaning, "nothing, if the daemon runs: it follows its order to the end"
        )
    if any(order.symbol in SYMBOLS for order in others):
        meaning = "left alone; when one of QQQ or TQQQ trades, the account differs from the book, and the bot halts"
        return Rung(ORDERS, Verdict.NOTE, found, meaning, "cancel it by hand, or answer with adopt or leave afterwards")
    return Rung(ORDERS, Verdict.OK, found, "left alone" if others else "")


def summary(answer: Answer, chosen: str, settings: Config) -> Rung:
    if answer.trouble:
        return _no_answer(SUMMARY, answer)
    rows: tuple[SummaryRow, ...] = answer.rows
    try:
        amounts = ib_account.amounts(rows, chosen)
    except BrokerUnavailable as unusable:
        found, _, fix = str(unusable).partition("; asked again")[0].partition(": ")
        return Rung(SUMMARY, Verdict.FAILED, found, "the bot does not trade on half of an answer", fix)
    cash = ib_account.is_cash_account(amounts)
    told = {"net liquidation": "NetLiquidation", "cash": "TotalCashValue", "settled": "SettledCash"}
    told |= {"available": "AvailableFunds"}
    found = "USD " + ", ".join(f"{name} {usd(float(amounts[tag]))}" for name, tag in told.items() if tag in amounts)
    found += "; a cash account" if cash else "; a margin account"
    if amounts["NetLiquidation"] <= 0:
        return Rung(SUMMARY, Verdict.FAILED, found, "there is nothing to trade with", "fund the account")
    meanings = [CASH_MEANING] if cash else ["sale and purchase follow each other; the bot never borrows"]
    if small := amounts["NetLiquidation"] < settings.capital:
        meanings.append(f"it holds less than total_capital ({usd(settings.total_capital)}): the smaller number counts")
    fix = "see IB_SETUP.md, section 1" if cash else "lower total_capital, so that status agrees" if small else ""
    return Rung(SUMMARY, Verdict.NOTE if cash or small else Verdict.OK, found, "; ".join(meanings), fix)


def positions(answer: Answer, chosen: str) -> Rung:
    if answer.trouble:
        return _no_answer(POSITIONS, answer)
    rows: tuple[PositionRow, ...] = answer.rows
    held = ib_account.shares(rows, chosen)
    found = ", ".join(f"{count:,} {symbol}" for symbol, count in held.items())
    counted = [row for row in rows if row.account == chosen and row.quantity and not _is_ours(row)]
    if counted:
        found += f"; {len(counted)} other position{'s' * (len(counted) > 1)} ignored ({_kinds(counted)})"
    if short := [symbol for symbol, count in held.items() if count < 0]:
        meaning = f"{' and '.join(short)} is sold short, which no rule of the bot's produces: it halts"
        return Rung(POSITIONS, Verdict.FAILED, found, meaning, "close it by hand, then ./bot_control.sh adopt")
    if parts := ib_account.fractions(rows, chosen):
        meaning = f"{', '.join(f'{part.normalize():f} {symbol}' for symbol, part in parts.items())} beyond whole shares"
        return Rung(POSITIONS, Verdict.NOTE, found, meaning + ": left alone, the API sells whole shares only")
    meaning = "where the bot's book says otherwise it halts and asks: adopt or leave" if any(held.values()) else ""
    return Rung(POSITIONS, Verdict.OK, found, meaning)


def _is_ours(row: PositionRow) -> bool:
    return row.sec_type == "STK" and row.symbol in SYMBOLS and row.currency == ib_account.CURRENCY


def _kinds(rows: Iterable[PositionRow]) -> str:
    return ", ".join(sorted({f"{row.symbol} {row.sec_type}" for row in rows}))


def _no_answer(name: str, answer: Answer) -> Rung:
    meaning = "no complete answer is no answer: the bot would not trade"
    return Rung(name, Verdict.FAILED, _trouble(answer), meaning, _fix(answer))


# Instruments and prices


def contracts(answers: Mapping[str, Answer], order_type: str, now: datetime) -> Rung:
    """Exactly one share for each symbol, and the order type that the bot would use."""
    for symbol, answer in answers.items():
        if answer.trouble:
            return Rung(
                CONTRACTS, Verdict.FAILED, f"{symbol}: {_trouble(answer)}", "it cannot be ordered", _fix(answer)
            )
        shares = [found for found in answer.rows if found.sec_type == "STK"]
        if len(shares) != 1:
            found = f"{symbol}: {len(shares)} shares fit the description, expected one"
            return Rung(CONTRACTS, Verdict.FAILED, found, "an order would be refused with 200", "report this as a bug")
        if order_type not in shares[0].order_types:
            found = f"{symbol}: the broker takes no {order_type} orders for it"
            fix = f"set order_type to {'LMT' if order_type == 'MKT' else 'MKT'}"
            return Rung(CONTRACTS, Verdict.FAILED, found, "an order would be refused with 387", fix)
    first = next(iter(answers.values())).rows[0]
    ticks = {_plain(found.min_tick) for answer in answers.values() for found in answer.rows}
    found = f"{' and '.join(answers)}: one share each, price step {' and '.join(sorted(ticks))}, takes {order_type}"
    return Rung(CONTRACTS, Verdict.OK, found + hours_today(first, now))


def hours_today(contract: Contract, now: datetime) -> str:
    """'; regular hours today 09:30-16:00 US/Eastern' of '20260406:0930-20260406:1600;20260411:CLOSED'."""
    today = f"{new_york_date(now):%Y%m%d}"
    for day in contract.hours.split(";"):
        begin, _, end = day.partition("-")
        if begin == f"{today}:CLOSED":
            return "; closed today"
        if begin.startswith(f"{today}:") and end:
            opening, close = (text.rpartition(":")[2] for text in (begin, end))
            return f"; regular hours today {opening[:2]}:{opening[2:]}-{close[:2]}:{close[2:]} {contract.zone}"
    return ""


def line(interrupted: str) -> Rung:
    """`interrupted` is what the gateway said of its own connection to the broker; empty where it is up."""
    if not interrupted:
        return Rung(LINE, Verdict.OK, "the gateway is connected to Interactive Brokers")
    meaning = "what the gateway says is old, and orders would not get through"
    fix = "wait: it comes back by itself, every night between 00:15 and 01:45 New York too"
    return Rung(LINE, Verdict.FAILED, interrupted.partition(";")[0], meaning, fix)


def quotes(ticks: Mapping[str, Mapping[int, float]], trouble: str) -> Rung:
    """Never a failure: the bot trades on prices of its own."""
    last = {symbol: found[LAST] for symbol, found in ticks.items() if found.get(LAST, 0) > 0}
    if len(last) == len(SYMBOLS):
        found = "live: " + ", ".join(f"{symbol} {usd(price)}" for symbol, price in last.items())
        return Rung(QUOTES, Verdict.OK, found, "a second opinion on the bot's own prices")
    meaning = "the bot trades on its own prices, without the broker's second opinion"
    number = trouble.partition(":")[0]
    if not number.isdigit():
        return Rung(QUOTES, Verdict.NOTE, "no live price came in time", meaning, "nothing while the exchange is closed")
    known = code(int(number))
    return Rung(QUOTES, Verdict.NOTE, f"{number}: {known.sentence}", meaning, known.fix)


def precautions(answer: Answer | None, symbol: str, doubtful: Sequence[str] = ()) -> Rung:
    """`answer` is that to a what-if order, None where none was wished for or where other rungs were `doubtful`."""
    what = f"a what-if order for 1 {symbol}"
    if answer is None:
        meaning = "a precaution that is on opens a dialog and holds the order; permissions show only at an order"
        if doubtful:
            fix = f"first put right: {', '.join(doubtful)}"
            return Rung(PRECAUTIONS, Verdict.NOTE, f"{what} was not sent: something above failed", meaning, fix)
        fix = f"{PRECAUTIONS_FIX}; --what-if asks the broker about an order without placing it"
        return Rung(PRECAUTIONS, Verdict.NOTE, "the API does not tell them", meaning, fix)
    if answer.trouble:
        meaning = "the order itself would not have come through; nothing was placed"
        fix = PRECAUTIONS_FIX if answer.trouble == TOO_LATE else _fix(answer)
        return Rung(PRECAUTIONS, Verdict.FAILED, f"{what}: {_trouble(answer)}", meaning, fix)
    told: WhatIf = answer.rows[-1]
    found = f"{what}: margin {_amount(told.margin)}, commission {_amount(told.commission)}; nothing was placed"
    if told.warnings:
        meaning = f"the broker warns: {'; '.join(told.warnings)}"
        return Rung(PRECAUTIONS, Verdict.NOTE, found, meaning, PRECAUTIONS_FIX)
    return Rung(PRECAUTIONS, Verdict.OK, found, "the account may trade it, and the broker gave no warning")


def _fix(answer: Answer) -> str:
    """What the table of codes says, where the trouble begins with a code."""
    number = answer.trouble.partition(":")[0]
    known = code(int(number)).fix if number.isdigit() else ""
    return known or "try again; if it stays, look at the gateway's window and restart it"


def _trouble(answer: Answer) -> str:
    """Without the fix that follows it where it is a code's."""
    return answer.trouble.removesuffix(f"; {_fix(answer)}")


def _amount(amount: Decimal | None) -> str:
    return "not told" if amount is None else f"{usd(float(amount))} USD"


def _plain(tick: Decimal | None) -> str:
    return "not told" if tick is None else f"{tick.normalize():f}"
