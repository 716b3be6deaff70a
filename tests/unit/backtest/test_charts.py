"""Pictures hold what they were given: well-formed, in their frame, with their names."""

import base64
import re
import struct
import xml.etree.ElementTree as ET
import zlib

import numpy as np
import pytest

from qqqbot.backtest import charts
from qqqbot.backtest.charts import BLUE, GREEN, Curve

DATES = np.arange("2020-01-01", "2026-01-01", dtype="datetime64[D]")
WALK = np.cumprod(1 + np.random.default_rng(1).normal(0, 0.01, len(DATES)))


def points(svg: str) -> list[tuple[float, float]]:
    start, steps = re.search(r' d="M([^l]*)l([^"]*)"', svg).groups()
    numbers = np.array([int(n) for n in f"{start} {steps}".split()]).reshape(-1, 2)
    return [tuple(point) for point in (np.cumsum(numbers, axis=0) / 10).tolist()]


@pytest.mark.parametrize("log", [False, True])
def test_a_line_keeps_its_extremes_and_stays_in_its_frame(log: bool) -> None:
    values = WALK.copy()
    values[1000] = WALK.max() * 3  # one day's spike among two thousand days
    svg = charts.line_chart(DATES, [Curve("one < two", values, BLUE)], "A & B", log=log, height=300)
    ET.fromstring(svg)
    drawn = points(svg)
    assert len(drawn) < 2 * 920
    assert all(0 <= x <= 920 and charts.TOP - 0.1 <= y <= 300 for x, y in drawn)
    spike_x = 64 + 1000 / (len(DATES) - 1) * (920 - 64 - 16)
    assert min(drawn, key=lambda p: p[1])[0] == pytest.approx(spike_x, abs=0.6)
    assert "A &amp; B" in svg
    assert "one &lt; two" in svg


def test_a_ribbon_has_one_piece_for_each_stay() -> None:
    held = np.array([0] * 100 + [2] * 200 + [1] * (len(DATES) - 300), dtype=np.int8)
    with_ribbon = charts.line_chart(DATES, [Curve("x", WALK, BLUE)], "t", ribbon=held)
    without = charts.line_chart(DATES, [Curve("x", WALK, BLUE)], "t")
    assert with_ribbon.count("<rect") - without.count("<rect") == 3


def test_bars_say_their_values() -> None:
    svg = charts.bar_chart(["2020", "2021"], [Curve("a", np.array([0.1, -0.2]), BLUE)], "Years")
    ET.fromstring(svg)
    assert "a 2020: +10.0%" in svg
    assert "a 2021: -20.0%" in svg


def test_a_histogram_counts_every_value() -> None:
    values = np.random.default_rng(2).normal(0, 0.1, 500)
    svg = charts.histogram([Curve("a", values, GREEN)], "h", (0.5, "here"))
    ET.fromstring(svg)
    assert sum(int(n) for n in re.findall(r"<title>(\d+) from", svg)) == 500
    assert "here" in svg


def test_a_heat_map_is_a_picture_of_its_values() -> None:
    values = np.array([[0.1, 0.2, np.nan], [0.3, 0.42, 0.5]])
    svg = charts.heat_map([80, 90, 100], [5, 6], values, "m", ("long", "short"), (90, 6))
    ET.fromstring(svg)
    png = base64.b64decode(re.search(r"base64,([^\"]*)", svg).group(1))
    assert struct.unpack(">II", png[16:24]) == (3, 2)
    data = zlib.decompress(png[png.index(b"IDAT") + 4 : png.index(b"IEND") - 8])
    top, bottom = data[:4], data[4:]
    assert top == bytes([0, round(0.5 * 254), round(0.8 * 254), 254])  # the larger short average is above
    assert bottom == bytes([0, 0, round(0.25 * 254), 255])
    assert svg.count("<circle") == 2


@pytest.mark.parametrize(("value", "text"), [(0.0, "0%"), (0.5, "50%"), (0.015, "1.5%"), (-0.2, "-20%"), (2.5, "250%")])
def test_percents_are_short(value: float, text: str) -> None:
    assert charts.percent(value) == text


@pytest.mark.parametrize(("value", "text"), [(95, "95"), (340_000, "340k"), (1_200_000, "1.2M"), (2e9, "2B")])
def test_amounts_are_short(value: float, text: str) -> None:
    assert charts.money(value) == text
