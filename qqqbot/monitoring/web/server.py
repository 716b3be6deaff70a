"""The page over HTTP: fixed addresses, read-only, served by waitress.

Law of this file: it cannot change anything. It refuses methods other than GET and HEAD without reading them, makes no
path from a request, and keeps nothing of one but a count of wrong tokens. Nobody gets an answer without the token
(`auth`), except that this machine may ask /healthz whether all is well.
"""

import errno
import gzip
import hashlib
import json
import logging
import os
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from qqqbot.model.errors import StartRefused
from qqqbot.model.ports import Clock
from qqqbot.model.program import COMMAND
from qqqbot.monitoring.facts.dashboard import charts, dashboard
from qqqbot.monitoring.facts.status import status
from qqqbot.monitoring.facts.why import When, why
from qqqbot.monitoring.web import metrics, page
from qqqbot.monitoring.web.auth import Door, given, is_loopback
from qqqbot.monitoring.web.book_csv import as_csv
from qqqbot.records.folder import Folder, identity, own_rows

HERE = Path(__file__).resolve().parent
ANYWHERE = "*"
# Enough for a handful of browsers. A request must be complete this soon after its first byte, however slowly its bytes
# come in. If there are more connections than this, the one that was silent for longest makes room for the newest.
THREADS, CONNECTIONS, PATIENCE_SECONDS, LONGEST_HEADER_BYTES = 4, 50, 10, 16 * 1024
# Compression does not make smaller answers smaller.
WORTH_COMPRESSING_BYTES = 600
REMEMBERED_SECONDS = 400 * 24 * 3600
"""the longest time for which browsers keep a cookie"""

# A page may use only what this server itself sends; no frame, no form, no inline script or style.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = [
    ("Content-Security-Policy", POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
]
TEXT, HTML = "text/plain; charset=utf-8", "text/html; charset=utf-8"
JSON, SVG, CSV = "application/json", "image/svg+xml", "text/csv; charset=utf-8"
FILES = {"dashboard.css": "text/css; charset=utf-8", "dashboard.js": "text/javascript; charset=utf-8"}
FILES["charts.js"] = FILES["dashboard.js"]
HEALTH = "/healthz"


class Response(NamedTuple):
    """`tag` is an ETag without its quotes: a client that has it already gets no body."""

    status: str
    kind: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    tag: str | None = None


Route = Callable[[WSGIEnvironment], Response]


