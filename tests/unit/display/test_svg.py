"""Pictures show what they were given: well-formed, inside their frame, with names and round ticks, for any numbers."""

import base64
import itertools
import re
import struct
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qqqbot.display import svg
from qqqbot.display.svg import BLUE, GREEN, Chart, Curve, Group, HeatMap, Stretch

FIRST = datetime(2020, 1, 1, tzinfo=UTC)
DAYS = [(float(n), FIRST + timedelta(days=n)) for n in range(2192)]
RANDOM = Random(1)
WALK = [*itertools.accumulate((RANDOM.gauss(0, 0.01) for _ in DAYS), lambda value, day: value * (1 + day), initial=1.0)]
RISING = Curve("c", [(0, 1.0), (1, 2.0)])

values = st.floats(-1e6, 1e7, allow_nan=False)


def drawn(chart: Chart) -> ElementTree.Element:
    picture = svg.line_chart(chart)
    assert picture is not None
    return ElementTree.fromstring(picture)


def elements(root: ElementTree.Element, name: str, css: str | None = None) -> list[ElementTree.Element]:
    found = root.iter(f"{{http://www.w3.org/2000/svg}}{name}")
    return [element for element in found if css is None or css in (element.get("class") or "").split()]


def points(root: ElementTree.Element) -> list[tuple[float, float]]:
    """Pixels of the first curve."""
    path = elements(root, "path", "curve")[0].get("d") or ""
    numbers = [int(n) for n in re.findall(r"-?\d+", path)]
    steps = itertools.batched(numbers, 2) if hasattr(itertools, "batched") else zip(*[iter(numbers)] * 2, strict=True)
    places = itertools.accumulate(steps, lambda a, b: (a[0] + b[0], a[1] + b[1]))
    return [(x / 10, y / 10) for x, y in places]


def labels(root: ElementTree.Element) -> list[str]:
    return ["".join(text.itertext()) for group in elements(root, "g", "axis") for text in group]


@given(st.lists(values, min_size=2, max_size=30))
def test_every_point_lies_within_the_picture(ys: list[float]) -> None:
    found = points(drawn(Chart("a", [Curve("price", [*enumerate(ys)])])))
    assert len(found) == len(ys)
    assert all(0 <= x <= svg.WIDTH and 0 <= y <= 300 for x, y in found)
    assert [x for x, _ in found] == sorted(x for x, _ in found)


@pytest.mark.parametrize("log", [False, True])
def test_a_long_line_keeps_its_extremes_and_stays_in_its_frame(log: bool) -> None:
    ys = WALK[: len(DAYS)]
    ys[1000] = max(WALK) * 3  # one day's spike among two thousand days
    chart = Chart("A & B", [Curve("one < two", [*enumerate(ys)], BLUE)], DAYS, log=log)
    root = drawn(chart)
    found = points(root)
    assert len(found) < 2 * 920
    assert all(0 <= x <= 920 and svg.TOP - 0.1 <= y <= 300 for x, y in found)
    spike = svg.LEFT + 1000 / (len(DAYS) - 1) * (920 - svg.LEFT - svg.RIGHT)
    assert min(found, key=lambda p: p[1])[0] == pytest.approx(spike, abs=0.6)
    written = ["".join(text.itertext()) for text in elements(root, "text")]
    assert {"A & B", "one < two"} <= set(written)


def test_higher_values_are_drawn_higher() -> None:
    left, right = points(drawn(Chart("a", [RISING])))
    assert right[1] < left[1]


@given(values, st.floats(0, 1e6), st.integers(3, 8))
def test_ticks_are_evenly_spread_and_few(low: float, spread: float, count: int) -> None:
    ticks = svg.ticks_within(low, low + spread, count)
    assert 2 <= len(ticks) <= count + 3
    steps = [b - a for a, b in itertools.pairwise(ticks)]
    assert max(steps) == pytest.approx(min(steps), rel=1e-6)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (5, 60, (10, 20, 30, 40, 50, 60)),
        (80, 200, (80, 100, 120, 140, 160, 180, 200)),
        (-0.31, 0, (-0.3, -0.2, -0.1, 0)),
    ],
)
def test_ticks_are_round(low: float, high: float, expected: Sequence[float]) -> None:
    assert svg.ticks_within(low, high, 7 if high > 1 else 4) == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (15.0, 900.0, (20, 50, 100, 200, 500)),
        (1.0, 6e3, (1, 3, 10, 30, 100, 300, 1e3, 3e3)),
        (2, 9e6, (10, 100, 1e3, 1e4, 1e5, 1e6)),
        (3, 4, (3, 3.25, 3.5, 3.75, 4)),
        (0.711362, 1.64505, (0.75, 1, 1.25, 1.5)),
        (70_132.0, 161_404.0, (75_000, 100_000, 125_000, 150_000)),
        (1.0, 1.0, (1.0, 1.0)),
    ],
)
def test_ticks_of_a_log_scale_are_round(low: float, high: float, expected: Sequence[float]) -> None:
    assert svg.log_ticks(low, high) == expected


