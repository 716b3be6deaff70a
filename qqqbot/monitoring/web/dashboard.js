"use strict";
// Asks every few seconds for the parts of the page that changed, and replaces only what differs in them, so that the
// selection, the focus and scroll positions elsewhere stay. The tab's title and icon show the state in the background too.
const EVERY_MS = 5000;
const HIDDEN_EVERY = 6;
const PATIENCE_MS = 4000;
const page = document.getElementById("page");
let tags = `"${page.dataset.tags}"`;
let answered = Date.now();
let ahead = 0; // how far the server's clock is ahead of this device's
let round = 0;

async function refresh() {
  try {
    const answer = await ask("parts", { "If-None-Match": tags });
    if (answer.status === 200) {
      show(await answer.json());
      tags = answer.headers.get("ETag");
    }
    answered = Date.now();
    ahead = Date.parse(answer.headers.get("Date")) - answered || 0;
    found();
  } catch (error) {
    lost(error.message === "401" ? "The token is another one now: open the link that the page's program printed." : "");
  }
  tick();
}

async function ask(address, headers) {
  const answer = await fetch(address, { cache: "no-store", headers, signal: AbortSignal.timeout(PATIENCE_MS) });
  if (!answer.ok && answer.status !== 304) throw new Error(String(answer.status));
  return answer;
}

function show(changed) {
  for (const [id, html] of Object.entries(changed)) {
    const place = document.getElementById(id);
    const fresh = place.cloneNode(false);
    fresh.innerHTML = html;
    morph(place, fresh);
  }
  if ("drawn" in changed) draw();
}

// Makes `old` like `fresh`. Equal children keep their nodes.
function morph(old, fresh) {
  const was = [...old.childNodes];
  const is = [...fresh.childNodes];
  let after = null; // the first of the equal children at the end
  while (was.length && is.length && was[0].isEqualNode(is[0])) was.shift(), is.shift();
  while (was.length && is.length && was.at(-1).isEqualNode(is.at(-1))) after = was.pop(), is.pop();
  if (was.length === is.length) return was.forEach((node, n) => update(node, is[n]));
  was.forEach((node) => node.remove());
  is.forEach((node) => old.insertBefore(node, after));
}

function update(node, fresh) {
  if (node.nodeName !== fresh.nodeName) return node.replaceWith(fresh);
  if (node.nodeType === Node.TEXT_NODE) return node.nodeValue = fresh.nodeValue;
  for (const { name } of [...node.attributes]) if (!fresh.hasAttribute(name)) node.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (node.getAttribute(name) !== value) node.setAttribute(name, value);
  morph(node, fresh);
}

function found() {
  const banner = document.querySelector("#banner header");
  wear(banner.dataset.title, banner.dataset.icon);
  document.getElementById("lost").hidden = true;
  page.classList.remove("old");
  document.getElementById("health").dataset.now = "";
  document.getElementById("seen").textContent = `, seen at ${clock(new Date(answered + ahead))} ET`;
}

function lost(why) {
  const minutes = Math.floor((Date.now() - answered) / 60000);
  const since = minutes ? `for ${minutes} min` : "for some seconds";
  const place = document.getElementById("lost");
  place.hidden = false;
  place.textContent = `This page has had no answer ${since}. ${why || "Is its program running?"} What stands below is old.`;
  page.classList.add("old");
  document.getElementById("health").dataset.now = "UNKNOWN";
  wear("UNKNOWN - qqqbot", "icon-unknown.svg");
}

function wear(title, icon) {
  if (document.title !== title) document.title = title;
  const link = document.getElementById("icon");
  if (link.getAttribute("href") !== icon) link.setAttribute("href", icon);
}

function clock(at) {
  return at.toLocaleTimeString("en-GB", { timeZone: "America/New_York" });
}

// "in 12 min", "5 s ago", in the server's words; the pointer shows the time in the reader's own zone.
function tick() {
  for (const element of document.querySelectorAll("time")) {
    const at = new Date(element.dateTime);
    const seconds = (at - Date.now() - ahead) / 1000;
    const words = Math.abs(seconds) < 1 ? "now" : seconds > 0 ? `in ${span(seconds)}` : `${span(-seconds)} ago`;
    if (element.textContent !== words) element.textContent = words;
    if (!element.title) element.title = at.toLocaleString();
  }
}

function span(seconds) {
  if (seconds < 150) return `${Math.round(seconds)} s`;
  if (seconds < 9000) return `${Math.round(seconds / 60)} min`;
  return seconds < 72 * 3600 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} d`;
}

async function draw() {
  try {
    const answer = await ask("history", {});
    const flip = Number(document.querySelector("#drawn data").dataset.flip) || null;
    drawCharts(document.getElementById("charts"), await answer.json(), flip);
  } catch (error) {
    if (!(error instanceof Error) || error instanceof ReferenceError) throw error;
  }
}

found();
draw();
tick();
setInterval(tick, 1000);
setInterval(() => {
  if (!document.hidden || round++ % HIDDEN_EVERY === 0) refresh();
}, EVERY_MS);
document.addEventListener("visibilitychange", refresh);
