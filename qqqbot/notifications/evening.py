"""The evening letter: two lines after a session's close about what is held and what would change that. Pure.

It is sent once for each session, by whichever process is running, no later than the next morning. After the last
session of a week the weekly message, which says the same, is sent instead.
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
"""on one day in ten from 2010 to 2026, QQQ closed further than this from the close of the day before"""


class EveningLetter(StrEnum):
    """When a letter is sent: the key `evening_letter` of the configuration."""

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
    """Whether a letter is sent. `before` is what was held at the last one; an unknown flip price counts as near."""
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
    """The letter. `wrong` has the headlines of lasting troubles; each has its own message with the details."""
    troubles = f" But {'; '.join(wrong)}." if wrong else ""
    return f"{session.date:%a %Y-%m-%d}, {held(portfolio)}.{troubles}\n{outlook(flips, table, now)}"
