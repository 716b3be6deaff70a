"""What the status screen shows, from the files of the logs folder.

Nearly everything is in status.json. The lock shows whether the writer of that file is alive, HALT whether it may trade,
the end of the order journal which orders are open, and the newest trades how long each holding was held.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from qqqbot.model.family import DEFAULT, DEFAULT_SYMBOLS, PRESETS
from qqqbot.model.new_york import new_york_date
from qqqbot.model.sessions import LONGEST_PAUSE
from qqqbot.model.values import SHORTEST_WINDOW_MINUTES, Decide, FlipOrder, FlipPrices, Holding
from qqqbot.monitoring import performance
from qqqbot.monitoring.facts.answer import Answer
from qqqbot.monitoring.health import Evidence, judge, problems
from qqqbot.records.channel_health import ChannelHealth, channels_in
from qqqbot.records.coerce import mapping, moment, number, record, sequence, text
from qqqbot.records.folder import Folder, Identity, Problem, damage, identity, present
from qqqbot.records.last_run import last_end
from qqqbot.records.risk_line import Position, RiskLine, gain, less, positions, risk_line
from qqqbot.records.row_prices import prices_of, symbols_of
from qqqbot.records.status_file import FARTHEST_DAY, Flips, costs_in, flips_in
from qqqbot.records.tail import Rows, last_rows
from qqqbot.records.track import kept
from qqqbot.records.verdict import Health
from qqqbot.runtime.halt_file import HaltSwitch, is_by_owner
from qqqbot.strategy.rule import nearest_flip

# The newest trades that --status reads for the time in each holding: several years of them.
NEWEST_TRADES = 200
# An order without an outcome is among the newest few; older ones were resolved before newer ones were sent.
ORDER_ROWS = 50
# The checks of some days; they are read only until a new daemon has its first signal.
NEWEST_DECISIONS = 100
Row = Mapping[str, Any]
RUNNING = (Health.HEALTHY, Health.STARTING, Health.HALTED, Health.FAILING)
NOTICES_OF = timedelta(days=1)
# A figure from prices older than this is shown with its time.
FRESH = timedelta(minutes=30)
HALF_DAY_NOTICE = timedelta(days=10)
USUAL_WINDOW_MINUTES = 15


class Process(NamedTuple):
    pid: int | None
    state: str | None
    version: str | None
    config_hash: str | None
    config: Mapping[str, Any]
    started_at: datetime | None
    uptime_seconds: float | None
    heartbeat_at: datetime | None
    heartbeat_age_seconds: float | None


class BrokerAnswer(NamedTuple):
    """What the broker last reported about the account."""

    net_liquidation: float | None
    spendable: float | None
    positions: Mapping[str, int]
    taken_at: datetime | None


class OpenOrder(NamedTuple):
    """An order that was recorded and has no outcome yet: it may be at the broker."""

    order_ref: str | None
    side: str | None
    symbol: str | None
    quantity: int | None
    timestamp: str | None


class Own(NamedTuple):
    """What the book says, what the broker says, and whether they agree (None if that is not known yet)."""

    shares: Mapping[str, int]
    foreign: Mapping[str, int]
    cash: float | None
    equity: float | None
    total_capital: float | None
    realized_pnl: float | None
    trades: float | None
    holding: str | None
    moving_to: str | None
    since: datetime | None
    change: float | None
    change_pct: float | None
    broker: BrokerAnswer | None
    agrees: bool | None
    answers: bool
    open_orders: tuple[OpenOrder, ...]
    missing: float
    """the part of the book's cash that the account lacks; cash, equity and total_capital are without it"""
    not_counted: float
    """cash in the account that is not the bot's"""
    valued_at: datetime | None
    """when the prices behind `equity` were seen; None if that is not known"""

    @property
    def rests_on_prices(self) -> bool:
        """Whether `equity` is more than cash, which needs no price."""
        return any(self.shares.values()) or self.valued_at is not None


class Notice(NamedTuple):
    at: datetime
    kind: str | None
    text: str | None


