"""The page's addresses and refusals, asked without a socket: a WSGI application is a function."""

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from qqqbot.monitoring.facts.dashboard import DashboardReader
from qqqbot.monitoring.web import server
from qqqbot.monitoring.web.auth import is_loopback
from qqqbot.runtime.clock import VirtualClock
from tests.support.builders import NOW
from tests.support.monitor_samples import LogsFolder, worked

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

TOKEN = "correct-horse-battery-staple"


@pytest.fixture
def logs(tmp_path: Path) -> LogsFolder:
    return worked(tmp_path / "logs")


def page_of(logs: LogsFolder, token: str | None = None) -> "WSGIApplication":
    return server.application(DashboardReader(logs.folder), VirtualClock(NOW), token)


def ask(
    page: "WSGIApplication", path: str = "/", method: str = "GET", host: str = "localhost:8787", authorization: str = ""
) -> tuple[int, dict[str, str], str]:
    begun: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> Any:
        begun.append((status, headers))

    environment = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "HTTP_HOST": host,
        "HTTP_AUTHORIZATION": authorization,
    }
    body = b"".join(page(environment, start_response))
    ((status, headers),) = begun
    return int(status[:3]), {name.lower(): value for name, value in headers}, body.decode()


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"me:{password}".encode()).decode()


def test_each_of_the_five_addresses_is_answered_as_what_it_is(logs: LogsFolder) -> None:
    kinds = {
        "/": "text/html; charset=utf-8",
        "/fragment": "text/html; charset=utf-8",
        "/dashboard.css": "text/css; charset=utf-8",
        "/dashboard.js": "text/javascript; charset=utf-8",
        "/icon.svg": "image/svg+xml",
    }
    for path, kind in kinds.items():
        status, headers, body = ask(page_of(logs), path)
        assert (status, headers["content-type"]) == (200, kind)
        assert headers["content-length"] == str(len(body.encode()))
        assert headers["cache-control"] == "no-store"
        assert headers["content-security-policy"].startswith("default-src 'none'; ")


def test_a_head_request_gets_the_headers_of_the_page_without_its_text(logs: LogsFolder) -> None:
    status, headers, body = ask(page_of(logs), method="HEAD")
    assert (status, body) == (200, "")
    assert int(headers["content-length"]) > 1000


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"])
def test_every_method_that_could_change_something_is_refused(logs: LogsFolder, method: str) -> None:
    status, headers, _ = ask(page_of(logs), method=method)
    assert (status, headers["allow"]) == (405, "GET, HEAD")


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
        "/fragment/",
        "/x" * 2000,
    ]
    assert {ask(page_of(logs), path)[0] for path in paths} == {404}


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "localhost.evil.example", "192.168.1.9", "", "[::2]"]
)
def test_a_page_from_elsewhere_cannot_fetch_this_one_under_its_own_name(logs: LogsFolder, host: str) -> None:
    assert ask(page_of(logs), host=host)[0] == 403


@pytest.mark.parametrize("host", ["localhost", "localhost:9999", "127.0.0.1:8787", "[::1]:8787"])
def test_this_machine_is_answered_under_each_of_its_names(logs: LogsFolder, host: str) -> None:
    assert ask(page_of(logs), host=host)[0] == 200


def test_served_to_other_machines_every_address_asks_for_the_token(logs: LogsFolder) -> None:
    page = page_of(logs, TOKEN)
    for path in ("/", "/fragment", "/dashboard.js", "/nothing"):
        status, headers, text = ask(page, path)
        assert (status, "DRY RUN" in text) == (401, False)
        assert headers["www-authenticate"].startswith("Basic ")
    guesses = ["", "x", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "\0", "é"]
    assert {ask(page, authorization=basic(guess))[0] for guess in guesses} == {401}
    assert ask(page, authorization=basic(TOKEN), host="my-server:8787")[0] == 200
    assert ask(page, authorization=f"Bearer {TOKEN}")[0] == 200


def test_an_empty_folder_is_a_page_that_says_how_to_start(tmp_path: Path) -> None:
    new = LogsFolder(tmp_path / "new")
    new.alive = False
    status, _, text = ask(page_of(new))
    assert (status, ">DEAD<" in text) == (200, False)
    assert "./bot_control.sh start" in text


def test_a_folder_that_cannot_be_read_is_a_sentence(logs: LogsFolder) -> None:
    (logs.path / "trades.jsonl").unlink()
    (logs.path / "trades.jsonl").mkdir()
    status, _, text = ask(page_of(logs))
    assert (status, text) == (503, "The logs folder cannot be read: Is a directory.\n")


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
