"""The instruments that the gateway knows."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any


@dataclass(frozen=True)
class Contract:
    con_id: int
    symbol: str
    long_name: str = ""
    sec_type: str = "STK"
    expiry: str = ""
    strike: Decimal = Decimal(0)
    right: str = ""
    multiplier: str = ""
    primary: str = "NASDAQ"
    currency: str = "USD"
    local_symbol: str = ""
    trading_class: str = "NMS"

    @property
    def is_stock(self) -> bool:
        return self.sec_type == "STK"

    def values(self, exchange: str) -> dict[str, Any]:
        """The wire's contract fields; positions carry an empty exchange, executions the venue, orders SMART."""
        return {
            "contract.conId": self.con_id,
            "contract.symbol": self.symbol,
            "contract.secType": self.sec_type,
            "contract.lastTradeDateOrContractMonth": self.expiry,
            "contract.strike": self.strike,
            "contract.right": self.right or None,
            "contract.multiplier": self.multiplier or None,
            "contract.exchange": exchange,
            "contract.currency": self.currency,
            "contract.localSymbol": self.local_symbol or self.symbol,
            "contract.tradingClass": self.trading_class,
        }


QQQ = Contract(320227571, "QQQ", "INVESCO QQQ TRUST SERIES 1")
TQQQ = Contract(72539702, "TQQQ", "PROSHARES ULTRAPRO QQQ")
OTHERS = (
    Contract(756733, "SPY", "SPDR S&P 500 ETF TRUST", primary="ARCA"),
    Contract(61765105, "UPRO", "PROSHARES ULTRAPRO S&P 500", primary="ARCA"),
    Contract(40143160, "QLD", "PROSHARES ULTRA QQQ", primary="ARCA"),
    Contract(451617240, "QQQM", "INVESCO NASDAQ 100 ETF"),
    Contract(39039301, "SSO", "PROSHARES ULTRA S&P500", primary="ARCA"),
    Contract(43652089, "BIL", "SPDR BBG 1-3 MONTH T-BILL ETF", primary="ARCA"),
    Contract(424219580, "SGOV", "ISHARES 0-3 MONTH TREASURY", primary="ARCA"),
)
"""Their ids are invented, their listings are real."""
QQQ_PUT = Contract(
    728937835,
    "QQQ",
    "INVESCO QQQ TRUST SERIES 1",
    sec_type="OPT",
    expiry="20270115",
    strike=Decimal(500),
    right="P",
    multiplier="100",
    primary="",
    local_symbol="QQQ   270115P00500000",
    trading_class="QQQ",
)


class Instruments:
    """Looks instruments up by conId, or by symbol and type."""

    def __init__(self) -> None:
        self._known: dict[int, Contract] = {}
        for contract in (QQQ, TQQQ, QQQ_PUT, *OTHERS):
            self.add(contract)

    def add(self, contract: Contract) -> Contract:
        self._known[contract.con_id] = contract
        return contract

    def by_id(self, con_id: int) -> Contract:
        return self._known[con_id]

    def stock(self, symbol: str) -> Contract | None:
        return next((c for c in self._known.values() if c.is_stock and c.symbol == symbol), None)

    def find(self, con_id: int, symbol: str, sec_type: str, currency: str, primary: str) -> list[Contract]:
        """Every instrument that fits a client's description; an instrument listed elsewhere does not fit."""
        if con_id:
            return [self._known[con_id]] if con_id in self._known else []
        return [
            contract
            for contract in self._known.values()
            if contract.symbol == symbol and contract.sec_type == sec_type and currency in ("", contract.currency)
            if primary in ("", contract.primary)
        ]
