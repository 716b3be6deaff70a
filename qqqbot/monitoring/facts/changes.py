"""What the bot gained or lost today, this week, this month and this year, as of its newest valuation.

Each period begins with the last valuation before it, or with the bot's first one. That row is found by bisection. For a
period without a valuation, such as today on a Sunday, the change is not known.
"""

import itertools
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple

from qqqbot.model.new_york import NEW_YORK
from qqqbot.records.folder import Identity
from qqqbot.records.risk_line import gain
from qqqbot.records.tail import PATIENCE_ROWS, RowReader
from qqqbot.records.time_search import offset_of
from qqqbot.records.track import Track, deposit, extended, kept
from qqqbot.regular_file import reading_if_there


class Change(NamedTuple):
    """The change since the valuation at `since`, without deposits and withdrawals."""

    since: datetime
    usd: float
    pct: float


class Changes(NamedTuple):
    """The changes as of `at`; None for a change that is not known."""

    at: datetime
    today: Change | None
    week: Change | None
    month: Change | None
    year: Change | None


def changes(decisions: Path, who: Identity, newest: Track | None, today: date) -> Changes | None:
    """The changes up to `newest`, the newest valuation; None if that is None. Raises OSError."""
    if newest is None:
        return None
    days = (today, today - timedelta(days=today.weekday()), today.replace(day=1), today.replace(month=1, day=1))
    begins = [datetime.combine(day, time(), NEW_YORK) for day in days]
    first = cache(lambda: before(decisions, who, newest.since + timedelta.resolution))  # for a bot's first year

    def change(begin: datetime) -> Change | None:
        if found := before(decisions, who, begin):
            return _since(*found, newest)
        start = first()
        return _since_the_start(start[0] if start else None, newest)

    return Changes(newest.at, *(change(at) if newest.at >= at else None for at in begins))


def before(decisions: Path, who: Identity, when: datetime) -> tuple[Track, bool] | None:
    """The last valuation before `when`, and whether its growth covers the bot's whole life. Raises OSError."""
    with reading_if_there(decisions) as file:
        found = itertools.islice(RowReader().backwards(file, offset_of(file, when)), PATIENCE_ROWS)
        for row in filter(who.owns, found):
            track = kept(row) or extended(None, row)
            if track is not None:
                return track, bool(row.get("track"))
    return None


def _since(then: Track, whole: bool, newest: Track) -> Change:
    usd = newest.equity - then.equity - deposit(then, newest.capital)
    growth = newest.growth / then.growth if whole and then.growth else 1 + usd / then.equity
    return Change(then.at, usd, (growth - 1) * 100)


def _since_the_start(first: Track | None, newest: Track) -> Change | None:
    """The change of what was put in. It may have changed before the `first` valuation, with which the growth begins."""
    usd, _ = gain(newest.equity, newest.capital)
    before_first = first.equity / first.capital if first and first.capital else 1.0
    return None if usd is None else Change(newest.since, usd, (newest.growth * before_first - 1) * 100)
