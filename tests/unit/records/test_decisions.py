"""The row of a decision has what it rested on, and only numbers that JSON has."""

import json
import math
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from qqqbot.model.market import Quote
from qqqbot.model.values import Action, Gate, Holding, Plan
from qqqbot.records.decisions import decision_values, equity_of, last_price
from tests.support.builders import DAY, NOW, PRICE, RULES, TQQQ_PRICE, market, portfolio, snapshot
from tests.support.fakes import World
from tests.support.symbols import QQQ


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def last(world: World) -> dict[str, Any]:
    return world.rows("decisions.jsonl")[-1]


def test_a_decision_shows_what_it_was_based_on(world: World) -> None:
    world.start().step()
    first = world.rows("decisions.jsonl")[0]
    assert first["timestamp"] == first["check"] == NOW.isoformat()
    assert (first["session"], first["exchange_open"], first["round"]) == (str(DAY), True, 1)
    assert (first["action"], first["target"], first["held"], first["error"]) == ("ROTATE", "QQQ", "CASH", None)
    assert (first["price"], first["tqqq_price"]) == (PRICE, TQQQ_PRICE)
    assert first["quote_time"] == NOW.isoformat()
    assert math.isclose(first["flip_leave_tqqq"], 450 * 1.005)
    assert (first["cash"], first["equity"], first["shares"]) == (100_000, 100_000, {"QQQ": 0, "TQQQ": 0})
    assert first["orders"] == [{"side": "BUY", "symbol": "QQQ", "quantity": 211, "price": 450}]
    assert len(first["gates"]) == 18
    assert (first["mode"], first["account"]) == ("paper", "DU1234567")
    assert first["sentence"].endswith("buy 211 QQQ")


def test_a_flip_at_infinity_is_not_a_number(tmp_path: Path) -> None:
    world = World(tmp_path, rules=replace(RULES, short_period=1))
    world.start().step()
    assert last(world)["flip_enter_tqqq"] is None
    assert last(world)["target"] == "QQQ"


@pytest.mark.parametrize("price", [float("nan"), float("inf"), -1.0, 0.0])
def test_an_invalid_price_is_recorded_and_nothing_is_traded(world: World, price: float) -> None:
    world.prices.changes = {"signal_quote": Quote(QQQ, price, NOW)}
    world.start().step()
    assert last(world)["error"] == "PricesUnavailable"
    assert last(world)["price"] == (price if math.isfinite(price) else None)
    assert world.broker.submitted == []


@pytest.mark.parametrize("price", [float("nan"), float("inf")])
def test_equity_at_no_price_is_unknown(world: World, price: float) -> None:
    engine = world.start()
    engine.step()
    world.prices.changes = {"signal_quote": Quote(QQQ, price, NOW)}
    engine.step()
    assert last(world)["equity"] is None


PRICES = {"QQQ": 450.0, "TQQQ": 60.0}


@pytest.mark.parametrize(
    ("shares", "prices", "equity"),
    [
        ({}, PRICES, 1000.0),
        ({}, None, 1000.0),
        ({"QQQ": 2}, PRICES, 1900.0),
        ({"QQQ": 2}, None, None),
        ({"TQQQ": 1}, {**PRICES, "TQQQ": math.nan}, None),
        ({"QQQ": 1}, {**PRICES, "TQQQ": math.nan}, 1450.0),
    ],
)
def test_equity_needs_the_prices_of_the_funds_held(
    shares: dict[str, int], prices: dict[str, float] | None, equity: float | None
) -> None:
    held = replace(portfolio(cash=1000), shares={"QQQ": 0, "TQQQ": 0, **shares})
    assert equity_of(held, prices) == equity


def test_a_decision_without_a_signal_has_no_averages_and_a_code_that_is_never_null() -> None:
    seen = snapshot(Holding.QQQ, market=market(Holding.QQQ, bars=()))
    gate = Gate("exchange", False, "closed", "the exchange is closed")
    row = decision_values(seen, Plan(Action.WAIT, None, gate.sentence, (gate,), blocked_by=gate))
    assert row["short_ma"] is row["flip_trend"] is row["target"] is row["error"] is None
    assert row["gates"][0]["code"] == ""
    assert row["cash"] == Decimal(100_000)


def test_the_last_price_is_that_of_the_newest_decision_of_an_earlier_session(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    own = {"mode": "dry_run", "account": "simulated", "short_ma": 445.0}
    rows = [
        {**own, "session": "2026-11-20", "price": 440.0, "tqqq_price": 58.0},
        {**own, "session": "2026-11-23", "price": 441.0, "tqqq_price": 59.0},
        {**own, "session": "2026-11-23", "price": 450.0, "tqqq_price": None},
        {**own, "session": "2026-11-23", "price": 460.0, "tqqq_price": 90.0, "short_ma": None},
        {**own, "session": None, "price": 455.0, "tqqq_price": 65.0},
        {"mode": "live", "account": "U1", "session": "2026-11-23", "price": 460.0, "tqqq_price": 66.0},
        {**own, "session": "2026-11-24", "price": 470.0, "tqqq_price": 30.0},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert last_price(path, "dry_run", "simulated", "TQQQ", date(2026, 11, 24)) == 59.0
    assert last_price(path, "dry_run", "simulated", "QQQ", date(2026, 11, 24)) == 450.0
    assert last_price(path, "dry_run", "simulated", "TQQQ", date(2026, 11, 20)) is None
    assert last_price(tmp_path / "none.jsonl", "dry_run", "simulated", "TQQQ", date(2026, 11, 24)) is None
