"""Charts as SVG text: small, sharp, readable offline, and drawn without a plotting library. Pure.

Each picture stands alone: its title and legend are drawn in it, on a white background.
"""

import base64
import itertools
import math
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from qqqbot.display.markup import Child, Markup, tag

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 920, 64, 16, 34, 24
STRIP = 18
LABEL_WIDTH = 50
INK, FAINT, GRID = "#24292f", "#57606a", "#e4e7eb"
# Okabe and Ito's palette: colour-blind readers can distinguish these too.
BLUE, GREEN, ORANGE, PURPLE, GREY = "#0072b2", "#009e73", "#d55e00", "#aa4499", "#b6bcc4"
# Six points of the viridis colour map.
VIRIDIS = ((68, 1, 84), (65, 68, 135), (42, 120, 142), (34, 168, 132), (122, 209, 81), (253, 231, 37))
VIRIDIS_AT = tuple(n / 5 for n in range(6))
NICE_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)

Point = tuple[float, float]
Format = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Curve:
    """Finite points from left to right. A `dashed` curve should not be believed."""

    name: str
    points: Sequence[Point]
    colour: str = INK
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Values that share a name and a colour, for bars."""

    name: str
    values: Sequence[float]
    colour: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the strip below the curves; the strip shows what was held when."""

    first: float
    last: float
    name: str
    colour: str


def percent(value: float) -> str:
    """12%, 12.5% or 12.25%: as many decimals as needed, two at most."""
    return f"{round(value * 100, 2) + 0.0:g}%"


def amount(value: float) -> str:
    """1.2M, 340k, 95."""
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


@dataclass(frozen=True, slots=True)
class Chart:
    """Curves over time, and what was held below them."""

    title: str
    curves: Sequence[Curve]
    times: Sequence[tuple[float, datetime]] = ()
    """the moment at each x, for the labels below"""
    form: Format = amount
    log: bool = False
    strip: Sequence[Stretch] = ()


def line_chart(chart: Chart, height: int = 300) -> Markup | None:
    """The chart as SVG; None if it has fewer than two points."""
    xs = [x for curve in chart.curves for x, _ in curve.points]
    if len(set(xs)) < 2:
        return None
    bottom = height - BOTTOM - (STRIP if chart.strip else 0)
    across = _Axis(min(xs), max(xs), LEFT, WIDTH - RIGHT)
    ticks, up = _vertical(chart, bottom)
    parts = [
        _grid(ticks, up, chart.form),
        _time_labels(chart.times, across, up),
        [_curve(curve, across, up) for curve in chart.curves if curve.points],
        [_stretch(stretch, across, bottom + 20) for stretch in chart.strip],
    ]
    names = {stretch.name: (f"held: {stretch.name}", stretch.colour, False) for stretch in chart.strip}
    curves = ((curve.name, curve.colour, curve.dashed) for curve in chart.curves)
    return _picture(chart.title, parts, [*curves, *names.values()], height)


def bar_chart(labels: Sequence[str], groups: Sequence[Group], title: str) -> Markup:
    """A bar of each group at each label; values are fractions."""
    height = 260
    known = [value for group in groups for value in group.values]
    ticks, up = _scaled(min(0.0, *known), max(0.0, *known), height - BOTTOM)
    slot = (WIDTH - LEFT - RIGHT) / len(labels)
    wide = slot * 0.8 / len(groups)
    bars, texts = [], []
    for i, label in enumerate(labels):
        start = LEFT + (i + 0.1) * slot
        texts.append(_text(start + slot * 0.4, height - 8, label))
        for j, group in enumerate(groups):
            hint = f"{group.name} {label}: {group.values[i]:+.1%}"
            bars.append(_bar(start + j * wide, wide * 0.92, up(0.0), up(group.values[i]), group.colour, hint))
    parts = [_grid(ticks, up, percent), _labels(texts), bars]
    return _picture(title, parts, [(g.name, g.colour, False) for g in groups], height)


