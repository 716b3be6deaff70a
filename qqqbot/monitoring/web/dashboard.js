"use strict";
// Fetches the page's content again while somebody looks at it, and says so in red when there is no answer any more.
const EVERY_MS = 5000;
const PATIENCE_MS = 4000;
let answered = Date.now();

async function refresh() {
  if (document.hidden) return;
  try {
    const answer = await fetch("fragment", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!answer.ok) throw new Error(await answer.text());
    show(await answer.text());
    answered = Date.now();
    lost("");
  } catch (error) {
    const minutes = Math.floor((Date.now() - answered) / 60000);
    const since = minutes ? `for ${minutes} min` : "for some seconds";
    lost(`This page has had no answer ${since}: is monitor.py --web running? What stands below is old.`);
  }
}

function show(text) {
  const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("page");
  const old = document.getElementById("page");
  if (!fresh || fresh.outerHTML === old.outerHTML) return;
  const places = [...old.querySelectorAll(".scroll, pre")].map((part) => [part.id, part.scrollLeft]);
  old.replaceWith(document.adoptNode(fresh));
  for (const [id, left] of places) {
    const part = document.getElementById(id);
    if (part) part.scrollLeft = left;
  }
  document.title = fresh.dataset.title;
}

function lost(text) {
  const place = document.getElementById("lost");
  place.hidden = text === "";
  place.textContent = text;
}

setInterval(refresh, EVERY_MS);
document.addEventListener("visibilitychange", refresh);
