"""The page's addresses and refusals, asked without a socket: a WSGI application is a function."""

import base64
import gzip
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from qqqbot.model.errors import StartRefused
from qqqbot.monitoring.web import server
from qqqbot.monitoring.web.auth import WRONG_TOKENS, Door, is_loopback
from qqqbot.records.folder import Folder
from qqqbot.runtime.clock import VirtualClock
from tests.support.builders import NOW
from tests.support.monitor_samples import LogsFolder, worked

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

TOKEN = "correct-horse-battery-staple"


@pytest.fixture
def logs(tmp_path: Path) -> LogsFolder:
    return worked(tmp_path / "logs")


def page_of(logs: LogsFolder, clock: VirtualClock | None = None) -> "WSGIApplication":
    return server.application(logs.folder, clock or VirtualClock(NOW), TOKEN)


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(page: "WSGIApplication", path: str = "/", method: str = "GET", **values: str) -> Answer:
    """The answer to a browser that is remembered, unless `values` of the environment say otherwise."""
    begun: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> Any:
        begun.append((status, headers))

    path, _, question = path.partition("?")
    environment = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": question,
        "SERVER_PORT": "8787",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "localhost:8787",
        "HTTP_COOKIE": f"qqqbot_8787={Door(TOKEN).cookie}",
    }
    body = b"".join(page({**environment, **values}, start_response))
    ((status, headers),) = begun
    return Answer(int(status[:3]), {name.lower(): value for name, value in headers}, body)


def stranger(page: "WSGIApplication", path: str = "/", authorization: str = "", **values: str) -> Answer:
    return ask(page, path, HTTP_COOKIE="", HTTP_AUTHORIZATION=authorization, **values)


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"me:{password}".encode()).decode()


READ = {
    "/": "text/html; charset=utf-8",
    "/parts": "application/json",
    "/history": "application/json",
    "/why": "text/html; charset=utf-8",
    "/book.csv": "text/csv; charset=utf-8",
    "/healthz": "text/plain; charset=utf-8",
    "/metrics": "text/plain; version=0.0.4; charset=utf-8",
}
FILES = {"/dashboard.css": "text/css; charset=utf-8", "/dashboard.js": "text/javascript; charset=utf-8"}
FILES |= {"/charts.js": FILES["/dashboard.js"]}
FILES |= {f"/icon-{name}.svg": "image/svg+xml" for name in ("good", "warning", "bad", "unknown")}


@pytest.mark.parametrize(("path", "kind"), [*READ.items(), *FILES.items()])
def test_each_address_is_answered_as_what_it_is(logs: LogsFolder, path: str, kind: str) -> None:
    answer = ask(page_of(logs), path)
    assert (answer.status, answer.headers["content-type"]) == (200, kind)
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.headers["cache-control"] == ("private, no-cache" if "etag" in answer.headers else "no-store")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; ")
    assert "unsafe" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", [*FILES, "/parts", "/history"])
def test_what_a_browser_has_already_is_not_sent_again(logs: LogsFolder, path: str) -> None:
    tag = ask(page_of(logs), path).headers["etag"]
    again = ask(page_of(logs), path, HTTP_IF_NONE_MATCH=tag)
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
    assert "content-length" not in again.headers


def test_only_the_parts_that_changed_are_sent(logs: LogsFolder) -> None:
    clock = VirtualClock(NOW)
    page = page_of(logs, clock)
    first = ask(page, "/parts")
    assert list(first.json)[:3] == ["banner", "problems", "tiles"]
    clock.wait(7)
    known = ask(page, "/parts", HTTP_IF_NONE_MATCH=first.headers["etag"])
    assert known.status == 304, "nothing happened, and seconds do not count"
    logs.text("HALT", "a look first\n")
    changed = ask(page, "/parts", HTTP_IF_NONE_MATCH=first.headers["etag"])
    assert list(changed.json) == ["banner", "problems", "foot"]
    assert changed.json["problems"] == ask(page, "/parts").json["problems"]
    for odd in ('"', "x-y", "-" * 10, "W/*", "\xff"):
        assert ask(page, "/parts", HTTP_IF_NONE_MATCH=odd).json.keys() == first.json.keys()


