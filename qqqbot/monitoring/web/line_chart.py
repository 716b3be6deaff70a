"""Line charts as inline SVG for the dashboard: a few kilobytes, no library, no network. Pure.

Colours are the style sheet's, by class, so that one picture is good on dark and on light ground.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from qqqbot.display.markup import Markup, tag

TOP, BOTTOM = 10, 22
LEFT = 60
NICE_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)

Point = tuple[float, float]


class Curve(NamedTuple):
    """Points from left to right; `css` is its class. `filled` fills down to zero."""

    css: str
    points: Sequence[Point]
    filled: bool = False


class Mark(NamedTuple):
    """A trade at a point: an arrow upward for a buy, downward for a sell. `title` is told when pointed at."""

    x: float
    y: float
    up: bool
    title: str


class Chart(NamedTuple):
    """What is drawn; `x_labels` are told below their x. `level` is a horizontal line of its own."""

    title: str
    curves: Sequence[Curve]
    x_labels: Sequence[tuple[float, str]]
    level: float | None = None
    marks: Sequence[Mark] = ()
    y_text: Callable[[float], str] = "{:,.0f}".format


def draw(chart: Chart, width: int, height: int, css: str = "") -> Markup | None:
    """None where there are not two points to draw."""
    points = [point for curve in chart.curves for point in curve.points]
    if len({x for x, _ in points}) < 2:
        return None
    frame = _Frame.around(chart, points, width, height)
    return tag(
        "svg",
        tag("title", chart.title),
        [_grid(frame, value, chart.y_text) for value in frame.ticks],
        [_x_label(frame, place, text) for place, text in _apart(chart.x_labels, frame)],
        [_curve(frame, curve) for curve in chart.curves if curve.points],
        _level(frame, chart.level),
        [_mark(frame, mark) for mark in chart.marks],
        viewBox=f"0 0 {width} {height}",
        role="img",
        aria_label=chart.title,
        class_=css or None,
    )


class _Frame(NamedTuple):
    """From values to places in the picture."""

    low_x: float
    high_x: float
    low_y: float
    high_y: float
    width: int
    height: int
    ticks: tuple[float, ...]

    @classmethod
    def around(cls, chart: Chart, points: Sequence[Point], width: int, height: int) -> "_Frame":
        ys = [y for _, y in points] + [mark.y for mark in chart.marks]
        ys += [0.0] if any(curve.filled for curve in chart.curves) else []
        low, high = min(ys), max(ys)
        if chart.level is not None and low - (high - low) / 2 <= chart.level <= high + (high - low) / 2:
            low, high = min(low, chart.level), max(high, chart.level)
        ticks = nice_ticks(low, high, max(3, (height - TOP - BOTTOM) // 45))
        xs = [x for x, _ in points]
        return cls(min(xs), max(xs), min(low, ticks[0]), max(high, ticks[-1]), width, height, ticks)

    def x(self, value: float) -> float:
        return LEFT + (value - self.low_x) / (self.high_x - self.low_x) * (self.width - LEFT - 8)

    def y(self, value: float) -> float:
        return TOP + (self.high_y - value) / (self.high_y - self.low_y) * (self.height - TOP - BOTTOM)


def nice_ticks(low: float, high: float, count: int) -> tuple[float, ...]:
    """About `count` round numbers that cover `low` to `high` but for a part of a step at each end; at least two."""
    if high - low < 1e-9 * max(1.0, abs(high)):
        pad = max(abs(high) * 0.01, 1.0)
        low, high = low - pad, high + pad
    size = 10.0 ** math.floor(math.log10((high - low) / count))
    step = next(s * size for s in NICE_STEPS if s * size * count >= high - low)
    first, last = math.ceil(low / step - 0.01), math.floor(high / step + 0.01)
    if last - first < 1:
        first, last = math.floor(low / step), math.ceil(high / step)
    return tuple(n * step for n in range(first, last + 1))


def _grid(frame: _Frame, value: float, y_text: Callable[[float], str]) -> tuple[Markup, Markup]:
    y = frame.y(value)
    line = tag("line", class_="grid", x1=LEFT, x2=frame.width - 8, y1=f"{y:.1f}", y2=f"{y:.1f}")
    return line, tag("text", y_text(value), class_="axis end", x=LEFT - 6, y=f"{y + 4:.1f}")


def _apart(labels: Sequence[tuple[float, str]], frame: _Frame) -> list[tuple[float, str]]:
    """Places and texts of the labels that leave each other room."""
    kept: list[tuple[float, str]] = []
    for x, text in labels:
        place = _label_place(frame, x, text)
        if frame.low_x <= x <= frame.high_x and (not kept or place - kept[-1][0] >= 9 * len(text)):
            kept.append((place, text))
    return kept


def _label_place(frame: _Frame, x: float, text: str) -> float:
    """Below its x, but not out of the picture."""
    return min(max(frame.x(x), LEFT + 3.5 * len(text)), frame.width - 3.5 * len(text))


def _x_label(frame: _Frame, place: float, text: str) -> Markup:
    return tag("text", text, class_="axis middle", x=f"{place:.1f}", y=frame.height - 5)


def _curve(frame: _Frame, curve: Curve) -> tuple[Markup, ...]:
    path = " ".join(f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in curve.points)
    x, y = curve.points[-1]
    line = tag("polyline", class_=f"curve {curve.css}", points=path)
    end = tag("circle", class_=f"dot {curve.css}", cx=f"{frame.x(x):.1f}", cy=f"{frame.y(y):.1f}", r=2.5)
    if not curve.filled:
        return line, end
    base, first = f"{frame.y(0.0):.1f}", frame.x(curve.points[0][0])
    area = tag("polygon", class_=f"area {curve.css}", points=f"{first:.1f},{base} {path} {frame.x(x):.1f},{base}")
    return area, line


def _level(frame: _Frame, level: float | None) -> Markup | None:
    """A dashed line; nothing where it is far outside the picture."""
    if level is None or not frame.low_y <= level <= frame.high_y:
        return None
    y = f"{frame.y(level):.1f}"
    return tag("line", class_="level", x1=LEFT, x2=frame.width - 8, y1=y, y2=y)


def _mark(frame: _Frame, mark: Mark) -> Markup:
    x, y, way = frame.x(mark.x), frame.y(mark.y), 1 if mark.up else -1
    tip, base = y + way * 4, y + way * 13
    corners = f"{x:.1f},{tip:.1f} {x - 5:.1f},{base:.1f} {x + 5:.1f},{base:.1f}"
    return tag("polygon", tag("title", mark.title), class_="buy" if mark.up else "sell", points=corners)