class Decision(NamedTuple):
    at: datetime | None
    action: str | None
    sentence: str | None
    error: str | None
    target: str | None
    held: str | None
    session: str | None
    price: float | None
    tqqq_price: float | None
    short_ma: float | None
    long_ma: float | None
    prices: Mapping[str, float]
    """all prices that were seen, the signal's first"""

    @property
    def symbol(self) -> str:
        """The symbol of the signal."""
        return next(iter(self.prices), DEFAULT_SYMBOLS[0])


class NearestFlip(NamedTuple):
    """The nearest price of `symbol` that changes the rule's answer, seen from `seen_price` at `seen_at`.

    `orders` are the orders that a check would then send; None if the daemon did not write them. `coming`: the price is
    for the session after that of `seen_at`, assuming that the earlier one closed at `seen_price`.
    """

    price: float
    distance_pct: float
    target: str
    orders: tuple[FlipOrder, ...] | None
    seen_price: float
    seen_at: datetime | None
    coming: bool
    outdated: bool = False
    """a session has passed since, so the price for the coming session is not known"""
    symbol: str = DEFAULT_SYMBOLS[0]


class Forecast(NamedTuple):
    """No price of a single day changes the answer; the averages must cross.

    If `symbol` stays at `price`, they cross after `sessions` sessions, and the rule then wants `target`. Both are null
    if they never cross.
    """

    price: float
    sessions: int | None
    target: str | None
    seen_at: datetime
    outdated: bool
    symbol: str = DEFAULT_SYMBOLS[0]


class PricesFrom(NamedTuple):
    """Since when Yahoo has been silent, and which prices are not Yahoo's own; None if there is no such thing."""

    silent_since: datetime | None = None
    others: str | None = None


class Next(NamedTuple):
    """What comes next and when; None for anything that is not known."""

    check_at: datetime | None
    exchange_open: bool | None
    closes_at: datetime | None
    opens_at: datetime | None
    half_day_closes_at: datetime | None
    flip: NearestFlip | None
    forecast: Forecast | None
    decides_near_close: bool
    decides_from: datetime | None
    """when the coming decision window begins; None if each check decides, or if that is not known"""


@dataclass(frozen=True, slots=True)
class Status(Answer):
    """The answers to an operator's five questions. `own` is None if no book is known."""

    logs_dir: str
    now: datetime
    health: Health
    exit_code: int
    process: Process
    own: Own | None
    problems: tuple[Problem, ...]
    notices: tuple[Notice, ...]
    last_check: Decision | None
    last_signal: Decision | None
    next: Next
    time_in: performance.TimeIn | None
    halted_by_owner: str | None
    channels: tuple[ChannelHealth, ...]
    prices: PricesFrom
    positions: tuple[Position, ...]
    risk: RiskLine | None
    """None until a check of this version has valued the account"""

    def is_of_now(self, seen_at: datetime | None) -> bool:
        """Whether a figure from prices seen at `seen_at` is recent enough to be shown without its time."""
        return seen_at is not None and self.now - seen_at <= FRESH


def status(folder: Folder, now: datetime) -> Status:
    """Raises OSError."""
    found, damaged = folder.status()
    now = present(found, now)
    who = identity(folder, found)
    newest_trades = last_rows(folder.trades, NEWEST_TRADES, who.owns)
    newest_orders = last_rows(folder.orders, ORDER_ROWS, who.owns)
    evidence = Evidence(
        status=found,
        holder=folder.holder(folder.lock),
        locked_at=folder.locked_at(),
        halt=HaltSwitch(folder.halt).reason(),
        damage=(*damaged, *damage(folder.trades, newest_trades), *damage(folder.orders, newest_orders)),
        touched_at=folder.touched_at(),
        halted_by_owner=is_by_owner(folder.halt),
        channels=channels_in(folder.path),
        end=last_end(folder.path),
        disk_is_full=folder.path.exists() and folder.disk_is_full(),
    )
    health = judge(evidence, now)
    check, signal = mapping(found.get("last_check")), _last_signal(found, folder, who)
    book = _book_of_newest(newest_trades)
    open_positions = positions(book.ledger, prices_of(signal))
    costs = book.ledger.costs if newest_trades.whole else costs_in(found)
    missing = number(mapping(found.get("portfolio")).get("missing")) or 0.0
    return Status(
        who=who,
        logs_dir=str(folder.path),
        now=now,
        health=health,
        exit_code=health.exit_code,
        process=_process(evidence, now),
        own=_own(found, _open_orders(newest_orders), moment(signal.get("timestamp"))),
        problems=problems(evidence, health, now),
        notices=_notices(found, now),
        last_check=_decision(check),
        last_signal=_decision(signal),
        next=_next(found, signal, now, running=health in RUNNING),
        time_in=performance.time_in(book, now, newest_trades.whole),
        halted_by_owner=evidence.halt if evidence.halted_by_owner else None,
        channels=evidence.channels,
        prices=_prices(found),
        positions=open_positions,
        risk=risk_line(kept(signal), open_positions, costs, missing),
    )


