"""A gateway in another process, controlled over a second loopback port: one JSON line per command, one per answer.

    {"do": "set_price", "args": ["QQQ", 451], "options": {}}       -> {"result": null}
    {"get": "ledger"}                                              -> {"result": [...]}
    {"set": "read_only", "to": true}                               -> {"result": null}

Values that JSON does not know are wrapped: {"$decimal": "1.5"}, {"$time": "2026-04-06T15:00:00+00:00"}, and objects as
{"$fields": {...}}. Dotted names reach parts: "faults.transport", "order_handling.time_form", "clock.set".
"""

import json
import socket
import socketserver
import threading
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from standins.ib_gateway.gateway import IBGateway


def to_plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return {"$decimal": str(value)}
    if isinstance(value, datetime):
        return {"$time": value.isoformat()}
    if isinstance(value, bytes):
        return {"$bytes": value.hex()}
    if is_dataclass(value) and not isinstance(value, type):
        return {"$fields": {f.name: to_plain(getattr(value, f.name)) for f in fields(value)}}
    if isinstance(value, dict):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [to_plain(item) for item in value]
    if value is None or isinstance(value, str | int | float):
        return value
    return {"$date": value.isoformat()} if isinstance(value, date) else repr(value)


def _from_plain(pairs: dict[str, Any]) -> Any:
    """The object_hook of json.loads."""
    wrapped: dict[str, Callable[[Any], Any]] = {
        "$decimal": Decimal,
        "$time": datetime.fromisoformat,
        "$bytes": bytes.fromhex,
        "$date": date.fromisoformat,
        "$fields": lambda inner: SimpleNamespace(**inner),
    }
    if len(pairs) == 1:
        ((key, value),) = pairs.items()
        if key in wrapped:
            return wrapped[key](value)
    return pairs


def encode(value: Any) -> bytes:
    return json.dumps(to_plain(value)).encode() + b"\n"


def decode(line: bytes) -> Any:
    return json.loads(line, object_hook=_from_plain)


class ControlServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, gateway: IBGateway, port: int = 0) -> None:
        self.gateway = gateway
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Handler(socketserver.StreamRequestHandler):
    server: ControlServer

    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(encode(self._answer(line)))

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            return {"result": _run(self.server.gateway, decode(line))}
        except Exception as error:  # noqa: BLE001  the caller gets it, whatever it is
            return {"error": f"{type(error).__name__}: {error}"}


def _run(gateway: IBGateway, command: dict[str, Any]) -> Any:
    name = str(command.get("do") or command.get("get") or command.get("set"))
    *path, last = name.split(".")
    owner: Any = gateway
    for part in path:
        owner = getattr(owner, part)
    if "set" in command:
        with gateway.moment():
            setattr(owner, last, command["to"])
        return None
    found = getattr(owner, last)
    return found(*command.get("args", ()), **command.get("options", {})) if "do" in command else found


class RemoteGateway:
    """`remote.set_price("QQQ", 451)`, `remote.get("ledger")`, `remote.set("faults.transport", "split")`.

    Objects come back as namespaces with the fields that they have in the gateway.
    """

    def __init__(self, port: int, timeout: float = 10.0) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout)
        self._file = self._socket.makefile("rwb")
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *args, **options: self._ask({"do": name, "args": args, "options": options})

    def do(self, name: str, *args: Any, **options: Any) -> Any:
        return self._ask({"do": name, "args": args, "options": options})

    def get(self, name: str) -> Any:
        return self._ask({"get": name})

    def set(self, name: str, value: Any) -> None:
        self._ask({"set": name, "to": value})

    def _ask(self, command: dict[str, Any]) -> Any:
        with self._lock:
            self._file.write(encode(command))
            self._file.flush()
            line = self._file.readline()
        if not line:
            raise ConnectionError("the gateway process has ended")
        answer = decode(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["result"]

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def __enter__(self) -> "RemoteGateway":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
