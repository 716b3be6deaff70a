"use strict";
// Draws the history in three charts: the index with its averages, holdings and trades; the value, and the value of the
// index held; the drawdown. Pointer, finger or arrow keys show the values of one moment in all three.
const RANGES = [["1 m", 31], ["3 m", 92], ["1 y", 366], ["all", Infinity]];
const charts = (index) => [
  { title: `${index} and its averages`, height: 280, strip: true, least: 0.01,
    lines: [["price", index], ["short", "short average"], ["long", "long average"]] },
  { title: `Value beside ${index} held, USD`, height: 220, least: 0.01,
    lines: [["equity", "the bot"], ["instead", `${index} held from the same day`]] },
  { title: "Below the highest value, per cent", height: 130, filled: true, lines: [["below", "below"]] },
];
const LEFT = 58, RIGHT = 10, TOP = 10, BOTTOM = 22, STRIP = 16, DAY = 86400;
const zone = { timeZone: "America/New_York" };
let drawn = null; // what is on the page: { place, data, flip, days, first, at, views }

function drawCharts(place, data, flip) {
  drawn = { place, data, flip, days: drawn ? drawn.days : 92, at: null, views: [] };
  if (!place.querySelector("nav")) {
    const nav = node("nav", { "aria-label": "range of the charts" });
    for (const [name, days] of RANGES) {
      const button = node("button", { type: "button" }, name);
      button.addEventListener("click", () => { drawn.days = days; redraw(); });
      button.dataset.days = days;
      nav.append(button);
    }
    place.replaceChildren(nav, ...charts("").map(() => node("figure")));
    new ResizeObserver(redraw).observe(place);
  }
  redraw();
}

function redraw() {
  const { place, data, days } = drawn;
  for (const button of place.querySelectorAll("button"))
    button.setAttribute("aria-pressed", String(Number(button.dataset.days) === days));
  const first = data.at.findIndex((at) => at >= data.at.at(-1) - days * DAY);
  drawn.first = Math.max(0, first - 1);
  drawn.views = charts(data.index).map((chart, n) => view(chart, place.querySelectorAll("figure")[n]));
  point(null);
}

// Draws one chart in its figure. Returns what `point` needs to show values in it, or null if too little is recorded.
function view(chart, figure) {
  const { data, first } = drawn;
  const known = ([name]) => data[name].slice(first).filter((value) => value !== null).length > 1;
  const lines = chart.lines.filter(known);
  const caption = node("figcaption", {}, node("h2", {}, chart.title));
  if (!lines.length) {
    figure.replaceChildren(caption, node("p", { class: "faint" }, "Too little is recorded yet."));
    return null;
  }
  const begin = data.at.findIndex((at, n) => n >= first && lines.some(([name]) => data[name][n] !== null));
  const width = Math.max(240, figure.clientWidth);
  const bottom = chart.height - BOTTOM - (chart.strip ? STRIP : 0);
  const across = scale(data.at[begin], data.at.at(-1), LEFT, width - RIGHT);
  const up = vertical(chart, lines, begin, bottom);
  const svg = shape("svg", { viewBox: `0 0 ${width} ${chart.height}`, width, height: chart.height, tabindex: 0,
    role: "img", "aria-label": `${chart.title}; arrow keys move through it` });
  svg.append(...grid(up, across, width, bottom), ...lines.map(([name]) => path(chart, name, begin, across, up)));
  if (chart.strip) svg.append(...strip(begin, across, bottom), ...level(up, width), ...marks(begin, across, up));
  const cursor = shape("line", { class: "cursor", y1: TOP, y2: bottom });
  svg.append(cursor);
  const values = lines.map(([name, told]) => {
    const value = node("b");
    caption.append(node("span", { class: "key" }, node("i", { class: name }), `${told} `, value));
    return [name, value];
  });
  if (chart.strip)
    for (const name of new Set(data.held.slice(begin).filter(Boolean)))
      caption.append(node("span", { class: "key" }, node("i", { class: `was ${data.shades[name]}` }), `held: ${name}`));
  const moment = node("p", { class: "moment faint" });
  figure.replaceChildren(caption, moment, svg);
  listen(svg, across);
  return { chart, across, cursor, values, moment };
}

