"""Official closes of past sessions, from the price windows that the bot has kept instead of a price source.

The official close of a session is one of the finished closes in the next session's window, on the basis of that window.
The session's own window has the closes before it, on the basis of that day; the closes in both windows say how the two
bases differ. So the close is known as printed, and the rule can be asked as it would have been asked at the close.
"""

import itertools
import math
from collections.abc import Iterable, Mapping
from datetime import date
from statistics import median
from typing import NamedTuple

from qqqbot.model.instruments import Holding
from qqqbot.model.provenance import KeptWindow
from qqqbot.model.values import Rules
from qqqbot.strategy.rule import wanted


class Remembered(NamedTuple):
    """A session's printed closes of the signal and its fund (NaN if not known), and the signal's closes before it."""

    signal: float
    fund: float
    closes: tuple[float, ...]

    def answer(self, held: Holding, rules: Rules) -> Holding | None:
        """What the rule wanted at the official close; None if the rule needs more closes than were kept."""
        enough = len(self.closes) >= rules.form.history
        return wanted(self.closes, self.signal, held, rules) if enough else None


def remembered(windows: Iterable[KeptWindow]) -> dict[date, Remembered]:
    """The sessions whose official close is in `windows`, which are oldest first."""
    known = {window.session: window for window in windows if window.dates[-1] < window.session}
    found = {}
    for session, after in itertools.pairwise(sorted(known)):
        window, later = known[session], known[after]
        if session in later.dates and session not in later.sources:
            columns = zip(window.by_date, later.by_date, strict=True)
            signal, fund = (_as_printed(session, then, now) for then, now in columns)
            found[session] = Remembered(signal, fund, window.closes)
    return {session: one for session, one in found.items() if one.signal > 0}


def _as_printed(session: date, then: Mapping[date, float], now: Mapping[date, float]) -> float:
    """The close of `session` in `now`, converted to the basis of the closes `then`; NaN if it is not known."""
    ratios = [then[day] / now[day] for day in then if day in now and then[day] > 0 and now[day] > 0]
    return now[session] * median(ratios) if ratios else math.nan