def test_the_page_says_which_parts_it_shows(logs: LogsFolder) -> None:
    found = re.search(r'data-tags="([^"]+)"', ask(page_of(logs)).text)
    assert found
    assert ask(page_of(logs), "/parts", HTTP_IF_NONE_MATCH=f'"{found[1]}"').status == 304


def test_answers_are_compressed_for_those_who_can_read_that(logs: LogsFolder) -> None:
    for path in ("/", "/parts", "/history", "/charts.js"):
        plain, packed = ask(page_of(logs), path), ask(page_of(logs), path, HTTP_ACCEPT_ENCODING="gzip, br")
        assert packed.headers["content-encoding"] == "gzip"
        assert gzip.decompress(packed.body) == plain.body
        assert len(packed.body) == int(packed.headers["content-length"]) < len(plain.body)
    assert "content-encoding" not in ask(page_of(logs), "/healthz", HTTP_ACCEPT_ENCODING="gzip").headers


def test_a_decision_is_explained_by_its_time_or_its_day(logs: LogsFolder) -> None:
    for asked in ("2026-11-24T12:00", "2026-11-24", ""):
        answer = ask(page_of(logs), f"/why?at={asked}")
        assert answer.status == 200
        assert "the exchange is open" in answer.text
    assert "No decisions on 2026-11-20" in ask(page_of(logs), "/why?at=2026-11-20").text
    for odd in ("x", "2026-13-01", "../../etc/passwd", "2026-11-24%2012:00%2013:00", "%ff%00", "0" * 5000):
        assert ask(page_of(logs), f"/why?at={odd}").status == 400


def test_other_monitors_read_the_code_and_the_figures(logs: LogsFolder) -> None:
    assert ask(page_of(logs), "/healthz").text.startswith("healthy: ")
    assert "qqqbot_value_usd 101234.56\n" in ask(page_of(logs), "/metrics").text
    logs.alive = False
    answer = ask(page_of(logs), "/healthz")
    assert (answer.status, answer.text.partition(":")[0]) == (503, "dead")