function listen(svg, across) {
  const { data, first } = drawn;
  const move = (event) => {
    const box = svg.getBoundingClientRect();
    point(nearest(across.back((event.clientX - box.left) * svg.viewBox.baseVal.width / box.width)));
  };
  svg.addEventListener("pointermove", move);
  svg.addEventListener("pointerdown", move);
  svg.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") point(null); });
  svg.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20 }[event.key];
    if (!steps) return;
    event.preventDefault();
    const last = data.at.length - 1;
    point(Math.min(last, Math.max(first, (drawn.at === null ? last : drawn.at) + steps)));
  });
}

// Shows the values of moment number `at` in all charts; the newest values if it is null.
function point(at) {
  const { data } = drawn;
  drawn.at = at;
  const n = at === null ? data.at.length - 1 : at;
  for (const shown of drawn.views.filter(Boolean)) {
    for (const [name, value] of shown.values) value.textContent = amount(name, data[name][n]);
    const x = shown.across(data.at[n]).toFixed(1);
    shown.cursor.setAttribute("x1", x);
    shown.cursor.setAttribute("x2", x);
    shown.cursor.setAttribute("visibility", at === null ? "hidden" : "visible");
    shown.moment.textContent = n < 0 ? "" : told(n, shown.chart.strip);
  }
}

