"""The rungs of a connection check: from what was found at a gateway to a verdict, its meaning and its fix. Pure.

A rung that FAILED means that the bot could not trade; a note is worth reading and keeps it from nothing. What the bot
itself believes is asked of the bot's own functions (`ib_account`, `ib_codes`), so that the check cannot be kinder.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from qqqbot import ib_account
from qqqbot.config import Config
from qqqbot.errors import AccountRefused, BrokerUnavailable
from qqqbot.ib_account import PositionRow, SummaryRow
from qqqbot.ib_codes import code
from qqqbot.ib_mailboxes import TOO_LATE
from qqqbot.ib_orders import REF_PREFIX
from qqqbot.market_calendar import new_york_date
from qqqbot.model import SYMBOLS, Mode
from qqqbot.wording import usd

PACKAGE, PORT, HANDSHAKE, CLIENT_ID = "API package", "Host and port", "Handshake", "Client id"
CLOCK, ZONE, ACCOUNT, KIND, KEYS = "Clock", "Time zone", "Account", "Paper or live", "Keys"
READ_ONLY, ORDERS, SUMMARY, POSITIONS = "Read-only API", "Open orders", "Account summary", "Positions"
CONTRACTS, LINE, QUOTES, PRECAUTIONS = "Contracts", "Line to IB", "Quotes", "Precautions"
NAMES: tuple[str, ...] = (
    *(PACKAGE, PORT, HANDSHAKE, CLIENT_ID),
    *(CLOCK, ZONE, ACCOUNT, KIND, KEYS),
    *(READ_ONLY, ORDERS, SUMMARY, POSITIONS),
    *(CONTRACTS, LINE, QUOTES, PRECAUTIONS),
)

# The first version whose prices are not refused with 10285; see ib_codes.
FRACTIONAL_SIZES = 163
SKEW_OK, SKEW_FAILED = timedelta(seconds=5), timedelta(seconds=60)
LAST = 4
NEW_YORK_NAMES = ("America/New_York", "US/Eastern", "EST5EDT", "EST", "EDT", "Eastern Standard Time")
PRECAUTIONS_FIX = (
    "in the gateway: Configure, Settings, API, Precautions: tick 'Bypass Order Precautions for API Orders' and every "
    "other API precaution"
)
TRUSTED_IPS = "Configure, Settings, API, Settings: 'Trusted IPs' must hold this computer's address"


class Silence(StrEnum):
    """How a gateway that was reached did not greet."""

    MUTE = "mute"
    CLOSED = "closed"


class Verdict(StrEnum):
    OK = "ok"
    NOTE = "note"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Rung:
    """`found` is the fact, `meaning` what it means for the bot, `fix` what to do; the last two may be empty."""

    name: str
    verdict: Verdict
    found: str
    meaning: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True)
class OpenOrder:
    symbol: str
    order_ref: str


@dataclass(frozen=True, slots=True)
class Contract:
    """One instrument that a description fits. `hours` is the broker's text of regular hours, day by day."""

    sec_type: str
    con_id: int
    min_tick: Decimal | None
    order_types: tuple[str, ...]
    hours: str
    zone: str


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The broker's estimate for an order that is not placed; None where it gave no number."""

    margin: Decimal | None
    commission: Decimal | None
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """`trouble` is empty where the answer is complete, and only then are its rows worth anything."""

    rows: tuple[Any, ...] = ()
    trouble: str = ""


# Before the connection


def package(release: str, newest: int) -> Rung:
    """`release` as 'ibapi 9.81.1', `newest` is the newest server version that the client speaks."""
    found = f"{release}, speaks versions up to {newest}"
    if newest < FRACTIONAL_SIZES:
        return Rung(PACKAGE, Verdict.OK, found, "the old client: good for everything here but the broker's own prices")
    return Rung(PACKAGE, Verdict.OK, found)


def no_package(problem: str) -> Rung:
    fix = "./bot_control.sh update; for the official API see IB_SETUP.md, section 3"
    return Rung(PACKAGE, Verdict.FAILED, problem, "the bot cannot speak to a gateway without it", fix)


def reached(host: str, port: int) -> Rung:
    return Rung(PORT, Verdict.OK, f"{host} port {port} accepts the connection")


def unreachable(host: str, port: int, error: OSError, seconds: float) -> Rung:
    """A refusal, a silence and an unknown name are three different faults."""
    where = f"{host} port {port}"
    if isinstance(error, ConnectionRefusedError):
        return Rung(
            PORT,
            Verdict.FAILED,
            f"{where}: connection refused",
            "the computer is there and nothing listens on this port",
            "start TWS or IB Gateway and log in; check ib_port against Configure, Settings, API, 'Socket port', and in "
            "TWS that 'Enable ActiveX and Socket Clients' is ticked",
        )
    if isinstance(error, TimeoutError):
        return Rung(
            PORT,
            Verdict.FAILED,
            f"{where}: no answer to the first packet within {seconds:g} s",
            "a firewall swallows it, the computer is off, or ib_host is another one's address",
            "check ib_host; open the port in the firewall of the gateway's computer, and in a container publish it",
        )
    return Rung(PORT, Verdict.FAILED, f"{where}: {error.strerror or error}", fix="check ib_host and the network")


