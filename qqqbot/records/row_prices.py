"""The live prices in a row of trades.jsonl or decisions.jsonl.

A row of a rule on shares other than QQQ and TQQQ has them under `prices`: symbol -> price, the signal's first, then its
fund's. Any other row, those of all earlier versions among them, has QQQ's (under `price`, or `qqq_price` of a trade)
and TQQQ's (under `tqqq_price`).
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from qqqbot.model.family import DEFAULT_SYMBOLS
from qqqbot.records.coerce import mapping, number

Price = TypeVar("Price", float, float | None)


def named(prices: Mapping[str, Price]) -> dict[str, Price]:
    """The value of a row's key `prices`: empty for the default's symbols."""
    return {} if tuple(prices) == DEFAULT_SYMBOLS else dict(prices)


def symbols_of(row: Mapping[str, Any]) -> tuple[str, str]:
    """The signal and its fund."""
    signal, fund, *_ = *mapping(row.get("prices")), *DEFAULT_SYMBOLS
    return signal, fund


def prices_of(row: Mapping[str, Any]) -> dict[str, float]:
    """symbol -> live price in a row of decisions.jsonl, without prices that are not numbers"""
    return _prices(row, "price", "tqqq_price")


def prices_of_trade(row: Mapping[str, Any]) -> dict[str, float]:
    """The same in a row of trades.jsonl."""
    return _prices(row, "qqq_price", "tqqq_price")


def _prices(row: Mapping[str, Any], *keys: str) -> dict[str, float]:
    told = mapping(row.get("prices")) or dict(zip(DEFAULT_SYMBOLS, map(row.get, keys), strict=True))
    return {symbol: price for symbol, value in told.items() if (price := number(value)) is not None}
