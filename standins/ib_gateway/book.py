"""What survives disconnects and restarts: accounts, orders, executions and the ids that were assigned."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from standins.ib_gateway.accounts import Account
from standins.ib_gateway.exchange import NEW_YORK
from standins.ib_gateway.orders import Execution, Order

FIRST_PERM_ID = 1_426_086_045
MANUAL = 0  # the client id of orders entered by hand


@dataclass
class Book:
    accounts: dict[str, Account]
    orders: list[Order] = field(default_factory=list)
    executions: list[Execution] = field(default_factory=list)
    next_ids: dict[int, int] = field(default_factory=dict)
    """client id -> the lowest order id it may use next"""
    executions_made: int = 0
    orders_made: int = 0

    def next_id(self, client_id: int) -> int:
        return self.next_ids.get(client_id, 1)

    def use_id(self, client_id: int, order_id: int) -> None:
        self.next_ids[client_id] = max(self.next_id(client_id), order_id + 1)

    def roll_back_ids(self, count: int) -> None:
        """Assign the last ids of every client again, as happens after some nightly restarts."""
        self.next_ids = {client: max(1, number - count) for client, number in self.next_ids.items()}

    def new_perm_id(self) -> int:
        self.orders_made += 1
        return FIRST_PERM_ID + self.orders_made

    def new_exec_id(self) -> str:
        self.executions_made += 1
        return f"0000e0d5.{0x69DD7410 + self.executions_made:08x}.01.01"

    def find(self, client_id: int, order_id: int) -> Order | None:
        """The newest order of that client with that id: ids can be assigned twice."""
        return next((o for o in reversed(self.orders) if o.key == (client_id, order_id)), None)

    def by_perm_id(self, perm_id: int) -> Order | None:
        return next((order for order in self.orders if order.perm_id == perm_id), None)

    def live(self) -> list[Order]:
        return [order for order in self.orders if order.live and order.visible and order.transmitted]

    def listed(self) -> list[Order]:
        return [order for order in self.orders if order.listed]

    def completed_on(self, day: date) -> list[Order]:
        return [o for o in self.orders if not o.live and o.completed and o.completed.astimezone(NEW_YORK).date() == day]

    def executions_on(self, day: date) -> list[Execution]:
        return [e for e in self.executions if e.time.astimezone(NEW_YORK).date() == day]

    def effective(self) -> list[Execution]:
        """Executions as they stand after corrections."""
        return [execution for execution in self.executions if execution.superseded_by is None]

    def shares(self, executions: Iterable[Execution]) -> Decimal:
        return sum((e.shares if e.side == "BOT" else -e.shares for e in executions), Decimal(0))


def new_york_date(now: datetime) -> date:
    return now.astimezone(NEW_YORK).date()
