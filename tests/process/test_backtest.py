"""The backtest as a person runs it: as its own process, with output that may go to a pipe."""

import subprocess
import sys
from pathlib import Path

from tests.support.price_series import random_prices, write_csv

ROOT = Path(__file__).resolve().parents[2]


def test_a_pipe_closed_early_is_not_an_error(tmp_path: Path) -> None:
    prices = random_prices(1400, tqqq_first=300)
    files = [
        write_csv(tmp_path / "qqq.csv", prices.signal),
        write_csv(tmp_path / "tqqq.csv", prices.fund, prices.first),
    ]
    command = [sys.executable, "-m", "qqqbot.backtest", "--prices", *map(str, files), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(30) == 0
        assert process.stderr.read() == b""
