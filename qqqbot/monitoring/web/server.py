"""The dashboard over HTTP: five fixed addresses, read-only, served by waitress.

Law of this file: it has no way to change anything: methods other than GET and HEAD are refused unread, no address is
made from a request, and nothing of a request is kept. On loopback only requests that name this machine are answered, so
that no foreign page can make a browser fetch this one under its own name (DNS rebinding).
"""

import errno
import logging
import os
import socket
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from qqqbot.model.ports import Clock
from qqqbot.monitoring.facts.dashboard import Dashboard, DashboardReader
from qqqbot.monitoring.web import page
from qqqbot.monitoring.web.auth import is_loopback, is_right

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

HERE = Path(__file__).resolve().parent
ANYWHERE = "*"
# A handful of browsers; a request that is not completed in time is dropped.
THREADS, CONNECTIONS, PATIENCE_SECONDS, LONGEST_HEADER_BYTES = 4, 50, 20, 16 * 1024

# Only what this server itself sends; no frame, no form, no inline script or style.
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
    ("Cache-Control", "no-store"),
]
TEXT, HTML = "text/plain; charset=utf-8", "text/html; charset=utf-8"
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0072b2"/>'
    '<path d="M5 23l7-8 5 4 10-12" fill="none" stroke="#fff" stroke-width="3"/></svg>'
)


class Response(NamedTuple):
    status: str
    kind: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


Route = Callable[[], Response]


def application(dashboard: DashboardReader, clock: Clock, token: str | None) -> "WSGIApplication":
    """The page as WSGI. Without a `token` only requests that name this machine itself are answered."""
    routes = _routes(dashboard, clock)

    def answer(environment: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        found = _refusal(environment, token) or _found(routes, environment)
        start_response(
            found.status,
            [("Content-Type", found.kind), ("Content-Length", str(len(found.body))), *HEADERS, *found.headers],
        )
        return [] if environment["REQUEST_METHOD"] == "HEAD" else [found.body]

    return answer


def addresses(host: str) -> list[str]:
    """The addresses of `host` on this machine, all of them for '*'. Raises OSError if there is none."""
    name = None if host == ANYWHERE else host.strip("[]")
    found = socket.getaddrinfo(name, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def url(host: str, port: int) -> str:
    """The address for a browser if `host` was bound."""
    name = socket.gethostname() if host == ANYWHERE else host.strip("[]")
    return f"http://{f'[{name}]' if ':' in name else name}:{port}/"


def serve(app: "WSGIApplication", hosts: Sequence[str], port: int, ready: Callable[[int], None]) -> None:
    """Serve at the addresses `hosts` until Ctrl-C; `ready` gets the port. Raises OSError if none can be bound."""
    from waitress import create_server

    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # two requests at once are not worth a warning
    with ExitStack() as sockets:
        bound = _bound(hosts, port, sockets)
        server = create_server(
            app,
            sockets=bound,
            threads=THREADS,
            connection_limit=CONNECTIONS,
            channel_timeout=PATIENCE_SECONDS,
            max_request_header_size=LONGEST_HEADER_BYTES,
            max_request_body_size=LONGEST_HEADER_BYTES,
            ident=None,
            clear_untrusted_proxy_headers=True,
        )
        ready(bound[0].getsockname()[1])
        server.run()


def _bound(hosts: Sequence[str], port: int, kept: ExitStack) -> list[socket.socket]:
    """A socket at each of `hosts`, all with the same port; a kind of address that this machine lacks is left out.

    Raises OSError.
    """
    found: list[socket.socket] = []
    for host in hosts:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            one = kept.enter_context(socket.create_server((host, port), family=family))
        except OSError as error:  # its text has more than the reason
            if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                raise OSError(error.errno, os.strerror(error.errno or 0)) from None
            continue
        found.append(one)
        port = one.getsockname()[1]
    if not found:
        raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    return found


def _routes(dashboard: DashboardReader, clock: Clock) -> dict[str, Route]:
    def static(kind: str, body: bytes) -> Route:
        return lambda: Response("200 OK", kind, body)

    def rendered(render: Callable[[Dashboard], str]) -> Route:
        return lambda: Response("200 OK", HTML, render(dashboard.read(clock.now())).encode(errors="replace"))

    return {
        "/": rendered(page.document),
        "/fragment": rendered(page.fragment),
        "/dashboard.css": static("text/css; charset=utf-8", (HERE / "dashboard.css").read_bytes()),
        "/dashboard.js": static("text/javascript; charset=utf-8", (HERE / "dashboard.js").read_bytes()),
        "/icon.svg": static("image/svg+xml", ICON.encode()),
    }


def _refusal(environment: "WSGIEnvironment", token: str | None) -> Response | None:
    if environment["REQUEST_METHOD"] not in ("GET", "HEAD"):
        return _sentence("405 Method Not Allowed", "This page only reads.", ("Allow", "GET, HEAD"))
    if token is None:
        if is_loopback(_host_name(environment.get("HTTP_HOST", ""))):
            return None
        return _sentence("403 Forbidden", "This page is served to this machine only; open it as http://localhost.")
    if is_right(environment.get("HTTP_AUTHORIZATION", ""), token):
        return None
    asks = ("WWW-Authenticate", 'Basic realm="qqqbot: any name, the token as password", charset="UTF-8"')
    return _sentence(
        "401 Unauthorized",
        "The token is missing or wrong; monitor.py --web printed it, or it is the one you chose.",
        asks,
    )


def _host_name(host: str) -> str:
    """'localhost:8787' and '[::1]:8787' without their ports."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def _found(routes: dict[str, Route], environment: "WSGIEnvironment") -> Response:
    route = routes.get(environment.get("PATH_INFO", ""))
    if route is None:
        return _sentence("404 Not Found", "There is nothing here; the page is at /.")
    try:
        return route()
    except OSError as error:
        return _sentence("503 Service Unavailable", f"The logs folder cannot be read: {error.strerror or error}.")


def _sentence(status: str, text: str, *headers: tuple[str, str]) -> Response:
    return Response(status, TEXT, f"{text}\n".encode(), headers)
