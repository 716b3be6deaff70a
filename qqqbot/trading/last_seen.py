"""The account as the running daemon saw it last, for a dry run of an answer, which must not stop the daemon.

A second connection to the gateway would need the daemon's own client id, and a dry run must leave the account alone.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NoReturn

from qqqbot.model.errors import OrderOutcomeUnknown, StartRefused
from qqqbot.model.market import Quote
from qqqbot.model.ports import Broker, SecondPrices
from qqqbot.model.program import COMMAND
from qqqbot.model.values import AccountSnapshot, Mode, Order, OrderIntent
from qqqbot.records.book import Book
from qqqbot.trading.assembly import Identity
from qqqbot.trading.engine import State


class LastSeen:
    """An account and its broker that accept no order. Raises StartRefused if the daemon has not seen the account."""

    needs_open_exchange = True
    absence_is_final_after = timedelta.max

    def __init__(self, status: Mapping[str, Any]) -> None:
        said = status.get("account_says")
        if not said:
            raise StartRefused(f"the running daemon has not seen the account yet: {COMMAND} status says why")
        self.mode, self.account = Mode(status["mode"]), str(status["account"])
        self.seen = AccountSnapshot(
            account=self.account,
            mode=self.mode,
            net_liquidation=Decimal(str(said["net_liquidation"])),
            spendable=Decimal(str(said["spendable"])),
            positions={symbol: int(count) for symbol, count in said["positions"].items()},
            open_order_refs=(),
            taken_at=datetime.fromisoformat(said["taken_at"]),
            unsettled=Decimal(str(said.get("unsettled", 0))),
            behind=said.get("behind", ""),
        )

    def identity(self, wait_seconds: float) -> Identity:  # noqa: ARG002 (it is known at once)
        return Identity(self.mode, self.account)

    def broker(self, book: Book, state: State) -> Broker:  # noqa: ARG002 (none is of use)
        return self

    def watch(self, symbols: tuple[str, ...]) -> None:
        """Nothing to do: the symbols are always those that the daemon watches."""

    def second_prices(self) -> SecondPrices | None:
        return None

    def problem(self) -> str | None:
        return None

    refused = problem

    def close(self) -> None:
        """Nothing to do: no connection is open."""

    def snapshot(self) -> AccountSnapshot:
        return self.seen

    def quotes(self) -> Mapping[str, Quote]:
        return {}

    def recent_orders(self) -> tuple[Order, ...]:
        return ()

    def submit(self, intent: OrderIntent) -> NoReturn:
        raise OrderOutcomeUnknown(f"{intent.order_ref} has no outcome yet; the running daemon looks for it")

    cancel = find = submit
