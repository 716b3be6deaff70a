"""What the demo stages and prints, and which files it may remove."""

import io
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from qqqbot import demo
from qqqbot.adapters.simulated.prices import SimulatedPrices
from qqqbot.demo import FIRST_DAY, FIRST_ROW, LAST_DAY, LAST_ROW, STALE_MORNING, Narrator, PowerCut, StagedPrices
from qqqbot.model.errors import StartRefused
from qqqbot.model.values import Holding, Rules
from qqqbot.strategy.rule import evaluate
from tests.support.symbols import QQQ, SYMBOLS

PRICES = SimulatedPrices(7, SYMBOLS, FIRST_ROW, LAST_ROW)
STALE = datetime(STALE_MORNING.year, STALE_MORNING.month, STALE_MORNING.day, 14, tzinfo=UTC)


def row(**changes: Any) -> dict[str, Any]:
    made = {"timestamp": "2025-11-28T15:00:00+00:00", "session": "2025-11-28", "exchange_open": True, "error": None}
    return {
        **made,
        "sentence": "a sentence",
        "orders": [],
        "price": 641.43,
        "short_ma": 642.21,
        "long_ma": 579.29,
        **changes,
    }


def narrated(folder: Path, *rows: dict[str, Any]) -> list[str]:
    out, decisions = io.StringIO(), folder / "decisions.jsonl"
    narrator = Narrator(decisions, PRICES.table, out)
    decisions.write_text("".join(json.dumps(row) + "\n" for row in rows))
    narrator.print_new()
    narrator.close()
    return [line.partition(" ET  ")[2] for line in out.getvalue().splitlines()]


def test_an_order_is_printed_with_the_rules_comparison(tmp_path: Path) -> None:
    sell = {"side": "SELL", "quantity": 632, "symbol": "TQQQ", "price": 152.88}
    (line,) = narrated(tmp_path, row(session="2025-09-10", orders=[sell]))
    assert line == "SELL   632 TQQQ  152.88  QQQ 641.43 below 30d 642.21; 30d above 120d 579.29"


def test_another_rule_is_printed_in_its_own_words(tmp_path: Path) -> None:
    buy = {"side": "BUY", "quantity": 393, "symbol": "UPRO", "price": 241.58}
    sentence = "uptrend (SPY 138.11 over 200-day average 121.67): UPRO; buy 393 UPRO"
    (line,) = narrated(tmp_path, row(session="2025-09-10", orders=[buy], rule="spy-200-upro", sentence=sentence))
    assert line == "BUY    393 UPRO  241.58  uptrend (SPY 138.11 over 200-day average 121.67): UPRO"


def test_a_half_day_is_named_once_and_a_quiet_check_not_at_all(tmp_path: Path) -> None:
    assert narrated(tmp_path, row(), row()) == ["a half-day: the exchange closes at 13:00"]


def test_a_refusal_is_printed_once_and_so_is_its_end(tmp_path: Path) -> None:
    refused = row(session="2025-08-12", error="StalePrices")
    lines = narrated(tmp_path, refused, refused, row(session="2025-08-12"), row(session="2025-08-12"))
    assert lines == ["refused, StalePrices: a sentence", "prices are good again"]


def test_prices_are_stale_on_the_staged_morning_alone() -> None:
    staged = StagedPrices(PRICES, lambda: False)
    assert staged.market(STALE).signal_quote.time == STALE - demo.STALE_BY
    assert staged.market(STALE + timedelta(hours=2)).signal_quote.time == STALE + timedelta(hours=2)
    assert staged.market(STALE - timedelta(days=1)) == PRICES.market(STALE - timedelta(days=1))


def test_the_power_is_cut_when_the_demo_says_so() -> None:
    with pytest.raises(PowerCut):
        StagedPrices(PRICES, lambda: True).sessions(STALE)
    assert not issubclass(PowerCut, Exception)


@pytest.mark.parametrize("seed", range(40))
def test_every_seed_of_the_demo_wants_all_three_holdings(seed: int) -> None:
    prices = SimulatedPrices(seed, SYMBOLS, FIRST_ROW, LAST_ROW)
    closes = prices.closes(QQQ)
    days = [n for n, s in enumerate(prices.table.sessions) if FIRST_DAY <= s.date <= LAST_DAY]
    assert {evaluate(closes[:n], closes[n], Holding.CASH, Rules()).target for n in days} == set(Rules().form.shelves)


def test_it_removes_its_own_files_and_touches_nothing_else(tmp_path: Path) -> None:
    demo.empty(tmp_path)
    (tmp_path / "trades.jsonl").write_text("{}\n")
    (tmp_path / "trading_bot_20250701.log").write_text("old\n")
    (tmp_path / "notes.txt").write_text("mine\n")
    demo.empty(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["SIMULATED_PRICES", "notes.txt"]


def test_records_of_anything_but_a_demo_are_left_alone(tmp_path: Path) -> None:
    book = tmp_path / "trades.jsonl"
    book.write_text('{"kind": "capital"}\n')
    with pytest.raises(StartRefused, match="not a demo's"):
        demo.empty(tmp_path)
    assert book.read_text() == '{"kind": "capital"}\n'


def test_the_demo_covers_half_a_year() -> None:
    assert timedelta(days=180) < (LAST_DAY - FIRST_DAY)
    assert FIRST_DAY - timedelta(days=200) > FIRST_ROW
    assert date(2025, 11, 28) in {s.date for s in PRICES.table.sessions}


def test_a_rule_that_is_none_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for rule, words in (("qqq-20", "did you mean qqq-200"), ('{"slow": "sma1"}', "strong is missing"), ("{", "JSON")):
        assert demo.main(["--logs", str(tmp_path / "logs"), "--rule", rule]) == 2
        assert words in capsys.readouterr().err
    assert not (tmp_path / "logs").exists()
