"""Many clients at once, and a browser whose page changes in any way."""

import socket
import time
from contextlib import ExitStack
from pathlib import Path

from qqqbot.monitoring.web.server import PATIENCE_SECONDS
from tests.process.test_web import TOKEN, ask, lived, lock_of, server
from tests.support.browser import chromium


def test_two_hundred_silent_connections_keep_nobody_out(tmp_path: Path) -> None:
    logs = lived(tmp_path / "logs")
    with lock_of(logs), server(logs) as (port, _), ExitStack() as crowd:
        begun = time.monotonic()
        for _ in range(200):
            crowd.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
        assert [ask(port)[0] for _ in range(5)] == [200] * 5
        assert time.monotonic() - begun < PATIENCE_SECONDS, "before a silent connection is dropped for its silence"


CHANGE_ANYTHING = """(() => {
  let seed = 5;
  const some = (n) => (seed = (seed * 1103515245 + 12345) % 2147483648, seed % n);
  const any = (depth) => Array.from({ length: some(5) }, () => {
    const name = ["p", "b", "li"][some(3)], inside = depth ? any(depth - 1) : `x${some(4)}`;
    return some(3) ? `<${name}${some(2) ? ` class="c${some(3)}"` : ""}>${inside}</${name}>` : `t${some(3)}`;
  }).join("");
  const wrong = [];
  for (let n = 0; n < 5000; n++) {
    const [old, fresh] = [document.createElement("div"), document.createElement("div")];
    old.innerHTML = any(2);
    fresh.innerHTML = any(2);
    const before = old.innerHTML, wanted = fresh.innerHTML;
    morph(old, fresh);
    if (old.innerHTML !== wanted) wrong.push([before, wanted, old.innerHTML]);
  }
  return wrong.slice(0, 3);
})()"""


def test_a_part_becomes_what_the_server_sent_whatever_it_was(tmp_path: Path) -> None:
    logs = lived(tmp_path / "logs")
    with lock_of(logs), server(logs) as (port, _), chromium(tmp_path / "chromium") as page:
        page.open(f"http://127.0.0.1:{port}/?token={TOKEN}")
        assert page.evaluate(CHANGE_ANYTHING) == []
