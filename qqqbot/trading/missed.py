"""A session that ends without a decision that was due. The owner is told once, at its end.

The trouble that kept the bot from deciding may be over by then, or have begun days ago. Either way the holding stays
overnight, whatever the rule wants, so the owner must know what is held and at which price that would be wrong.
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

# At least this many failed checks in a row: a failed check between two good ones is not worth a message.
FAILURES = 3
# A session that an earlier run left unreported is still reported if it is no older than this.
RECALLED = timedelta(days=30)


class Lost(NamedTuple):
    """A session that ended without its decision, and the sentence that says why."""

    session: date
    sentence: str


class Missed:
    """Observes each check that is made while the exchange is open, and recalls the checks of earlier runs."""

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
        """Observe once the last weeks' checks before `began`, from the records of `identity` (mode and account)."""
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
        """Take note of a check from its `row` of decisions.jsonl. `session` is None if the exchange is closed.

        A valid check that wants the present holding makes up for the lost decision, whenever it comes.
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
        """The sentence for the owner, once after each session without its decision; None otherwise.

        The next call records that the owner was told, since the notification is on disk by then. A kill before that
        call repeats the message.
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
        """The session and why it has no decision, once after its end; None otherwise."""
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
