"""What the notebook's cells call: pictures and tables that can be shown, and the prices of this run."""

import os
from pathlib import Path

import pytest

from qqqbot.backtest import notebook, tables
from qqqbot.backtest.notebook import Shown, examined, picture, prices_of_this_run, table
from qqqbot.backtest.prices.table import BadPrices
from tests.support.price_series import bars_of, random_prices, write_bars, write_csv

PRICES = random_prices(200)


def environment(folder: Path) -> dict[str, str]:
    files = [write_csv(folder / "qqq.csv", PRICES.signal), write_csv(folder / "tqqq.csv", PRICES.fund)]
    bars = write_bars(folder, bars_of(PRICES, first=150))
    return {"QQQBOT_PRICES": os.pathsep.join(map(str, files)), "QQQBOT_BARS": os.pathsep.join(map(str, bars))}


def test_a_picture_or_table_that_cannot_be_made_says_so() -> None:
    found, sentence = examined(PRICES), "There are too few prices for this table."
    assert picture("").text == "There are too few prices for this picture."
    assert table(tables.intraday(found)) == table(tables.eras(found)) == Shown(f"<p>{sentence}</p>", sentence)


def test_one_file_where_two_are_needed_is_refused() -> None:
    with pytest.raises(BadPrices, match="QQQBOT_PRICES must name two files"):
        prices_of_this_run({"QQQBOT_PRICES": "qqq.csv"})


def test_bars_are_read_with_the_daily_prices(tmp_path: Path) -> None:
    prices, bars = prices_of_this_run(environment(tmp_path))
    assert len(prices) == 200
    assert bars is not None
    assert len(bars[0][0]) == 50 * 26


def test_a_table_is_shown_as_html_and_as_text() -> None:
    shown = table(tables.summary(examined(PRICES, end=str(PRICES.dates[180]))))
    bundle = shown._repr_mimebundle_()
    assert bundle["text/html"].startswith("<table><tr><th></th><th>final USD</th>")
    assert bundle["text/plain"].splitlines()[1].startswith("Rule, your account")
    assert set(Shown("<svg/>", "a picture")._repr_mimebundle_()) == {"image/svg+xml", "text/plain"}


def test_every_table_has_a_row_for_each_setting() -> None:
    found = examined(PRICES)
    settings = [tables.variants(items, "set to") for items in (found.fills, found.bands, found.confirmations)]
    assert [len(table(one).text.splitlines()) - 1 for one in (tables.holdings(found), *settings)] == [3, 3, 7, 5]


def test_the_presets_that_the_prices_suffice_for_stand_side_by_side() -> None:
    studies = notebook.presets(random_prices(700))
    shown = table(tables.comparison(studies)).text.splitlines()
    assert [line.split()[0] for line in shown[1:5]] == ["30/120", "qqq-200", "qqq-200-band", "ema-5-200"]
    assert len({(found.days.dates[0], found.days.dates[-1]) for found in studies}) == 1
