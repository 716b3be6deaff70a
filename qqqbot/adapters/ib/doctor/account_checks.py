"""The checks from the read-only switch to the precautions: what the account has and may do. Pure.

What the bot would refuse FAILS here, by the bot's own functions (see `connection_checks`). As for the bot, an
incomplete answer is no answer.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from qqqbot.adapters.ib import account as ib_account
from qqqbot.adapters.ib.account import PositionRow, SummaryRow
from qqqbot.adapters.ib.doctor.result import Check, ContractDetails, Day, Reply, Result, WhatIf, failed, note, ok
from qqqbot.adapters.ib.error_codes import code, code_of_order
from qqqbot.adapters.ib.order_tracker import REF_PREFIX
from qqqbot.adapters.ib.requests import TOO_LATE
from qqqbot.display.formatting import usd
from qqqbot.model.errors import BrokerUnavailable
from qqqbot.model.new_york import new_york_date
from qqqbot.model.program import COMMAND
from qqqbot.runtime.config import Config

LAST = 4
PRECAUTIONS_FIX = (
    "in the gateway: Configure, Settings, API, Precautions: tick 'Bypass Order Precautions for API Orders' and every "
    "other API precaution"
)
UTC_FIX = (
    "in the gateway: Configure, Settings, API, Settings: 'Send instrument-specific attributes for dual-mode API client "
    "in' UTC format; then restart it"
)
RESUBMIT_FIX = (
    "in the gateway: Configure, Settings, API, Settings: untick 'Maintain and resubmit orders when connection is "
    "restored'"
)
DRIP_FIX = (
    "if they come from reinvested dividends, switch reinvestment off (Client Portal, Settings, Account Settings): the "
    "bot books dividends as cash"
)
CASH_MEANING = (
    "the proceeds of a sale settle on the next business day, and a rotation from one fund to another waits for them; "
    "the status shows it when it does"
)


def read_only(orders: Reply) -> Result:
    """A read-only gateway refuses even the request for open orders."""
    if orders.trouble.startswith("321:"):
        return failed(
            Check.READ_ONLY,
            f"on: {_trouble(orders)}",
            "the gateway refuses orders, and even the request for open orders",
            "in the gateway: Configure, Settings, API, Settings: untick 'Read-Only API'; with ibc: ReadOnlyApi=no",
        )
    if orders.trouble:
        return _no_answer(Check.READ_ONLY, orders)
    return ok(Check.READ_ONLY, "off")


def open_orders(orders: Reply, now: datetime, symbols: Sequence[str]) -> Result:
    if orders.trouble:
        return _no_answer(Check.ORDERS, orders)
    ours = [order for order in orders.rows if order.order_ref.startswith(REF_PREFIX)]
    others = [order for order in orders.rows if order not in ours]
    found = f"{len(ours)} of the bot's, {len(others)} of others"
    today = f"{new_york_date(now):%Y%m%d}"
    if resting := [order.order_ref for order in ours if today not in order.order_ref.split("-")]:
        meaning = f"{', '.join(resting)} has survived its session: the gateway kept it, and it may be filled any time"
        return note(Check.ORDERS, found, meaning, f"cancel it by hand in TWS; {RESUBMIT_FIX}")
    if ours:
        meaning = f"{', '.join(order.order_ref for order in ours)}: the bot sends nothing while it is open"
        return note(Check.ORDERS, found, meaning, "nothing, if the daemon runs: it follows its order to the end")
    if any(order.symbol in symbols for order in others):
        filled = f"when one in {' or '.join(symbols)} is filled"
        meaning = f"left alone; {filled}, the account differs from the book, and the bot halts"
        return note(Check.ORDERS, found, meaning, "cancel it by hand, or answer adopt or leave afterwards")
    return ok(Check.ORDERS, found, "left alone" if others else "")


def executions(day: Day) -> Result:
    """Without the day's executions the bot does not trade: it must know what was filled."""
    if day.executions.trouble:
        fix = UTC_FIX if day.executions.trouble == TOO_LATE else _fix(day.executions)
        meaning = "the bot must know what was filled: it would not trade"
        return failed(Check.EXECUTIONS, _trouble(day.executions), meaning, fix)
    if untold := sorted(ref for ref in day.filled - day.executed if ref.startswith(REF_PREFIX)):
        found = f"none of {', '.join(untold)}, which the gateway itself reports as filled today"
        return failed(Check.EXECUTIONS, found, "the answer is empty, and the bot would wait for the fills", UTC_FIX)
    return ok(Check.EXECUTIONS, "answered")


def completed(answer: Reply) -> Result:
    """Never a failure: no answer is no news."""
    if answer.trouble:
        meaning = "the bot manages without: an order's status and executions show how it ended"
        return note(Check.COMPLETED, _trouble(answer), meaning, "nothing")
    return ok(Check.COMPLETED, "answered")