def test_a_head_request_gets_the_headers_of_the_page_without_its_text(logs: LogsFolder) -> None:
    answer = ask(page_of(logs), method="HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["content-length"]) > 1000


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"])
def test_every_method_that_could_change_something_is_refused(logs: LogsFolder, method: str) -> None:
    answer = ask(page_of(logs), method=method)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


def test_no_path_leads_to_a_file(logs: LogsFolder) -> None:
    paths = [
        "",
        "/../monitor.py",
        "//etc/passwd",
        "/dashboard.css/../../monitor.py",
        "/status.json",
        "/logs/trades.jsonl",
        "/dashboard.css\0",
        "/\\..\\config.json",
        "/parts/",
        "/x" * 2000,
    ]
    assert {ask(page_of(logs), path).status for path in paths} == {404}


def test_on_this_machine_too_every_address_asks_for_the_token(logs: LogsFolder) -> None:
    page = page_of(logs)
    for path in ("/", "/parts", "/history", "/why", "/metrics", "/dashboard.js", "/nothing"):
        answer = stranger(page, path)
        assert (answer.status, "DRY RUN" in answer.text) == (401, False)
        # Else the browser would ask for a password every few seconds, for the script.
        assert answer.headers["www-authenticate"].startswith("Basic " if path == "/" else "Bearer")
    guesses = ["", "x", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "\0", "é"]
    assert {stranger(page, authorization=basic(guess)).status for guess in guesses} == {401}
    assert stranger(page, authorization=basic(TOKEN), HTTP_HOST="my-server:8787").status == 200
    assert stranger(page, "/metrics", authorization=f"Bearer {TOKEN}").status == 200


def test_the_link_with_the_token_is_followed_by_a_cookie_and_leaves_the_address_line(logs: LogsFolder) -> None:
    page = page_of(logs)
    answer = stranger(page, f"/?token={TOKEN}")
    assert (answer.status, answer.headers["location"]) == (303, "./")
    cookie, *attributes = answer.headers["set-cookie"].split("; ")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(attributes)
    assert TOKEN not in answer.text + cookie
    assert ask(page, HTTP_COOKIE=cookie).status == 200
    assert stranger(page, "/?token=wrong").status == 401
    assert stranger(page, f"/parts?token={TOKEN}").status == 401


def test_guesses_are_answered_later_and_the_owners_browser_at_once(logs: LogsFolder) -> None:
    clock = VirtualClock(NOW)
    page = page_of(logs, clock)
    found = [stranger(page, authorization=f"Bearer {n:020d}").status for n in range(20)]
    assert found == [401] * (WRONG_TOKENS - 1) + [429] * (21 - WRONG_TOKENS)
    assert stranger(page, authorization=f"Bearer {TOKEN}").headers["retry-after"] == "60"
    assert stranger(page).status == 401
    assert ask(page).status == 200
    clock.wait(61)
    assert stranger(page, authorization=f"Bearer {TOKEN}").status == 200


@pytest.mark.parametrize(
    ("host", "address", "status"),
    [
        ("localhost:8787", "127.0.0.1", 200),
        ("[::1]:8787", "::1", 200),
        ("127.0.0.1", "127.0.0.1", 200),
        ("evil.example:8787", "127.0.0.1", 401),
        ("", "127.0.0.1", 401),
        ("localhost:8787", "192.168.1.9", 401),
        ("my-server:8787", "192.168.1.9", 401),
    ],
)
def test_this_machine_may_ask_whether_all_is_well(logs: LogsFolder, host: str, address: str, status: int) -> None:
    assert stranger(page_of(logs), "/healthz", HTTP_HOST=host, REMOTE_ADDR=address).status == status


def test_an_empty_folder_is_a_page_that_says_how_to_start(tmp_path: Path) -> None:
    new = LogsFolder(tmp_path / "new")
    new.alive = False
    answer = ask(page_of(new))
    assert (answer.status, ">DEAD<" in answer.text) == (200, False)
    assert "./bot_control.sh start" in answer.text
    assert ask(page_of(new), "/healthz").status == 503
    assert set(ask(page_of(new), "/history").json) == {
        "at",
        "price",
        "short",
        "long",
        "equity",
        "held",
        "instead",
        "below",
        "trades",
        "index",
        "shades",
    }


def test_a_folder_that_cannot_be_read_is_a_sentence(logs: LogsFolder) -> None:
    (logs.path / "trades.jsonl").unlink()
    (logs.path / "trades.jsonl").mkdir()
    answer = ask(page_of(logs))
    assert (answer.status, answer.text) == (503, "The logs folder cannot be read: Is a directory.\n")


def test_a_lock_that_tells_nothing_is_a_sentence(logs: LogsFolder) -> None:
    def refused(_: Path) -> int | None:
        raise StartRefused("bot.pid: locked, but it contains no pid")

    page = server.application(Folder(logs.path, refused), VirtualClock(NOW), TOKEN)
    assert ask(page)[::2] == (503, b"bot.pid: locked, but it contains no pid\n")


class Waitress:
    """As much of waitress' server as its channels ask for."""

    def __init__(self) -> None:
        self.active_channels: dict[int, Any] = {}


class Channel:
    """A connection that was silent since `last_activity`, or is being answered."""

    will_close = False

    def __init__(self, waitress: Waitress, last_activity: int, *requests: str) -> None:
        self.last_activity, self.requests = last_activity, requests
        waitress.active_channels[last_activity] = self


def test_of_too_many_connections_the_ones_that_are_silent_for_longest_make_room() -> None:
    waitress, kind = Waitress(), server.impatient(Channel)
    kind(waitress, 0, "a request that is being answered")
    for n in range(1, server.CONNECTIONS + 11):
        kind(waitress, n)
    assert [n for n, channel in waitress.active_channels.items() if channel.will_close] == [*range(1, 11)]


@pytest.mark.parametrize(
    ("host", "meant", "shown"),
    [
        ("127.0.0.1", ["127.0.0.1"], "http://127.0.0.1:8787/"),
        ("::1", ["::1"], "http://[::1]:8787/"),
        ("[::1]", ["::1"], "http://[::1]:8787/"),
        ("[fe80::1]", ["fe80::1"], "http://[fe80::1]:8787/"),
    ],
)
def test_an_address_may_be_given_in_brackets_and_is_shown_in_them_once(host: str, meant: list[str], shown: str) -> None:
    assert server.addresses(host) == meant
    assert server.url(host, 8787) == shown


def test_all_addresses_are_more_than_this_machine() -> None:
    assert "0.0.0.0" in server.addresses(server.ANYWHERE)
    assert not all(map(is_loopback, server.addresses(server.ANYWHERE)))
    assert all(map(is_loopback, server.addresses("localhost")))
