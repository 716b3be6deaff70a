"""What is reported to the owner, the dead man's switch and systemd, after each check and at least once a minute.

It is the Notifier of the engine: what happens is logged and collected; what lasts is read from the engine itself each
time. Nothing here may stop a trade: deliveries are handed over, and something counts as reported once a channel has
accepted it, whenever that is.
"""

import logging
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

from qqqbot.display.masking import without_accounts
from qqqbot.model.errors import CalendarEnded
from qqqbot.model.new_york import new_york_date
from qqqbot.model.ports import Clock
from qqqbot.model.reasons import AlertKind
from qqqbot.model.sessions import SessionTable
from qqqbot.model.values import Mode, Rules
from qqqbot.notifications.channels import GIVEN_UP_AFTER, Channels, Message
from qqqbot.notifications.dead_man_switch import DeadManSwitch
from qqqbot.notifications.digest import Week, digest, ended_week
from qqqbot.notifications.memory import NoticeMemory
from qqqbot.notifications.policy import (
    AGAIN_AFTER,
    History,
    Notice,
    Trouble,
    decision_near,
    due_notices,
    is_night,
    login_due,
)
from qqqbot.trading.alerts import Event, LogNotifier, Outage
from qqqbot.trading.engine import Engine

log = logging.getLogger(__name__)

MODES = {Mode.DRY_RUN: "DRY RUN", Mode.PAPER: "PAPER", Mode.LIVE: "LIVE"}
CLOSE_SECONDS = 3.0
# The owner's evening before a session, when a missing login is reported.
ACCOUNT_MISSED = timedelta(hours=16)
NO_WEEK_YET = "none yet"


class Sent(NamedTuple):
    """The newest message: the history that it led from and to, and what it was about."""

    before: History
    after: History
    subjects: frozenset[Hashable]
    at: datetime