def summary(answer: Reply, chosen: str, settings: Config) -> Result:
    if answer.trouble:
        return _no_answer(Check.SUMMARY, answer)
    rows: tuple[SummaryRow, ...] = answer.rows
    try:
        amounts = ib_account.amounts(rows, chosen)
    except BrokerUnavailable as unusable:
        found, _, fix = str(unusable).partition("; asked again")[0].partition(": ")
        return failed(Check.SUMMARY, found, "the bot would not trade", fix)
    cash, foreign = ib_account.is_cash_account(amounts), ib_account.foreign_cash(amounts)
    shown = {"net liquidation": "NetLiquidation", "cash": "TotalCashValue", "settled": "SettledCash"}
    shown |= {"available": "AvailableFunds"}
    if foreign:
        shown["dollars"] = ib_account.DOLLARS
    found = "USD " + ", ".join(f"{name} {usd(float(amounts[tag]))}" for name, tag in shown.items() if tag in amounts)
    found += "; a cash account" if cash else "; a margin account"
    if amounts["NetLiquidation"] <= 0:
        return failed(Check.SUMMARY, found, "there is nothing to trade with", "fund the account")
    meanings = [CASH_MEANING] if cash else ["a sale is followed at once by the purchase; the bot never borrows"]
    if small := amounts["NetLiquidation"] < settings.capital:
        meanings.append(f"it holds less than total_capital ({usd(settings.total_capital)}): the smaller amount counts")
    if foreign:
        meanings.append(f"{usd(float(foreign))} of the cash is not reported as US dollars: the bot spends dollars only")
    fixes = ["see IB_SETUP.md, section 1"] if cash else ["lower total_capital, so that status agrees"] if small else []
    if foreign:
        fixes.append("convert the cash to US dollars: Client Portal, Trade, Convert Currency")
    meaning = "; ".join(meanings)
    return note(Check.SUMMARY, found, meaning, "; ".join(fixes)) if fixes else ok(Check.SUMMARY, found, meaning)


def positions(answer: Reply, chosen: str, symbols: Sequence[str]) -> Result:
    if answer.trouble:
        return _no_answer(Check.POSITIONS, answer)
    rows: tuple[PositionRow, ...] = answer.rows
    try:
        held = ib_account.shares(rows, chosen, symbols)
    except BrokerUnavailable as unusable:
        return _no_answer(Check.POSITIONS, Reply(trouble=str(unusable).removesuffix("; asked again soon")))
    found = ", ".join(f"{count:,} {symbol}" for symbol, count in held.items())
    ours = [(symbol, "STK", ib_account.CURRENCY) for symbol in symbols]
    others = [row for row in rows if row.account == chosen and (row.symbol, row.sec_type, row.currency) not in ours]
    if others := [row for row in others if row.quantity]:
        kinds = ", ".join(sorted({f"{row.symbol} {row.sec_type}" for row in others}))
        found += f"; {len(others)} other position{'s' * (len(others) > 1)} ignored ({kinds})"
    if short := [symbol for symbol, count in held.items() if count < 0]:
        meaning = f"{' and '.join(short)} is sold short, which the bot never does: it halts"
        return failed(Check.POSITIONS, found, meaning, f"close it by hand, then {COMMAND} adopt")
    if parts := ib_account.fractions(rows, chosen, symbols):
        meaning = f"{', '.join(f'{part.normalize():f} {symbol}' for symbol, part in parts.items())} beyond whole shares"
        return note(Check.POSITIONS, found, f"{meaning}: left alone, because the API sells only whole shares", DRIP_FIX)
    differs = "if the bot's book says otherwise, it halts and asks: adopt or leave; " if any(held.values()) else ""
    return ok(Check.POSITIONS, found, f"{differs}dividend reinvestment must be off, which the API does not report")


def _no_answer(name: Check, answer: Reply) -> Result:
    meaning = "an incomplete answer counts as none: the bot would not trade"
    return failed(name, _trouble(answer), meaning, _fix(answer))


# Instruments and prices


def contracts(answers: Mapping[str, Reply], order_type: str, now: datetime) -> Result:
    """Exactly one share per symbol, and the order type that the bot would use."""
    for symbol, answer in answers.items():
        if answer.trouble:
            return failed(Check.CONTRACTS, f"{symbol}: {_trouble(answer)}", "it cannot be ordered", _fix(answer))
        shares = [found for found in answer.rows if found.sec_type == "STK"]
        if len(shares) != 1:
            found = f"{symbol}: {len(shares)} shares match the description, expected one"
            return failed(Check.CONTRACTS, found, "an order would be refused with 200", "report this as a bug")
        if order_type not in shares[0].order_types:
            found = f"{symbol}: the broker accepts no {order_type} orders for it"
            fix = f"set order_type to {'LMT' if order_type == 'MKT' else 'MKT'}"
            return failed(Check.CONTRACTS, found, "an order would be refused with 387", fix)
    first = next(iter(answers.values())).rows[0]
    ticks = {_plain(found.min_tick) for answer in answers.values() for found in answer.rows}
    found = f"{' and '.join(answers)}: one share each, price step {' and '.join(sorted(ticks))}, accepts {order_type}"
    return ok(Check.CONTRACTS, found + hours_today(first, now))


