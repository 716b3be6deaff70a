"""What the owner, the dead man's switch and systemd are told, looked at after each check and at least once a minute.

Takes the place of the Notifier behind the engine: what happens is logged and collected; what lasts is read from the
engine itself at each look. Nothing here may stop a trade: deliveries are handed over, and what was told is remembered
once a channel has it, whenever that is.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from qqqbot.model.errors import CalendarEnded
from qqqbot.model.new_york import new_york_date
from qqqbot.model.ports import Clock
from qqqbot.model.reasons import AlertKind
from qqqbot.model.sessions import SessionTable
from qqqbot.model.values import SYMBOLS, Mode, Rules
from qqqbot.notifications.channels import Channels, Message
from qqqbot.notifications.dead_man_switch import DeadMan
from qqqbot.notifications.digest import Week, ended_week, letter
from qqqbot.notifications.memory import NoticeMemory
from qqqbot.notifications.policy import (
    Memory,
    News,
    Trouble,
    decision_near,
    is_night,
    login_due,
    masked,
    paragraph,
    select,
)
from qqqbot.strategy.rule import flip_prices
from qqqbot.trading.alerts import LogNotifier
from qqqbot.trading.engine import Engine, equity_of

log = logging.getLogger(__name__)

MODES = {Mode.DRY_RUN: "DRY RUN", Mode.PAPER: "PAPER", Mode.LIVE: "LIVE"}
CLOSE_SECONDS = 3.0
# The owner's evening before a session, in which he is told of a login that is missing.
ACCOUNT_MISSED = timedelta(hours=16)
NO_WEEK_YET = "none yet"


@dataclass
class Watch:
    """`problem` says what keeps the account from answering, None where nothing does.

    `refused` says why the account that is there may not be traded, which no patience will mend.
    """

    logs: Path
    clock: Clock
    log_notifier: LogNotifier
    rules: Rules
    problem: Callable[[], str | None]
    channels: Channels | None = None
    deadman: DeadMan | None = None
    engine: Engine | None = None
    refused: Callable[[], str | None] = lambda: None
    _down_since: datetime | None = None
    _failure: str | None = None
    _complete: bool = False
    """a check since the start has looked at everything that could be wrong: what is not there is over"""

    def __post_init__(self) -> None:
        self._memory = NoticeMemory(self.logs)

    def notify(self, kind: AlertKind, text: str) -> None:
        """Log it, and tell the owner at the next look. What lasts is told from the engine's state instead."""
        self.log_notifier.notify(kind, text)
        if kind.lasts or self.channels is None:
            return
        engine = self.engine
        self._recognize()
        if kind is AlertKind.TRADE and engine is not None and engine.records.book.ledger.portfolio().trades == 1:
            kind = AlertKind.FIRST_TRADE
        self._memory.add(News(kind, text, self.clock.now()))

    def look(self) -> None:
        """Tell what is to be told now."""
        now, engine = self.clock.now(), self.engine
        table = engine.state.table if engine else None
        is_open = _is_open(table, now)
        problem = self._problem_now(now)
        if self.deadman is not None and engine is not None:
            halted = engine.records.switch.reason() is not None
            down_since = self._down_since if _opens_soon(table, now) else None
            self.deadman.look(engine.state.last_check, table is not None and not is_open, now, halted, down_since)
        if self.channels is None:
            return
        self._say_where_nothing_is_delivered(self.channels)
        if is_night(now) and not is_open:
            return
        self._recognize()
        self._complete |= engine is not None and _looked_at_everything(engine.state.last_check)
        self._tell(self.channels, problem, self._troubles(problem, decision_near(now, table, self.rules)), now)

    def status_line(self, state: str) -> str:
        """One line for systemd."""
        last = (self.engine.state.last_check if self.engine else None) or {}
        told = f"{last.get('action')}: {last.get('sentence')}" if last else self.problem() or state
        return self._masked(f"{self._who()}, {state}. {told}")

    def close(self) -> None:
        if self.deadman is not None:
            self.deadman.close()
        if self.channels is not None:
            self.channels.close(CLOSE_SECONDS)

    def _recognize(self) -> None:
        """Whose memory it is, once that is known."""
        if self.engine is not None:
            self._memory.belongs_to(f"{self.engine.broker.mode.value} {self.engine.broker.account}")

    def _tell(self, channels: Channels, problem: str | None, troubles: list[Trouble], now: datetime) -> None:
        week = self._week(now)
        before, news = self._memory.view()
        after = replace(before, told=dict(before.told))
        lines = select(after, troubles, news, self._complete, now)
        lines += self._of_the_week(after, week, problem, [trouble.text for trouble in troubles], now)
        if not lines:
            self._memory.drop(news)
        elif (flight := self._memory.flight(before, after, news, now)) is not None:
            channels.put(self._message(lines), partial(self._memory.settle, flight))

    def _troubles(self, problem: str | None, near: bool) -> list[Trouble]:
        lasting = self.engine.alerts.lasting() if self.engine else []
        found = {a["kind"]: Trouble(a["kind"], a["text"], datetime.fromisoformat(a["at"])) for a in lasting}
        if problem is not None and self._down_since is not None:
            found[AlertKind.BROKER] = Trouble(AlertKind.BROKER, problem, self._down_since)
        if AlertKind.BROKER in found:
            broker = found[AlertKind.BROKER]
            found[AlertKind.BROKER] = Trouble(AlertKind.BROKER, broker.text, broker.since, threatens=near)
            if (refused := self.refused()) is not None:
                found[AlertKind.ACCOUNT] = Trouble(AlertKind.ACCOUNT, refused, found.pop(AlertKind.BROKER).since)
        return list(found.values())

    def _problem_now(self, now: datetime) -> str | None:
        problem = self.problem()
        if problem is None:
            self._down_since = None
        elif self._down_since is None:
            self._down_since = now
        return problem

    def _of_the_week(
        self, memory: Memory, week: Week | None, problem: str | None, wrong: list[str], now: datetime
    ) -> list[str]:
        lines = []
        if login_due(memory, problem, now):
            memory.login = new_york_date(now).isoformat()
            lines.append(paragraph(AlertKind.LOGIN, problem or ""))
        if week is not None and week.ended != memory.digest and self.engine is not None:
            lines.append(paragraph(AlertKind.DIGEST, self._letter(self.engine, memory, week, wrong)))
        return lines

    def _week(self, now: datetime) -> Week | None:
        """The week that is over and has had this bot in it, once a check has been made."""
        engine = self.engine
        if engine is None or engine.state.last_check is None:
            return None
        week = ended_week(engine.state.table, now)
        # At the very first start a week that is over was not this bot's.
        self._memory.begin_weeks(
            week.ended if week else NO_WEEK_YET, _equity(engine), engine.records.book.ledger.portfolio().trades
        )
        return week

    def _letter(self, engine: Engine, memory: Memory, week: Week, wrong: list[str]) -> str:
        portfolio, market, equity = engine.records.book.ledger.portfolio(), engine.state.market, _equity(engine)
        before = (memory.equity, memory.trades)
        memory.digest, memory.equity, memory.trades = week.ended, equity, portfolio.trades
        coming = flip_prices([*(bar.close for bar in market.bars), market.qqq.price], self.rules) if market else None
        return letter(week, portfolio, equity, engine.state.last_signal, coming, before, wrong)

    def _message(self, lines: list[str]) -> Message:
        heads = list(dict.fromkeys(line.partition(":")[0].partition(",")[0] for line in lines))
        shown = "; ".join(heads[:2]) + ("; ..." if len(heads) > 2 else "")
        return Message(self._masked(f"qqqbot {self._who()}: {shown}"), self._masked("\n\n".join(lines)))

    def _who(self) -> str:
        if self.engine is None:
            return "no account yet"
        broker = self.engine.broker
        return MODES[broker.mode] if broker.mode is Mode.DRY_RUN else f"{MODES[broker.mode]} {broker.account}"

    def _masked(self, text: str) -> str:
        return masked(text, self.engine.broker.account if self.engine else "")

    def _say_where_nothing_is_delivered(self, channels: Channels) -> None:
        """On the status page, once: a message that cannot be delivered cannot tell so itself."""
        if (failure := channels.failure) != self._failure:
            self._failure = failure
            self.log_notifier.notify(AlertKind.NOTIFICATIONS, self._failure or "delivered again")


def _equity(engine: Engine) -> float | None:
    market = engine.state.market
    return equity_of(
        engine.records.book.ledger.portfolio(), {s: market.quote(s).price for s in SYMBOLS} if market else None
    )


def _looked_at_everything(check: Mapping[str, Any] | None) -> bool:
    return any(gate["name"] == "book" for gate in (check or {}).get("gates", ()))


def _opens_soon(table: SessionTable | None, now: datetime) -> bool:
    """Whether an account that does not answer is missed: not over a weekend, whose Sunday wants a login by hand."""
    try:
        return table is None or table.open_session(now) is not None or table.next_open(now).open - now <= ACCOUNT_MISSED
    except CalendarEnded:
        return True


def _is_open(table: SessionTable | None, now: datetime) -> bool:
    try:
        return table is not None and table.open_session(now) is not None
    except CalendarEnded:
        return False
