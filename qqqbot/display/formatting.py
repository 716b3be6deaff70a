"""Numbers, times and durations as a person reads them. Times are New York time, labelled ET. Pure."""

import math
from datetime import datetime, timedelta
from typing import TypeGuard

from qqqbot.model.new_york import NEW_YORK, new_york_date, new_york_text

NONE = "-"


def _known(number: float | None) -> TypeGuard[float]:
    return number is not None and math.isfinite(number)


def usd(amount: float | None, sign: bool = False) -> str:
    """'101,234.50'; with `sign` '+1,234.50', and never -0.00."""
    return f"{amount:{'+' if sign else ''}z,.2f}" if _known(amount) else NONE


def percent(value: float | None, sign: bool = False, digits: int = 2) -> str:
    return f"{value:{'+' if sign else ''}z,.{digits}f} %" if _known(value) else NONE


def count(number: float | None) -> str:
    return f"{number:,.0f}" if _known(number) else NONE


def order_text(side: str | None, quantity: float | None, symbol: str | None) -> str:
    """'BUY 1,000 TQQQ'."""
    return f"{side or NONE} {count(quantity)} {symbol or NONE}"


def day_and_time(moment: datetime | None) -> str:
    """'Fri 2026-11-27 13:00 ET'."""
    return NONE if moment is None else new_york_text(moment)


def clock_time(moment: datetime) -> str:
    """'13:00 ET'."""
    return f"{moment.astimezone(NEW_YORK):%H:%M} ET"


def time_near(moment: datetime | None, now: datetime) -> str:
    """'13:00 ET' today, else with the day."""
    if moment is None:
        return NONE
    same_day = new_york_date(moment) == new_york_date(now)
    return clock_time(moment) if same_day else new_york_text(moment)


def column_time(moment: datetime | None) -> str:
    """'2026-11-27 13:00', for a column whose heading says ET."""
    return NONE if moment is None else f"{moment.astimezone(NEW_YORK):%Y-%m-%d %H:%M}"


def span(length: timedelta) -> str:
    """'12 s', '14 min', '33 h', '5 d': two and a half of a unit or more, so that rounding loses little."""
    seconds = max(0.0, length.total_seconds())
    if seconds < 150:
        return f"{seconds:.0f} s"
    if seconds < 150 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 72 * 3600:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86400:.0f} d"


def until(moment: datetime, now: datetime) -> str:
    """'in 33 h', 'now', '5 min ago'."""
    if moment > now:
        return f"in {span(moment - now)}"
    return f"{span(now - moment)} ago" if now - moment > timedelta(seconds=1) else "now"


def words(text: str) -> str:
    """`text` with a capital first letter, as at the start of a sentence, unless a name (file or key) comes first."""
    is_a_name = {".", "_"} & set(text.partition(" ")[0].rstrip(".:"))
    return text if is_a_name else text[:1].upper() + text[1:]
