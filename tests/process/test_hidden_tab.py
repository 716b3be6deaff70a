"""A tab in the background, in a real Chromium: it asks seldom, and catches up when it is shown."""

import time
from pathlib import Path

from tests.process.test_web import TOKEN, lived, lock_of, server
from tests.support.browser import chromium

# A headless tab is always shown; its questions are counted.
HIDE = """
window.hide = (hidden) => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
};
window.asked = 0;
window.fetch = ((real) => (...values) => (window.asked++, real(...values)))(window.fetch);
"""


def test_a_hidden_tab_asks_seldom_and_catches_up_when_it_is_shown(tmp_path: Path) -> None:
    logs = lived(tmp_path / "logs")
    with lock_of(logs), server(logs) as (port, _), chromium(tmp_path / "chromium") as page:
        page.open(f"http://127.0.0.1:{port}/?token={TOKEN}")
        page.until("document.title.startsWith('HEALTHY')")
        page.evaluate(HIDE)
        page.evaluate("hide(true)")
        time.sleep(17)
        asked = page.evaluate("asked")
        assert 1 <= asked <= 2, (
            "when it is hidden, and once in six rounds: the title tells a halt in the background too"
        )
        logs.text("HALT", "a look first\n")
        assert page.evaluate("hide(false), asked") == asked + 1, "at once, and not with the next round"
        page.until("document.title.startsWith('HALTED')")
        page.until(f"asked >= {asked + 2}")
        assert page.said == []
