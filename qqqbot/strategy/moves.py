"""Whether each fund's live price moved since its last close as its index did. Pure.

It has not after an unreported split, with a bad tick, or if one of the two prices stands still.
"""

import math

from qqqbot.model.instruments import Holding, Kind
from qqqbot.model.market import Market
from qqqbot.model.reasons import Reason
from qqqbot.model.values import Gate, Rules, Snapshot

# TQQQ's daily move less three times QQQ's, 2010-02 to 2026-08: more than 0.77 % on 1 day in 100, more than 1.7 % on 1
# day in 1000, more than 2.5 % only on 2010-05-21 and 2020-03-17. A missed split or a bad tick is far outside.
LEVERAGE_TOLERANCE = 0.025
# For two funds that hold the same shares. Also for a Treasury-bill fund on the day on which it pays out a month's yield
# (0.45 % of the price at 5.4 % a year), while the close before is not adjusted for it yet.
UNLEVERAGED_TOLERANCE = 0.01
# How far back the last common close may be: Yahoo loses a row of each share about five times a year, which is no reason
# to stop.
SESSIONS_BACK = 3


def leverage(snapshot: Snapshot, rules: Rules) -> Gate:
    """Each fund has moved since its last close by about its factor times its index; a bill fund has hardly moved.

    The leveraged fund that is watched with an index fund is the index fund's witness.
    """
    market, passed = snapshot.market, []
    for symbol in market.quotes:
        if Holding(symbol).underlying != symbol:
            gate = _of_one(symbol, market)
            if not gate.passed:
                return gate
            passed.append(gate)
    found, sentence = ("; ".join(parts) for parts in zip(*((g.found, g.sentence) for g in passed), strict=True))
    return Gate("leverage", True, found, sentence, Reason.PRICES_UNAVAILABLE)


def _of_one(symbol: str, market: Market) -> Gate:
    fund = Holding(symbol)
    index, factor = (symbol, 0) if fund.kind is Kind.BILLS else (fund.underlying, fund.factor)
    before = _closes_before(symbol, index, market)
    if before is None:
        sentence = f"{symbol}'s or {index}'s previous close is missing"
        return Gate("leverage", False, "no previous close", sentence, Reason.PRICES_UNAVAILABLE)
    if not all(map(math.isfinite, (market.prices[symbol], market.prices[index]))):
        sentence = f"{symbol}'s or {index}'s live price is missing"
        return Gate("leverage", False, "no live price", sentence, Reason.PRICES_UNAVAILABLE)
    move, moved = (market.prices[s] / close - 1 for s, close in zip((symbol, index), before, strict=True))
    near = abs(move - factor * moved) <= (LEVERAGE_TOLERANCE if factor > 1 else UNLEVERAGED_TOLERANCE)
    verdict = "near" if near else "not near"
    found = f"{symbol} {move:+.2%}, {index} {moved:+.2%}"
    sentence = f"{symbol} moved {move:+.2%} and {index} {moved:+.2%} since their last close: {verdict} {factor} to 1"
    if fund.kind is Kind.BILLS:
        found = f"{symbol} {move:+.2%}"
        sentence = f"{symbol} moved {move:+.2%} since its last close: {verdict} standing still"
    return Gate("leverage", near, found, sentence, Reason.PRICES_UNAVAILABLE)


def _closes_before(symbol: str, index: str, market: Market) -> tuple[float, float] | None:
    """The closes of both in the newest session that both have; None if there is none.

    For the fund that witnesses the window only the last session will do.
    """
    if symbol == market.fund:
        closes = market.previous_close(symbol), market.previous_close(index)
        return (closes[0], closes[1]) if closes[0] and closes[1] else None
    if index not in market.quotes:
        return None
    own, beside = ({bar.date: bar.close for bar in market.rows(s) if bar.close > 0} for s in (symbol, index))
    recent = {bar.date for bar in market.bars[-SESSIONS_BACK:]}
    day = max(own.keys() & beside.keys() & recent, default=None)
    return None if day is None else (own[day], beside[day])