def _prices(status: Mapping[str, Any]) -> PricesFrom:
    prices = mapping(status.get("prices"))
    return PricesFrom(moment(prices.get("silent_since")), text(prices.get("from")))


def _process(evidence: Evidence, now: datetime) -> Process:
    status = evidence.status
    started, beat = moment(status.get("started_at")), moment(status.get("heartbeat_at"))
    return record(
        Process,
        status,
        pid=evidence.holder,
        uptime_seconds=(now - started).total_seconds() if started and evidence.holder is not None else None,
        heartbeat_age_seconds=(now - beat).total_seconds() if beat else None,
    )


def _own(status: Mapping[str, Any], open_orders: tuple[OpenOrder, ...], valued_at: datetime | None) -> Own | None:
    book = mapping(status.get("portfolio"))
    if not book:
        return None
    missing = number(book.get("missing")) or 0.0
    cash, equity, capital = (less(number(book.get(name)), missing) for name in ("cash", "equity", "total_capital"))
    change, change_pct = gain(equity, capital)
    agrees, said = status.get("agrees"), mapping(status.get("account_says"))
    return record(
        Own,
        {**book, "cash": cash, "equity": equity, "total_capital": capital},
        change=change,
        change_pct=change_pct,
        broker=record(BrokerAnswer, said) if said else None,
        agrees=agrees if isinstance(agrees, bool) else None,
        answers=text(status.get("problem")) is None,
        open_orders=open_orders,
        missing=missing,
        not_counted=max(0.0, (number(said.get("spendable")) or 0.0) - (cash or 0.0)) if said else 0.0,
        valued_at=valued_at if equity is not None else None,
    )


def _open_orders(newest: Rows) -> tuple[OpenOrder, ...]:
    alive: dict[str, OpenOrder] = {}
    for row in newest.rows:
        reference = text(row.get("order_ref")) or ""
        if row.get("event") == "intended":
            alive[reference] = record(OpenOrder, row)
        elif row.get("event") == "outcome":
            alive.pop(reference, None)
    return tuple(alive.values())


def _last_signal(status: Mapping[str, Any], folder: Folder, who: Identity) -> Row:
    """The last signal of this daemon or, if it has had none yet, of the previous one; empty if there is none."""
    if known := mapping(status.get("last_signal")):
        return known
    newest = last_rows(folder.decisions, NEWEST_DECISIONS, who.owns).rows
    return next((row for row in reversed(newest) if number(row.get("short_ma")) is not None), {})


def _notices(status: Mapping[str, Any], now: datetime) -> tuple[Notice, ...]:
    """The notifications of the last day, oldest first."""
    found = [(moment(notice.get("at")), notice) for notice in map(mapping, sequence(status.get("notices")))]
    return tuple(record(Notice, notice, at=at) for at, notice in found if at is not None and now - at < NOTICES_OF)


def _decision(row: Row) -> Decision | None:
    return record(Decision, row, at=moment(row.get("timestamp")), prices=prices_of(row)) if row else None


