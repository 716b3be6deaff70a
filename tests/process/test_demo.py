"""The demonstration as a person runs it: one process, no network, the same output for the same seed."""

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from qqqbot.backtest import report
from qqqbot.backtest.holding import lived
from qqqbot.backtest.study import Question, study
from qqqbot.backtest.vectorized import Terms
from qqqbot.monitoring.facts.dashboard import dashboard
from qqqbot.monitoring.facts.status import status
from qqqbot.monitoring.facts.trades import performance
from qqqbot.records.folder import Folder
from qqqbot.records.risk_line import risk_words
from tests.support.price_series import random_prices

ROOT = Path(__file__).resolve().parents[2]


def run_demo(logs: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    chosen = () if variables else ("--logs", str(logs))
    # A proxy that does not exist: any network access would fail.
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    return subprocess.run(
        [sys.executable, "-m", "qqqbot.demo", *chosen, *arguments],
        cwd=ROOT,
        env={**os.environ, **nowhere, **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs") / "demo"


@pytest.fixture(scope="module")
def printed(logs: Path) -> str:
    done = run_demo(logs, QQQBOT_LOGS=str(logs.parent))
    assert (done.returncode, done.stderr) == (0, "")
    assert logs.stat().st_mode & 0o077 == 0
    return done.stdout


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def book_trades(logs: Path) -> list[dict[str, object]]:
    return [row for row in rows(logs / "trades.jsonl") if row.get("kind", "trade") == "trade"]


def test_every_screen_says_simulated_prices_first_and_last(printed: str) -> None:
    lines = printed.strip().splitlines()
    assert lines[0].startswith("SIMULATED PRICES")
    assert "a deliberately nasty market" in lines[0]
    assert "--seed 3" in lines[0]
    assert lines[-1].startswith("SIMULATED PRICES")
    for view in ("--status", "--trades", "--performance"):
        screen = printed.split(f"monitor.py {view}\n")[1].split("\n\n")[0].splitlines()
        assert screen[0].startswith("SIMULATED PRICES")
        assert screen[-1].startswith("SIMULATED PRICES")


@pytest.mark.usefixtures("printed")
def test_drift_of_logs_that_lie_elsewhere_finds_the_owners_configuration(logs: Path, tmp_path: Path) -> None:
    shutil.copy(ROOT / "config.json", tmp_path)
    command = [sys.executable, str(ROOT / "monitor.py"), "--drift", "--logs-dir", str(logs)]
    environment = {**os.environ, "QQQBOT_HOME": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert "agree with the official close" in done.stdout
    assert done.stdout.startswith("SIMULATED PRICES. DRY RUN")


@pytest.mark.usefixtures("printed")
def test_status_performance_page_and_report_have_the_same_figures(logs: Path) -> None:
    folder = Folder(logs, lambda _: None)
    mode, line = lived(folder) or ("", None)
    assert mode == "dry run, simulated prices"
    assert line is not None
    now = datetime.fromisoformat(json.loads((logs / "status.json").read_text())["heartbeat_at"])
    assert performance(folder, now).risk == status(folder, now).risk == line
    seen = dashboard(folder, now)
    assert seen.status.risk == line
    shown = report.page(study(random_prices(300), Question(Terms())), own=(mode, line))
    for words in [mode, f"{line.value:,.2f} USD", *(text for _, text in risk_words(line))]:
        assert words in shown


def test_the_same_seed_gives_the_same_output(printed: str, logs: Path, tmp_path: Path) -> None:
    again = run_demo(tmp_path).stdout
    assert again.replace(str(tmp_path), "DIR") == printed.replace(str(logs), "DIR")


def test_another_seed_is_another_market(printed: str, tmp_path: Path) -> None:
    assert run_demo(tmp_path, "--seed", "8").stdout.splitlines()[3:8] != printed.splitlines()[3:8]


@pytest.mark.usefixtures("printed")
def test_all_three_holdings_occur(logs: Path) -> None:
    assert {row["held"] for row in rows(logs / "decisions.jsonl")} == {"TQQQ", "QQQ", "CASH"}


def test_a_stale_morning_is_refused_and_a_half_day_is_named(printed: str) -> None:
    assert len(re.findall(r"refused, StalePrices: the price of QQQ is older than 20 minutes", printed)) == 1
    assert "Fri 2025-11-28 10:00 ET  a half-day: the exchange closes at 13:00" in printed


def test_nothing_is_decided_after_the_early_close(logs: Path, printed: str) -> None:
    friday = [row for row in rows(logs / "decisions.jsonl") if row["session"] == "2025-11-28"]
    assert friday
    assert all(str(row["timestamp"]) < "2025-11-28T18:00" for row in friday)


def test_an_interrupted_rotation_is_finished_once_by_the_next_process(printed: str, logs: Path) -> None:
    lines = printed.splitlines()
    cut = next(n for n, line in enumerate(lines) if "the process dies between the sell and the buy" in line)
    assert " SELL " in lines[cut - 1]
    assert " BUY " in lines[cut + 1]
    story = printed.split("monitor.py --status")[0]
    assert len(re.findall(r" ET  (?:BUY|SELL) ", story)) == len(book_trades(logs))


def test_the_status_that_is_left_says_stopped_and_simulated(printed: str, logs: Path) -> None:
    status = json.loads((logs / "status.json").read_text())
    assert (status["state"], status["simulated_prices"], status["mode"]) == ("stopped", True, "dry_run")


def test_the_real_bot_does_not_start_in_a_folder_that_the_next_demo_empties(tmp_path: Path) -> None:
    (tmp_path / "SIMULATED_PRICES").touch()
    command = [sys.executable, "qqq_trading_bot.py", "--once", "--logs", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert "is a folder of ./bot_control.sh demo, which empties it; choose another" in done.stderr


def test_a_folder_with_records_of_the_real_bot_is_left_alone(tmp_path: Path) -> None:
    book = tmp_path / "trades.jsonl"
    book.write_text('{"kind": "capital"}\n')
    done = run_demo(tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "choose another --logs" in done.stderr
    assert book.read_text() == '{"kind": "capital"}\n'


def test_a_rule_can_be_spelled_out_as_in_the_configuration(tmp_path: Path) -> None:
    done = run_demo(tmp_path, "--rule", '{"signal": "SPY", "slow": "sma20", "strong": "UPRO", "exit_pct": 2}')
    assert (done.returncode, done.stderr) == (0, "")
    assert "the rule SPY price over SMA 20 +0% -2%: UPRO, else CASH, on SPY and UPRO." in done.stdout
    assert {row["symbol"] for row in book_trades(tmp_path)} == {"UPRO"}
    assert {row.get("rule") for row in rows(tmp_path / "decisions.jsonl")} == {
        "SPY price over SMA 20 +0% -2%: UPRO, else CASH"
    }
