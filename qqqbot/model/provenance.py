"""Whose prices a decision used, and the window of closes that the bot keeps from one session to the next."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple, Self

DAYS_SHOWN = 3


class Source(StrEnum):
    """Where a price came from. Written to files as the texts below, which therefore never change.

    `uncertainty` is how far a close from this source may be from the official close, as a fraction.
    """

    label: str
    uncertainty: float

    def __new__(cls, value: str, label: str = "", uncertainty: float = 0.0) -> Self:
        source = str.__new__(cls, value)
        source._value_, source.label, source.uncertainty = value, label, uncertainty
        return source

    YAHOO = "yahoo", "Yahoo", 0.0
    # Yahoo's own row, as an earlier decision used it.
    KEPT = "kept", "the bot's own memory", 0.0
    # A session's last 15-minute bar ends with the last trade, not with the closing auction.
    INTRADAY = "intraday", "Yahoo's 15-minute bars", 0.0035
    # The last trade of the regular hours, which is not the closing auction either.
    BROKER = "ib", "IB", 0.0035
    # The price of the session's last check, up to half an hour before its close.
    SEEN = "seen", "the bot's last look at that session", 0.02


def whose(quoted_by: Source, origins: Mapping[date, Source], symbol: str = "") -> str:
    """Which prices are not Yahoo's, in words ("QQQ from IB; 2026-07-28 from IB"); empty if all are Yahoo's."""
    parts = [f"{symbol} from {quoted_by.label}"] if quoted_by is not Source.YAHOO else []
    for source in dict.fromkeys(origins.values()):
        days = [day.isoformat() for day, other in origins.items() if other is source]
        shown = ", ".join(days) if len(days) <= DAYS_SHOWN else f"{days[0]} to {days[-1]} ({len(days)} sessions)"
        parts.append(f"{shown} from {source.label}")
    return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class KeptWindow:
    """The finished sessions that the decision of `session` used, oldest first, as they were at the moment `at`.

    `dates` ends with `session` itself if the window was made after its close, from the broker's closes.

    `closes` are the signal's closes and `fund` the leveraged fund's, adjusted for dividends and splits, one for each of
    `dates`; NaN if there was none. `sources` names the sessions whose closes are not Yahoo's own daily rows.
    """

    session: date
    at: datetime
    dates: tuple[date, ...]
    closes: tuple[float, ...] = field(metadata={"key": "qqq"})
    fund: tuple[float, ...] = field(metadata={"key": "tqqq"})
    sources: Mapping[date, Source] = field(default_factory=dict)

    @property
    def by_date(self) -> tuple[dict[date, float], dict[date, float]]:
        """session -> close, of the signal and of its fund"""
        return dict(zip(self.dates, self.closes, strict=True)), dict(zip(self.dates, self.fund, strict=True))


class Seen(NamedTuple):
    """The live prices of a check near the close of `session`."""

    session: date
    at: datetime
    close: float
    fund: float