def _next(status: Mapping[str, Any], signal: Row, now: datetime, running: bool) -> Next:
    """What comes next. The calendar of a dead daemon may have ended: then it says nothing about the exchange."""
    calendar = mapping(status.get("calendar"))
    session, half = mapping(calendar.get("session")), mapping(calendar.get("half_day"))
    opened, closes = moment(session.get("open")), moment(session.get("close"))
    is_open = opened is not None and closes is not None and opened <= now < closes
    opens, half_closes = moment(calendar.get("next_open")), moment(half.get("close"))
    soon = half_closes is not None and now < half_closes <= now + HALF_DAY_NOTICE
    flips = flips_in(status)
    return Next(
        check_at=moment(status.get("next_check_at")) if running else None,
        exchange_open=is_open if opens is not None and (is_open or opens > now) else None,
        closes_at=closes if is_open else None,
        opens_at=opens if opens is not None and opens > now else None,
        half_day_closes_at=half_closes if soon else None,
        flip=_flip(flips, status, now) if flips else _flip_of_signal(signal, now, is_open),
        forecast=_forecast(flips, status, now) if flips else None,
        decides_near_close=mapping(status.get("config")).get("decide") == Decide.BEFORE_CLOSE,
        decides_from=_decides_from(status, closes if is_open else moment(calendar.get("next_close")), now),
    )


def _decides_from(status: Mapping[str, Any], close: datetime | None, now: datetime) -> datetime | None:
    config = mapping(status.get("config"))
    if config.get("decide") != Decide.BEFORE_CLOSE or close is None or close < now:
        return None
    minutes = number(config.get("decide_minutes_before_close")) or USUAL_WINDOW_MINUTES
    return close - timedelta(minutes=max(minutes, SHORTEST_WINDOW_MINUTES))


def _flip(flips: Flips, status: Mapping[str, Any], now: datetime) -> NearestFlip | None:
    """The nearest flip price; None if no price changes the answer."""
    if (flip := flips.at(now)) is None:
        return None
    return NearestFlip(
        price=flip.price,
        distance_pct=(flip.price / flips.seen_price - 1) * 100,
        target=flip.target.value,
        orders=flip.orders,
        seen_price=flips.seen_price,
        seen_at=flips.seen_at,
        coming=flips.is_coming(now),
        outdated=_outdated(status, flips.closes_at, now),
        symbol=flips.symbol,
    )


def _outdated(status: Mapping[str, Any], closed: datetime, now: datetime) -> bool:
    """Whether another session has closed since the session of a flip price."""
    last = moment(mapping(mapping(status.get("calendar")).get("session")).get("close"))
    return (last is not None and closed < last <= now) or now - closed > LONGEST_PAUSE


def _forecast(flips: Flips, status: Mapping[str, Any], now: datetime) -> Forecast | None:
    """The forecast; None if a single day's price changes the answer."""
    if not flips.out_of_reach(now):
        return None
    crossing = flips.crossing
    sessions, target = (crossing.sessions, crossing.target.value) if crossing else (None, None)
    outdated = _outdated(status, flips.closes_at, now)
    return Forecast(flips.seen_price, sessions, target, flips.seen_at, outdated, flips.symbol)


def _flip_of_signal(signal: Row, now: datetime, is_open: bool) -> NearestFlip | None:
    """The flip price without orders, for a daemon that has no signal yet and for files of earlier versions."""
    seen_at = moment(signal.get("timestamp"))
    price = number(signal.get("price"))
    lines = [number(signal.get(f"flip_{name}")) for name in ("leave_tqqq", "enter_tqqq", "trend")]
    leave, enter, trend = (math.inf if line is None else line for line in lines)
    held = text(signal.get("held")) or ""
    rule = PRESETS.get(text(signal.get("rule")) or DEFAULT)
    if price is None or price <= 0 or rule is None:
        return None
    holding = Holding(held) if held in tuple(Holding) else Holding.CASH
    change = nearest_flip(price, FlipPrices(leave, enter, trend), holding, rule)
    if change is None or abs(change[0] / price - 1) > FARTHEST_DAY:
        return None
    return NearestFlip(
        price=change[0],
        distance_pct=(change[0] / price - 1) * 100,
        target=change[1].value,
        orders=None,
        seen_price=price,
        seen_at=seen_at,
        coming=False,
        outdated=seen_at is None
        or (is_open and new_york_date(seen_at) < new_york_date(now))
        or now - seen_at > LONGEST_PAUSE,
        symbol=symbols_of(signal)[0],
    )


def _book_of_newest(found: Rows) -> performance.Performance:
    """The newest part of the book. Rows up to an invalid one are left out, as if the bot had begun after it."""
    try:
        book = performance.Performance(None if found.whole else performance.shares_before(found.rows))
        for row in found.rows:
            book.apply(row)
    except performance.BAD_ROW:
        return performance.Performance()
    return book
