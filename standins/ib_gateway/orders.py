"""Orders and executions, and how the exchange may treat them."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from standins.ib_gateway.contracts import Contract

TERMINAL = ("Filled", "Cancelled", "ApiCancelled", "Inactive")


@dataclass(frozen=True)
class Behaviour:
    """How one order is treated. The default: acknowledged and filled at once, with the callbacks of a real gateway."""

    reduced_to: int | None = None
    """shares to which it is reduced before it is executed, by a size limit (add the notice 481) or by hand in TWS"""
    slices: tuple[int, ...] = ()
    """the shares of each partial fill; the rest is filled last, unless `keeps_rest_open`"""
    keeps_rest_open: bool = False
    fills: bool = True
    delay: float = 0.0
    """seconds from the acknowledgement to the first fill"""
    slice_delay: float = 0.0
    slice_every: float = 0.0
    """seconds of the gateway's clock from one partial fill to the next"""
    price: Decimal | None = None
    """the fill's price, instead of the quote's"""
    sequence: str = "usual"
    """usual, status_first (Filled comes before the execution), no_status, commission_first"""
    first_statuses: tuple[str, ...] = ()
    """sent before the acknowledgement, such as ApiPending and PendingSubmit"""
    silent: bool = False
    """a dialog in the gateway holds the order: nothing is sent, and it is not at the exchange until `confirm_dialog`"""
    reject: tuple[int, str] | None = None
    reject_status: str = ""
    """"Inactive" or "Cancelled": a rejection that openOrder and orderStatus report as well"""
    cancelled_by_system: str | None = None
    """accepted, then cancelled by the exchange with this text and code 202"""
    precaution: tuple[int, str] | None = None
    """a precaution keeps the order in TWS, untransmitted, and says so under its id; `confirm_dialogs` transmits it"""
    refused_late: tuple[int, str] | None = None
    """accepted, then refused with this code and text and Inactive, and still listed as open (ib_insync#554)"""
    notices: tuple[tuple[int, str], ...] = ()
    """codes with text that are sent for this order's id and do not end it"""
    commission: str = "usual"
    """usual, late (after `commission_delay`), never"""
    commission_delay: float = 0.05
    commission_currency: str = "USD"
    executions: str = "usual"
    """usual, late (`executions_delay` seconds of the gateway's clock after the status that reports them), never"""
    executions_delay: float = 120.0
    correction: Decimal | None = None
    """a price: each execution is corrected to it, by a second one whose id differs after the last dot"""
    on_cancel: str = "usual"
    """usual, ignored, fills (a fill arrives while PendingCancel), pending (stays in PendingCancel), silent (no 202),
    unknown (10147, though a precaution still keeps it)"""
    drop_after_fill: int | None = None
    """the client's connection is closed after this many fills"""


@dataclass
class Execution:
    exec_id: str
    perm_id: int
    client_id: int
    order_id: int
    order_ref: str
    account: str
    contract: Contract
    side: str
    shares: Decimal
    price: Decimal
    cumulative: Decimal
    average: Decimal
    time: datetime
    commission: Decimal = Decimal(0)
    realized: Decimal | None = None
    """profit or loss of a closing trade; None for an opening trade"""
    commission_reported: bool = False
    commission_currency: str = "USD"
    superseded_by: str | None = None
    listed_from: datetime | None = None
    """when clients learn of it; None: at once"""
    venue: str = "IBKRATS"

    def listed(self, now: datetime) -> bool:
        return self.listed_from is None or self.listed_from <= now

    @property
    def root(self) -> str:
        """The part of the id that a correction keeps."""
        return self.exec_id.rpartition(".")[0]


@dataclass
class Order:
    perm_id: int
    client_id: int
    order_id: int
    account: str
    contract: Contract
    action: str
    quantity: Decimal
    order_type: str
    limit: Decimal | None
    tif: str
    order_ref: str
    outside_rth: bool
    submitted: datetime
    status: str = "PreSubmitted"
    filled: Decimal = Decimal(0)
    average: Decimal = Decimal(0)
    last_price: Decimal = Decimal(0)
    commission: Decimal | None = None
    why_held: str = ""
    reject_reason: str = ""
    completed: datetime | None = None
    completed_status: str = ""
    at_exchange: bool = False
    """False while the order waits for the open, is untransmitted, or is held by a dialog"""
    visible: bool = True
    told_closed: bool = False
    """the "will not be placed until the open" notice was given"""
    transmitted: bool = True
    active_session: bool = False
    """the order was alive while the exchange was open; a DAY order then ends with the session"""
    behaviour: Behaviour = field(default_factory=Behaviour)
    slices_done: int = 0
    filled_at: datetime | None = None
    """the newest fill"""
    scheduled: bool = False

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.filled

    @property
    def live(self) -> bool:
        return self.status not in TERMINAL

    @property
    def listed(self) -> bool:
        """Whether the order is in the answer to a request for open orders."""
        stays = self.status == "Inactive" and self.behaviour.refused_late is not None
        return (self.live or stays) and self.visible and self.transmitted

    @property
    def key(self) -> tuple[int, int]:
        return self.client_id, self.order_id
