"""Ask first: a rotation is announced to the owner, and made only after there was time to veto it.

An announcement is on disk before it is sent, and an answer before the bot acts on it; the next process finds both. A
clock that nobody can set counts the time to answer. No answer chooses an order: it forbids an order, halts, or lets the
rule have its way.
"""

import logging
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from qqqbot.model.new_york import new_york_text
from qqqbot.model.ports import Heard
from qqqbot.model.program import COMMAND
from qqqbot.model.reasons import AlertKind, Reason
from qqqbot.model.values import Answer, Asked, Holding, Plan, Rules, Snapshot
from qqqbot.runtime.daily_log import pairs
from qqqbot.runtime.halt_file import BY_OWNER
from qqqbot.strategy.asking import NAME
from qqqbot.strategy.flip import orders_at
from qqqbot.trading.come_back import SOON
from qqqbot.trading.parts import Adapters, Records

log = logging.getLogger(__name__)

# How long a reply that was sent in the last second may take to arrive.
GRACE_SECONDS = 5.0
# How soon to look again: for the delivery, and for the last replies.
DELIVERY, LAST_REPLIES = timedelta(seconds=30), timedelta(seconds=20)
# For this long a reply that came too late is still answered.
LATE = timedelta(minutes=10)


class Asking:
    """Makes announcements and takes their answers, with the journal as its memory."""

    def __init__(self, records: Records, outside: Adapters, rules: Rules) -> None:
        self._journal, self._switch = records.journal, records.switch
        self._clock, self._owner, self._notifier = outside.clock, outside.owner, outside.notifier
        self._rules = rules
        self._heard: Heard | None = None
        self._marks: dict[tuple[str, str], tuple[float, float]] = {}
        """what is timed -> the monotonic moment of the first look, and the seconds that had passed before it"""

    def look(self) -> bool:
        """Take the answers since the last look; returns whether there were any. Raises OSError."""
        asked, owner = self._journal.asked, self._owner
        self._heard = None
        if asked is None or owner is None:
            return False
        if self._is_over(asked):
            owner.rest()
            return False
        self._heard = heard = owner.heard(asked.code)
        if heard is None:
            owner.ask(asked.code, asked.text, asked.delivered_at is not None)
            return False
        new = [answer for answer in Answer if answer in heard.answers and answer not in asked.answers]
        for answer in new:
            self._take(asked, answer)
        if heard.delivered and asked.delivered_at is None:
            self._journal.delivered(asked, self._clock.now(), self._clock.monotonic())
        return bool(new)

    def asked(self) -> Asked | None:
        """The newest announcement as it stands now. Raises OSError."""
        self.look()
        asked, heard = self._journal.asked, self._heard
        if asked is None:
            return None
        waited, silent = self._waited(asked), False
        if waited is not None and heard is not None:
            read_after = waited - (self._clock.monotonic() - heard.read_since)
            silent = read_after >= self._rules.ask_first_seconds + GRACE_SECONDS
        age = self._elapsed(asked, "announced", (self._clock.now() - asked.announced_at).total_seconds())
        problem = heard.problem if heard else ""
        return replace(asked, waited_seconds=waited, age_seconds=age, silent=silent, problem=problem)

    def follow(self, snapshot: Snapshot, plan: Plan) -> None:
        """Announce the rotation if `plan` asks for it; withdraw one that the rule no longer wants. Raises OSError."""
        asked, target = self._journal.asked, plan.target
        if plan.announces and target is not None:
            self._announce(snapshot, plan, target)
        elif asked is not None and not asked.ended and target is not None and target is not asked.target:
            self._journal.withdrawn(asked, plan.sentence, self._clock.now())
            if asked.session == snapshot.session.date and Answer.VETO not in asked.answers:
                text = f"the rotation to {asked.target} is not made: the rule wants {target} again"
                self._notifier.notify(AlertKind.ANSWER, text)

    def pause(self, row: Mapping[str, Any]) -> timedelta | None:
        """How long after the check of `row` the next look comes; None if it does not wait for the owner."""
        gate, asked = _failed_gate(row), self._journal.asked
        if gate is None or asked is None or asked.ended or gate["code"] == Reason.VETOED:
            return None
        waited = self._waited(asked)
        if waited is None:
            return DELIVERY
        left = timedelta(seconds=self._rules.ask_first_seconds - waited)
        overdue = self._rules.ask_first_waits or gate["code"]
        return SOON if overdue else max(left, timedelta(0)) + LAST_REPLIES

    def _announce(self, snapshot: Snapshot, plan: Plan, target: Holding) -> None:
        assert plan.signal is not None
        code = f"{secrets.randbelow(10**6):06d}"
        orders = ", then ".join(
            f"{o.side.lower()} {o.quantity:,} {o.symbol} ({o.quantity * o.decision_price:,.2f} USD)"
            for o in orders_at(snapshot, self._rules, snapshot.market.signal_quote.price, target)
        )
        text = (
            f"{reply(code, self._rules)}\n{orders[:1].upper()}{orders[1:]}, at the prices of now: {plan.signal.reason}"
        )
        held, now = snapshot.portfolio.holding, self._clock.now()
        closes = snapshot.session.close if snapshot.exchange_open else now + timedelta(days=1)
        asked = Asked(code, snapshot.session.date, held, target, now, closes, text)
        self._journal.announced(asked)
        log.info(pairs(announced=target, held=held, orders=orders))
        if self._owner is not None:
            self._owner.ask(code, text, delivered=False)

    def _take(self, asked: Asked, answer: Answer) -> None:
        """Act on `answer`. The halt comes before its record: a process that dies in between takes the answer again."""
        if answer is Answer.HALT:
            self._switch.halt(f"your reply to the announcement of {new_york_text(asked.announced_at)}\n{BY_OWNER}")
        self._journal.answered(asked, answer, self._clock.now())
        log.warning(pairs(answer=answer, announced=asked.announced_at.isoformat(), too_late=asked.ended))
        if asked.ended and answer is Answer.VETO:
            text = f"your veto came too late: the rotation to {asked.target} had begun, or was withdrawn. "
            text += f'To stop trading: reply "halt {asked.code}", or {COMMAND} halt'
            self._notifier.notify(AlertKind.ANSWER, text)

    def _is_over(self, asked: Asked) -> bool:
        """Whether the replies to the announcement are no longer read."""
        if asked.ended and self._elapsed(asked, "ended", 0.0) > LATE.total_seconds():
            return True
        return self._clock.now() >= asked.closes + LATE

    def _waited(self, asked: Asked) -> float | None:
        """Seconds since the delivery, by whichever clock says less: one can be set, the other restarts at each boot."""
        if asked.delivered_at is None:
            return None
        by_clock = (self._clock.now() - asked.delivered_at).total_seconds()
        return self._elapsed(asked, "delivered", min(by_clock, self._clock.monotonic() - asked.delivered_monotonic))

    def _elapsed(self, asked: Asked, what: str, before: float) -> float:
        now = self._clock.monotonic()
        began, passed = self._marks.setdefault((asked.code, what), (now, max(before, 0.0)))
        return passed + now - began


def reply(code: str, rules: Rules) -> str:
    """The sentence on what the owner can reply, and on what happens without a reply."""
    minutes = rules.ask_first_seconds // 60
    if rules.ask_first_waits:
        return (
            f'It is made only after your reply "go {code}". "veto {code}" forbids it, "halt {code}" stops all trading.'
        )
    within = f'Reply "veto {code}" within {minutes} minutes and it is not made; "halt {code}" stops all trading.'
    return f"{within} Without a reply it is made."


def in_time(row: Mapping[str, Any]) -> bool:
    """Whether the check of `row` waited only because the owner's time to answer had not passed."""
    gate = _failed_gate(row)
    return gate is not None and not gate["code"]


def _failed_gate(row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    gates: list[Mapping[str, Any]] = row.get("gates", [])
    return next((gate for gate in gates if gate["name"] == NAME and not gate["passed"]), None)