def not_greeted(ended: str, server_version: int | None, silence: Silence | None) -> Rung:
    """`ended` is the reason with which the connection ended; where it tells a fix, that follows its last colon."""
    found, colon, fix = ended.rpartition(": ")
    if not colon:
        found, fix = fix, "look at the gateway's window, and try again; restart it in doubt"
    meaning = "no session with a gateway came about"
    if silence is Silence.MUTE and server_version:
        found = f"server version {server_version}, and then neither accounts nor order numbers"
        meaning = "the gateway has answered, and its login is not finished"
        fix = "look at its window: finish the login, confirm the second factor, close every dialog"
    elif silence is Silence.MUTE:
        meaning = "a login or update dialog is open in the gateway, it does not trust this computer, or it has hung"
        fix = f"look at its window; {TRUSTED_IPS}; restart it in doubt"
    elif silence is Silence.CLOSED:
        meaning = "the gateway does not trust this computer, or it is just starting or ending"
        fix = f"{TRUSTED_IPS}; otherwise wait a minute and try again"
    return Rung(HANDSHAKE, Verdict.FAILED, found, meaning, fix)


def greeted(server_version: int) -> Rung:
    return Rung(HANDSHAKE, Verdict.OK, f"server version {server_version}")


def client_id(number: int, daemon: int | None) -> Rung:
    """`daemon` is the pid of a daemon that uses the configured id, None where none runs."""
    if daemon is None:
        return Rung(CLIENT_ID, Verdict.OK, f"{number} is free")
    meaning = "the daemon keeps its own client id; another one is used for looking"
    return Rung(CLIENT_ID, Verdict.OK, f"{number}, because the daemon runs (pid {daemon})", meaning)


def client_id_taken(number: int, ended: str) -> Rung:
    known = code(326)
    return Rung(CLIENT_ID, Verdict.FAILED, f"{number} is taken: {ended.partition(';')[0]}", known.sentence, known.fix)


# The session


def clock(skew: timedelta | None, trouble: str = "") -> Rung:
    """`skew` is this computer's clock minus the broker's, to half a second; None where no time was told."""
    if skew is None:
        return Rung(
            CLOCK,
            Verdict.FAILED,
            f"no answer to the question for the time ({trouble})",
            "the gateway has greeted and answers nothing: it has hung, or is just starting or ending",
            "look at its window for a dialog; wait a minute and try again, then restart it",
        )
    seconds = abs(skew).total_seconds()
    if abs(skew) <= SKEW_OK:
        return Rung(CLOCK, Verdict.OK, f"within {SKEW_OK.total_seconds():g} s of the broker's")
    found = f"this computer's clock is {seconds:.0f} s {'ahead of' if skew > timedelta(0) else 'behind'} the broker's"
    meaning = "quotes look older or younger than they are, and the session opens and ends at the wrong moment"
    fix = "set the clock by the network: Linux: timedatectl set-ntp true; macOS: System Settings, Date & Time"
    return Rung(CLOCK, Verdict.FAILED if abs(skew) > SKEW_FAILED else Verdict.NOTE, found, meaning, fix)


def time_zone(greeting: str) -> Rung:
    """`greeting` is the gateway's time of connection: '20260611 15:30:24 Central European Standard Time'."""
    zone = " ".join(greeting.split()[2:])
    if zone in NEW_YORK_NAMES:
        return Rung(ZONE, Verdict.OK, f"the gateway's is {zone}")
    return Rung(
        ZONE,
        Verdict.NOTE,
        f"the gateway's is {zone or 'not told'}",
        "its restart time, and the day for which it remembers executions, are reckoned in it",
        "choose America/New_York in the gateway's login window (More options), or see that its restart falls outside "
        "09:00 to 17:00 New York",
    )


def account(managed: Sequence[str], wanted: str) -> tuple[Rung, str]:
    """The rung, and the account; empty where none can be chosen."""
    try:
        mode, chosen = ib_account.choose_account(managed, wanted, port=0, allow_live=True)
    except AccountRefused as refused:
        return _refused(ACCOUNT, refused, "the bot must know whose money it moves"), ""
    among = "the only one of this login" if len(managed) == 1 else f"one of {len(managed)} of this login"
    return Rung(ACCOUNT, Verdict.OK, f"{chosen}, a {mode} account, {among}"), chosen


def kind(chosen: str, port: int) -> Rung:
    """The account's id decides; a port that is usual for the other kind means that somebody is mistaken."""
    try:
        mode, _ = ib_account.choose_account((chosen,), "", port, allow_live=True)
    except AccountRefused as refused:
        return _refused(KIND, refused, "the bot does not start like this")
    return Rung(KIND, Verdict.OK, f"{mode}: {money(chosen)}", "the account's id says so, and the port agrees")


def money(chosen: str) -> str:
    mode, _ = ib_account.choose_account((chosen,), "", port=0, allow_live=True)
    return "no real money" if mode is Mode.PAPER else "REAL MONEY"


def keys(chosen: str, settings: Config) -> Rung:
    """dry_run is no failure: the connection is looked at before it is used."""
    said = f"dry_run {_json(settings.dry_run)}, use_interactive_brokers {_json(settings.use_interactive_brokers)}"
    said += f", allow_live {_json(settings.allow_live)}"
    if settings.dry_run:
        return Rung(
            KEYS,
            Verdict.NOTE,
            said,
            "the bot trades a simulated account for now, whatever is found here",
            "when everything here is well: set dry_run to false and use_interactive_brokers to true, for a live "
            "account allow_live too; then ./bot_control.sh restart",
        )
    try:
        ib_account.choose_account((chosen,), "", 0, settings.allow_live)
    except AccountRefused as refused:
        return _refused(KEYS, refused, "real money needs dry_run false, allow_live true and a live account's id")
    return Rung(KEYS, Verdict.OK, said)


def _refused(name: str, refused: AccountRefused, meaning: str) -> Rung:
    found, _, fix = str(refused).partition(": ")
    return Rung(name, Verdict.FAILED, found, meaning, fix)


# The account


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


CASH_MEANING = (
    "what a sale brings settles on the next business day, and a rotation between QQQ and TQQQ waits for it; the bot "
    "says so when it does"
)


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


def _json(value: bool) -> str:
    return "true" if value else "false"
