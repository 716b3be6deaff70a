"""The stand-in itself: a CONNECT proxy on loopback that plays every Yahoo host at once."""

import contextlib
import gzip
import json
import socket
import ssl
import struct
import tempfile
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, time, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, urlsplit

from standins.yahoo.certificates import make_authority
from standins.yahoo.exchange import Exchange
from standins.yahoo.faults import (
    CLOCK_KINDS,
    CONNECTION_KINDS,
    CONSENT_KINDS,
    COOKIES,
    DATA_KINDS,
    STATUS_BODIES,
    WIRE_KINDS,
    Fault,
    Faults,
    corrupt,
    faults_from_json,
)
from standins.yahoo.series import NEW_YORK

HANG_SECONDS = 600
POLL_SECONDS = 0.05
CHART = "/v8/finance/chart/"
COOKIE = "A3=d=stand-in&S=AQAAAx; Expires=Fri, 31 Dec 2055 00:00:00 GMT; Domain=.yahoo.com; Path=/; Secure"
CONSENT = "EuConsent=given; Domain=.yahoo.com; Path=/; Secure"
CONSENT_FORM = (
    '<html><body><form method="post"><input type="hidden" name="csrfToken" value="t0ken">'
    '<input type="hidden" name="sessionId" value="3_cc-session_1"></form></body></html>'
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request and its result: an HTTP status, or the name of the fault that ended it."""

    host: str
    path: str
    query: dict[str, str]
    answer: str


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    content_type: str
    body: str
    cookie: str | None = None
    location: str | None = None
    made_at: datetime | None = None


class StandIn:
    """Serves `exchange` as of `now`. A context manager; see README.md."""

    def __init__(
        self,
        exchange: Exchange,
        now: Callable[[], datetime] | None = None,
        control: Path | None = None,
        log: Path | None = None,
    ) -> None:
        self.exchange = exchange
        self.requests: list[Asked] = []
        self._now = now or (lambda: datetime.now(UTC))
        self._control, self._log = control, log
        self._controlled: dict[str, Any] = {}
        self._faults = Faults()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()

    def __enter__(self) -> "StandIn":
        self._directory = tempfile.TemporaryDirectory(prefix="yahoo-stand-in-")
        folder = Path(self._directory.name)
        self.authority, self._trusted = make_authority(folder, "stand-in")
        _, self._stranger = make_authority(folder, "stranger")
        self._listener: socket.socket | None = self._listen(0)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept_loop, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        if self._listener is not None:
            self._listener.close()
        self._directory.cleanup()

    @property
    def proxy(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def session_options(self) -> dict[str, Any]:
        """Arguments of a curl_cffi session that make it use this stand-in."""
        return {"proxies": {"https": self.proxy, "http": self.proxy}, "verify": str(self.authority)}

    @property
    def environment(self) -> dict[str, str]:
        """Variables that make another process use this stand-in, with a cache folder of its own."""
        authority = str(self.authority)
        cache = str(Path(self._directory.name) / "cache")
        certificates = dict.fromkeys(("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"), authority)
        return {"HTTPS_PROXY": self.proxy, **certificates, "XDG_CACHE_HOME": cache}

    def fault(
        self,
        kind: str,
        times: int | None = None,
        on: str = "chart",
        symbol: str | None = None,
        value: Any = None,
        after: int = 0,
    ) -> None:
        """Switch a fault on, in addition to the active ones. Faults of the connection apply to every host."""
        fault = Fault(kind, times, "any" if kind in CONNECTION_KINDS else on, symbol, value, after)
        self._faults.add(fault)
        if kind == "refused":
            self._await(lambda: self._listener is None)

    def clear(self) -> None:
        """Switch all faults off."""
        self._faults.set([])
        self._await(lambda: self._listener is not None)

    def now(self) -> datetime:
        """The present moment according to the control file or, without one, the clock."""
        control = self._read_control()
        if "now" in control:
            return datetime.fromisoformat(control["now"])
        return self._now() + timedelta(seconds=control.get("offset_seconds", 0))

    def _read_control(self) -> dict[str, Any]:
        """The control file's values; the previous ones if it is just being written."""
        if self._control is None or not self._control.exists():
            return {}
        with self._lock, contextlib.suppress(json.JSONDecodeError):
            values: dict[str, Any] = json.loads(self._control.read_text())
            if values.get("faults", []) != self._controlled.get("faults", []):
                self._faults.set(faults_from_json(values.get("faults", [])))
            self._controlled = values
        return self._controlled

    def _await(self, done: Callable[[], bool]) -> None:
        for _ in range(100):
            if done():
                return
            self._stop.wait(POLL_SECONDS / 2)
        raise RuntimeError("the stand-in's listener did not follow")

    def _listen(self, port: int) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(64)
        listener.settimeout(POLL_SECONDS)
        return listener

    def _accept_loop(self) -> None:
        while not self._stop.is_set():
            self._read_control()
            if self._faults.has("refused"):
                if self._listener is not None:
                    self._listener.close()
                    self._listener = None
                self._stop.wait(POLL_SECONDS)
                continue
            if self._listener is None:
                self._listener = self._listen(self.port)
            with contextlib.suppress(TimeoutError):
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        """Serve one connection: CONNECT, then TLS, then requests until the client is done."""
        with self._lock:
            self._open.add(connection)
        # A client that goes away, or does not trust us, ends only its own connection.
        with contextlib.suppress(OSError, ssl.SSLError, ValueError), connection:
            connection.settimeout(HANG_SECONDS)
            head = _read_head(connection)
            if not head:
                return
            host = head[0].split()[1].rsplit(":", 1)[0]
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            strange = bool(self._faults.take(["tls"], "any", None))
            context = self._stranger if strange else self._trusted
            with context.wrap_socket(connection, server_side=True) as secure:
                with self._lock:
                    self._open.add(secure)
                while self._answer_one(secure, host):
                    pass
        with self._lock:
            self._open = {s for s in self._open if s.fileno() >= 0}

    def _answer_one(self, secure: ssl.SSLSocket, host: str) -> bool:
        head = _read_head(secure)
        if not head:
            return False
        length = next((int(line.split(":")[1]) for line in head if line.lower().startswith("content-length:")), 0)
        while length > 0:
            length -= len(secure.recv(min(length, 65536)))
        target = urlsplit(head[0].split()[1])
        query = dict(parse_qsl(target.query))
        moment = self.now()
        on, symbol = _what(host, target.path)
        wire = self._faults.take(WIRE_KINDS, on, symbol)
        for fault in wire:
            if fault.kind in ("reset", "hang"):
                self._record(host, target.path, query, fault.kind)
                self._break(secure, fault)
                return False
        reply = self._consent(head, on, symbol, target) or self._reply(on, symbol, moment, query)
        reply = replace(reply, made_at=self._server_time(on, symbol, moment))
        self._record(host, target.path, query, str(reply.status))
        return _send(secure, reply, {fault.kind for fault in wire})

    def _break(self, secure: ssl.SSLSocket, fault: Fault) -> None:
        if fault.kind == "hang":
            self._stop.wait(float(fault.value or HANG_SECONDS))
        else:
            secure.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _consent(self, head: list[str], on: str, symbol: str | None, target: SplitResult) -> Reply | None:
        """The redirection to the consent page, its form, and the way back to the first request."""
        done = dict(parse_qsl(target.query)).get("done")
        if on == "consent" and done is not None:
            if head[0].startswith("POST"):
                return Reply(302, "text/html", "", CONSENT, location=done)
            return Reply(200, "text/html", CONSENT_FORM)
        given = any(line.lower().startswith("cookie:") and CONSENT.split(";")[0] in line for line in head)
        faults = self._faults.take(CONSENT_KINDS, on, symbol)
        if not faults or (given and faults[0].kind == "consent"):
            return None
        asked = f"https://query2.finance.yahoo.com{target.path}?{target.query}"
        consent = f"https://consent.yahoo.com/v2/collectConsent?done={quote(asked, safe='')}"
        return Reply(302, "text/html", "", location=asked if faults[0].kind == "loop" else consent)

    def _server_time(self, on: str, symbol: str | None, moment: datetime) -> datetime | None:
        for fault in self._faults.take(CLOCK_KINDS, on, symbol):
            return None if fault.kind == "no_date" else moment + timedelta(seconds=float(fault.value or 86_400))
        return moment

    def _reply(self, on: str, symbol: str | None, moment: datetime, query: dict[str, str]) -> Reply:
        if failures := self._faults.take(list(STATUS_BODIES), on, symbol):
            return Reply(*STATUS_BODIES[failures[0].kind])
        if on == "cookie":
            kinds = self._faults.take(list(COOKIES), on, symbol)
            return Reply(404, "text/html", "", COOKIES[kinds[0].kind] if kinds else COOKIE)
        if on == "crumb":
            return Reply(200, "text/plain", "cRumb.12/34")
        if on == "consent":
            return Reply(200, "text/html", CONSENT_FORM, COOKIE)
        if symbol is None:
            return Reply(404, "text/html", "<html><body>Not Found</body></html>")
        return self._chart(symbol, moment, query)

    def _chart(self, symbol: str, moment: datetime, query: dict[str, str]) -> Reply:
        if query.get("interval") == "15m" and symbol in self.exchange.series:
            bars = self.exchange.quarter_hours(symbol, moment)
            return Reply(200, "application/json", json.dumps({"chart": {"result": [bars], "error": None}}))
        if query.get("interval", "1d") != "1d":
            error = {
                "code": "Unprocessable Entity",
                "description": "the stand-in has days and quarters of an hour only",
            }
            return Reply(422, "application/json", json.dumps({"chart": {"result": None, "error": error}}))
        faults = self._faults.take(DATA_KINDS, "chart", symbol)
        values = {fault.kind: fault.value for fault in faults}
        if "halted" in values:
            moment = min(moment, _that_day_at(values["halted"] or "13:00", moment))
        old = next((f for f in faults if f.kind == "old"), None)
        result = self.exchange.chart(
            values.get("swapped") or symbol,
            moment,
            query,
            late=timedelta(seconds=float(old.value or 2400)) if old else None,
            split_late="split_late" in values,
            closed_on=frozenset(str(f.value or moment.date()) for f in faults if f.kind == "closed"),
        )
        if result is None:
            return Reply(*STATUS_BODIES["404"])
        for fault in faults:
            corrupt(result, fault)
        return Reply(200, "application/json;charset=utf-8", json.dumps({"chart": {"result": [result], "error": None}}))

    def _record(self, host: str, path: str, query: dict[str, str], answer: str) -> None:
        asked = Asked(host, path, query, answer)
        with self._lock:
            self.requests.append(asked)
            if self._log is not None:
                with self._log.open("a") as log:
                    log.write(json.dumps(asdict(asked)) + "\n")


def write_control(path: Path, **values: Any) -> None:
    """Replace the control file atomically: now= (ISO text or datetime), offset_seconds=, faults= (list of dicts).

    Raises ValueError for a fault that does not exist.
    """
    faults_from_json(values.get("faults", []))
    if isinstance(values.get("now"), datetime):
        values["now"] = values["now"].isoformat()
    new = path.with_name(path.name + ".new")
    new.write_text(json.dumps(values))
    new.replace(path)


def _that_day_at(clock: str, moment: datetime) -> datetime:
    return datetime.combine(moment.astimezone(NEW_YORK).date(), time.fromisoformat(clock), NEW_YORK)


def _what(host: str, path: str) -> tuple[str, str | None]:
    """The kind of a request and, for a chart, its symbol."""
    if path.startswith(CHART):
        return "chart", path[len(CHART) :]
    if path == "/v1/test/getcrumb":
        return "crumb", None
    if host in ("guce.yahoo.com", "consent.yahoo.com"):
        return "consent", None
    return ("cookie" if host == "fc.yahoo.com" else "other"), None


def _read_head(connection: socket.socket) -> list[str]:
    """The lines of a request's head; none at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        byte = connection.recv(1)
        if not byte:
            return []
        data += byte
    return data.decode("latin-1").split("\r\n")[:-2]


def _send(secure: ssl.SSLSocket, reply: Reply, broken: set[str]) -> bool:
    """Send the reply; False if the connection ends with it."""
    body = reply.body.encode()
    if "truncated" in broken:
        body = body[: len(body) // 2]
    if "bomb" in broken:
        body = gzip.compress(b" " * (64 << 20))
    lines = [f"HTTP/1.1 {reply.status} Stand-in", f"Content-Type: {reply.content_type}"]
    lines.append("Transfer-Encoding: chunked" if "endless" in broken else f"Content-Length: {len(body)}")
    if broken & {"not_gzip", "bomb"}:
        lines.append("Content-Encoding: gzip")
    if reply.made_at:
        lines.append(f"Date: {format_datetime(reply.made_at.astimezone(UTC), usegmt=True)}")
    if reply.location:
        lines.append(f"Location: {reply.location}")
    if reply.cookie:
        lines.append(f"Set-Cookie: {reply.cookie}")
    if "cookie_not_utf8" in broken:
        lines.append("Set-Cookie: A1=d=caf\xe9; Path=/")
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    if "endless" in broken:
        secure.sendall(head)
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        while True:  # until the client hangs up
            secure.sendall(chunk)
    if "cut" in broken:
        secure.sendall(head + body[: len(body) // 2])
        return False
    secure.sendall(head + body)
    return True