def application(folder: Folder, clock: Clock, token: str) -> WSGIApplication:
    """The page as WSGI."""
    routes, door = _routes(folder, clock), Door(token)

    def answer(environment: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        found = _refusal(environment, door, clock) or _found(routes, environment)
        status, headers, body = _packed(found, environment)
        start_response(status, headers)
        return [] if environment["REQUEST_METHOD"] == "HEAD" else [body]

    return answer


def addresses(host: str) -> list[str]:
    """The addresses of `host` on this machine, all of them for '*'. Raises OSError if there is none."""
    name = None if host == ANYWHERE else host.strip("[]")
    found = socket.getaddrinfo(name, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def url(host: str, port: int) -> str:
    """The address for a browser if `host` was bound."""
    name = _own_address("::" in host) if host in (ANYWHERE, "0.0.0.0", "::", "[::]") else host.strip("[]")
    return f"http://{f'[{name}]' if ':' in name else name}:{port}/"


def _own_address(is_v6: bool) -> str:
    """This machine's address in its network, which others can open without knowing its name; nothing is sent."""
    family, anyone = (socket.AF_INET6, "2001:db8::1") if is_v6 else (socket.AF_INET, "192.0.2.1")
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as one:
        one.connect((anyone, 9))
        return str(one.getsockname()[0])
    return socket.gethostname()


def serve(app: WSGIApplication, hosts: Sequence[str], port: int, ready: Callable[[int], None]) -> None:
    """Serve at the addresses `hosts` until Ctrl-C; `ready` gets the port. Raises OSError if none can be bound."""
    from waitress import create_server

    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # two requests at once are not worth a warning
    with ExitStack() as sockets:
        bound = _bound(hosts, port, sockets)
        channels: dict[int, Any] = {}
        server = create_server(
            app,
            map=channels,
            sockets=bound,
            threads=THREADS,
            connection_limit=2 * CONNECTIONS,  # here waitress would stop listening: idle clients would shut others out
            channel_timeout=PATIENCE_SECONDS,
            cleanup_interval=1,
            max_request_header_size=LONGEST_HEADER_BYTES,
            max_request_body_size=LONGEST_HEADER_BYTES,
            ident=None,
            clear_untrusted_proxy_headers=True,
        )
        for one in channels.values():
            if hasattr(one, "channel_class"):
                one.channel_class = impatient(one.channel_class)
        ready(bound[0].getsockname()[1])
        server.run()


def impatient(kind: Any) -> Any:
    """waitress's channel with a deadline for the whole request, and one that gives way to newer connections.

    waitress' own deadline is for the silence between two bytes.
    """

    class Impatient(kind):  # type: ignore[misc]
        begun: float | None = None

        def __init__(self, server: Any, *values: Any, **named: Any) -> None:
            super().__init__(server, *values, **named)
            others = (one for one in server.active_channels.values() if one is not self)
            silent = [one for one in others if not one.requests and not one.will_close]
            if len(silent) >= CONNECTIONS:
                min(silent, key=lambda one: one.last_activity).will_close = True

        def received(self, data: bytes) -> bool:
            going_on = bool(super().received(data))
            if self.request is None:
                self.begun = None
            elif self.begun is None:
                self.begun = self.last_activity
            elif self.last_activity - self.begun > PATIENCE_SECONDS:
                self.will_close = True
            return going_on

    return Impatient


def _bound(hosts: Sequence[str], port: int, kept: ExitStack) -> list[socket.socket]:
    """A socket for each of `hosts`, all with the same port; a kind of address that this machine lacks is left out.

    Raises OSError.
    """
    found: list[socket.socket] = []
    for host in hosts:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            one = kept.enter_context(socket.create_server((host, port), family=family))
        except OSError as error:  # str(error) says more than the reason
            if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                raise OSError(error.errno, os.strerror(error.errno or 0)) from None
            continue
        found.append(one)
        port = one.getsockname()[1]
    if not found:
        raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    return found


def _routes(folder: Folder, clock: Clock) -> dict[str, Route]:
    def whole(_: WSGIEnvironment) -> Response:
        content = page.parts(dashboard(folder, clock.now()))
        return _text(HTML, page.document(content, _tags(content)))

    def parts(environment: WSGIEnvironment) -> Response:
        return _changed(page.parts(dashboard(folder, clock.now())), environment.get("HTTP_IF_NONE_MATCH", ""))

    def history(_: WSGIEnvironment) -> Response:
        body = json.dumps(charts(folder, clock.now()).columns(), separators=(",", ":")).encode()
        return Response("200 OK", JSON, body, tag=_digest(body))

    def explanation(environment: WSGIEnvironment) -> Response:
        asked = parse_qs(environment.get("QUERY_STRING", "")).get("at", [""])[0]
        try:
            when = When.parse([asked[:40]])
        except ValueError:
            return _sentence("400 Bad Request", "Expected a New York date and time, as in why?at=2026-11-25T15:45.")
        return _text(HTML, page.why(why(folder, when, clock.now())))

    def book(_: WSGIEnvironment) -> Response:
        rows = own_rows(folder.trades, identity(folder, folder.status()[0]))
        return _text(CSV, as_csv(rows), ("Content-Disposition", f"attachment; filename=qqqbot-{page.BOOK}"))

    return {
        "/": whole,
        "/parts": parts,
        "/history": history,
        "/why": explanation,
        f"/{page.BOOK}": book,
        HEALTH: lambda _: _sentence(*metrics.health(status(folder, clock.now()))),
        "/metrics": lambda _: _text(metrics.KIND, metrics.text(status(folder, clock.now()))),
        **{f"/{name}": _static(kind, (HERE / name).read_bytes()) for name, kind in FILES.items()},
        **{f"/{name}.svg": _static(SVG, text.encode()) for name, text in page.ICONS.items()},
    }


def _static(kind: str, body: bytes) -> Route:
    return lambda _: Response("200 OK", kind, body, tag=_digest(body))


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:12]


def _changed(parts: Mapping[str, str], known: str) -> Response:
    """The `parts` that a page with the tags `known` does not show yet; all if the page is of another version."""
    tags, had = _tags(parts), known.strip('"').split("-")
    now = tags.split("-")
    if len(had) != len(now):
        had = [""] * len(now)
    changed = {name: parts[name] for name, new, old in zip(parts, now, had, strict=True) if new != old}
    body = json.dumps(changed, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    return Response("200 OK", JSON, body, tag=tags)


def _tags(parts: Mapping[str, str]) -> str:
    """The tags of all parts, in order, as one text."""
    return "-".join(_digest(text.encode(errors="replace")) for text in parts.values())


def _refusal(environment: WSGIEnvironment, door: Door, clock: Clock) -> Response | None:
    """The answer instead of the page, including the cookie for a browser that follows the link with the token."""
    if environment["REQUEST_METHOD"] not in ("GET", "HEAD"):
        return _sentence("405 Method Not Allowed", "This page only reads.", ("Allow", "GET, HEAD"))
    path, name = environment.get("PATH_INFO", ""), f"qqqbot_{environment.get('SERVER_PORT', '')}"
    token = parse_qs(environment.get("QUERY_STRING", "")).get("token", [None])[0] if path == "/" else None
    if token is None and door.remembers(environment.get("HTTP_COOKIE", ""), name):
        return None
    if path == HEALTH and _is_this_machine(environment):
        return None
    shown = token if token is not None else given(environment.get("HTTP_AUTHORIZATION", ""))
    now = clock.now()
    if shown is not None and door.opens(shown, now, environment.get("REMOTE_ADDR", "somewhere")):
        if token is None:
            return None
        # The token must not stay in the address line and the history, where others might read it. The cookie is not
        # Strict, because the browser comes from a link.
        cookie = f"{name}={door.cookie}; Path=/; Max-Age={REMEMBERED_SECONDS}; HttpOnly; SameSite=Lax"
        return _sentence("303 See Other", "The page is at /.", ("Location", "./"), ("Set-Cookie", cookie))
    if shown is not None and door.is_shut(now):
        return _sentence("429 Too Many Requests", "Too many wrong tokens: wait a minute.", ("Retry-After", "60"))
    # Only the page itself may make a browser ask for a password; for its script, it would ask every few seconds.
    asks = 'Basic realm="qqqbot: any name, the token as password", charset="UTF-8"' if path == "/" else "Bearer"
    told = f"The token is missing or wrong. Open the link that {COMMAND} web printed, or give the token you chose."
    return _sentence("401 Unauthorized", told, ("WWW-Authenticate", asks))


def _is_this_machine(environment: WSGIEnvironment) -> bool:
    """Whether a request comes from this machine and names it: a foreign page uses its own name (DNS rebinding)."""
    host = environment.get("HTTP_HOST", "")
    name = host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
    return is_loopback(environment.get("REMOTE_ADDR", "")) and is_loopback(name)


def _found(routes: dict[str, Route], environment: WSGIEnvironment) -> Response:
    route = routes.get(environment.get("PATH_INFO", ""))
    if route is None:
        return _sentence("404 Not Found", "There is nothing here; the page is at /.")
    try:
        return route(environment)
    except OSError as error:
        return _sentence("503 Service Unavailable", f"The logs folder cannot be read: {error.strerror or error}.")
    except StartRefused as refused:  # it cannot be determined who holds the lock
        return _sentence("503 Service Unavailable", str(refused))


def _packed(found: Response, environment: WSGIEnvironment) -> tuple[str, list[tuple[str, str]], bytes]:
    """Status, headers and body as sent: no body that the browser already has, and compressed where possible."""
    headers = [*HEADERS, *found.headers]
    headers.append(("Cache-Control", "no-store" if found.tag is None else "private, no-cache"))
    if found.tag is not None:
        headers.append(("ETag", f'"{found.tag}"'))
        if environment.get("HTTP_IF_NONE_MATCH", "").removeprefix("W/").strip('"') == found.tag:
            return "304 Not Modified", headers, b""
    body = found.body
    if len(body) > WORTH_COMPRESSING_BYTES and "gzip" in environment.get("HTTP_ACCEPT_ENCODING", ""):
        body = gzip.compress(body, 6, mtime=0)
        headers += [("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")]
    return found.status, [("Content-Type", found.kind), ("Content-Length", str(len(body))), *headers], body


def _sentence(status: str, text: str, *headers: tuple[str, str]) -> Response:
    return _text(TEXT, f"{text}\n", *headers, status=status)


def _text(kind: str, text: str, *headers: tuple[str, str], status: str = "200 OK") -> Response:
    return Response(status, kind, text.encode(errors="replace"), headers)
