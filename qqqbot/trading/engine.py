"""Engine.step: observe, decide, execute, until settled.

Level-triggered, like a thermostat: each round compares the account as it is with the holding the rule wants, and takes
the next step. Nothing is remembered between rounds that is not on disk, so a restart, a partial fill, a missed night
and a manual trade are handled in the same way, and starting needs no recovery of its own. Every decision is written
down before its orders are sent.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from qqqbot.model.errors import (
    PRICE_ERRORS,
    BrokerUnavailable,
    DidNotSettle,
    OrderOutcomeUnknown,
    TemporaryError,
    TradingHalted,
)
from qqqbot.model.family import DEFAULT, PRESETS, name_of
from qqqbot.model.market import Market, Quote
from qqqbot.model.ports import Broker, Clock, PriceSource
from qqqbot.model.reasons import ADVICE_OF_CODE, AlertKind, Reason
from qqqbot.model.sessions import SessionTable
from qqqbot.model.values import (
    AccountSnapshot,
    Action,
    Decide,
    Plan,
    Portfolio,
    Rules,
    Session,
    Snapshot,
)
from qqqbot.records.decisions import FAILED, decision_values, equity_of, last_rule
from qqqbot.records.jsonl import SCHEMA
from qqqbot.records.risk_line import RiskLine, life
from qqqbot.records.status_file import Flips
from qqqbot.records.track import Track, extended
from qqqbot.runtime.daily_log import pairs
from qqqbot.strategy.crossing import crossing
from qqqbot.strategy.flip import flip_of
from qqqbot.strategy.gates import closes_of_window
from qqqbot.strategy.money import beside
from qqqbot.strategy.planning import decide
from qqqbot.trading.alerts import Alerts
from qqqbot.trading.apart import Apart
from qqqbot.trading.asking import Asking, in_time
from qqqbot.trading.bookkeeping import POSITIONS_SHOWN, Bookkeeper, missing_money
from qqqbot.trading.come_back import half_made, pause, unfinished, window_undecided
from qqqbot.trading.executor import Executor
from qqqbot.trading.missed import Lost, Missed
from qqqbot.trading.parts import Records
from qqqbot.trading.standing import standing

log = logging.getLogger(__name__)

# Selling, buying and seeing that all is done take three rounds; the others are for partial fills.
MAX_ROUNDS = 6
FAILURES_BEFORE_NOTICE = 3
# How long a look at the money is remembered: longer than the pause between two looks. After that the owner may have
# taken money out.
MONEY_REMEMBERED = timedelta(minutes=5)
SEEN_TWICE = (Reason.MONEY_LATE, Reason.DIFFERENCE_SEEN)
ALERTS_OF_GATES = (
    AlertKind.HALT,
    AlertKind.MISMATCH,
    AlertKind.DISK,
    AlertKind.ORDER_LIMIT,
    AlertKind.MONEY,
    AlertKind.ORDER_OPEN,
    AlertKind.VETOED,
    AlertKind.NOT_ANSWERED,
)
"""The lasting alerts that the trade gates begin and end."""


class Check(NamedTuple):
    """The result of a check's newest round. `row` is its line in decisions.jsonl."""

    at: datetime
    action: str
    sentence: str
    error: Reason | None
    """why it could not trade; None if nothing kept it from trading"""
    row: dict[str, Any]
    apart: bool = False
    """the account has not held what the rule wants for too long"""
    short: bool = False
    """the account has less money than the book"""
    complete: bool = False
    """it checked everything that can be wrong, so anything that it did not report is in order"""

    @property
    def failed(self) -> bool:
        return self.action == FAILED

    @property
    def good(self) -> bool:
        """Whether nothing was wrong. A closed exchange is not an error; a halt is."""
        return not self.failed and self.error is None and not self.apart and not self.short


@dataclass(eq=False)
class State:
    """What the last check saw, for the status page."""

    table: SessionTable | None = None
    account: AccountSnapshot | None = None
    market: Market | None = None
    last_check: Check | None = None
    last_signal: Check | None = None
    flips: Flips | None = None
    """from the last check that had a signal; None until there was one"""
    track: Track | None = None
    """what the valuations of all checks add up to"""
    agrees: bool | None = None
    missing: Decimal = Decimal(0)
    """the part of the book's cash that the account lacks"""
    failures_in_row: int = 0
    silent_since: datetime | None = None
    """when the price source stopped answering; None while it answers"""