def histogram(
    groups: Sequence[Group], title: str, limits: tuple[float, float], mark: tuple[float, str] | None = None
) -> Markup:
    """How many values (fractions) fall into each interval; values beyond `limits` count in the outermost intervals.

    `mark` is a value to point at, with its name.
    """
    height = 240
    low, high = (min(limits[0], mark[0]), max(limits[1], mark[0])) if mark else limits
    edges = ticks_within(low, high, 40)
    edges = (2 * edges[0] - edges[1], *edges, 2 * edges[-1] - edges[-2])
    counts = [np.histogram(np.clip(group.values, edges[0], edges[-1]), edges)[0].tolist() for group in groups]
    across = _Axis(edges[0], edges[-1], LEFT, WIDTH - RIGHT)
    ticks, up = _scaled(0.0, max(map(max, counts)), height - BOTTOM)
    wide = (across(edges[1]) - LEFT) / len(groups)
    bars = [
        _bar(across(edge) + j * wide, wide * 0.9, up(0.0), up(count), group.colour, f"{count} from {edge:.1%}")
        for j, group in enumerate(groups)
        for edge, count in zip(edges[:-1], counts[j], strict=True)
        if count
    ]
    texts = [_text(across(tick), height - 8, percent(tick)) for tick in ticks_within(edges[0], edges[-1], 10)]
    whole = [tick for tick in ticks if tick.is_integer()]
    parts = [_grid(whole, up, "{:g}".format), _labels(texts), bars, _pointer(mark, across, up)]
    return _picture(title, parts, [(g.name, g.colour, False) for g in groups], height)


@dataclass(frozen=True, slots=True)
class HeatMap:
    """`rows` of values, the first row lowest, NaN for none; `mark` is the (column, row) to point at."""

    title: str
    columns: Sequence[float]
    rows: Sequence[float]
    values: Sequence[Sequence[float]]
    names: tuple[str, str]
    mark: tuple[float, float] | None = None
    form: Format = percent


def heat_map(chart: HeatMap) -> Markup:
    """Values as colours."""
    height = 330
    bottom, right = height - 44, WIDTH - 110
    known = [value for row in chart.values for value in row if math.isfinite(value)]
    low, high = min(known), max(known)
    across = _Axis(-0.5, len(chart.columns) - 0.5, LEFT, right)
    up = _Axis(-0.5, len(chart.rows) - 0.5, bottom, TOP)
    picture = tag(
        "image",
        x=LEFT,
        y=TOP,
        width=right - LEFT,
        height=bottom - TOP,
        preserveAspectRatio="none",
        style="image-rendering:pixelated",
        href=f"data:image/png;base64,{_png(chart.values[::-1], low, high)}",
    )
    texts = [_text(across(i), bottom + 15, f"{n}") for i, n in _round_ones(chart.columns, 8)]
    texts += [_text(LEFT - 8, up(i) + 4, f"{n}", "end") for i, n in _round_ones(chart.rows, 6)]
    texts.append(_text((LEFT + right) / 2, height - 8, chart.names[0]))
    turned = f"translate(16 {(TOP + bottom) / 2:.0f}) rotate(-90)"
    texts.append(tag("text", chart.names[1], transform=turned, text_anchor="middle"))
    ring = _ring(chart, across, up)
    bar = _colour_bar(right + 24, _Axis(low, high, bottom, TOP), chart.form)
    return _picture(chart.title, [picture, _labels(texts), ring, bar], [], height)


def ticks_within(low: float, high: float, about: int) -> tuple[float, ...]:
    """About `about` round numbers from `low` to `high`, at least two; at each end they may stop one step short."""
    if high - low < 1e-9 * max(1.0, abs(high)):
        pad = max(abs(high) * 0.01, 1.0)
        low, high = low - pad, high + pad
    size = 10.0 ** math.floor(math.log10((high - low) / about))
    step = next(s * size for s in NICE_STEPS if s * size * about >= high - low)
    first, last = math.ceil(low / step - 0.01), math.floor(high / step + 0.01)
    if last - first < 1:
        first, last = math.floor(low / step), math.ceil(high / step)
    return tuple(round(n * step, 12) for n in range(first, last + 1))


def log_ticks(low: float, high: float) -> tuple[float, ...]:
    """Powers of ten from `low` to `high`, with steps between them if there are few; at least two numbers.

    If fewer than two of these lie between `low` and `high`, the numbers are those of a linear scale.
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    steps = (1.0, 2.0, 5.0) if last - first <= 3 else (1.0, 3.0) if last - first <= 4 else (1.0,)
    inside = [t for power in range(first, last + 1) for step in steps if low <= (t := 10.0**power * step) <= high]
    if len(inside) < 2:
        inside = [tick for tick in ticks_within(low, high, 4) if low <= tick <= high]
    return tuple(inside) if len(inside) >= 2 else (low, high)


def time_labels(times: Sequence[tuple[float, datetime]], most: int) -> list[tuple[float, str]]:
    """Where a new day, week, month, quarter or year begins: the smallest unit with at most `most` labels."""
    span = times[-1][1] - times[0][1] if times else timedelta()
    for length, key, form in _UNITS:
        if span > 2 * most * length:
            continue  # far too many labels
        keys = [key(at) for _, at in times]
        starts = [times[n] for n in range(1, len(times)) if keys[n] != keys[n - 1]]
        if len(starts) <= most:
            return [(x, f"{at:{form}}") for x, at in starts]
    return []


_DAY = timedelta(days=1)
_UNITS: tuple[tuple[timedelta, Callable[[datetime], object], str], ...] = (
    (_DAY, lambda at: at.toordinal(), "%d %b"),
    (7 * _DAY, lambda at: at.isocalendar()[:2], "%d %b"),
    (30 * _DAY, lambda at: (at.year, at.month), "%b %Y"),
    (91 * _DAY, lambda at: (at.year, (at.month - 1) // 3), "%b %Y"),
    (365 * _DAY, lambda at: at.year, "%Y"),
    (730 * _DAY, lambda at: at.year // 2, "%Y"),
    (1826 * _DAY, lambda at: at.year // 5, "%Y"),
    (3652 * _DAY, lambda at: at.year // 10, "%Y"),
)


@dataclass(frozen=True, slots=True)
class _Axis:
    """Converts values to pixels."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        if self.log:
            part = math.log(value / self.low) / (math.log(self.high / self.low) or 1.0)
        else:
            part = (value - self.low) / ((self.high - self.low) or 1.0)
        return self.start + part * (self.end - self.start)


