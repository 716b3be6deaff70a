"""What is reported to the owner, the dead man's switch and systemd, after each check and at least once a minute.

OwnerNotifier is the engine's Notifier. It logs and collects events; each look reads lasting troubles from the engine.
Nothing here may stop a trade: deliveries are handed over, and something counts as reported once a channel has accepted
it, however late.
"""

import logging
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

from qqqbot.display.masking import without_accounts
from qqqbot.model.errors import CalendarEnded
from qqqbot.model.new_york import new_york_date
from qqqbot.model.ports import Clock
from qqqbot.model.program import COMMAND
from qqqbot.model.reasons import AlertKind, Reason
from qqqbot.model.sessions import SessionTable
from qqqbot.model.values import Mode, Rules, Session
from qqqbot.notifications.channels import GIVEN_UP_AFTER, MOST_CHARACTERS, Channels, Message
from qqqbot.notifications.dead_man_switch import Call, DeadManSwitch
from qqqbot.notifications.digest import digest, ended_week
from qqqbot.notifications.evening import EveningLetter, evening, is_wanted, letter
from qqqbot.notifications.memory import NoticeMemory
from qqqbot.notifications.policy import (
    AGAIN_AFTER,
    History,
    Notice,
    Trouble,
    clipped,
    decision_near,
    due_notices,
    is_night,
    login_due,
    without_apart,
)
from qqqbot.records.channel_health import ChannelHealth
from qqqbot.records.codec import to_plain
from qqqbot.records.verdict import DYING, STALE_AFTER, Health, failures, verdict
from qqqbot.trading.alerts import Event, LogNotifier, Outage
from qqqbot.trading.engine import Engine
from qqqbot.trading.heartbeat import engine_values
from qqqbot.trading.standing import is_known, outlook

log = logging.getLogger(__name__)

MODES = {Mode.DRY_RUN: "DRY RUN", Mode.PAPER: "PAPER", Mode.LIVE: "LIVE"}
CLOSE_SECONDS = 3.0
NO_WEEK_YET = "none yet"
MOST_NEWS = 900
"""characters"""
TRADES = (AlertKind.TRADE, AlertKind.FIRST_TRADE)


# Each of these is sent as its own message; the rest of the news shares one.
ALONE = frozenset({AlertKind.LOGIN, AlertKind.DIGEST, AlertKind.EVENING})
URGENT = frozenset({*(kind for kind in AlertKind if kind.lasts), AlertKind.LOGIN, AlertKind.CRASHED})


class Sent(NamedTuple):
    """A message that was handed over, with its words on each subject."""

    words: Mapping[Hashable, tuple[bool, Hashable]]
    at: datetime


