"""The evening letter: after a session's close, in two lines, what is held and what would change that. Pure.

It is sent once for a session, by whichever process is running, no later than the next morning. The weekly message says
the same, and takes its place after the last session of a week.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from qqqbot.model.sessions import SessionTable
from qqqbot.model.values import Holding, Portfolio, Session
from qqqbot.notifications.digest import ended_session, ended_week
from qqqbot.records.status_file import Flips
from qqqbot.trading.standing import held, is_known, outlook

# From a usual close to the next morning's open, after which it would be yesterday's news.
LATEST = timedelta(hours=17, minutes=30)
NEAR = 0.02
"""QQQ closed further than this from the day before on one day in ten, 2010 to 2026"""


class EveningLetter(StrEnum):
    """When one is sent: `evening_letter` of the configuration."""

    OFF = "off"
    ON_CHANGE = "on_change"
    NEAR_FLIP = "near_flip"
    DAILY = "daily"


def evening(table: SessionTable | None, now: datetime) -> Session | None:
    """The session that a letter sent at `now` is about."""
    session = ended_session(table, now)
    too_late = session is None or now - session.close >= LATEST
    return None if too_late or ended_week(table, now) is not None else session


def is_wanted(
    letter: EveningLetter, holding: Holding, before: str, flips: Flips | None, table: SessionTable | None, now: datetime
) -> bool:
    """`before` is what was held at the last letter. A flip price that is not known may be a near one."""
    match letter:
        case EveningLetter.OFF:
            return False
        case EveningLetter.ON_CHANGE:
            return holding != before
        case EveningLetter.NEAR_FLIP:
            return not is_known(flips, table, now) or _is_near(flips)
        case EveningLetter.DAILY:
            return True


def _is_near(flips: Flips | None) -> bool:
    return flips is not None and flips.coming is not None and abs(flips.coming.price / flips.seen_price - 1) <= NEAR


def letter(
    session: Session,
    portfolio: Portfolio,
    flips: Flips | None,
    table: SessionTable | None,
    now: datetime,
    wrong: Sequence[str] = (),
) -> str:
    """`wrong`: the headlines of what lasts; each has a message of its own, with all that it needs."""
    troubles = f" But {'; '.join(wrong)}." if wrong else ""
    return f"{session.date:%a %Y-%m-%d}, {held(portfolio)}.{troubles}\n{outlook(flips, table, now)}"
