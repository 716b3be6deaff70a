"""What a connection check is made of: its rungs by name, their verdicts, and what a gateway answered. Pure."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

PACKAGE, PORT, HANDSHAKE, CLIENT_ID = "API package", "Host and port", "Handshake", "Client id"
CLOCK, ZONE, ACCOUNT, KIND, KEYS = "Clock", "Time zone", "Account", "Paper or live", "Keys"
READ_ONLY, ORDERS, SUMMARY, POSITIONS = "Read-only API", "Open orders", "Account summary", "Positions"
CONTRACTS, LINE, QUOTES, PRECAUTIONS = "Contracts", "Line to IB", "Quotes", "Precautions"
NAMES: tuple[str, ...] = (
    *(PACKAGE, PORT, HANDSHAKE, CLIENT_ID),
    *(CLOCK, ZONE, ACCOUNT, KIND, KEYS),
    *(READ_ONLY, ORDERS, SUMMARY, POSITIONS),
    *(CONTRACTS, LINE, QUOTES, PRECAUTIONS),
)


class Silence(StrEnum):
    """How a gateway that was reached did not greet."""

    MUTE = "mute"
    CLOSED = "closed"


class Verdict(StrEnum):
    OK = "ok"
    NOTE = "note"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Rung:
    """`found` is the fact, `meaning` what it means for the bot, `fix` what to do; the last two may be empty."""

    name: str
    verdict: Verdict
    found: str
    meaning: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True)
class OpenOrder:
    symbol: str
    order_ref: str


@dataclass(frozen=True, slots=True)
class Contract:
    """One instrument that a description fits. `hours` is the broker's text of regular hours, day by day."""

    sec_type: str
    con_id: int
    min_tick: Decimal | None
    order_types: tuple[str, ...]
    hours: str
    zone: str


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The broker's estimate for an order that is not placed; None where it gave no number."""

    margin: Decimal | None
    commission: Decimal | None
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """`trouble` is empty where the answer is complete, and only then are its rows worth anything."""

    rows: tuple[Any, ...] = ()
    trouble: str = ""
