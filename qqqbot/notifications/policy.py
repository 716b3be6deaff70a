"""Which of the day's events the owner is told, and when. Pure, but for the `Memory` that a call brings up to date.

Level-triggered like the loop: what is wrong now is compared with what was told, so a restart, a crash loop and a
trouble that came and went in the night are one case. Rare and actionable: a trouble is told once, and once that it is
over; what comes back within the hour waits for the hour to pass; the night is quiet unless the exchange is open.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from qqqbot.model.errors import CalendarEnded
from qqqbot.model.new_york import NEW_YORK, new_york_text
from qqqbot.model.reasons import AlertKind
from qqqbot.model.sessions import SessionTable
from qqqbot.model.values import Decide, Rules

# New York's evening to morning: the gateway's nightly restart and IB's own resets lie within it.
NIGHT_BEGINS, NIGHT_ENDS = time(20), time(8)
# Time enough to log in before a decision.
AHEAD = timedelta(hours=1)
AGAIN_AFTER = timedelta(hours=1)
# The gateway comes back by itself from most breaks, within this.
GRACE = {AlertKind.BROKER: timedelta(minutes=3)}
# Their text changes with every try, and says nothing new.
WAVERING = frozenset({AlertKind.BROKER, AlertKind.CHECKS_FAILING, AlertKind.DISK})
SUNDAY = 6
SUNDAY_EVENING = time(18)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something wrong that lasts. `threatens` a decision, or else it waits until it does."""

    kind: AlertKind
    text: str
    since: datetime
    threatens: bool = True


@dataclass(frozen=True, slots=True)
class News:
    """Something that happened, once."""

    kind: AlertKind
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Told:
    text: str
    at: datetime
    open: bool


@dataclass
class Memory:
    """What was told already, kept across restarts. `digest` and `login` are the days of the last ones."""

    told: dict[AlertKind, Told] = field(default_factory=dict)
    digest: str = ""
    login: str = ""
    equity: float | None = None
    trades: int = 0


def is_night(now: datetime) -> bool:
    local = now.astimezone(NEW_YORK).time()
    return local >= NIGHT_BEGINS or local < NIGHT_ENDS


def decision_near(now: datetime, table: SessionTable | None, rules: Rules) -> bool:
    """Whether a decision is due within the hour, or may be made now; without a table, by the hours of any weekday."""
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


def login_due(memory: Memory, problem: str | None, now: datetime) -> bool:
    """On Sunday evening, once, where the gateway has not come back from the night in which IB ends every login."""
    local = now.astimezone(NEW_YORK)
    evening = local.weekday() == SUNDAY and local.time() >= SUNDAY_EVENING and not is_night(now)
    return evening and problem is not None and memory.login != local.date().isoformat()


def select(
    memory: Memory, troubles: Sequence[Trouble], news: Iterable[News], complete: bool, now: datetime
) -> list[str]:
    """The paragraphs to send now, each 'Head: text'. `complete`: what is not among `troubles` is certainly over."""
    lines = [_began(memory, trouble, now) for trouble in troubles if _is_new(memory, trouble, now)]
    present = {trouble.kind for trouble in troubles}
    if complete:
        over = [kind for kind, told in memory.told.items() if told.open and kind not in present]
        lines += [_ended(memory, kind, now) for kind in over]
    for item in news:
        if not _repeats(memory, item):
            memory.told[item.kind] = Told(item.text, item.at, open=False)
            lines.append(paragraph(item.kind, f"{item.text} ({new_york_text(item.at)})"))
    return lines


def paragraph(kind: AlertKind, text: str) -> str:
    advice = f"\n{kind.advice}" if kind.advice else ""
    return f"{head(kind)}: {text}{advice}"


def head(kind: AlertKind) -> str:
    return kind.headline[:1].upper() + kind.headline[1:]


def masked(text: str, account: str = "") -> str:
    """`text` with account ids cut to their last three characters: 'DU1234567' is '...567'."""
    if len(account) > 3:
        text = text.replace(account, f"...{account[-3:]}") if any(c.isdigit() for c in account) else text
    return re.sub(r"\b[A-Z]{1,3}\d{4,9}\b", lambda found: f"...{found.group()[-3:]}", text)


def _is_new(memory: Memory, trouble: Trouble, now: datetime) -> bool:
    told = memory.told.get(trouble.kind)
    same = told is not None and (told.text == trouble.text or trouble.kind in WAVERING)
    if told is not None and same and (told.open or _within(AGAIN_AFTER, told.at, now)):
        return False
    return trouble.threatens and not _within(GRACE.get(trouble.kind, timedelta(0)), trouble.since, now)


def _began(memory: Memory, trouble: Trouble, now: datetime) -> str:
    memory.told[trouble.kind] = Told(trouble.text, now, open=True)
    return paragraph(trouble.kind, f"{trouble.text} (since {new_york_text(trouble.since)})")


def _ended(memory: Memory, kind: AlertKind, now: datetime) -> str:
    text = memory.told[kind].text
    memory.told[kind] = Told(text, now, open=False)
    return f"Over, nothing to do: {kind.headline} ({text})"


def _repeats(memory: Memory, item: News) -> bool:
    """The same words within the hour, where they are of a kind that a later check may produce again."""
    told = memory.told.get(item.kind)
    return (
        item.kind is AlertKind.ORDER_REFUSED
        and told is not None
        and told.text == item.text
        and _within(AGAIN_AFTER, told.at, item.at)
    )


def _within(length: timedelta, past: datetime, now: datetime) -> bool:
    """False too where `past` lies ahead: the clock was set back, and waiting for it could take years."""
    return timedelta(0) <= now - past < length
