"""Prices, portfolio lines and contract details as messages, and the refusals of prices."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from standins.ib_gateway.accounts import Holding
from standins.ib_gateway.codec import Message
from standins.ib_gateway.contracts import Contract
from standins.ib_gateway.exchange import Exchange, Quote

FRACTIONAL_SIZES = 163  # older clients get no data for stocks that trade in fractions

LIVE = {"bid": 1, "ask": 2, "last": 4, "close": 9}
DELAYED = {"bid": 66, "ask": 67, "last": 68, "close": 75}
LIVE_TIME, DELAYED_TIME = 45, 88
EARLY, LATE = timedelta(hours=5, minutes=30), timedelta(hours=4)  # trading around the session, from 4:00 to 20:00
MINUS_ONE = Decimal(-1)
# `market_data` -> the type that is reported, and the code and text sent before the prices. Frozen prices are from the
# last moment that had any; after the codes 10089 to 10091 come the prices that are available.
SHOWN = {
    "live": (1, None),
    "frozen": (2, None),
    "delayed": (3, (10167, "Requested market data is not subscribed. Displaying delayed market data.")),
    "delayed_frozen": (4, (10167, "Requested market data is not subscribed. Displaying delayed market data.")),
    "partly": (3, (10090, "Part of requested market data is not subscribed.")),
    "additional": (3, (10089, "Requested market data requires additional subscription for API.")),
}


class Entitlements(Protocol):
    """`market_data`: one of SHOWN, or none (delayed prices are not enabled either), competing."""

    market_data: str
    fractional_size_rules: bool


def refusal(house: Entitlements, version: int, wanted_type: int) -> tuple[int, str] | None:
    if house.fractional_size_rules and version < FRACTIONAL_SIZES:
        return 10285, (
            "Your API version does not support fractional size rules. Please upgrade to a minimum version 163."
        )
    if house.market_data == "competing":
        return 10197, "No market data during competing live session"
    if house.market_data in ("live", "frozen"):
        return None
    wants_delayed = wanted_type in (3, 4)
    if house.market_data == "none" and wants_delayed:
        return 10168, "Requested market data is not subscribed. Delayed market data is not enabled."
    if not wants_delayed:
        return 354, (
            "Requested market data is not subscribed. Check API status by selecting the Account menu then "
            "under Management choose Market Data Subscription Manager and/or availability of delayed data."
        )
    return None


def ticks(req_id: int, quote: Quote, delayed: bool, time: datetime) -> Iterator[Message]:
    """The messages of the prices and, if there was a trade, of its `time`."""
    types = DELAYED if delayed else LIVE
    for name, tick_type in types.items():
        price = getattr(quote, name)
        size = 0 if price is None or name == "close" else quote.size
        yield Message(
            "tickPrice",
            {
                "reqId": req_id,
                "tickType": tick_type,
                "size": Decimal(size),
                "attrMask": 0,
                "price": MINUS_ONE if price is None else price,
            },
        )
    if quote.last is not None:
        kind = DELAYED_TIME if delayed else LIVE_TIME
        yield Message("tickString", {"reqId": req_id, "tickType": kind, "value": str(int(time.timestamp()))})


def portfolio_value(account: str, holding: Holding, exchange: Exchange) -> Message:
    price = exchange.mark(holding.contract)
    size = Decimal(holding.contract.multiplier or 1)
    worth = price * holding.quantity * size
    return Message(
        "portfolioValue",
        {
            **holding.contract.values(""),
            "contract.primaryExch": holding.contract.primary,
            "position": holding.quantity,
            "marketPrice": price,
            "marketValue": worth,
            "averageCost": holding.average_cost,
            "unrealizedPNL": worth - holding.average_cost * holding.quantity,
            "realizedPNL": Decimal(0),
            "accountName": account,
        },
    )


def contract_details(req_id: int, contract: Contract, exchange: Exchange) -> Message:
    details = {
        "marketName": contract.trading_class,
        "minTick": Decimal("0.01"),
        "orderTypes": "ACTIVETIM,AD,ADJUST,LMT,MKT",
        "validExchanges": "SMART,AMEX,NYSE,CBOE,ARCA,NASDAQ,IBKRATS",
        "longName": contract.long_name,
        "timeZoneId": "US/Eastern",
        "tradingHours": exchange.hours(EARLY, LATE),
        "liquidHours": exchange.hours(),
        "marketRuleIds": "26,26,26,26,26,26,26",
        "stockType": "ETF",
        "priceMagnifier": 1,
        "aggGroup": 1,
        "minSize": Decimal("0.0001"),
        "sizeIncrement": Decimal("0.0001"),
        "suggestedSizeIncrement": Decimal(100),
    }
    return Message(
        "contractDetails",
        {
            "reqId": req_id,
            **contract.values("SMART"),
            "contract.primaryExch": contract.primary,
            **{f"contractDetails.{name}": value for name, value in details.items()},
        },
    )