def _vertical(chart: Chart, bottom: int) -> tuple[tuple[float, ...], _Axis]:
    ys = [y for curve in chart.curves for _, y in curve.points]
    low, high = min(ys), max(ys)
    if chart.log:
        return log_ticks(low, high), _Axis(low, high, bottom, TOP, log=True)
    return _scaled(low, high, bottom)


def _scaled(low: float, high: float, bottom: int) -> tuple[tuple[float, ...], _Axis]:
    ticks = ticks_within(low, high, max(3, (bottom - TOP) // 33))
    return ticks, _Axis(min(low, ticks[0]), max(high, ticks[-1]), bottom, TOP)


def _curve(curve: Curve, across: _Axis, up: _Axis) -> Child:
    """A path of steps from point to point, in whole tenths of a pixel: half as much text as with coordinates."""
    places = [(round(x * 10), round(up(y) * 10)) for x, y in _extremes(curve.points, across)]
    steps = " ".join(f"{x - a} {y - b}" for (a, b), (x, y) in itertools.pairwise(places))
    path = f"M{places[0][0]} {places[0][1]}" + (f"l{steps}" if steps else "")
    line = tag(
        "path",
        class_="curve",
        transform="scale(.1)",
        d=path,
        fill="none",
        stroke=curve.colour,
        stroke_width=15,
        stroke_linejoin="round",
        stroke_dasharray="50 40" if curve.dashed else None,
    )
    x, y = places[-1]
    return line, tag("circle", class_="dot", cx=x / 10, cy=y / 10, r=2.5, fill=curve.colour)


def _extremes(points: Sequence[Point], across: _Axis) -> list[Point]:
    """(pixel across, value) of the lowest and the highest point of each pixel, and of the last point."""
    places = [(across(x), y) for x, y in points]
    kept: list[Point] = []
    low = high = places[0]
    for place in places:
        if int(place[0]) != int(low[0]):
            kept += sorted({low, high})
            low = high = place
        elif place[1] < low[1]:
            low = place
        elif place[1] > high[1]:
            high = place
    return [*kept, *sorted({low, high, places[-1]})]


def _grid(ticks: Sequence[float], up: _Axis, form: Format) -> Child:
    lines = [tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=f"{up(t):.1f}", y2=f"{up(t):.1f}") for t in ticks]
    texts = [_text(LEFT - 8, up(tick) + 4, form(tick), "end") for tick in ticks]
    return tag("g", lines, class_="grid", stroke=GRID), _labels(texts)


def _time_labels(times: Sequence[tuple[float, datetime]], across: _Axis, up: _Axis) -> Child:
    """A line and a text for each label that does not overlap the one before it."""
    lines, texts, free = [], [], 0.0
    for value, text in time_labels(times, int((across.end - across.start) // LABEL_WIDTH)):
        x = across(value)
        lines.append(tag("line", x1=f"{x:.1f}", x2=f"{x:.1f}", y1=f"{up.end:g}", y2=f"{up.start:g}"))
        left = min(max(x, LEFT), across.end + RIGHT - 3.5 * len(text))
        if left - 3.5 * len(text) >= free:
            texts.append(_text(left, up.start + 16, text))
            free = left + 3.5 * len(text)
    return tag("g", lines, class_="grid", stroke=GRID), _labels(texts)


def _stretch(stretch: Stretch, across: _Axis, y: float) -> Markup:
    left = across(stretch.first)
    place = {"x": f"{left:.1f}", "y": f"{y:.0f}", "width": f"{max(across(stretch.last) - left, 0.4):.1f}"}
    return tag("rect", class_="stretch", **place, height=12, fill=stretch.colour)


def _bar(x: float, wide: float, zero: float, y: float, colour: str, hint: str = "") -> Markup:
    place = {"x": f"{x:.1f}", "y": f"{min(y, zero):.1f}", "width": f"{wide:.1f}", "height": f"{abs(y - zero):.1f}"}
    return tag("rect", tag("title", hint) if hint else None, **place, fill=colour)


def _pointer(mark: tuple[float, str] | None, across: _Axis, up: _Axis) -> Child:
    if mark is None:
        return None
    x = across(mark[0])
    line = tag("line", x1=f"{x:.1f}", x2=f"{x:.1f}", y1=f"{up.end:g}", y2=f"{up.start:g}", stroke=INK, stroke_width=2)
    return line, tag("text", mark[1], x=f"{x + 6:.1f}", y=f"{up.end + 12:g}", fill=INK)


def _round_ones(numbers: Sequence[float], about: int) -> list[tuple[int, float]]:
    """(index, value) of each round number among `numbers`."""
    wanted = set(ticks_within(numbers[0], numbers[-1], about))
    return [(i, n) for i, n in enumerate(numbers) if n in wanted]


def _ring(chart: HeatMap, across: _Axis, up: _Axis) -> Child:
    if chart.mark is None or chart.mark[0] not in chart.columns or chart.mark[1] not in chart.rows:
        return None
    x, y = across(chart.columns.index(chart.mark[0])), up(chart.rows.index(chart.mark[1]))
    place = {"cx": f"{x:.1f}", "cy": f"{y:.1f}", "r": 8, "fill": "none"}
    return tag("circle", **place, stroke="#fff", stroke_width=4), tag("circle", **place, stroke="#d00", stroke_width=2)


def _colour_bar(x: float, up: _Axis, form: Format) -> Child:
    steps = 40
    tall = (up.start - up.end) / steps
    parts = [
        _bar(x, 16, up.start - i * tall, up.start - (i + 1) * tall - 0.5, "rgb({},{},{})".format(*colour))
        for i, colour in enumerate(_colour(i / (steps - 1)) for i in range(steps))
    ]
    ticks = [tick for tick in ticks_within(up.low, up.high, 5) if up.low <= tick <= up.high]
    return parts, _labels([_text(x + 22, up(tick) + 4, form(tick), "start") for tick in ticks])


def _colour(part: float) -> tuple[int, int, int]:
    red, green, blue = (round(float(np.interp(part, VIRIDIS_AT, shades))) for shades in zip(*VIRIDIS, strict=True))
    return red, green, blue


def _png(values: Sequence[Sequence[float]], low: float, high: float) -> str:
    """A PNG image in base64 with one pixel for each value; NaN is white."""
    span = (high - low) or 1.0
    index = [bytes(round((v - low) / span * 254) if math.isfinite(v) else 255 for v in row) for row in values]
    palette = b"".join(bytes(_colour(i / 254)) for i in range(255)) + b"\xff\xff\xff"
    head = struct.pack(">IIBBBBB", len(index[0]), len(index), 8, 3, 0, 0, 0)
    rows = b"".join(b"\x00" + row for row in index)
    chunks = ((b"IHDR", head), (b"PLTE", palette), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    body = b"".join(struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + body).decode()


def _text(x: float, y: float, text: str, anchor: str = "middle") -> Markup:
    return tag("text", text, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor)


def _labels(texts: Sequence[Markup]) -> Markup:
    return tag("g", texts, class_="axis", fill=FAINT)


def _legend(names: Sequence[tuple[str, str, bool]]) -> Child:
    parts, x = [], float(WIDTH - RIGHT)
    for name, colour, dashed in reversed(names):
        x -= 6.4 * len(name) + 34
        place = {"x1": f"{x:.0f}", "x2": f"{x + 16:.0f}", "y1": 16, "y2": 16}
        dash = "4 3" if dashed else None
        parts.append(tag("line", **place, stroke=colour, stroke_width=3, stroke_dasharray=dash))
        parts.append(tag("text", name, x=f"{x + 20:.0f}", y=20, fill=INK))
    return parts


def _picture(title: str, parts: Child, names: Sequence[tuple[str, str, bool]], height: int) -> Markup:
    return tag(
        "svg",
        tag("rect", width=WIDTH, height=height, fill="#fff"),
        tag("text", title, x=8, y=20, font_size=14, font_weight=600, fill=INK),
        _legend(names),
        parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH} {height}",
        width="100%",
        role="img",
        aria_label=title,
        font_family="system-ui,sans-serif",
        font_size=11,
    )
