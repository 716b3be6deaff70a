"""An ntfy server and Telegram's bot interface in one, on loopback, with the difficulties that they make for a reader.

ntfy keeps published messages and returns them with `poll=1`: in any order, more than once, with rows that are no
messages, or not at all. Telegram returns updates from `offset` on and forgets earlier ones; it refuses a second reader
(409) and a reader in a hurry (429). Both ignore that a reader has seen something before.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

TOPIC, TOKEN, CHAT = "a-topic", "123456789:abcdefghijklmnopqrstuvwxyz_abcdefgh", 4711


@dataclass
class OwnerChannels:
    """Answers reads with `statuses` one after another, then well; or always with `body`.

    `torn` cuts each answer short, `hangs` gives no answer, `moves` redirects to itself for ever.
    """

    port: int = 0
    statuses: list[int] = field(default_factory=list)
    doubled: bool = False
    backwards: bool = False
    forgetful: bool = False
    """ntfy keeps nothing"""
    torn: bool = False
    hangs: bool = False
    moves: bool = False
    body: bytes | None = None
    refuses: int = 0
    """the status that a published message is refused with, 0 if it is accepted"""
    messages: list[dict[str, Any]] = field(default_factory=list)
    """the messages in ntfy's topic"""
    updates: list[dict[str, Any]] = field(default_factory=list)
    """Telegram's updates that nobody has confirmed"""
    reads: int = 0
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def ntfy_url(self) -> str:
        return f"ntfy://127.0.0.1:{self.port}/{TOPIC}"

    @property
    def telegram_url(self) -> str:
        return f"tgram://{TOKEN}/{CHAT}/"

    @property
    def telegram(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def publish(self, message: str, **more: Any) -> None:
        """Publish a message in the topic, as the bot or somebody else."""
        row = {"id": f"m{len(self.messages)}", "time": int(time.time()), "event": "message", "topic": TOPIC}
        self.messages.append({**row, "message": message, **more})

    def write(self, text: str, chat: int = CHAT, kind: str = "message", **more: Any) -> None:
        """Write to Telegram's bot."""
        message = {"message_id": 1, "date": int(time.time()), "chat": {"id": chat, "type": "private"}, "text": text}
        number = 700 + self.reads * 1000 + len(self.updates)
        self.updates.append({"update_id": number, kind: {**message, **more}})

    def announced(self) -> list[str]:
        return [row["message"] for row in self.messages if "title" in row]

    def polled(self) -> str:
        rows = [] if self.forgetful else [*self.messages]
        rows = [*rows, *rows] if self.doubled else rows
        rows = rows[::-1] if self.backwards else rows
        others = [{"id": "o", "time": 0, "event": event, "topic": TOPIC} for event in ("open", "keepalive")]
        return "".join(json.dumps(row) + "\n" for row in (*others, *rows))

    def updates_from(self, offset: int, limit: int) -> str:
        self.updates = [update for update in self.updates if update["update_id"] >= offset]
        return json.dumps({"ok": True, "result": self.updates[:limit]})


@contextmanager
def owner_channels() -> Iterator[OwnerChannels]:
    channels = OwnerChannels()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = urlsplit(self.path).path == f"/{TOPIC}/json" and "poll=1" in self.path
            self._read(channels.polled() if known else "", 200 if known else 404)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == f"/bot{TOKEN}/getUpdates":
                self._read(channels.updates_from(body["offset"], body["limit"]))
            elif "/bot" in self.path:
                self._read('{"ok": false, "error_code": 401, "description": "Unauthorized"}', 401)
            else:
                if not channels.refuses:
                    channels.publish(body["message"], title=body.get("title", ""))
                self._answer("{}", channels.refuses or 200)

        def _read(self, text: str, status: int = 200) -> None:
            channels.reads += 1
            if channels.hangs:
                channels.released.wait(60)
                return
            if channels.moves:
                status = 307
            self._answer(channels.body or text, channels.statuses.pop(0) if channels.statuses else status)

        def _answer(self, text: str | bytes, status: int) -> None:
            body = text if isinstance(text, bytes) else text.encode()
            self.send_response(status)
            if channels.moves:
                self.send_header("Location", self.path)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if channels.torn else body)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Keep standard error clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    channels.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield channels
    finally:
        channels.released.set()
        server.shutdown()
        server.server_close()