@dataclass(eq=False)
class OwnerNotifier:
    """`refused` returns why the account that is logged in may not be traded, which does not pass by waiting."""

    logs: Path
    clock: Clock
    log_notifier: LogNotifier
    rules: Rules
    outage: Outage
    channels: Channels | None = None
    dead_man: DeadManSwitch | None = None
    engine: Engine | None = None
    refused: Callable[[], str | None] = lambda: None
    _failure: str | None = None
    _sent: Sent | None = None
    """the newest message, until a channel accepts it"""
    _complete: bool = False
    """a check since the start has examined everything that could be wrong: a trouble that is not found is over"""

    def __post_init__(self) -> None:
        self._memory = NoticeMemory(self.logs)

    def notify(self, kind: AlertKind, text: str) -> None:
        """Log it, and notify the owner at the next `look`. What lasts is read from the engine instead."""
        self.log_notifier.notify(kind, text)
        if kind.lasts or self.channels is None:
            return
        self._recognize()
        if kind is AlertKind.TRADE and self.engine is not None and self.engine.portfolio().trades == 1:
            kind = AlertKind.FIRST_TRADE
        self._memory.add(Event(kind, text, self.clock.now()))

    def look(self) -> None:
        """Send what is due now."""
        now, engine = self.clock.now(), self.engine
        table = engine.state.table if engine else None
        is_open = _is_open(table, now)
        if self.dead_man is not None and engine is not None:
            down_since = self.outage.since if _opens_soon(table, now) else None
            closed, halted = table is not None and not is_open, engine.halted() is not None
            self.dead_man.look(engine.state.last_check, closed, now, halted, down_since)
        if self.channels is None:
            return
        self._report_failing_channels(self.channels)
        if is_night(now) and not is_open:
            return
        self._recognize()
        last = engine.state.last_check if engine else None
        self._complete |= last is not None and last.complete
        self._send_due(self.channels, self._troubles(decision_near(now, table, self.rules)), now)

    def status_line(self, state: str) -> str:
        """One line for systemd."""
        last = self.engine.state.last_check if self.engine else None
        text = f"{last.action}: {last.sentence}" if last else self.outage.problem or state
        return self._masked(f"{self._who()}, {state}. {text}")

    def close(self) -> None:
        if self.dead_man is not None:
            self.dead_man.close()
        if self.channels is not None:
            self.channels.close(CLOSE_SECONDS)

    def _recognize(self) -> None:
        """Give the memory its mode and account, once they are known."""
        if self.engine is not None:
            self._memory.belongs_to(f"{self.engine.broker.mode.value} {self.engine.broker.account}")

    def _send_due(self, channels: Channels, troubles: list[Trouble], now: datetime) -> None:
        week = self._week(now)
        before = self._memory.history
        after, notices = due_notices(before, troubles, self._complete, now)
        after, login = self._login(after, now)
        after, of_the_week = self._digest(after, week, troubles)
        notices += [*login, *of_the_week]
        subjects = frozenset((n.kind, n.over, n.subject) for n in notices)
        if not notices:
            self._memory.accept(before, after)
        elif not self._waits(subjects, now):
            self._sent = Sent(before, after, subjects, now)
            channels.put(self._message(notices), partial(self._accepted, self._sent))

    def _waits(self, subjects: frozenset[Hashable], now: datetime) -> bool:
        """Whether the newest message is still under way, or says the same and no channel accepted it lately."""
        if self._sent is None or now < self._sent.at:
            return False
        since = now - self._sent.at
        return since < GIVEN_UP_AFTER or (since < AGAIN_AFTER and subjects <= self._sent.subjects)

    def _accepted(self, sent: Sent) -> None:
        """Called from a channel's thread. A message that was superseded changes nothing: the newer one repeats it."""
        if sent is self._sent:
            self._memory.accept(sent.before, sent.after)
            self._sent = None

    def _troubles(self, near: bool) -> list[Trouble]:
        lasting = self.engine.alerts.lasting() if self.engine else ()
        found = {alert.kind: Trouble(alert.kind, alert.text, alert.at) for alert in lasting}
        if self.outage.problem is not None and self.outage.since is not None:
            found[AlertKind.BROKER] = Trouble(AlertKind.BROKER, self.outage.problem, self.outage.since)
        if (broker := found.pop(AlertKind.BROKER, None)) is not None:
            refused = self.refused()
            other = Trouble(AlertKind.ACCOUNT, refused, broker.since) if refused else broker._replace(threatens=near)
            found[other.kind] = other
        return list(found.values())

    def _login(self, history: History, now: datetime) -> tuple[History, list[Notice]]:
        problem, today = self.outage.problem, new_york_date(now).isoformat()
        if not login_due(history, problem, now):
            return history, []
        return replace(history, login=today), [Notice(AlertKind.LOGIN, problem or "", subject=today)]

    def _week(self, now: datetime) -> Week | None:
        """The newest week that is over and in which this bot ran, once a check has been made."""
        engine = self.engine
        if engine is None or engine.state.last_check is None:
            return None
        week = ended_week(engine.state.table, now)
        # At the very first start, the bot did not run in a week that is already over.
        self._memory.begin_weeks(week.ended if week else NO_WEEK_YET, engine.equity(), engine.portfolio().trades)
        return week

    def _digest(self, history: History, week: Week | None, troubles: list[Trouble]) -> tuple[History, list[Notice]]:
        engine = self.engine
        if week is None or week.ended == history.digest or engine is None:
            return history, []
        portfolio, equity = engine.portfolio(), engine.equity()
        before, wrong = (history.equity, history.trades), [trouble.text for trouble in troubles]
        text = digest(week, portfolio, equity, engine.state.flips, before, wrong)
        after = replace(history, digest=week.ended, equity=equity, trades=portfolio.trades)
        return after, [Notice(AlertKind.DIGEST, text, subject=week.ended)]

    def _message(self, notices: list[Notice]) -> Message:
        heads = list(dict.fromkeys(notice.head for notice in notices))
        shown = "; ".join(heads[:2]) + ("; ..." if len(heads) > 2 else "")
        body = "\n\n".join(notice.paragraph for notice in notices)
        return Message(self._masked(f"qqqbot {self._who()}: {shown}"), self._masked(body))

    def _who(self) -> str:
        if self.engine is None:
            return "no account yet"
        broker = self.engine.broker
        return MODES[broker.mode] if broker.mode is Mode.DRY_RUN else f"{MODES[broker.mode]} {broker.account}"

    def _masked(self, text: str) -> str:
        return without_accounts(text, self.engine.broker.account if self.engine else "")

    def _report_failing_channels(self, channels: Channels) -> None:
        """In the log and the status, once: a message that cannot be delivered cannot report that itself."""
        if (failure := channels.failure) != self._failure:
            self._failure = failure
            self.log_notifier.notify(AlertKind.NOTIFICATIONS, self._failure or "delivered again")


def _opens_soon(table: SessionTable | None, now: datetime) -> bool:
    """Whether an account that does not answer is needed: not over a weekend, when Sunday requires a login by hand."""
    try:
        return table is None or table.open_session(now) is not None or table.next_open(now).open - now <= ACCOUNT_MISSED
    except CalendarEnded:
        return True


def _is_open(table: SessionTable | None, now: datetime) -> bool:
    try:
        return table is not None and table.open_session(now) is not None
    except CalendarEnded:
        return False
