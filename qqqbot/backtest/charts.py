"""Pictures as SVG text: small, sharp, readable offline, and without a plotting library to wait for.

Each function returns one <svg> with everything it needs, so that the report and the notebook show the same picture. A
line of thousands of points is drawn as the lowest and highest value of each half pixel.
"""

import base64
import html
import math
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Dates = npt.NDArray[np.datetime64]
Levels = npt.NDArray[np.int8]
Format = Callable[[float], str]

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 920, 64, 16, 34, 28
INK, FAINT, GRID = "#24292f", "#57606a", "#e4e7eb"
# Okabe and Ito's palette: told apart by colour-blind readers too.
BLUE, GREEN, ORANGE, PURPLE, GREY = "#0072b2", "#009e73", "#d55e00", "#aa4499", "#b6bcc4"
LEVEL_COLOURS = (GREY, GREEN, ORANGE)
LEVEL_NAMES = ("cash", "QQQ", "TQQQ")
# Six points of the viridis colour map.
SCALE = ((68, 1, 84), (65, 68, 135), (42, 120, 142), (34, 168, 132), (122, 209, 81), (253, 231, 37))
NICE_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a chart; `dashed` for what is not to be believed."""

    name: str
    values: Floats
    colour: str
    dashed: bool = False


def percent(value: float) -> str:
    """12 %, with a decimal where it is small."""
    return f"{value:.0%}" if abs(value) >= 0.095 or value == 0 else f"{value:.1%}"


def money(value: float) -> str:
    """1.2M, 340k, 95."""
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def line_chart(
    dates: Dates,
    curves: Sequence[Curve],
    title: str,
    form: Format = money,
    log: bool = False,
    height: int = 300,
    ribbon: Levels | None = None,
) -> str:
    """Curves over time; `ribbon` is a strip below them that shows what was held at each close."""
    bottom = height - BOTTOM - (18 if ribbon is not None else 0)
    known = np.concatenate([c.values[np.isfinite(c.values)] for c in curves])
    ticks = _log_ticks(known) if log else _ticks(float(known.min()), float(known.max()))
    low, high = (min(ticks[0], float(known.min())), max(ticks[-1], float(known.max())))
    scale = _Scale(low, high, bottom, TOP, log)
    across = _Scale(0, max(len(dates) - 1, 1), LEFT, WIDTH - RIGHT)
    parts = [_grid(ticks, scale, form), _years(dates, across, bottom)]
    parts += [_polyline(curve, across, scale) for curve in curves]
    if ribbon is not None:
        parts.append(_ribbon(ribbon, across, bottom + 20))
    names = [(c.name, c.colour, c.dashed) for c in curves]
    if ribbon is not None:
        names += [(f"held: {n}", c, False) for n, c in zip(LEVEL_NAMES, LEVEL_COLOURS, strict=True)]
    return _svg(height, title, [*parts, _legend(names)])


def bar_chart(labels: Sequence[str], curves: Sequence[Curve], title: str, height: int = 260) -> str:
    """Groups of bars, one group for each label; values are fractions."""
    known = np.concatenate([c.values for c in curves])
    ticks = _ticks(min(0.0, float(known.min())), max(0.0, float(known.max())))
    scale = _Scale(ticks[0], ticks[-1], height - BOTTOM, TOP)
    slot = (WIDTH - LEFT - RIGHT) / len(labels)
    wide = slot * 0.8 / len(curves)
    zero = scale(0.0)
    parts = [_grid(ticks, scale, percent)]
    for i, label in enumerate(labels):
        start = LEFT + i * slot + slot * 0.1
        parts.append(_text(start + slot * 0.4, height - 10, label, "middle", FAINT))
        for j, curve in enumerate(curves):
            y = scale(float(curve.values[i]))
            top, tall = min(y, zero), abs(y - zero)
            hint = f"{curve.name} {label}: {curve.values[i]:+.1%}"
            parts.append(_rect(start + j * wide, top, wide * 0.92, tall, curve.colour, hint))
    return _svg(height, title, [*parts, _legend([(c.name, c.colour, False) for c in curves])])


def histogram(
    groups: Sequence[Curve], title: str, mark: tuple[float, str] | None = None, bins: int = 48, height: int = 240
) -> str:
    """How often values (fractions) fall into each interval; `mark` is a value to point at, and its name."""
    known = np.concatenate([g.values for g in groups])
    low, high = float(np.percentile(known, 0.25)), float(np.percentile(known, 99.75))
    if mark is not None:
        low, high = min(low, mark[0]), max(high, mark[0])
    edges = np.linspace(low, high if high > low else low + 1, bins + 1)
    counts = [np.histogram(np.clip(g.values, edges[0], edges[-1]), edges)[0] for g in groups]
    across = _Scale(float(edges[0]), float(edges[-1]), LEFT, WIDTH - RIGHT)
    tall = _ticks(0.0, float(max(c.max() for c in counts)))
    scale = _Scale(0.0, tall[-1], height - BOTTOM, TOP)
    parts = [_grid(tall, scale, lambda v: f"{v:g}")]
    wide = (across(float(edges[1])) - LEFT) / len(groups)
    for j, (group, count) in enumerate(zip(groups, counts, strict=True)):
        for edge, number in zip(edges[:-1].tolist(), count.tolist(), strict=True):
            if number:
                y = scale(number)
                left = across(edge) + j * wide
                parts.append(_rect(left, y, wide * 0.9, height - BOTTOM - y, group.colour, f"{number} from {edge:.1%}"))
    for tick in _ticks(float(edges[0]), float(edges[-1])):
        if edges[0] <= tick <= edges[-1]:
            parts.append(_text(across(tick), height - 10, percent(tick), "middle", FAINT))
    if mark is not None:
        x = across(mark[0])
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{height - BOTTOM}" stroke="{INK}" stroke-width="2"/>'
        )
        parts.append(_text(x + 6, TOP + 12, mark[1], "start", INK))
    return _svg(height, title, [*parts, _legend([(g.name, g.colour, False) for g in groups])])


def heat_map(
    columns: Sequence[int],
    rows: Sequence[int],
    values: Floats,
    title: str,
    names: tuple[str, str],
    mark: tuple[int, int] | None = None,
    form: Format = percent,
    height: int = 330,
) -> str:
    """`values` [rows, columns] as colours; `names` are those of the axes, `mark` the (column, row) to point at."""
    left, right, bottom = LEFT, WIDTH - 110, height - 44
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    across = _Scale(-0.5, len(columns) - 0.5, left, right)
    up = _Scale(-0.5, len(rows) - 0.5, bottom, TOP)
    picture = _png(values[::-1], low, high)
    parts = [
        f'<image x="{left}" y="{TOP}" width="{right - left}" height="{bottom - TOP}" preserveAspectRatio="none" '
        f'style="image-rendering:pixelated" href="data:image/png;base64,{picture}"/>'
    ]
    for i in range(0, len(columns), max(1, len(columns) // 8)):
        parts.append(_text(across(i), bottom + 15, str(columns[i]), "middle", FAINT))
    for i in range(0, len(rows), max(1, len(rows) // 6)):
        parts.append(_text(left - 8, up(i) + 4, str(rows[i]), "end", FAINT))
    parts.append(_text((left + right) / 2, height - 8, names[0], "middle", FAINT))
    parts.append(
        f'<text transform="translate(16 {(TOP + bottom) / 2:.0f}) rotate(-90)" text-anchor="middle" fill="{FAINT}">'
        f"{html.escape(names[1])}</text>"
    )
    if mark is not None and mark[0] in columns and mark[1] in rows:
        x, y = across(list(columns).index(mark[0])), up(list(rows).index(mark[1]))
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="8" fill="none" stroke="#fff" stroke-width="4"/>')
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="8" fill="none" stroke="#d00" stroke-width="2"/>')
    return _svg(height, title, [*parts, _colour_bar(right + 24, TOP, bottom, low, high, form)])


@dataclass(frozen=True, slots=True)
class _Scale:
    """From values to pixels."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        return float(self.many(np.array([value]))[0])

    def many(self, values: Floats) -> Floats:
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        numbers = np.log(values) if self.log else values
        return self.start + (numbers - low) / ((high - low) or 1.0) * (self.end - self.start)


