"""The exchange's sessions, answered from a table that another module fills. Pure.

The table comes from a calendar library in another process (see adapters/yahoo/child.py); this module knows no
holidays, no time zone rules and no present moment. Sessions are aware UTC; New York appears only in texts for people.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from types import MappingProxyType

from qqqbot.model.errors import CalendarEnded
from qqqbot.model.new_york import new_york_text
from qqqbot.model.program import COMMAND
from qqqbot.model.values import Session

# A regular session lasts six and a half hours; anything shorter is a half-day.
REGULAR_LENGTH = timedelta(hours=6, minutes=30)
# The longest pause between two sessions: a weekend with a holiday on either side.
LONGEST_PAUSE = timedelta(days=5)
RESOLUTION = timedelta(microseconds=1)

Closures = Mapping[date, datetime | None]
"""closures that the calendar library does not know: day -> when the exchange closed, None if it never opened"""


@dataclass(frozen=True, slots=True)
class SessionTable:
    """Consecutive sessions, oldest first; nothing is known before the first or after the last."""

    sessions: tuple[Session, ...]

    @classmethod
    def build(cls, sessions: Iterable[Session], closed_on: Closures = MappingProxyType({})) -> "SessionTable":
        """Sort `sessions`, and shorten or leave out the sessions that `closed_on` names."""
        held = (_until(session, closed_on.get(session.date, session.close)) for session in sessions)
        return cls(tuple(sorted((s for s in held if s is not None), key=lambda s: s.date)))

    def open_session(self, now: datetime) -> Session | None:
        """The session open at `now`. Raises CalendarEnded if the table does not reach `now`."""
        self._require_reach(now)
        opened = bisect_right(self.sessions, now, key=lambda s: s.open)
        latest = self.sessions[opened - 1] if opened else None
        return latest if latest is not None and latest.contains(now) else None

    def current(self, now: datetime) -> Session:
        """The session that is open at `now`, or else the last one that was open. Raises CalendarEnded."""
        return self.open_session(now) or self.last_closed(now)

    def last_closed(self, now: datetime) -> Session:
        """The newest session that has closed at `now`. Raises CalendarEnded if the table has none."""
        closed = bisect_right(self.sessions, now, key=lambda s: s.close)
        self._require_reach(now)
        if closed == 0:
            raise CalendarEnded(f"the table of sessions begins after {new_york_text(now)}")
        return self.sessions[closed - 1]

    def next_open(self, now: datetime) -> Session:
        """The first session that opens after `now`. Raises CalendarEnded if the table has none."""
        after = bisect_right(self.sessions, now, key=lambda s: s.open)
        if after == len(self.sessions):
            raise CalendarEnded(f"the table of sessions ends before {new_york_text(now)}")
        return self.sessions[after]

    def before(self, day: date, count: int) -> tuple[date, ...]:
        """Dates of the `count` sessions before `day`, oldest first; fewer if the table begins later."""
        end = bisect_left(self.sessions, day, key=lambda s: s.date)
        return tuple(s.date for s in self.sessions[max(0, end - count) : end])

    def next_half_day(self, now: datetime) -> Session | None:
        """The next session, open now or later, that closes early."""
        for session in self.sessions[bisect_right(self.sessions, now, key=lambda s: s.close) :]:
            if session.close - session.open < REGULAR_LENGTH:
                return session
        return None

    def ends(self) -> datetime:
        """The last moment about which the table knows anything. Raises CalendarEnded if it is empty."""
        if not self.sessions:
            raise CalendarEnded("the table of sessions is empty")
        return self.sessions[-1].close

    def _require_reach(self, now: datetime) -> None:
        if now >= self.ends():
            raise CalendarEnded(
                f"the table of sessions ends on {self.sessions[-1].date}, and it is {new_york_text(now)} in New York: "
                f"update the calendar library ({COMMAND} update)"
            )


@dataclass(frozen=True, slots=True)
class Timetable:
    """When checks are made: every `interval` from a session's open, and at the start of the decision window.

    No check falls into the first part of a session, of length `quiet`: nothing may trade then, and prices are not
    settled. `window` is the length of the decision window before the close, None if every check decides. With `always`
    checks continue on the same grid while the exchange is closed.
    """

    interval: timedelta
    quiet: timedelta = timedelta(0)
    window: timedelta | None = None
    always: bool = False

    def next_check(self, table: SessionTable, now: datetime) -> datetime:
        """The first check after `now`; missed ones are skipped. Raises CalendarEnded."""
        session, coming = table.open_session(now), table.next_open(now)
        candidates = [tick for s in (session, coming) if s for tick in self._of_session(s, now)]
        if self.always:
            anchor = (session or table.last_closed(now)).open
            tick = self._grid_after(anchor, max(now, anchor + self.quiet - RESOLUTION))
            candidates += [tick] if tick < coming.open else []
        return min(candidates)

    def _of_session(self, session: Session, now: datetime) -> list[datetime]:
        """The next check of `session` after `now`, if any, and the start of its decision window if that is ahead."""
        earliest = session.open + self.quiet
        tick = self._grid_after(session.open, max(now, earliest - RESOLUTION))
        ticks = [tick] if tick < session.close else [earliest]
        if self.window is not None:
            ticks.append(session.close - self.window)
        return [t for t in ticks if t > now]

    def _grid_after(self, anchor: datetime, moment: datetime) -> datetime:
        return anchor + ((moment - anchor) // self.interval + 1) * self.interval


def _until(session: Session, close: datetime | None) -> Session | None:
    """`session`, ending at `close` if that is earlier; None if the exchange never opened."""
    return replace(session, close=min(close, session.close)) if close is not None and close > session.open else None


def session_rows(sessions: Sequence[Session]) -> list[tuple[str, str, str]]:
    """`sessions` as rows of strings: date, open and close in ISO 8601 UTC."""
    return [(s.date.isoformat(), s.open.isoformat(), s.close.isoformat()) for s in sessions]


def sessions_from_rows(rows: Iterable[Sequence[str]]) -> tuple[Session, ...]:
    """The inverse of `session_rows`. Raises ValueError for an invalid row."""
    return tuple(
        Session(date.fromisoformat(d), datetime.fromisoformat(o), datetime.fromisoformat(c)) for d, o, c in rows
    )
