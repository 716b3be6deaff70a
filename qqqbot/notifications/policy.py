"""Which events the owner is notified of, and when. Pure.

Level-triggered like the loop: what is wrong now is compared with what was reported. So a restart, a crash loop and a
trouble that came and went in the night are one case.

Messages are rare and ask for an action: one when a trouble begins, one on each further day on which it prevents
decisions, and one when it is over. A trouble that recurs within the hour is reported only after that hour, a failing
channel only after a week. At night nothing is sent unless the exchange is open.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple

from qqqbot.model.errors import CalendarEnded
from qqqbot.model.new_york import NEW_YORK, new_york_date, new_york_text
from qqqbot.model.reasons import AlertKind
from qqqbot.model.sessions import SessionTable
from qqqbot.model.values import Decide, Rules
from qqqbot.records.verdict import AHEAD
from qqqbot.trading.alerts import Event

# Evening to morning in New York; the gateway's nightly restart and IB's own resets fall into this time.
NIGHT_BEGINS, NIGHT_ENDS = time(20), time(8)
AGAIN_AFTER = timedelta(hours=1)
# A channel may be revoked for years, or work every other hour; each weekly message says how every channel does.
CHANNELS_AGAIN_AFTER = timedelta(days=7)
# The gateway recovers on its own from most interruptions within this time.
# The broker refreshes account values every three minutes (facts: tws-api, account summary).
GRACE = {
    AlertKind.BROKER: timedelta(minutes=3),
    AlertKind.MONEY: timedelta(minutes=5),
    AlertKind.SHORTFALL: timedelta(minutes=5),
}
# Their text changes with every try and says nothing new.
WAVERING = frozenset(
    {
        AlertKind.BROKER,
        AlertKind.CHECKS_FAILING,
        AlertKind.DISK,
        AlertKind.MONEY,
        AlertKind.SHORTFALL,
        AlertKind.APART,
        AlertKind.NOTIFICATIONS,
    }
)
SUNDAY = 6
SUNDAY_EVENING = time(18)
MOST_TEXT = 500
"""characters: a broker's or an exception's text may be endless, and the advice comes after it"""


class Trouble(NamedTuple):
    """Something wrong that lasts. It is reported only once it `threatens` a decision.

    `advice` is that of its reason, where the kind's own would mislead; empty if it has none.
    """

    kind: AlertKind
    text: str
    since: datetime
    threatens: bool = True
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Reported:
    text: str
    at: datetime
    open: bool


@dataclass(frozen=True, slots=True)
class History:
    """What has been reported (`told`) and what is `waiting`.

    `digest`, `login` and `evening` are the days of the last such messages; `evening_held` is what was held at the last
    evening letter. `equity`, `capital` and `trades` are those of the last weekly message.
    `whose` is the mode and account, empty until they are known. The fields are the keys of notices.json.
    """

    whose: str = ""
    told: Mapping[AlertKind, Reported] = field(default_factory=dict)
    digest: str = ""
    login: str = ""
    equity: float | None = None
    trades: int = 0
    waiting: tuple[Event, ...] = ()
    died: datetime | None = None
    """when a run was last found to have died"""
    evening: str = ""
    evening_held: str = ""
    capital: float | None = None
    """None if an earlier version wrote it"""


class Notice(NamedTuple):
    """One paragraph of a message. `subject` is what it is about, `words` what it says about that.

    The other fields say how the history changes once a channel has accepted the notice.
    """

    kind: AlertKind
    text: str
    over: bool = False
    subject: Hashable = ""
    words: Hashable = ""
    reported: Reported | None = None
    event: Event | None = None
    changes: Mapping[str, Any] = MappingProxyType({})
    advice: str = ""

    @property
    def head(self) -> str:
        return f"Over: {self.kind.headline}" if self.over else self.kind.headline[:1].upper() + self.kind.headline[1:]

    @property
    def paragraph(self) -> str:
        said = self.kind.under_headline(self.text)
        text = said if self.kind in (AlertKind.DIGEST, AlertKind.EVENING) else clipped(said, MOST_TEXT)
        if self.over:
            return f"{self.head} ({text})"
        advice = self.advice or self.kind.advice
        return f"{self.head}: {text}" + (f"\n{advice}" if advice else "")

    def accepted(self, history: History) -> History:
        told = history.told if self.reported is None else {**history.told, self.kind: self.reported}
        waiting = tuple(item for item in history.waiting if item != self.event)
        return replace(history, told=told, waiting=waiting, **self.changes)


def clipped(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def is_night(now: datetime) -> bool:
    local = now.astimezone(NEW_YORK).time()
    return local >= NIGHT_BEGINS or local < NIGHT_ENDS


def decision_near(now: datetime, table: SessionTable | None, rules: Rules) -> bool:
    """Whether a decision is due within the hour, or may be made now; without a table, weekday hours count."""
    try:
        session = table.open_session(now) or table.next_open(now) if table else None
    except CalendarEnded:
        session = None
    if session is None:
        local = now.astimezone(NEW_YORK)
        return local.weekday() < 5 and time(9) <= local.time() < time(16)
    window = timedelta(seconds=rules.decide_seconds_before_close)
    first = session.open if rules.decide is Decide.EVERY_CHECK else session.close - window
    return first - AHEAD <= now < session.close


def login_due(history: History, problem: str | None, now: datetime) -> bool:
    """True once, on Sunday evening, if the gateway is not back after the night in which IB ends every login."""
    local = now.astimezone(NEW_YORK)
    evening = local.weekday() == SUNDAY and local.time() >= SUNDAY_EVENING and not is_night(now)
    return evening and problem is not None and history.login != local.date().isoformat()


def due_notices(
    history: History, troubles: Sequence[Trouble], complete: bool, now: datetime, near: bool = False
) -> list[Notice]:
    """What to send now, troubles first.

    `complete`: every possible trouble was checked, so one that is not among `troubles` is over. `near`: a decision is
    near.
    """
    notices = [_began(trouble, now) for trouble in without_apart(troubles) if _is_due(history.told, trouble, now, near)]
    if complete:
        present = {trouble.kind for trouble in troubles}
        over = [kind for kind, known in history.told.items() if known.open and kind not in present]
        notices += [_ended(kind, history.told[kind], now) for kind in over]
    return notices + [_news(item) for item in without_repeats(history).waiting]


def without_apart(troubles: Sequence[Trouble]) -> list[Trouble]:
    """The troubles without APART if another one explains why the account does not hold what the rule wants."""
    explained = any(trouble.kind not in (AlertKind.APART, AlertKind.NOTIFICATIONS) for trouble in troubles)
    return [trouble for trouble in troubles if not explained or trouble.kind is not AlertKind.APART]


def without_repeats(history: History) -> History:
    """The history without waiting news that repeats, word for word, what was reported or waits already."""
    known, kept = dict(history.told), []
    for item in history.waiting:
        if not _repeats(known, item):
            known[item.kind] = Reported(item.text, item.at, open=False)
            kept.append(item)
    return replace(history, waiting=tuple(kept))


def lasts(trouble: Trouble, now: datetime) -> bool:
    """Whether the trouble threatens a decision and has outlasted the time in which it may pass unreported."""
    return trouble.threatens and not _within(GRACE.get(trouble.kind, timedelta(0)), trouble.since, now)


def _is_due(reported: Mapping[AlertKind, Reported], trouble: Trouble, now: datetime, near: bool) -> bool:
    known = reported.get(trouble.kind)
    if known is not None and (known.text == trouble.text or trouble.kind in WAVERING):
        of_channels = trouble.kind is AlertKind.NOTIFICATIONS
        if known.open:
            return near and not of_channels and new_york_date(now) > new_york_date(known.at)
        if _within(CHANNELS_AGAIN_AFTER if of_channels else AGAIN_AFTER, known.at, now):
            return False
    return lasts(trouble, now)


def _began(trouble: Trouble, now: datetime) -> Notice:
    words = (new_york_date(now), "it lasts" if trouble.kind in WAVERING else trouble.text)
    return Notice(
        trouble.kind,
        f"{trouble.text} (since {new_york_text(trouble.since)})",
        subject=trouble.kind,
        words=words,
        reported=Reported(trouble.text, now, open=True),
        advice=trouble.advice,
    )


def _ended(kind: AlertKind, known: Reported, now: datetime) -> Notice:
    closed = Reported(known.text, now, open=False)
    return Notice(kind, known.text, over=True, subject=kind, words="over", reported=closed)


def _news(item: Event) -> Notice:
    reported = Reported(item.text, item.at, open=False)
    return Notice(item.kind, f"{item.text} ({new_york_text(item.at)})", subject=item, reported=reported, event=item)


def _repeats(reported: Mapping[AlertKind, Reported], item: Event) -> bool:
    """Whether the same words were reported within the hour, for a kind that a later check may produce again."""
    known = reported.get(item.kind)
    return (
        item.kind is AlertKind.ORDER_REFUSED
        and known is not None
        and known.text == item.text
        and _within(AGAIN_AFTER, known.at, item.at)
    )


def _within(length: timedelta, past: datetime, now: datetime) -> bool:
    """Whether `past` was less than `length` ago; False if it lies ahead (a clock was set back, perhaps by years)."""
    return timedelta(0) <= now - past < length
