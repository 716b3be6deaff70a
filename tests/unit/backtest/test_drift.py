"""The real book against the backtest: a book written by the real Engine near each close, and rows made by hand."""

import io
import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import monitor
from qqqbot.backtest.account import run
from qqqbot.backtest.drift import drift, drift_facts, drift_screen, printed_close
from qqqbot.backtest.prices.table import BadPrices
from qqqbot.backtest.vectorized import Terms, examine
from qqqbot.display.terminal import plain
from qqqbot.model.family import PRESETS
from qqqbot.model.values import Rules
from qqqbot.records.folder import Folder
from tests.support.daily_bars import BOOK_PRICES as PRICES
from tests.support.daily_bars import BOOK_RULES as RULES
from tests.support.price_series import random_prices, write_csv

SESSIONS = len(PRICES)
DAY = date.fromisoformat(str(PRICES.dates[200]))
QQQ, TQQQ = float(PRICES.signal.close[200]), float(PRICES.fund.close[200])


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def trade(**changes: object) -> dict[str, Any]:
    made = {
        "timestamp": f"{DAY}T20:55:00+00:00",
        "side": "BUY",
        "symbol": "TQQQ",
        "quantity": 100,
        "decision_price": 50.0,
        "price": 50.1,
    }
    return {**made, **changes}


def test_a_daemon_that_saw_the_close_agrees_with_the_backtest_every_day(logs: Path) -> None:
    found = drift(rows(logs / "decisions.jsonl"), rows(logs / "trades.jsonl"), PRICES, RULES)
    assert len(found.decisions) == SESSIONS - 119
    assert all(d.agrees for d in found.decisions)
    assert len(found.fills) == len(run(examine(PRICES, RULES), Terms(rules=RULES)).trades) > 5
    assert found.slippage_usd == pytest.approx(found.close_usd, abs=0.2)
    assert all(fill.slippage_bps == pytest.approx(1.0, abs=0.05) for fill in found.fills)


def test_slippage_is_a_loss_for_buys_above_and_for_sales_below_the_decision() -> None:
    found = drift([], [trade(), trade(side="SELL", price=49.9), trade(side="SELL", price=50.2)], PRICES, RULES)
    assert [fill.slippage_usd for fill in found.fills] == pytest.approx([10.0, 10.0, -20.0])
    assert [fill.slippage_bps for fill in found.fills] == pytest.approx([20.0, 20.0, -40.0])
    assert [fill.close_usd for fill in found.fills] == pytest.approx(
        [100 * (50.1 - TQQQ), 100 * (TQQQ - 49.9), 100 * (TQQQ - 50.2)]
    )


def test_a_decision_that_the_close_overturned_is_named() -> None:
    wanted = examine(PRICES, RULES).wanted[200 - 119]
    other = {0: "TQQQ", 1: "CASH", 2: "QQQ"}[int(wanted)]
    early = {"session": str(DAY), "target": "CASH", "exchange_open": True}
    found = drift([early, {**early, "target": other}], [], PRICES, RULES)
    (only,) = found.decisions
    assert (only.session, only.decided, only.agrees) == (DAY, other, False)


def test_what_another_rule_decided_is_counted_and_not_compared() -> None:
    decided = {"session": str(DAY), "target": "CASH", "exchange_open": True, "rule": "qqq-200"}
    for rules, rule, compared in (
        (RULES, "qqq-200", False),
        (RULES, None, True),  # as every row of an earlier version
        (Rules(rule=PRESETS["30/120"]), None, True),
        (Rules(rule=PRESETS["qqq-200"]), None, False),
        (Rules(rule=PRESETS["qqq-200"]), "qqq-200", True),
    ):
        found = drift([{**decided, "rule": rule}], [], PRICES, rules)
        assert (len(found.decisions), found.other_rule, found.not_closed) == (compared, not compared, 0)
        text = plain(drift_screen(found))
        assert ("decided by another rule" in text) is not compared


def test_sessions_after_the_last_known_close_wait() -> None:
    tomorrow = {"session": "2039-01-03", "target": "QQQ", "exchange_open": True}
    found = drift([tomorrow], [trade(timestamp="2039-01-03T20:55:00+00:00")], PRICES, RULES)
    assert (found.decisions, found.not_closed) == ((), 1)
    assert found.fills[0].close_usd is None


def test_a_sum_says_which_trades_it_is_of() -> None:
    tomorrow = trade(timestamp="2039-01-03T20:55:00+00:00")
    for trades, words in (
        ([], "0.00 USD worse than at the official closes\n"),
        ([tomorrow], "no official close of these trades is known; ./bot_control.sh backtest"),
        ([trade(), tomorrow], "worse than at the official closes (1 of 2 known)\n"),
        ([trade()], "worse than at the official closes\n"),
    ):
        assert words in plain(drift_screen(drift([], trades, PRICES, RULES)))


