"""A web server on loopback that receives notifications (apprise's json://) and dead man's pings, and can misbehave."""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Receiver:
    """Answers with `statuses` in turn, then as `judge` says; not at all while `hangs`, without end while `drips`."""

    port: int = 0
    statuses: list[int] = field(default_factory=list)
    judge: Callable[[str], int] = lambda _message: 200
    """the status of a message, once `statuses` are used up"""
    location: str = ""
    """where a status of a redirect leads"""
    slow_seconds: float = 0
    hangs: bool = False
    drips: bool = False
    calls: list[str] = field(default_factory=list)
    """paths requested with GET, or with POST of plain text"""
    bodies: list[str] = field(default_factory=list)
    """the bodies of the calls with POST"""
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
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get_content_type() != "application/json":
                receiver.calls.append(self.path)
                receiver.bodies.append(body.decode())
                self._answer()
                return
            receiver.messages.append(json.loads(body))
            self._answer(receiver.judge(receiver.messages[-1]["message"]))

        def _answer(self, status: int = 200) -> None:
            receiver.released.wait(receiver.slow_seconds)
            if receiver.hangs:
                receiver.released.wait(60)
                return
            if receiver.drips:
                self._drip()
                return
            self.send_response(receiver.statuses.pop(0) if receiver.statuses else status)
            if receiver.location:
                self.send_header("Location", receiver.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _drip(self) -> None:
            """Send a byte now and then, so that no timeout of a single read ends the answer."""
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


def until(happened: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
