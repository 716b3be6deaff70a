"""orders.jsonl: the orders that were intended, sent and answered. An order is on disk before it is sent to the broker.

Likewise an announcement is on disk before the owner reads it, and an answer before the bot acts on it.

An intent without an outcome is unresolved, whatever else is known about it: it may be on the wire. An order_ref
consists of the session's date, a tag of this start of the bot, and an ordinal that is unique in the whole file for all
modes. One account may see references from several files (an emptied folder, a restored backup, a second bot); the tag
keeps them apart.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from qqqbot.model.errors import BookDamaged
from qqqbot.model.executions import forget_oldest
from qqqbot.model.values import Answer, Asked, Holding, Mode, Order, OrderIntent
from qqqbot.records.codec import from_plain, keyed
from qqqbot.records.jsonl import SCHEMA, UNUSABLE, AppendOnlyFile, Row
from qqqbot.records.ledger import Booked

LOST = "the broker no longer reports how it ended"
"""part of the outcome's message of a lost order: only the account's shares can say whether it was executed"""
# The broker may still report late executions of this many newest orders.
ORDERS_REMEMBERED = 1000


class OrderJournal:
    """The journal of one mode and account."""

    def __init__(self, file: AppendOnlyFile, mode: Mode, account: str, tag: str = "") -> None:
        self._file = file
        self._tag = f"{tag}-" if tag else ""
        self._identity = {"schema": SCHEMA, "mode": mode.value, "account": account}
        self._ordinals: dict[str, int] = {}
        self._unresolved: dict[str, OrderIntent] = {}
        self._sent_in_session: dict[str, int] = {}
        self._decided: dict[str, Holding] = {}
        self._recent: dict[str, OrderIntent] = {}
        self._lost: dict[str, None] = {}
        self._unfilled_in_row: dict[str, int] = {}
        self._refusal: dict[str, str] = {}
        self._taken: set[str] = set()
        self._aim: dict[str, Holding] = {}
        self._undecided: set[str] = set()
        self.unanswered_in_row = 0
        """how many of the newest orders the broker took, one after the other, without an answer"""
        self.overruns: set[tuple[str, str]] = set()
        """(order_ref, kind of overrun) for each overrun that has halted trading"""
        self.asked: Asked | None = None
        """the newest announcement"""

    def load(self, now: datetime) -> str | None:
        """Open the file and read its rows; returns what was set aside. Raises BookDamaged, OSError."""
        aside = self._file.open(now)
        for number, row in enumerate(self._file.rows(), start=1):
            try:
                self._take(row)
            except UNUSABLE as error:
                raise BookDamaged(f"{self._file.path}, line {number}: not a row of the journal ({error!r})") from None
        return aside

    def next_ref(self, session: date) -> str:
        """A reference that no order of this file has."""
        return f"qqqbot-{session:%Y%m%d}-{self._tag}{self._ordinals.get(session.isoformat(), 0) + 1:02d}"

    def intended(self, intent: OrderIntent) -> None:
        """Write the intent to disk. If it raises OSError, the order must not be sent."""
        values = keyed(intent)
        if not intent.prices:
            del values["prices"]
        self._write(values.pop("decided_at"), event="intended", **values)

    def sent(self, intent: OrderIntent, now: datetime) -> None:
        self._write(now, event="sent", order_ref=intent.order_ref, session=intent.session)

    def taken(self, intent: OrderIntent, now: datetime) -> None:
        """Record that the broker received the order and never acknowledged it."""
        self._write(now, event="taken", order_ref=intent.order_ref, session=intent.session)

    def overrun(self, order_ref: str, what: str, now: datetime) -> None:
        """Record that trading halted because `what`, which must never happen, happened to the order."""
        self._write(now, event="overrun", order_ref=order_ref, what=what, session=now.date())

    def outcome(self, intent: OrderIntent, order: Order, now: datetime) -> None:
        taken = {"taken": True} if order.taken else {}
        self._write(
            now,
            event="outcome",
            order_ref=intent.order_ref,
            session=intent.session,
            status=order.status,
            filled=order.filled,
            exec_ids=[fill.exec_id for fill in order.fills],
            message=order.message,
            **taken,
        )

    def decided(self, session: date, target: Holding, now: datetime) -> None:
        """Record the target that this session's decision window has fixed."""
        self._write(now, event="decided", session=session, target=target)

    def undecided(self, session: date, now: datetime) -> None:
        """Record that the owner was notified of a session that ended without a decision."""
        self._write(now, event="undecided", session=session)

    def knows_undecided(self, session: date) -> bool:
        return session.isoformat() in self._undecided

    def announced(self, asked: Asked) -> None:
        keys = ("code", "session", "held", "target", "closes", "text")
        self._write(asked.announced_at, event="announced", **{key: getattr(asked, key) for key in keys})

    def delivered(self, asked: Asked, now: datetime, monotonic: float) -> None:
        """Record that every channel that can answer has accepted the announcement."""
        self._write(now, event="delivered", session=asked.session, code=asked.code, monotonic=monotonic)

    def answered(self, asked: Asked, answer: Answer, now: datetime) -> None:
        self._write(now, event="answered", session=asked.session, code=asked.code, answer=answer)

    def withdrawn(self, asked: Asked, why: str, now: datetime) -> None:
        """Record that the announced rotation is no longer wanted. If it is wanted again, it is announced again."""
        self._write(now, event="withdrawn", session=asked.session, code=asked.code, message=why)

    def unresolved(self) -> tuple[OrderIntent, ...]:
        return tuple(self._unresolved.values())

    def orders_in(self, session: date) -> int:
        return self._sent_in_session.get(session.isoformat(), 0)

    def unfilled_in_row(self, session: date) -> int:
        """How many of the session's newest orders ended one after the other without a fill."""
        return self._unfilled_in_row.get(session.isoformat(), 0)

    def refusal_in(self, session: date) -> str:
        """Why the session's newest order filled nothing; empty if it filled something or no reason is known."""
        return self._refusal.get(session.isoformat(), "")

    def was_taken(self, order_ref: str) -> bool:
        return order_ref in self._taken

    def aim_in(self, session: date) -> Holding | None:
        """The target of the session's newest decision or order."""
        return self._aim.get(session.isoformat())

    def newest(self) -> tuple[OrderIntent, ...]:
        """The newest orders, oldest first."""
        return tuple(self._recent.values())

    def decided_in(self, session: date) -> Holding | None:
        return self._decided.get(session.isoformat())

    def intent(self, order_ref: str) -> OrderIntent | None:
        """The intent of one of the newest orders; None for an unknown reference."""
        return self._recent.get(order_ref)

    def newest_executed(self, booked: Mapping[str, Booked]) -> OrderIntent | None:
        """The newest order with shares in the book, ended or not, since executions may come after an order's end."""
        orders = reversed(self._recent.values())
        return next((i for i in orders if i.order_ref in booked and booked[i.order_ref].shares), None)

    def unfinished(self, booked: Mapping[str, Booked]) -> str | None:
        """The symbol of the newest executed order if that was filled only in part; otherwise None."""
        newest = self.newest_executed(booked)
        return newest.symbol if newest and booked[newest.order_ref].shares < newest.quantity else None

    def lost(self) -> tuple[OrderIntent, ...]:
        """The lost ones among the newest orders, oldest first: the broker no longer reported how they ended."""
        return tuple(intent for ref, intent in self._recent.items() if ref in self._lost)

    def close(self) -> None:
        self._file.close()

    def _write(self, now: datetime, **values: Any) -> None:
        row = {"timestamp": now.isoformat(), **values, **self._identity}
        self._take(self._file.append(row))

    def _take(self, row: Row) -> None:
        session = row["session"]
        if row["event"] == "intended":
            self._ordinals[session] = max(self._ordinals.get(session, 0), int(row["order_ref"].rsplit("-", 1)[1]))
        if row["mode"] != self._identity["mode"] or row["account"] != self._identity["account"]:
            return
        match row["event"]:
            case "intended":
                intent: OrderIntent = from_plain(OrderIntent, {**row, "decided_at": row["timestamp"]})
                self._unresolved[intent.order_ref] = intent
                self._recent[intent.order_ref] = intent
                forget_oldest(self._recent, ORDERS_REMEMBERED)
                self._sent_in_session = {session: self._sent_in_session.get(session, 0) + 1}
                self._aim = {session: intent.target}
            case "taken":
                self._taken.add(row["order_ref"])
            case "overrun":
                self.overruns.add((row["order_ref"], row["what"]))
            case "outcome":
                self._unresolved.pop(row["order_ref"], None)
                self._taken.discard(row["order_ref"])
                self.unanswered_in_row = self.unanswered_in_row + 1 if row.get("taken") else 0
                if LOST in (row.get("message") or ""):
                    self._lost[row["order_ref"]] = None
                    forget_oldest(self._lost, ORDERS_REMEMBERED)
                unfilled = 0 if row.get("filled") else self._unfilled_in_row.get(session, 0) + 1
                self._unfilled_in_row = {session: unfilled}
                self._refusal = {session: (row.get("message") or "") if unfilled else ""}
                if row.get("filled") and self.asked is not None:
                    self.asked = replace(self.asked, ended=True)
            case "announced":
                self.asked = from_plain(Asked, {**row, "announced_at": row["timestamp"]})
            case "delivered" | "answered" | "withdrawn" if self.asked and row["code"] == self.asked.code:
                self.asked = _followed(self.asked, row)
            case "decided":
                self._decided[session] = Holding(row["target"])
                self._aim = {session: self._decided[session]}
            case "undecided":
                self._undecided.add(session)


def _followed(asked: Asked, row: Row) -> Asked:
    match row["event"]:
        case "delivered":
            at = datetime.fromisoformat(row["timestamp"])
            return replace(asked, delivered_at=at, delivered_monotonic=float(row["monotonic"]))
        case "answered":
            return replace(asked, answers=(*asked.answers, Answer(row["answer"])))
    return replace(asked, ended=True)
