"""backtest.ipynb runs from top to bottom on simulated prices, keeps its pictures, and holds no logic and no prices."""

import ast
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.price_series import bars_of, random_prices, write_bars, write_csv

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "backtest.ipynb"
MAX_BYTES = 300_000
PICTURES = 12


def cells(kind: str) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == kind]


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def environment(folder: Path) -> dict[str, str]:
    """Simulated prices that reach over the days that the notebook names, and bars of their last weeks."""
    prices = random_prices(4300, tqqq_first=400, first=np.datetime64("2009-07-01"))
    files = [write_csv(folder / "qqq.csv", prices.signal), write_csv(folder / "tqqq.csv", prices.fund, prices.first)]
    bars = write_bars(folder, bars_of(prices, first=4200))
    return {"QQQBOT_PRICES": os.pathsep.join(map(str, files)), "QQQBOT_BARS": os.pathsep.join(map(str, bars))}


def test_it_runs_on_simulated_prices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat = pytest.importorskip("nbformat", reason="nbformat and nbclient execute the notebook")
    client = pytest.importorskip("nbclient", reason="nbformat and nbclient execute the notebook")
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    book = nbformat.read(NOTEBOOK, 4)
    client.NotebookClient(
        book, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}
    ).execute()
    shown = [out for cell in book.cells if cell.cell_type == "code" for out in cell.outputs]
    assert sum("image/svg+xml" in out["data"] for out in shown) == PICTURES
    assert not any("too few prices" in str(out) or "no bars" in str(out) for out in shown)


def test_it_is_kept_executed_with_its_pictures() -> None:
    kept = cells("code")
    assert [cell["execution_count"] for cell in kept] == list(range(1, len(kept) + 1))
    outputs = [out for cell in kept for out in cell["outputs"]]
    assert all(out["output_type"] == "execute_result" for out in outputs)
    assert sum("image/svg+xml" in out["data"] for out in outputs) == PICTURES
    assert NOTEBOOK.stat().st_size < MAX_BYTES


def test_it_shows_the_popular_number_and_the_right_one() -> None:
    tables = [str(out["data"].get("text/html")) for cell in cells("code") for out in cell["outputs"]]
    (shown,) = [text for text in tables if "WRONG" in text]
    for value in ("1,371", "97", "779/311/281", "5,869.26%", "-33.29%", "2.98", "246.42%"):
        assert value in shown


def test_its_cells_hold_calls_and_no_logic() -> None:
    for cell in cells("code"):
        for node in ast.walk(ast.parse(source(cell))):
            assert not isinstance(node, ast.For | ast.If | ast.FunctionDef | ast.Lambda | ast.BinOp | ast.ListComp)


def test_it_names_no_path_of_the_machine_that_made_it() -> None:
    text = NOTEBOOK.read_text()
    assert not any(word in text for word in ("/home/", "/root", "/tmp", "/work", "site-packages", "Traceback"))
