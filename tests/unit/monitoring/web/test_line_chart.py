"""Pictures that hold what they are given, in sound XML, for any numbers."""

import itertools
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qqqbot.monitoring.web.line_chart import Chart, Curve, Mark, draw, nice_ticks

values = st.floats(-1e6, 1e7, allow_nan=False)


def drawn(chart: Chart) -> ElementTree.Element:
    picture = draw(chart, 400, 200)
    assert picture is not None
    return ElementTree.fromstring(picture)


def places(points: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in points.split())]


@given(st.lists(values, min_size=2, max_size=30), st.none() | values, st.booleans())
def test_every_point_lies_within_the_picture(ys: list[float], level: float | None, filled: bool) -> None:
    root = drawn(Chart("a", [Curve("price", [*enumerate(ys)], filled)], [(0, "Jan")], level))
    points = places(root.find("polyline").get("points"))  # type: ignore[union-attr, arg-type]
    assert len(points) == len(ys)
    assert all(0 <= x <= 400 and 0 <= y <= 200 for x, y in points)
    assert [x for x, _ in points] == sorted(x for x, _ in points)


def test_higher_values_are_drawn_higher() -> None:
    (left, right) = places(drawn(Chart("a", [Curve("c", [(0, 1.0), (1, 2.0)])], [])).find("polyline").get("points"))  # type: ignore[union-attr, arg-type]
    assert right[1] < left[1]


@given(values, st.floats(0, 1e6), st.integers(3, 8))
def test_ticks_are_evenly_spread_and_few(low: float, spread: float, count: int) -> None:
    ticks = nice_ticks(low, low + spread, count)
    assert 2 <= len(ticks) <= count + 3
    steps = [b - a for a, b in itertools.pairwise(ticks)]
    assert max(steps) == pytest.approx(min(steps), rel=1e-6)


def test_a_buy_points_up_from_below_and_a_sell_down_from_above() -> None:
    marks = [Mark(0, 1.5, True, "BUY"), Mark(1, 1.5, False, "SELL")]
    root = drawn(Chart("a", [Curve("c", [(0, 1.0), (1, 2.0)])], [], marks=marks))
    buy, sell = root.findall("polygon")
    assert (buy.get("class"), sell.get("class")) == ("buy", "sell")
    (_, tip), (_, base), _ = places(buy.get("points") or "")
    assert tip < base
    (_, tip), (_, base), _ = places(sell.get("points") or "")
    assert tip > base


def test_a_level_far_outside_does_not_flatten_the_picture() -> None:
    curve = Curve("c", [(0, 100.0), (1, 110.0)])
    assert drawn(Chart("a", [curve], [], 104.0)).find("line[@class='level']") is not None
    assert drawn(Chart("a", [curve], [], 2000.0)).find("line[@class='level']") is None


def test_labels_leave_each_other_room() -> None:
    labels = [(n, "January") for n in range(100)]
    root = drawn(Chart("a", [Curve("c", [*enumerate([1.0] * 50 + [2.0] * 50)])], labels))
    xs = [float(t.get("x") or 0) for t in root.findall("text[@class='axis middle']")]
    assert 2 <= len(xs) <= 7
    assert min(b - a for a, b in itertools.pairwise(xs)) > 40


def test_a_title_cannot_break_the_picture() -> None:
    assert drawn(Chart('<&">', [Curve("c", [(0, 1.0), (1, 2.0)])], [])).find("title").text == '<&">'  # type: ignore[union-attr]


@pytest.mark.parametrize("points", [[], [(0.0, 1.0)], [(0.0, 1.0), (0.0, 2.0)]])
def test_what_is_no_line_is_not_drawn(points: list[tuple[float, float]]) -> None:
    assert draw(Chart("a", [Curve("c", points)], []), 400, 200) is None
