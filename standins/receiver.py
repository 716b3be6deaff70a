"""A web server on loopback that receives notifications (apprise's json://) and dead man's pings, and can misbehave."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Receiver:
    """Answers with `statuses` one by one, then with 200; not at all while `hangs`, and without end while `drips`."""

    port: int = 0
    statuses: list[int] = field(default_factory=list)
    hangs: bool = False
    drips: bool = False
    calls: list[str] = field(default_factory=list)
    """paths requested with GET"""
    messages: list[dict[str, Any]] = field(default_factory=list)
    """bodies received with POST, including those that were refused"""
    released: threading.Event = field(default_factory=threading.Event)

    def json_url(self, path: str = "") -> str:
        return f"json://127.0.0.1:{self.port}/{path}"

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    def titles(self) -> list[str]:
        return [message["title"] for message in self.messages]


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            receiver.calls.append(self.path)
            self._answer()

        def do_POST(self) -> None:
            receiver.messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self._answer()

        def _answer(self) -> None:
            if receiver.hangs:
                receiver.released.wait(60)
                return
            if receiver.drips:
                self._drip()
                return
            self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _drip(self) -> None:
            """A byte now and then, so that no timeout of a single read ends it."""
            with contextlib.suppress(OSError):
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
                while not receiver.released.wait(0.2):
                    self.wfile.write(b"a")

        def log_message(self, format: str, *arguments: Any) -> None:
            """Keep standard error clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.released.set()
        server.shutdown()
        server.server_close()


def until(happened: Any, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
