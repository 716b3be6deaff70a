"""Official closes of past sessions, from the bot's own memory of prices instead of a price source.

A session's official close is a finished close of the next session's kept window, on that window's basis. The window of
the session itself has the closes before it, as they were that day; what the two share says how far their bases are
apart. So the close comes as it was printed, and the rule is asked as it would have been at the close.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from statistics import median
from typing import NamedTuple

from qqqbot.model.instruments import Holding
from qqqbot.model.provenance import KeptWindow
from qqqbot.model.values import Rules
from qqqbot.strategy.rule import wanted


class Remembered(NamedTuple):
    """A session's closes as printed, of the signal and of its fund (NaN if not known), and the signal's before it."""

    signal: float
    fund: float
    closes: tuple[float, ...]

    def answer(self, held: Holding, rules: Rules) -> Holding | None:
        """What the rule wanted at the official close; None if it needs more closes than were kept."""
        enough = len(self.closes) >= rules.form.history
        return wanted(self.closes, self.signal, held, rules) if enough else None


def remembered(windows: Iterable[KeptWindow]) -> dict[date, Remembered]:
    """The sessions of which `windows`, oldest first, know the official close."""
    known = {window.session: window for window in windows if window.dates[-1] < window.session}
    found = {}
    for session, after in itertools.pairwise(sorted(known)):
        window, later = known[session], known[after]
        if session in later.dates and session not in later.sources:
            signal, fund = (_as_printed(window, later, closes) for closes in (_signal, _fund))
            found[session] = Remembered(signal, fund, window.closes)
    return {session: one for session, one in found.items() if one.signal > 0}


def _as_printed(window: KeptWindow, later: KeptWindow, closes: Callable[[KeptWindow], Sequence[float]]) -> float:
    """The close of the session of `window`, which `later` has; NaN if it is not known."""
    then, now = (dict(zip(one.dates, closes(one), strict=True)) for one in (window, later))
    ratios = [then[day] / now[day] for day in then if day in now and then[day] > 0 and now[day] > 0]
    return now[window.session] * median(ratios) if ratios else math.nan


def _signal(window: KeptWindow) -> Sequence[float]:
    return window.closes


def _fund(window: KeptWindow) -> Sequence[float]:
    return window.fund