@dataclass(eq=False)
class OwnerNotifier:
    """`refused` returns why the account that is logged in may not be traded; waiting does not change that."""

    logs: Path
    clock: Clock
    log_notifier: LogNotifier
    rules: Rules
    outage: Outage
    channels: Channels | None = None
    dead_man: DeadManSwitch | None = None
    engine: Engine | None = None
    refused: Callable[[], str | None] = lambda: None
    health: Callable[[], tuple[ChannelHealth, ...]] = tuple
    letters: EveningLetter = EveningLetter.OFF
    unwritten: Event | None = None
    """since when and why status.json cannot be written; then no other place shows what is wrong"""
    _failure: str | None = None
    _failing_since: datetime | None = None
    _sent: dict[Hashable, Sent] = field(default_factory=dict)
    """subject -> the newest message about it"""
    _died_again: Event | None = None
    _arrived: datetime | None = None
    """when a channel last accepted a message"""
    _complete: bool = False
    """whether a check since the start has examined everything that could be wrong: a trouble not found then is over"""

    def __post_init__(self) -> None:
        self._memory = NoticeMemory(self.logs)

    def notify(self, kind: AlertKind, text: str) -> None:
        """Log `text`, and notify the owner at the next `look`. Lasting troubles are read from the engine instead."""
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
        near = decision_near(now, table, self.rules)
        troubles = self._troubles(near)
        if self.dead_man is not None:
            self._tell_the_dead_man(self.dead_man, troubles, table, now)
        if self.channels is None:
            return
        self._report_failing_channels(self.channels)
        if is_night(now) and not is_open:
            return
        self._recognize()
        last = engine.state.last_check if engine else None
        self._complete |= last is not None and last.complete
        self._send_due(self.channels, troubles, now, near)

    def died(self, text: str) -> Event | None:
        """Log that the last run died, as `text` says. The second death within an hour is also news.

        Returns that news, which `status` reports too.
        """
        now, before = self.clock.now(), self._memory.history.died
        self.log_notifier.notify(AlertKind.CRASHED, text)
        self._memory.died(now)
        if before is not None and timedelta(0) <= now - before < DYING:
            self._died_again = Event(AlertKind.CRASHED, text, now)
            self._memory.add(self._died_again)
        return self._died_again

    def _tell_the_dead_man(
        self, dead_man: DeadManSwitch, troubles: Sequence[Trouble], table: SessionTable | None, now: datetime
    ) -> None:
        """Call the dead man's address while `status` is healthy; otherwise report what is wrong."""
        again, engine, health = self._died_again, self.engine, self._verdict(now)
        if health.exit_code:
            dying = [_trouble(again)] if again is not None else []
            # A daemon that has just been started again has no account yet; that is no trouble.
            found = (*dying, *troubles) if health is Health.FAILING else (*troubles, *dying)
            worst = next((t for t in found if t.kind in URGENT), None)
            kind, text = (worst.kind, worst.text) if worst else self._not_told_yet()
            sentence = clipped(self._masked(f"{kind.headline}: {kind.under_headline(text)}"), MOST_CHARACTERS)
            dead_man.ring((kind, health), Call(health.exit_code, sentence))
        elif engine is not None:
            dead_man.look(engine.state.last_check, table is not None and not _is_open(table, now), now)

    def _verdict(self, now: datetime) -> Health:
        """What `status` says at this moment."""
        if self.unwritten is not None and now - self.unwritten.at > STALE_AFTER:
            return Health.STALE
        since, again = self.outage.since, self._died_again
        status = {
            "config": {"decide": self.rules.decide.value},
            "problem_since": since.isoformat() if since else None,
            "died_again": to_plain(again),
        }
        return verdict({**status, **(engine_values(self.engine, now) if self.engine else {})}, now)

    def _not_told_yet(self) -> tuple[AlertKind, str]:
        """What only `status` calls wrong: a halt that no check has found yet, or a session without its decision."""
        if self.engine is not None and (halt := self.engine.halted()) is not None:
            return AlertKind.HALT, f"{halt}; {COMMAND} resume ends it"
        lost = self.engine.undecided() if self.engine else None
        return AlertKind.NO_DECISION, lost.sentence if lost else self.outage.problem or "see status"

    def status_line(self, state: str) -> str:
        """One line for systemd."""
        last = self.engine.state.last_check if self.engine else None
        text = f"{last.action}: {last.sentence}" if last else self.outage.problem or state
        return self._masked(f"{self._who().strip() or 'no account yet'}, {state}. {text}")

    def announcement(self, text: str) -> Message:
        return Message(self._masked(f"qqqbot{self._who()}: a rotation is announced"), self._masked(text), urgent=True)

    def close(self) -> None:
        if self.dead_man is not None:
            self.dead_man.close()
        if self.channels is not None:
            self.channels.close(CLOSE_SECONDS)

    def _recognize(self) -> None:
        """Give the memory its mode and account, once they are known."""
        if self.engine is not None:
            self._memory.belongs_to(f"{self.engine.broker.mode.value} {self.engine.broker.account}")

    def _send_due(self, channels: Channels, troubles: list[Trouble], now: datetime, near: bool) -> None:
        week = self._week(now)
        self._memory.drop_repeats()
        history = self._memory.history
        notices = [*due_notices(history, troubles, self._complete, now, near), *self._login(history, now)]
        notices += [*self._digest(history, week, troubles), *self._evening(history, troubles, now)]
        # Until the account is known, nobody knows whose news it is: only what keeps the account away is reported.
        due = [notice for notice in notices if self.engine is not None or notice.kind in URGENT]
        alone = [notice for notice in due if notice.kind in URGENT | ALONE]
        together = [notice for notice in due if notice.kind not in URGENT | ALONE and not self._flies(notice, now)]
        for notice in alone:
            if not self._waits(notice, now):
                self._send(channels, [notice], now)
        if not all(self._waits(notice, now) for notice in together):
            self._send(channels, together, now)
        current = {notice.subject for notice in due}
        self._sent = {s: sent for s, sent in self._sent.items() if s in current or isinstance(s, AlertKind)}

    def _send(self, channels: Channels, notices: Sequence[Notice], now: datetime) -> None:
        sent = Sent({notice.subject: (notice.over, notice.words) for notice in notices}, now)
        self._sent |= dict.fromkeys(sent.words, sent)
        channels.put(self._message(notices), partial(self._accepted, sent, tuple(notices), self._memory.history.whose))

    def _flies(self, notice: Notice, now: datetime) -> bool:
        """Whether the channels may still be trying to deliver the notice."""
        return self._sent_within(GIVEN_UP_AFTER, notice, now)

    def _waits(self, notice: Notice, now: datetime) -> bool:
        """Whether the notice was sent within the hour, and is under way or no channel has accepted anything since."""
        if not self._sent_within(AGAIN_AFTER, notice, now):
            return False
        works_again = self._arrived is not None and self._arrived > self._sent[notice.subject].at
        return self._flies(notice, now) or not works_again

    def _sent_within(self, length: timedelta, notice: Notice, now: datetime) -> bool:
        sent = self._sent.get(notice.subject)
        same = sent is not None and sent.words[notice.subject] == (notice.over, notice.words)
        return sent is not None and same and timedelta(0) <= now - sent.at < length

    def _accepted(self, sent: Sent, notices: tuple[Notice, ...], whose: str) -> None:
        """Called from a channel's thread. A superseded message changes nothing: a newer one repeats it."""
        self._arrived = self.clock.now()
        self._memory.accept(whose, [notice for notice in notices if self._sent.get(notice.subject) is sent])

    def _troubles(self, near: bool) -> list[Trouble]:
        lasting = [self.unwritten] if self.unwritten is not None else []
        lasting += self.engine.alerts.lasting() if self.engine else ()
        found = {alert.kind: _trouble(alert)._replace(advice=self._advice(alert.kind)) for alert in lasting}
        if self.outage.problem is not None and self.outage.since is not None:
            found[AlertKind.BROKER] = Trouble(AlertKind.BROKER, self.outage.problem, self.outage.since)
        if (broker := found.pop(AlertKind.BROKER, None)) is not None:
            refused = self.refused()
            other = Trouble(AlertKind.ACCOUNT, refused, broker.since) if refused else broker._replace(threatens=near)
            found[other.kind] = other
        if (channels := self.channels) is not None and channels.failure:
            since, can_be_said = self._failing_since or self.clock.now(), not channels.all_fail
            # Reported through another channel. While all channels fail, the trouble is not over.
            found[AlertKind.NOTIFICATIONS] = Trouble(AlertKind.NOTIFICATIONS, channels.failure, since, can_be_said)
        return list(found.values())

    def _advice(self, kind: AlertKind) -> str:
        """The advice of the reason for which the last check could not trade, if that is a trouble of this kind."""
        last = self.engine.state.last_check if self.engine else None
        codes = dict(failures(last.row)).keys() if last else ()
        return next((reason.advice for reason in Reason if reason in codes and reason.alert is kind), "")

    def _login(self, history: History, now: datetime) -> list[Notice]:
        problem, today = self.outage.problem, new_york_date(now).isoformat()
        if not login_due(history, problem, now):
            return []
        return [Notice(AlertKind.LOGIN, problem or "", subject=AlertKind.LOGIN, words=today, changes={"login": today})]

    def _week(self, now: datetime) -> Session | None:
        """The newest week that is over and in which this bot ran; None until a check has been made."""
        engine = self.engine
        if engine is None or engine.state.last_check is None:
            return None
        week = ended_week(engine.state.table, now)
        # A week that was over before the very first start is not reported: the bot did not run in it.
        first = week.date.isoformat() if week else NO_WEEK_YET
        portfolio = engine.portfolio()
        self._memory.begin_weeks(first, engine.equity(), float(portfolio.total_capital), portfolio.trades)
        return week

    def _digest(self, history: History, week: Session | None, troubles: list[Trouble]) -> list[Notice]:
        engine = self.engine
        if week is None or engine is None or (day := week.date.isoformat()) == history.digest:
            return []
        portfolio, equity = engine.portfolio(), engine.equity()
        capital, wrong = float(portfolio.total_capital), [trouble.text for trouble in troubles]
        before = (_with_deposits(history, capital), history.trades)
        seen, now = engine.state, self.clock.now()
        coming, known = outlook(seen.flips, seen.table, now), is_known(seen.flips, seen.table, now)
        ways, valued_at = self.health(), seen.flips.seen_at if seen.flips else None
        risk = engine.risk_line()
        text = digest(week, portfolio, equity, coming, before, wrong, ways, seen.missing, valued_at, risk)
        after = {"digest": day, "trades": portfolio.trades, "evening_held": portfolio.holding.value}
        after |= {"equity": equity, "capital": capital} if known else {}
        return [Notice(AlertKind.DIGEST, text, subject=AlertKind.DIGEST, words=day, changes=after)]

    def _evening(self, history: History, troubles: list[Trouble], now: datetime) -> list[Notice]:
        engine = self.engine
        if engine is None or engine.state.last_check is None or self.letters is EveningLetter.OFF:
            return []
        seen, there = engine.state, engine.there()
        self._memory.begin_evenings(there.holding.value)
        session = evening(seen.table, now)
        if session is None or (day := session.date.isoformat()) == history.evening:
            return []
        if not is_wanted(self.letters, there.holding, history.evening_held, seen.flips, seen.table, now):
            return []
        wrong = [trouble.kind.headline for trouble in without_apart(troubles)]
        text = letter(session, there, seen.flips, seen.table, now, wrong)
        after = {"evening": day, "evening_held": there.holding.value}
        return [Notice(AlertKind.EVENING, text, subject=AlertKind.EVENING, words=day, changes=after)]

    def _message(self, notices: Sequence[Notice]) -> Message:
        """One notice with all its details, or the news: the newest part of it if there is too much."""
        heads = list(dict.fromkeys(notice.head for notice in notices))
        title = f"qqqbot{self._who()}: {'; '.join(heads[:2])}{'; ...' if len(heads) > 2 else ''}"
        first = notices[0]
        subject = first.kind if first.kind in URGENT | ALONE else ""
        urgent = first.kind in URGENT and not first.over
        body = shown([notice.paragraph for notice in notices], all(n.kind in TRADES for n in notices))
        if urgent and self.engine is not None:
            body += f"\n{self.engine.standing()}"
        return Message(self._masked(title), self._masked(clipped(body, MOST_CHARACTERS)), urgent, subject)

    def _who(self) -> str:
        """The mode and account, for a title; empty until they are known."""
        if self.engine is None:
            return ""
        broker = self.engine.broker
        return f" {MODES[broker.mode]}" + ("" if broker.mode is Mode.DRY_RUN else f" {broker.account}")

    def _masked(self, text: str) -> str:
        return without_accounts(text, self.engine.broker.account if self.engine else "")

    def _report_failing_channels(self, channels: Channels) -> None:
        """Report failing channels once, in the log and the status: an undelivered message cannot report itself."""
        if (failure := channels.failure) != self._failure:
            self._failure = failure
            self._failing_since = self.clock.now() if failure else None
            self.log_notifier.notify(AlertKind.NOTIFICATIONS, self._failure or "delivered again")


def shown(paragraphs: Sequence[str], trades: bool) -> str:
    """The newest of `paragraphs`, as many as fit into a message, and a line about the others."""
    kept: list[str] = []
    for paragraph in reversed(paragraphs):
        if kept and sum(map(len, kept)) + 2 * len(kept) + len(paragraph) > MOST_NEWS:
            break
        kept.insert(0, paragraph)
    more = len(paragraphs) - len(kept)
    where = f"trades, see {COMMAND} trades" if trades else f"pieces of news, see {COMMAND} logs"
    return "\n\n".join([*kept, *([f"and {more} more {where}"] if more else [])])


def _with_deposits(history: History, capital: float) -> float | None:
    """The value at the last weekly message, with what has been put in or taken out since: that is no gain or loss."""
    if history.equity is None or history.capital is None:
        return history.equity
    return max(history.equity + capital - history.capital, 0.0)


def _trouble(event: Event) -> Trouble:
    return Trouble(event.kind, event.text, event.at)


def _is_open(table: SessionTable | None, now: datetime) -> bool:
    try:
        return table is not None and table.open_session(now) is not None
    except CalendarEnded:
        return False
