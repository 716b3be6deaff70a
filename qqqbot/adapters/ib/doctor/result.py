"""What a connection check consists of: its checks by name, their verdicts, and what a gateway replied. Pure."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any


class Check(StrEnum):
    """In the order in which they are made."""

    PACKAGE = "API package"
    PORT = "Host and port"
    HANDSHAKE = "Handshake"
    CLIENT_ID = "Client id"
    CLOCK = "Clock"
    ZONE = "Time zone"
    ACCOUNT = "Account"
    KIND = "Paper or live"
    KEYS = "Keys"
    READ_ONLY = "Read-only API"
    ORDERS = "Open orders"
    EXECUTIONS = "Executions"
    COMPLETED = "Completed orders"
    SUMMARY = "Account summary"
    POSITIONS = "Positions"
    CONTRACTS = "Contracts"
    LINE = "Line to IB"
    QUOTES = "Quotes"
    PRECAUTIONS = "Precautions"


class Verdict(StrEnum):
    OK = "ok"
    NOTE = "note"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Result:
    """`found` is the fact, `meaning` what it means for the bot, `fix` what to do; the last two may be empty."""

    name: Check
    verdict: Verdict
    found: str
    meaning: str = ""
    fix: str = ""


def ok(name: Check, found: str, meaning: str = "") -> Result:
    return Result(name, Verdict.OK, found, meaning)


def note(name: Check, found: str, meaning: str, fix: str = "") -> Result:
    return Result(name, Verdict.NOTE, found, meaning, fix)


def failed(name: Check, found: str, meaning: str = "", fix: str = "") -> Result:
    return Result(name, Verdict.FAILED, found, meaning, fix)


@dataclass(frozen=True, slots=True)
class Reply:
    """`trouble` is empty if the reply is complete, and only then do its rows count."""

    rows: tuple[Any, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Day:
    """The bot's orders of this day, as the gateway reports them: refs of those with executions, and of those filled."""

    executions: Reply
    completed: Reply
    executed: frozenset[str] = frozenset()
    filled: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ContractDetails:
    """One instrument that fits a description. `hours` is the broker's text of regular hours, day by day."""

    sec_type: str
    min_tick: Decimal | None
    order_types: tuple[str, ...]
    hours: str
    zone: str


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The broker's estimate for an order that is not placed; None if it gave no number."""

    margin: Decimal | None
    commission: Decimal | None
    warnings: tuple[str, ...]
