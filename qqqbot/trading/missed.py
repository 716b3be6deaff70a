"""A session that ends without a decision that was due: an event of its own, reported once, at its end.

The trouble that kept the bot from deciding may be over by then, or have begun days ago: either way the holding stays
overnight, whatever the rule wants, and the owner must know which one and at which price that would be wrong.
"""

import contextlib
import logging
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from qqqbot.model.errors import PRICE_ERRORS
from qqqbot.model.new_york import new_york_text
from qqqbot.model.sessions import SessionTable
from qqqbot.model.values import Decide, Session
from qqqbot.records.coerce import moment, text
from qqqbot.records.decisions import FAILED, rows_since
from qqqbot.trading.parts import Records

log = logging.getLogger(__name__)

# One failed check between two that decided is not worth a message.
FAILURES = 3
# How long ago the run before may have ended, if it left a session to be told.
RECALLED = timedelta(days=30)


class Lost(NamedTuple):
    """A session that ended without its decision, and what kept it from one."""

    session: date
    sentence: str


class Missed:
    """It observes each check that is made while the exchange is open, and recalls those of earlier runs."""

    def __init__(self, records: Records, decide: Decide) -> None:
        self._records = records
        self._decide = decide
        self._recalled = False
        self._told_of: date | None = None
        self._lost: Lost | None = None
        self.undecided: Lost | None = None
        """the newest session that ended without its decision, until there is one"""
        self._session: Session | None = None
        self._decided = False
        self._failures = 0
        self._why = ""
        self._decided_at: datetime | None = None

    def recall(self, table: SessionTable, began: datetime, identity: tuple[str, str]) -> None:
        """Once: observe the checks before `began`, of the last weeks, by the records of `identity`."""
        if self._recalled or not table.sessions or not table.sessions[0].close <= began < table.ends():
            return
        self._recalled = True
        try:
            for row in rows_since(self._records.decisions.path, began - RECALLED):
                at = moment(row.get("timestamp"))
                if at is not None and at < began and (row.get("mode"), row.get("account")) == identity:
                    self.observe(table.open_session(at), row, at)
        except OSError as error:
            log.warning("the checks of earlier runs cannot be read: %s", error)

    def observe(self, session: Session | None, row: Mapping[str, Any], now: datetime) -> None:
        """A check of `session`, None if none is open: its row of decisions.jsonl.

        A valid answer that wants what is held is the decision that was lost, whenever it comes.
        """
        error = text(row.get("error"))
        valid = row.get("action") != FAILED and error not in PRICE_ERRORS
        if session is None:
            self._catch_up(valid, row)
            return
        if self._session != session:
            self._lost = self.ended(now) or self._lost
            self._session, self._decided, self._failures = session, False, 0
        decided = valid
        if self._decide is Decide.BEFORE_CLOSE:
            decided = self._records.journal.decided_in(session.date) is not None
        if decided:
            self._decided, self._failures, self._decided_at, self.undecided = True, 0, now, None
        else:
            self._failures, self._why = self._failures + 1, text(row.get("sentence")) or ""
            self._catch_up(valid, row)

    def _catch_up(self, valid: bool, row: Mapping[str, Any]) -> None:
        if valid and row.get("error") is None and row.get("target") == row.get("held"):
            self.undecided = None

    def to_tell(self, now: datetime) -> str | None:
        """Once after a session: what kept it from its decision; None if it has one.

        That it was reported is recorded at the next call, when the notification is on disk: a kill before then repeats
        it.
        """
        journal = self._records.journal
        if self._told_of is not None:
            with contextlib.suppress(OSError):  # recorded at a later call; the disk has an alert of its own
                journal.undecided(self._told_of, now)
                self._told_of = None
        lost = self.ended(now)
        if lost is None or self._records.switch.reason() is not None or journal.knows_undecided(lost.session):
            return None
        self._told_of = lost.session
        return lost.sentence

    def ended(self, now: datetime) -> Lost | None:
        """Once after a session that has no decision; None otherwise."""
        lost, self._lost = self._lost, None
        session = self._session
        if lost is not None or session is None or now < session.close:
            return lost
        self._session = None
        if self._decided and self._failures < FAILURES:
            return None
        known = f"the last one was made {new_york_text(self._decided_at)}" if self._decided_at else "none is known"
        lost = Lost(session.date, f"the session of {session.date} ended without a decision; {known}. {self._why}")
        self.undecided = lost
        return lost