function told(n, withHolding) {
  const { data } = drawn;
  const parts = [new Date(data.at[n] * 1000).toLocaleString("en-GB", { ...zone, weekday: "short", year: "numeric",
    month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" }) + " ET"];
  if (withHolding && data.held[n]) parts.push(`held ${data.held[n]}`);
  const from = n ? (data.at[n - 1] + data.at[n]) / 2 : 0;
  const to = n < data.at.length - 1 ? (data.at[n] + data.at[n + 1]) / 2 : Infinity;
  if (withHolding) parts.push(...data.trades.filter(([at]) => at >= from && at < to).map(([, , text]) => text));
  return parts.join(" - ");
}

function amount(name, value) {
  if (value === null || value === undefined) return "-";
  const digits = name === "below" ? 1 : 2;
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })
    + (name === "below" ? " %" : "");
}

function nearest(at) {
  const { data, first } = drawn;
  let best = first;
  for (let n = first; n < data.at.length; n++) if (Math.abs(data.at[n] - at) < Math.abs(data.at[best] - at)) best = n;
  return best;
}

// Converts values to pixels; `back` converts pixels to values.
function scale(low, high, start, end) {
  const wide = high - low || 1;
  const to = (value) => start + (value - low) / wide * (end - start);
  return Object.assign(to, { low, high, back: (pixel) => low + (pixel - start) / (end - start) * wide });
}

// The chart covers at least a hundredth of the value, so that the first days are not magnified to cents.
function vertical(chart, lines, begin, bottom) {
  const found = lines.flatMap(([name]) => drawn.data[name].slice(begin)).filter((value) => value !== null);
  let low = Math.min(...found), high = Math.max(...found);
  if (chart.filled) [low, high] = [Math.min(low, -1), 0];
  const least = high * (chart.least || 0);
  if (high - low < least) [low, high] = [(low + high - least) / 2, (low + high + least) / 2];
  const { flip } = drawn;
  if (chart.strip && flip && flip > low - (high - low) / 2 && flip < high + (high - low) / 2)
    [low, high] = [Math.min(low, flip), Math.max(high, flip)];
  const ticks = roundNumbers(low, high, Math.max(3, Math.round((bottom - TOP) / 42)));
  const up = scale(Math.min(low, ticks[0]), Math.max(high, ticks.at(-1)), bottom, TOP);
  return Object.assign(up, { ticks, unit: chart.filled ? "%" : "" });
}

// About `about` round numbers from `low` to `high`.
function roundNumbers(low, high, about) {
  const size = 10 ** Math.floor(Math.log10((high - low) / about));
  const step = [1, 2, 2.5, 5, 10].map((n) => n * size).find((n) => n * about >= high - low);
  const ticks = [];
  for (let n = Math.ceil(low / step - 0.01); n <= Math.floor(high / step + 0.01); n++) ticks.push(n * step);
  return ticks.length > 1 ? ticks : [low, high];
}

function grid(up, across, width, bottom) {
  const form = up.high < 10000 ? { maximumFractionDigits: up.ticks[1] - up.ticks[0] < 1 ? 1 : 0 }
    : { notation: "compact", maximumFractionDigits: 2 };
  const rows = up.ticks.flatMap((tick) => [
    shape("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: up(tick), y2: up(tick) }),
    shape("text", { class: "axis end", x: LEFT - 6, y: up(tick) + 4 },
      tick.toLocaleString("en-US", form) + up.unit),
  ]);
  const last = width - RIGHT;
  const columns = dates(across, Math.floor((width - LEFT) / 64)).flatMap(([at, text]) => [
    shape("line", { class: "grid", x1: across(at), x2: across(at), y1: TOP, y2: bottom }),
    ...(across(at) < last - 30 ? [shape("text", { class: "axis", x: across(at), y: bottom + 15 }, text)] : []),
  ]);
  return [...rows, ...columns];
}

// Where a new day, week, month, quarter or year begins: the smallest unit with at most `most` labels.
function dates(across, most) {
  const days = [];
  for (let at = Math.ceil(across.low / DAY) * DAY; at <= across.high; at += DAY) days.push(new Date(at * 1000));
  const short = { day: "numeric", month: "short", timeZone: "UTC" };
  const month = { month: "short", year: "2-digit", timeZone: "UTC" };
  const units = [
    [() => true, short],
    [(day) => day.getUTCDay() === 1, short],
    [(day) => day.getUTCDate() === 1, month],
    [(day) => day.getUTCDate() === 1 && day.getUTCMonth() % 3 === 0, month],
    ...[1, 2, 5, 10].map((n) => [(day) => day.getUTCDate() === 1 && day.getUTCMonth() === 0
      && day.getUTCFullYear() % n === 0, { year: "numeric", timeZone: "UTC" }]),
  ];
  for (const [begins, form] of units) {
    const found = days.filter(begins);
    if (found.length <= most) return found.map((day) => [day / 1000, day.toLocaleDateString("en-GB", form)]);
  }
  return [];
}

function path(chart, name, begin, across, up) {
  const { data } = drawn;
  let line = "", pen = "M", last = 0, start = null;
  for (let n = begin; n < data.at.length; n++) {
    const value = data[name][n];
    if (value === null) { pen = "M"; continue; }
    last = across(data.at[n]).toFixed(1);
    start = start || last;
    line += `${pen}${last} ${up(value).toFixed(1)}`;
    pen = "L";
  }
  const closed = chart.filled ? `${line}L${last} ${up(0).toFixed(1)}L${start} ${up(0).toFixed(1)}z` : line;
  return shape("path", { class: `${chart.filled ? "area" : "curve"} ${name}`, d: closed });
}

// What was held when, as a strip under the curves.
function strip(begin, across, bottom) {
  const { at, held, shades } = drawn.data;
  const parts = [];
  for (let n = begin; n < at.length; n++) {
    if (n > begin && held[n] === held[n - 1]) continue;
    let end = n;
    while (end < at.length - 1 && held[end + 1] === held[n]) end++;
    const x = across(at[n]);
    const width = Math.max(0.5, across(at[Math.min(end + 1, at.length - 1)]) - x);
    const box = { class: `held ${shades[held[n]]}`, x: x.toFixed(1), width: width.toFixed(1), y: bottom + 21, height: 11 };
    if (held[n]) parts.push(shape("rect", box, shape("title", {}, `held: ${held[n]}`)));
  }
  return parts;
}

function level(up, width) {
  const { flip } = drawn;
  if (!flip || flip < up.low || flip > up.high) return [];
  return [shape("line", { class: "level", x1: LEFT, x2: width - RIGHT, y1: up(flip), y2: up(flip) },
    shape("title", {}, `flip price ${flip}`))];
}

function marks(begin, across, up) {
  return drawn.data.trades.filter(([at]) => at >= drawn.data.at[begin]).map(([at, price, text, buy]) => {
    const x = across(at), y = up(Math.min(up.high, Math.max(up.low, price))), way = buy ? 1 : -1;
    const corners = `${x},${y + way * 4} ${x - 4},${y + way * 11} ${x + 4},${y + way * 11}`;
    return shape("polygon", { class: buy ? "buy" : "sell", points: corners }, shape("title", {}, text));
  });
}

function shape(name, attributes, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function node(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}