def test_unreadable_rows_are_ignored() -> None:
    damaged = [trade(price=None), trade(symbol="SPY"), trade(kind="capital"), trade(decision_price=None)]
    closed = {"session": str(DAY), "target": "QQQ", "exchange_open": False}
    found = drift([{}, {"session": str(DAY)}, closed], damaged, PRICES, RULES)
    assert (found.decisions, found.fills) == ((), ())


def test_the_printed_close_is_unadjusted() -> None:
    series = random_prices(10).signal
    series.factor[:] = 2.0
    day = date.fromisoformat(str(series.dates[3]))
    assert printed_close(series, day) == pytest.approx(2 * series.close[3])
    assert printed_close(series, date(1990, 1, 1)) is None


def cache_of(folder: Path) -> Path:
    for name, series in (("qqq.csv", PRICES.signal), ("tqqq.csv", PRICES.fund)):
        write_csv(folder / name, series)
    return folder


def config_of(folder: Path) -> Path:
    (folder / "config.json").write_text('{"decide": "before_close"}')
    return folder / "config.json"


def test_the_screens_show_sums_and_the_newest_fills(logs: Path, tmp_path: Path) -> None:
    folder = Folder(logs, lambda _: None)
    facts = drift_facts(folder, cache_of(tmp_path), config_of(tmp_path))
    text = plain(drift_screen(facts))
    assert f"{SESSIONS - 119} of {SESSIONS - 119} agree with the official close" in text
    assert f"in {len(facts.fills)} trades" in text


def test_the_bots_own_memory_knows_all_closes_but_the_last(logs: Path, tmp_path: Path) -> None:
    """As printed, and with them the rule's answers; no price history is needed."""
    facts = drift_facts(Folder(logs, lambda _: None), tmp_path, config_of(tmp_path))
    assert (facts.prices_end, facts.from_memory, facts.not_closed) == (None, SESSIONS - 120, 1)
    assert facts.differing == ()
    beside = drift(rows(logs / "decisions.jsonl"), rows(logs / "trades.jsonl"), PRICES, RULES)
    closes = [fill.close_usd for fill in facts.fills]
    assert closes == pytest.approx([fill.close_usd for fill in beside.fills], abs=0.2)
    text = plain(drift_screen(facts))
    assert f"official closes of {SESSIONS - 120} sessions from the bot's own memory" in text


def test_sessions_that_the_memory_lacks_come_from_the_price_history(logs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    shutil.copytree(logs, folder)
    kept = (folder / "prices.jsonl").read_bytes().splitlines(keepends=True)
    damaged = kept[: len(kept) // 2][:-40]
    (folder / "prices.jsonl").write_bytes(b"".join([*damaged, b"{not a row\n", b'{"kind":"window","packed":"?"}\n']))
    facts = drift_facts(Folder(folder, lambda _: None), cache_of(tmp_path), config_of(tmp_path))
    assert 0 < facts.from_memory < SESSIONS - 120
    assert (facts.differing, facts.not_closed) == ((), 0)
    assert facts.as_json()["from_memory"] == facts.from_memory


def test_without_memory_and_price_history_it_says_how_to_get_one(logs: Path, tmp_path: Path) -> None:
    bare = tmp_path / "logs"
    shutil.copytree(logs, bare, ignore=shutil.ignore_patterns("prices.jsonl"))
    folder = Folder(bare, lambda _: None)
    with pytest.raises(BadPrices, match=r"No price history yet.* Run \./bot_control\.sh backtest once"):
        drift_facts(folder, tmp_path, config_of(tmp_path))


def test_the_monitor_shows_both_and_says_what_is_missing(
    logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    house = tmp_path / "house"
    (house / ".cache" / "prices").mkdir(parents=True)
    shutil.copytree(logs, house / "logs", ignore=shutil.ignore_patterns("prices.jsonl"))

    def look(*view: str) -> tuple[int, str]:
        out = io.StringIO()
        return monitor.main(
            [*view, "--logs-dir", str(house / "logs")], out=out, lock_holder=lambda _: None
        ), out.getvalue()

    config_of(house)
    assert look("--drift") == (1, "")
    assert "No price history yet" in capsys.readouterr().err
    cache_of(house / ".cache" / "prices")
    status, text = look("--drift")
    assert status == 0
    assert "agree with the official close" in text
    assert json.loads(look("--drift", "--json")[1])["sessions"] == SESSIONS - 119
    assert "Compared with holding" in look("--performance")[1]
    assert set(json.loads(look("--performance", "--json")[1])["beside"]) == {"bot", "QQQ held", "TQQQ held"}
