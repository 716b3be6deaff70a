"""A stand-in for Interactive Brokers' gateway that speaks the real wire protocol on a loopback port."""

from .accounts import Account
from .codec import Message
from .contracts import QQQ, QQQ_PUT, TQQQ, Contract
from .control import RemoteGateway
from .exchange import Quote
from .faults import Fault
from .gateway import IBGateway
from .orders import Behaviour, Execution, Order

__all__ = [
    "QQQ",
    "QQQ_PUT",
    "TQQQ",
    "Account",
    "Behaviour",
    "Contract",
    "Execution",
    "Fault",
    "IBGateway",
    "Message",
    "Order",
    "Quote",
    "RemoteGateway",
]
