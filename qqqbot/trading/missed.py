"""A session that ends without a decision that was due: an event of its own, told once, at its end.

The trouble that kept the bot from deciding may be over by then, or have begun days ago: either way the holding stays
over night, whatever the rule wants, and the owner must know which one and at which price that would be wrong.
"""

from datetime import datetime

from qqqbot.model.new_york import new_york_text
from qqqbot.model.values import SYMBOLS, Portfolio, Session
from qqqbot.records.status_file import Flips

# One failed check between two that decided is not worth a message.
FAILURES = 3


class Missed:
    """Of one process; it is told of each check while the exchange is open."""

    def __init__(self) -> None:
        self._session: Session | None = None
        self._decided = False
        self._failures = 0
        self._why = ""
        self._decided_at: datetime | None = None

    def observe(self, session: Session | None, decided: bool, sentence: str, now: datetime) -> None:
        """`decided`: the check of `session`, None if none is open, did what was due; `sentence` says what it found."""
        if session is None:
            return
        if self._session != session:
            self._session, self._decided, self._failures = session, False, 0
        if decided:
            self._decided, self._failures, self._decided_at = True, 0, now
        else:
            self._failures, self._why = self._failures + 1, sentence

    def ended(self, now: datetime) -> str | None:
        """Once after a session: what kept it from its decision; None if it has one."""
        session = self._session
        if session is None or now < session.close:
            return None
        self._session = None
        if self._decided and self._failures < FAILURES:
            return None
        last = f"the last one was made at {new_york_text(self._decided_at)}" if self._decided_at else "none was made"
        return f"the session of {session.date} ended without a decision; {last} since the start. {self._why}"


def position(portfolio: Portfolio, flips: Flips | None, now: datetime) -> str:
    """What is held, and the price at which the rule would want something else, as it was last known."""
    shares = [f"{portfolio.shares[s]:,} {s}" for s in SYMBOLS if portfolio.shares.get(s)]
    held = f"Held: {' + '.join([*shares, f'{portfolio.cash:,.2f} USD cash'])}."
    if flips is None:
        return f"{held} At which price that would change is not known."
    seen = f"QQQ was {flips.seen_price:,.2f} ({new_york_text(flips.seen_at)})"
    flip = flips.at(now)
    if flip is None or flips.out_of_reach(now):
        return f"{held} {seen}; no price of one day would have changed the rule's answer then."
    return f"{held} {seen}; at {flip.price:,.2f} the rule would want {flip.target}."