@dataclass(eq=False)
class Engine:
    """One account, one rule. `disk_free` returns the free bytes of the disk that holds the records."""

    clock: Clock
    prices: PriceSource
    broker: Broker
    executor: Executor
    keeper: Bookkeeper
    records: Records
    alerts: Alerts
    rules: Rules
    disk_free: Callable[[], int]
    asking: Asking
    after_close: Callable[[datetime], None] = lambda _: None
    """the price source's work once a session has ended; called repeatedly as time passes"""
    state: State = field(default_factory=State)
    _differed: bool = field(default=False, init=False)
    """whether account and book differed at the last look"""
    _money_seen: datetime | None = field(default=None, init=False)
    """when the last look compared the account's money with the book's"""
    _beside: Decimal | None = field(default=None, init=False)
    """the account's value at that look apart from its shares and dollars"""
    _apart: Apart = field(default_factory=Apart, init=False)
    _missed: Missed = field(init=False)
    _rule_told: bool = field(default=False, init=False)
    """whether a change of the rule, if there is one, has been reported"""
    _signalled: Snapshot | None = field(default=None, init=False)
    """what the last signal was computed from"""

    def __post_init__(self) -> None:
        self._began = self.clock.now()
        self._missed = Missed(self.records, self.rules.decide)

    def step(self) -> bool:
        """One whole check: at most MAX_ROUNDS rounds without a fill. Never raises a BotError or an OSError.

        Returns whether the next check should come soon: something was begun and is not finished (see `pause`).
        """
        began = self.clock.now()
        try:
            self._rounds(began)
        except (TemporaryError, OrderOutcomeUnknown, TradingHalted, OSError) as error:
            self._failed(began, error)
        self._tell_of_distance()
        if self.state.table is not None:
            self._missed.recall(self.state.table, began, (self.broker.mode.value, self.broker.account))
        if last := self.state.last_check:
            self._missed.observe(self._session(), last.row, self.clock.now())
        if self._signalled is not None:
            self.state.flips = flips(self._signalled, self.rules)
            # Only after all rounds: the next round must judge the prices beside the same kept rows as the one before.
            self.records.prices.keep(self._signalled)
        return self.pause() is not None

    def step_alone(self) -> None:
        """One check with no other to follow: where a second look is needed, it comes at once."""
        self.step()
        if self.state.last_check and self.state.last_check.error in SEEN_TWICE:
            self.step()

    def look_back(self) -> bool:
        """Report once a session that ended without the decision that was due. Call it repeatedly as time passes.

        Returns whether the owner has answered an announcement, so that a check is due at once.
        """
        now = self.clock.now()
        self.after_close(now)
        if missed := self._missed.to_tell(now):
            self.alerts.tell(AlertKind.NO_DECISION, f"{missed}\n{self.standing()}")
        try:
            return self.asking.look()
        except OSError as error:  # the next check reports the disk, and takes the answer again
            log.error(pairs(answer="not recorded", problem=str(error)))
            return False

    def undecided(self) -> Lost | None:
        """The newest session that ended without the decision that was due, until there is one."""
        return self._missed.undecided

    def _tell_of_distance(self) -> None:
        """Begin or end the alert that the account does not hold what the rule wants."""
        check, now = self.state.last_check, self.clock.now()
        if check is None:
            return
        session = self._session()
        lasted = self._apart.observe(session is None or self._is_there(check, session), now)
        held, wanted = self.portfolio().holding, check.row.get("target") or "not known"
        sentence = f"for {(lasted or timedelta(0)) // timedelta(minutes=1)} minutes it has held {held}, and the rule's "
        self._lasting(AlertKind.APART, lasted is not None, f"{sentence}answer is {wanted}: {check.sentence}")
        self.state.last_check = check._replace(apart=lasted is not None, short=bool(self.state.missing))

    def _is_there(self, check: Check, session: Session) -> bool:
        """Whether the account holds what the rule wants, or need not hold it yet."""
        journal, held = self.records.journal, self.portfolio().holding
        half = half_made(journal, self.records.book.ledger, self.rules)
        begun = half is not None and check.action != Action.HOLD
        if in_time(check.row):
            return True
        if check.failed or begun or journal.unresolved() or journal.decided_in(session.date) not in (None, held):
            return False
        waits = self.rules.decide is Decide.BEFORE_CLOSE
        undecided = window_undecided(self.clock.now(), session, journal, self.rules)
        return (waits and not undecided) or check.row.get("target") == held

    def pause(self) -> timedelta | None:
        """How long after the last check the next one comes; None: at the next tick of the timetable."""
        check, session = self.state.last_check, self._session()
        if check is None:
            return None
        if (wait := self.asking.pause(check.row)) is not None:
            return wait
        last = check.action, check.error
        return pause(self.clock.now(), session, self.records.journal, self.records.book.ledger, self.rules, last)

    def _rounds(self, began: datetime) -> None:
        number = without_a_fill = 0
        while without_a_fill < MAX_ROUNDS:
            number += 1
            trades = self.records.book.ledger.trades
            self.executor.pulse()
            snapshot = self._observe()
            plan = decide(snapshot, self.rules)
            self._record(began, number, snapshot, plan)
            self.asking.follow(snapshot, plan)
            if plan.session_target is not None:
                self.records.journal.decided(snapshot.session.date, plan.session_target, snapshot.now)
            if plan.action is not Action.ROTATE:
                return
            self.records.book.verify()  # the book is written only after the order; the journal verifies itself before
            self.executor.execute(plan, snapshot)
            without_a_fill = 0 if self.records.book.ledger.trades > trades else without_a_fill + 1
        reason = f"{MAX_ROUNDS} rounds of one check filled nothing; look at the account, then resume"
        self.records.switch.halt(reason)
        raise DidNotSettle(reason)

    def _observe(self) -> Snapshot:
        """Everything a decision may depend on, each part complete. Raises BotError, OSError."""
        table = self.state.table = self.prices.sessions(self.clock.now())
        self.executor.resolve()
        self.executor.audit()
        market = self.state.market = self.prices.market(self.clock.now())
        account = self.state.account = self.broker.snapshot()
        self.executor.withdraw(account.open_order_refs)
        self.keeper.look(market, account, self.records.journal.unresolved())
        quotes = self.broker.quotes()
        return self._snapshot(table, market, account, quotes)

    def _snapshot(
        self, table: SessionTable, market: Market, account: AccountSnapshot, quotes: Mapping[str, Quote]
    ) -> Snapshot:
        asked = self.asking.asked()  # first: what is answered may halt
        now = self.clock.now()
        open_now = table.open_session(now)
        session = open_now or table.last_closed(now)
        journal, ledger = self.records.journal, self.records.book.ledger
        decided = journal.decided_in(session.date)
        seen = Snapshot(
            now=now,
            session=session,
            exchange_open=open_now is not None,
            expected=table.before(session.date, self.rules.form.history),
            market=market,
            account=account,
            portfolio=ledger.portfolio(),
            unresolved=journal.unresolved(),
            orders_this_session=journal.orders_in(session.date),
            needs_open_exchange=self.broker.needs_open_exchange,
            halted=self.records.switch.reason(),
            disk_free_bytes=self.disk_free(),
            decided_target=decided if decided in self.rules.form.shelves else None,
            half_made=half_made(journal, ledger, self.rules),
            unfinished=unfinished(journal, ledger, self.rules, account.spendable),
            money_short_since=next((a.at for a in self.alerts.lasting() if a.kind is AlertKind.MONEY), None),
            missing=self.state.missing if self._money_seen and now - self._money_seen <= MONEY_REMEMBERED else None,
            beside=self._beside,
            broker_quotes=quotes,
            kept=self.records.prices.newest,
            differed=self._differed and not self._may_be_late(now),
            asked=asked,
            refusal=journal.refusal_in(session.date),
        )
        return replace(seen, lasting_orders=self.executor.lasting(seen.open_orders, account))

    def _may_be_late(self, now: datetime) -> bool:
        """Whether the account may not show the last process's orders yet: only that process knew what it showed."""
        decided = [intent.decided_at for intent in self.records.journal.newest()[-1:]]
        return any(at < self._began and now - at < POSITIONS_SHOWN for at in decided)

    def _record(self, began: datetime, number: int, snapshot: Snapshot, plan: Plan) -> None:
        """Write the decision, before its orders; begin or end the alerts that follow from it. Raises OSError."""
        row = self._row(began, number, snapshot.now) | decision_values(snapshot, plan)
        track = extended(self.state.track, row)
        if track is not None and track is not self.state.track:
            self.state.track, row["track"] = track, track.values()
        if plan.signal is not None:
            self._tell_of_another_rule(plan.sentence)
        self.records.decisions.append(row)
        self.records.inputs.record(snapshot, self.rules, row)
        self._log(row)
        code = plan.blocked_by.code if plan.blocked_by else None
        book = next((gate for gate in plan.gates if gate.name == "book"), None)
        check = Check(snapshot.now, plan.action.value, plan.sentence, code, row, complete=book is not None)
        self.state.last_check = check
        if plan.signal is not None:
            self.state.last_signal, self._signalled = check, snapshot
        self.state.agrees = book.passed if book and not snapshot.open_orders else self.state.agrees
        self._count_failure(code if code in PRICE_ERRORS else None, plan.sentence, snapshot.exchange_open)
        self.alerts.end(AlertKind.BROKER)
        if check.complete:
            failed = [gate for gate in plan.gates if not gate.passed]
            for kind in ALERTS_OF_GATES:
                troubles = [gate.sentence for gate in failed if gate.code is not None and gate.code.alert is kind]
                self._lasting(kind, bool(troubles), "; ".join(troubles))
            if book is not None and book.passed and not snapshot.open_orders:
                self._look_at_money(snapshot)
            self._differed = bool(book and not book.passed) and not snapshot.account.behind

    def _tell_of_another_rule(self, sentence: str) -> None:
        """Report a changed rule at its first decision, with what that decision does. Raises OSError."""
        if not self._rule_told:
            now = name_of(self.rules.form)
            before = last_rule(self.records.decisions.path, self.broker.mode.value, self.broker.account)
            if before not in (None, now):
                text = (
                    f"the rule is {now} now, and was {before}; there is nothing to adopt. By the new rule: {sentence}"
                )
                self.alerts.tell(AlertKind.RULE, text)
            self._rule_told = True

    def _look_at_money(self, snapshot: Snapshot) -> None:
        """Note how much of the book's cash the account lacks, if the shares agree: a lost order changes both."""
        account, portfolio = snapshot.account, snapshot.portfolio
        if account.behind:
            return
        prices = {s: Decimal(str(price)) for s, price in snapshot.market.prices.items()}
        self._money_seen, self._beside = snapshot.now, beside(account, snapshot.market.prices)
        missing = self.state.missing = missing_money(portfolio, account, portfolio.equity(prices))
        there = account.spendable + account.unsettled
        sentence = f"the account has {there:,.2f} USD, and the book {portfolio.cash:,.2f}: {missing:,.2f} are missing"
        self._lasting(AlertKind.SHORTFALL, missing > 0, sentence)

    def _failed(self, began: datetime, error: Exception) -> None:
        """Record a check that could not be made; if the disk refuses, it is only in the log and the alerts."""
        name = Reason.of(error)
        now = self.clock.now()
        row = self._row(began, 0, now) | {
            "session": None,
            "exchange_open": None,
            "action": FAILED,
            "sentence": str(error),
            "error": name,
        }
        self.state.last_check = Check(now, FAILED, str(error), name, row)
        self._log(row)
        self._count_failure(name, f"{name}: {error}", self._session() is not None)
        self._lasting(AlertKind.BROKER, isinstance(error, BrokerUnavailable), str(error))
        if isinstance(error, OSError):
            self.alerts.begin(AlertKind.DISK, f"the records cannot be written: {error}", self.clock.now())
        if isinstance(error, TradingHalted):
            self.alerts.begin(AlertKind.HALT, str(error), self.clock.now(), again=True)
        try:
            self.records.decisions.append(row)
        except OSError as disk:
            log.error(pairs(file=self.records.decisions.path.name, problem=str(disk)))

    def _row(self, began: datetime, number: int, now: datetime) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "timestamp": now.isoformat(),
            "check": began.isoformat(),
            "round": number,
            "mode": self.broker.mode.value,
            "account": self.broker.account,
            **({} if self.rules.form == PRESETS[DEFAULT] else {"rule": name_of(self.rules.form)}),
        }

    def _count_failure(self, code: Reason | None, sentence: str, exchange_open: bool) -> None:
        """Count failed checks in a row, and report or end the outage. `code` is None if the check did not fail."""
        self.state.failures_in_row = self.state.failures_in_row + 1 if code else 0
        if code is None:
            self.alerts.end(AlertKind.CHECKS_FAILING)
        elif self.state.failures_in_row >= FAILURES_BEFORE_NOTICE and exchange_open:
            cure = f". {ADVICE_OF_CODE[code]}" if code.needs_you else ""
            told = f"{self.state.failures_in_row} checks in a row: {sentence}{cure}"
            self.alerts.begin(AlertKind.CHECKS_FAILING, told, self.clock.now())

    def _lasting(self, kind: AlertKind, present: bool, sentence: str) -> None:
        if present:
            self.alerts.begin(kind, sentence, self.clock.now())
        else:
            self.alerts.end(kind)

    def _session(self) -> Session | None:
        table, now = self.state.table, self.clock.now()
        reaches = table is not None and bool(table.sessions) and now < table.ends()
        return table.open_session(now) if table is not None and reaches else None

    def _log(self, row: Mapping[str, Any]) -> None:
        numbers = ("price", "short_ma", "long_ma", "equity")
        keys = ("action", "error", "target", "held", *numbers, "prices_from", "sentence")
        line = pairs(**{key: row.get(key) for key in keys if row.get(key) is not None})
        log.log(logging.WARNING if row["action"] == FAILED else logging.INFO, line)

    def portfolio(self) -> Portfolio:
        """What the bot owns, by its own book."""
        return self.records.book.ledger.portfolio()

    def equity(self) -> float | None:
        """The portfolio's value at the newest valid prices, which `state.flips` has; None before there were any."""
        market = self._signalled.market if self._signalled else None
        return equity_of(self.portfolio(), market.prices if market else None)

    def standing(self) -> str:
        """What is held, and which price would change the rule's answer."""
        return standing(self.there(), self.state.flips, self.state.table, self.clock.now())

    def there(self) -> Portfolio:
        """The portfolio without the cash that the account lacks."""
        book = self.portfolio()
        return replace(book, cash=book.cash - self.state.missing)

    def risk_line(self) -> RiskLine | None:
        """The risk line at the newest check with valid prices; None before there was one."""
        return life(self.records.book.ledger, self.state.track, float(self.state.missing))[1]

    def halted(self) -> str | None:
        """Why trading is halted; None if it is not."""
        return self.records.switch.reason()

    def snapshot_of(self, market: Market, account: AccountSnapshot) -> Snapshot:
        """What a check would decide on, given these answers. Raises PricesUnavailable, CalendarEnded."""
        return self._snapshot(self.prices.sessions(self.clock.now()), market, account, self.broker.quotes())


def flips(seen: Snapshot, rules: Rules) -> Flips:
    """The nearest flip price by the inputs in `seen`, for the rest of its session and for the next session."""
    closes_at = seen.session.close
    today = flip_of(seen, rules, seen.now) if seen.now < closes_at else None
    coming = flip_of(seen, rules, closes_at)
    found = Flips(seen.now, seen.market.signal_quote.price, closes_at, today, coming, symbol=seen.market.signal)
    if not (found.out_of_reach(seen.now) or found.out_of_reach(closes_at)):
        return found
    crosses = crossing(closes_of_window(seen), found.seen_price, seen.portfolio.holding, rules)
    return found._replace(crossing=crosses)