def hours_today(contract: ContractDetails, now: datetime) -> str:
    """'; regular hours today 09:30-16:00 US/Eastern' from '20260406:0930-20260406:1600;20260411:CLOSED'."""
    today = f"{new_york_date(now):%Y%m%d}"
    for day in contract.hours.split(";"):
        begin, _, end = day.partition("-")
        if begin == f"{today}:CLOSED":
            return "; closed today"
        if begin.startswith(f"{today}:") and end:
            opening, close = (text.rpartition(":")[2] for text in (begin, end))
            return f"; regular hours today {opening[:2]}:{opening[2:]}-{close[:2]}:{close[2:]} {contract.zone}"
    return ""


def line(interrupted: str) -> Result:
    """`interrupted` is what the gateway said about its own connection to the broker; empty if it is up."""
    if not interrupted:
        return ok(Check.LINE, "the gateway did not report it lost during this check")
    meaning = "what the gateway says is out of date, and orders would not get through"
    fix = "wait: it comes back on its own, also every night between 00:15 and 01:45 New York"
    return failed(Check.LINE, interrupted.partition(";")[0], meaning, fix)


def quotes(ticks: Mapping[str, Mapping[int, float]], trouble: str, symbols: Sequence[str]) -> Result:
    """Never a failure: the bot trades on its own prices."""
    last = {symbol: found[LAST] for symbol, found in ticks.items() if found.get(LAST, 0) > 0}
    if len(last) == len(symbols):
        found = "live: " + ", ".join(f"{symbol} {usd(price)}" for symbol, price in last.items())
        return ok(Check.QUOTES, found, "a second opinion on the bot's own prices")
    meaning = "the bot trades on its own prices, without the broker's second opinion"
    number = trouble.partition(":")[0]
    if not number.isdigit():
        return note(Check.QUOTES, "no live price came in time", meaning, "nothing while the exchange is closed")
    known = code(int(number))
    return note(Check.QUOTES, f"{number}: {known.sentence}", meaning, known.fix)


def precautions(answer: Reply | None, symbol: str, quantity: int = 1, doubtful: Sequence[str] = ()) -> Result:
    """`answer` is the reply to a what-if order; None if none was requested, or if other checks are `doubtful`."""
    what = f"a what-if order for {quantity:,} {symbol}"
    if answer is None:
        meaning = (
            "a precaution that is on opens a dialog and holds the order; permissions show only when an order is placed"
        )
        if doubtful:
            fix = f"first fix: {', '.join(doubtful)}"
            return note(Check.PRECAUTIONS, f"{what} was not sent: something above failed", meaning, fix)
        fix = f"{PRECAUTIONS_FIX}; --what-if asks the broker about an order without placing it"
        return note(Check.PRECAUTIONS, "the API does not report them", meaning, fix)
    if answer.trouble:
        meaning = "the order itself would not have gone through; nothing was placed"
        fix = PRECAUTIONS_FIX if answer.trouble == TOO_LATE else _fix(answer, of_order=True)
        return failed(Check.PRECAUTIONS, f"{what}: {answer.trouble.removesuffix(f'; {fix}')}", meaning, fix)
    estimate: WhatIf = answer.rows[-1]
    found = f"{what}: margin {_amount(estimate.margin)}, commission {_amount(estimate.commission)}; nothing was placed"
    if estimate.margin is None and estimate.commission is None:
        meaning = "the broker estimates nothing: the account may not be allowed to trade it"
        fix = "Client Portal, Settings, Trading Permissions: US stocks and leveraged exchange traded funds"
        return failed(Check.PRECAUTIONS, f"{what}: no margin, no commission; nothing was placed", meaning, fix)
    if estimate.warnings:
        meaning = f"the broker warns: {'; '.join(estimate.warnings)}"
        return note(Check.PRECAUTIONS, found, meaning, PRECAUTIONS_FIX)
    meaning = "the account may trade it, and the broker gave no warning"
    if quantity == 1:
        meaning += "; for one share, since no price or no cash is known: limits by size and value show at the real size"
    return ok(Check.PRECAUTIONS, found, meaning)


def _fix(answer: Reply, of_order: bool = False) -> str:
    """The fix from the table of codes, if the trouble begins with a code."""
    number = answer.trouble.partition(":")[0]
    known = ""
    if number.isdigit():
        known = (code_of_order(int(number), answer.trouble) if of_order else code(int(number))).fix
    return known or "try again; if it persists, look at the gateway's window and restart it"


def _trouble(answer: Reply) -> str:
    """Without the fix that follows a code's."""
    return answer.trouble.removesuffix(f"; {_fix(answer)}")


def _amount(amount: Decimal | None) -> str:
    return "not given" if amount is None else f"{usd(float(amount))} USD"


def _plain(tick: Decimal | None) -> str:
    return "not given" if tick is None else f"{tick.normalize():f}"
