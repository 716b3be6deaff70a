"""What the files say in the simulation, read without the project's own readers."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from qqqbot.model.values import Holding, OrderIntent, Side
from tests.support.builders import fold


def rows(path: Path) -> list[dict[str, Any]]:
    """The complete rows of a file; a torn last line is left out."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]


def without_outcome(journal: Iterable[Mapping[str, Any]]) -> set[str]:
    ended = {row["order_ref"] for row in journal if row["event"] == "outcome"}
    return {row["order_ref"] for row in journal if row["event"] == "intended"} - ended


def fold_of(logs: Path) -> Any:
    return fold(rows(logs / "trades.jsonl"))


def half_way_to(logs: Path) -> Holding | None:
    """The fund that the money of the newest trade, a sale, is for, if none of it is held."""
    trades = [row for row in rows(logs / "trades.jsonl") if row.get("kind", "trade") == "trade"]
    if not trades or trades[-1]["side"] != Side.SELL or trades[-1]["position"] == Holding.CASH:
        return None
    aim = Holding(trades[-1]["position"])
    return None if fold_of(logs).shares[aim.symbol] else aim


def is_second_leg(intent: OrderIntent, journal: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a sale of this session made the money: shares adopted before count as the target's already."""
    day = f"-{intent.session:%Y%m%d}-"
    sold = (row for row in journal if row["event"] == "intended" and day in row["order_ref"] and row["side"] == "SELL")
    return intent.side is Side.BUY and any(row["target"] == intent.target.value for row in sold)
