"""A stand-in for Interactive Brokers' gateway that speaks the real wire protocol on a loopback port."""

from standins.ib_gateway.accounts import Account
from standins.ib_gateway.codec import Message
from standins.ib_gateway.contracts import QQQ, QQQ_PUT, TQQQ, Contract
from standins.ib_gateway.control import RemoteGateway
from standins.ib_gateway.exchange import Quote
from standins.ib_gateway.faults import Fault
from standins.ib_gateway.gateway import IBGateway
from standins.ib_gateway.orders import Behaviour, Execution, Order

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