@pytest.mark.parametrize(
    ("days", "step", "expected"),
    [
        (10, timedelta(hours=6), "03 Jan"),
        (70, timedelta(days=1), "13 Jan"),
        (300, timedelta(days=1), "Mar 2020"),
        (900, timedelta(days=1), "Jul 2020"),
        (4000, timedelta(days=1), "2022"),
        (9000, timedelta(days=1), "2024"),
    ],
)
def test_times_are_labelled_at_the_start_of_a_round_unit(days: int, step: timedelta, expected: str) -> None:
    moments = [FIRST + n * step for n in range(int(timedelta(days=days) / step))]
    found = svg.time_labels([*enumerate(moments)], 24 if days == 1 else 12)
    assert 2 <= len(found) <= 24
    assert found[1][1] == expected


def test_time_labels_leave_each_other_room() -> None:
    curve = Curve("c", [(x, 1.0 + x) for x, _ in DAYS])
    root = drawn(Chart("a", [curve], DAYS))
    bottom = max(float(text.get("y") or 0) for text in elements(root, "text"))
    texts = [t for t in elements(root, "text") if float(t.get("y") or 0) == bottom]
    xs = [float(t.get("x") or 0) for t in texts]
    assert 2 <= len(xs) <= 14
    assert min(b - a for a, b in itertools.pairwise(xs)) > 40


def test_the_strip_has_one_piece_for_each_held_period() -> None:
    strip = [Stretch(0, 100, "cash", BLUE), Stretch(100, 300, "TQQQ", GREEN), Stretch(300, 400, "cash", BLUE)]
    curve = Curve("c", [*enumerate(WALK[:400])])
    root = drawn(Chart("a", [curve], strip=strip))
    assert len(elements(root, "rect", "stretch")) == 3
    assert ["".join(t.itertext()) for t in elements(root, "text")].count("held: cash") == 1


def test_a_title_cannot_break_the_picture() -> None:
    assert drawn(Chart('<&">', [RISING])).get("aria-label") == '<&">'


@pytest.mark.parametrize("places", [[], [(0.0, 1.0)], [(0.0, 1.0), (0.0, 2.0)]])
def test_fewer_than_two_points_are_not_drawn(places: list[tuple[float, float]]) -> None:
    assert svg.line_chart(Chart("a", [Curve("c", places)])) is None


def test_a_curve_of_one_point_beside_a_longer_one_is_a_path_that_browsers_accept() -> None:
    drawn = str(svg.line_chart(Chart("c", [RISING, Curve("short", [(1, 1.5)])], DAYS)))
    paths = re.findall(r' d="([^"]*)"', drawn)
    assert paths
    assert not [path for path in paths if path.endswith("l")]


def test_bars_show_their_values() -> None:
    picture = svg.bar_chart(["2020", "2021"], [Group("a", [0.1, -0.2], BLUE)], "Years")
    root = ElementTree.fromstring(picture)
    assert [title.text for title in elements(root, "title")] == ["a 2020: +10.0%", "a 2021: -20.0%"]
    assert {"10%", "0%", "-20%"} <= set(labels(root))


def test_a_histogram_counts_every_value() -> None:
    random = Random(2)
    group = Group("a", [random.gauss(0, 0.1) for _ in range(500)], GREEN)
    picture = svg.histogram([group], "h", (-0.2, 0.2), (0.5, "here"))
    ElementTree.fromstring(picture)
    assert sum(int(n) for n in re.findall(r"<title>(\d+) from", picture)) == 500
    assert "here" in picture


def test_a_histogram_of_few_values_is_labelled_in_whole_ones() -> None:
    root = ElementTree.fromstring(svg.histogram([Group("a", [0.1, 0.1, 0.3], GREEN)], "h", (0.0, 0.4)))
    counts = [text for text in labels(root) if text and text.replace(".", "").isdigit()]
    assert counts == ["0", "1", "2"]


def test_a_heat_map_is_a_picture_of_its_values() -> None:
    rows = [[0.1, 0.2, float("nan")], [0.3, 0.42, 0.5]]
    picture = svg.heat_map(HeatMap("m", [80, 90, 100], [5, 6], rows, ("long", "short"), (90, 6)))
    root = ElementTree.fromstring(picture)
    (image,) = elements(root, "image")
    png = base64.b64decode((image.get("href") or "").partition("base64,")[2])
    assert struct.unpack(">II", png[16:24]) == (3, 2)
    data = zlib.decompress(png[png.index(b"IDAT") + 4 : png.index(b"IEND") - 8])
    top, bottom = data[:4], data[4:]
    assert top == bytes([0, round(0.5 * 254), round(0.8 * 254), 254])  # the larger short average is above
    assert bottom == bytes([0, 0, round(0.25 * 254), 255])
    assert len(elements(root, "circle")) == 2


def test_a_heat_map_names_round_averages() -> None:
    longs, shorts = [*range(80, 201)], [*range(5, 61)]
    rows = [[0.1 * row + 0.01 * column for column in longs] for row in shorts]
    root = ElementTree.fromstring(svg.heat_map(HeatMap("m", longs, shorts, rows, ("long", "short"))))
    assert {"30", "120"} <= set(labels(root))


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0%"), (0.5, "50%"), (0.015, "1.5%"), (-0.2, "-20%"), (2.5, "250%"), (-0.0075, "-0.75%")]
)
def test_percents_are_short(value: float, text: str) -> None:
    assert svg.percent(value) == text


@pytest.mark.parametrize(("value", "text"), [(95, "95"), (340_000, "340k"), (1_200_000, "1.2M"), (2e9, "2B")])
def test_amounts_are_short(value: float, text: str) -> None:
    assert svg.amount(value) == text