def _ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers from at most `low` to at least `high`."""
    span = (high - low) or abs(high) or 1.0
    size = 10.0 ** math.floor(math.log10(span / about))
    step = next(size * nice for nice in NICE_STEPS if span / (size * nice) <= about)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def _log_ticks(values: Floats) -> list[float]:
    low, high = math.floor(math.log10(values.min())), math.ceil(math.log10(values.max()))
    steps = (1.0, 2.0, 5.0) if high - low <= 3 else (1.0, 3.0) if high - low <= 4 else (1.0,)
    ticks = [10.0**power * step for power in range(low, high + 1) for step in steps]
    inside = [t for t in ticks if values.min() <= t <= values.max()]
    return inside if len(inside) >= 2 else [float(values.min()), float(values.max())]


def _polyline(curve: Curve, across: _Scale, scale: _Scale) -> str:
    index = np.flatnonzero(np.isfinite(curve.values))
    x, y = across.many(index.astype(np.float64)), scale.many(curve.values[index])
    kept = _extremes(x, y)
    # Tenths of a pixel as whole steps from point to point: half as long as coordinates.
    tenths = np.rint(np.stack((x[kept], y[kept]), axis=1) * 10).astype(np.int64)
    steps = " ".join(map(str, np.diff(tenths, axis=0).ravel().tolist()))
    dash = ' stroke-dasharray="50 40"' if curve.dashed else ""
    return (
        f'<path transform="scale(.1)" d="M{tenths[0, 0]} {tenths[0, 1]}l{steps}" fill="none" stroke="{curve.colour}" '
        f'stroke-width="15" stroke-linejoin="round"{dash}/>'
    )


def _extremes(x: Floats, y: Floats) -> npt.NDArray[np.intp]:
    """Indices of the lowest and highest y of each pixel, and of the last point."""
    starts = np.flatnonzero(np.diff(np.floor(x), prepend=-1.0))
    kept = {len(x) - 1}
    for first, last in zip(starts.tolist(), [*starts[1:].tolist(), len(x)], strict=True):
        part = y[first:last]
        kept |= {first + int(part.argmin()), first + int(part.argmax())}
    return np.array(sorted(kept), dtype=np.intp)


def _grid(ticks: Sequence[float], scale: _Scale, form: Format) -> str:
    lines = []
    for tick in ticks:
        y = scale(tick)
        lines.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{GRID}"/>')
        lines.append(_text(LEFT - 8, y + 4, form(tick), "end", FAINT))
    return "".join(lines)


def _years(dates: Dates, across: _Scale, bottom: float) -> str:
    """A label at the first session of each year, or of each month where there is less than two years."""
    unit = "Y" if (dates[-1] - dates[0]).astype(int) > 730 else "M"
    periods = dates.astype(f"datetime64[{unit}]")
    firsts = np.flatnonzero(np.diff(periods.astype(np.int64), prepend=periods[:1].astype(np.int64)))
    every = max(1, math.ceil(len(firsts) / 14))
    parts = []
    for at in firsts[::every].tolist():
        x = across(at)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}" stroke="{GRID}"/>')
        parts.append(_text(x, bottom + 15, str(periods[at]), "middle", FAINT))
    return "".join(parts)


def _ribbon(held: Levels, across: _Scale, y: float) -> str:
    edges = np.flatnonzero(np.diff(held, prepend=np.int8(-1)))
    ends = np.append(edges[1:], len(held) - 1)
    return "".join(
        _rect(across(first), y, max(across(last) - across(first), 0.4), 12, LEVEL_COLOURS[int(held[first])])
        for first, last in zip(edges.tolist(), ends.tolist(), strict=True)
    )


def _legend(names: Sequence[tuple[str, str, bool]]) -> str:
    parts, x = [], float(WIDTH - RIGHT)
    for name, colour, dashed in reversed(names):
        x -= 6.4 * len(name) + 34
        dash = ' stroke-dasharray="4 3"' if dashed else ""
        parts.append(f'<line x1="{x:.0f}" x2="{x + 16:.0f}" y1="16" y2="16" stroke="{colour}" stroke-width="3"{dash}/>')
        parts.append(_text(x + 20, 20, name, "start", INK))
    return "".join(parts)


def _colour_bar(x: float, top: float, bottom: float, low: float, high: float, form: Format) -> str:
    steps = 40
    tall = (bottom - top) / steps
    parts = [
        _rect(x, bottom - (i + 1) * tall, 16, tall + 0.5, "rgb({},{},{})".format(*_colour(i / (steps - 1))))
        for i in range(steps)
    ]
    scale = _Scale(low, high, bottom, top)
    parts += [_text(x + 22, scale(t) + 4, form(t), "start", FAINT) for t in _ticks(low, high) if low <= t <= high]
    return "".join(parts)


def _colour(part: float) -> tuple[int, int, int]:
    at = min(max(part, 0.0), 1.0) * (len(SCALE) - 1)
    below = min(int(at), len(SCALE) - 2)
    red, green, blue = (round(a + (b - a) * (at - below)) for a, b in zip(SCALE[below], SCALE[below + 1], strict=True))
    return red, green, blue


def _png(values: Floats, low: float, high: float) -> str:
    """One pixel for each value, as base64; white where it is NaN."""
    part = np.nan_to_num((values - low) / ((high - low) or 1.0), nan=-1.0)
    index = np.where(part < 0, 255, np.round(part * 254)).astype(np.uint8)
    palette = b"".join(bytes(_colour(i / 254)) for i in range(255)) + b"\xff\xff\xff"
    rows = b"".join(b"\x00" + row.tobytes() for row in index)
    head = struct.pack(">IIBBBBB", index.shape[1], index.shape[0], 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"PLTE", palette), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    body = b"".join(struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + body).decode()


def _rect(x: float, y: float, wide: float, tall: float, colour: str, hint: str = "") -> str:
    title = f"<title>{html.escape(hint)}</title>" if hint else ""
    end = f">{title}</rect>" if title else "/>"
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{tall:.1f}" fill="{colour}"{end}'


def _text(x: float, y: float, text: str, anchor: str, colour: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{html.escape(text)}</text>'


def _svg(height: int, title: str, parts: Sequence[str]) -> str:
    name = html.escape(title)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="100%" role="img" '
        f'aria-label="{name}" font-family="system-ui,sans-serif" font-size="11">'
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>'
        f'<text x="8" y="20" font-size="14" font-weight="600" fill="{INK}">{name}</text>{"".join(parts)}</svg>'
    )
