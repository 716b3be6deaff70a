"""The page over real HTTP, asked well and badly; and in a real browser."""

import base64
import fcntl
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

import pytest

from qqqbot.monitoring.web import server as web
from qqqbot.records.decisions import decision_values
from qqqbot.records.inputs import InputLog
from qqqbot.records.status_file import flip_values
from qqqbot.runtime.clock import SystemClock
from qqqbot.strategy.planning import decide
from qqqbot.trading.engine import flips
from tests.support.browser import chromium
from tests.support.builders import NOW, RULES, portfolio, snapshot
from tests.support.monitor_samples import IDENTITY, LogsFolder, as_json, book, status_values

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "correct-horse-battery-staple"
TODAY = SystemClock().now()


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[LogsFolder]:
    """A healthy daemon with a past; its lock is held by this process."""
    found = lived(tmp_path / "logs")
    with lock_of(found):
        yield found


def lived(path: Path) -> LogsFolder:
    found = LogsFolder(path)
    log, rows = InputLog(found.folder.inputs), []
    for n in range(40):
        seen = snapshot(now=NOW + timedelta(minutes=n), portfolio=portfolio(qqq=200, cash=10_000 + n))
        values = decision_values(seen, decide(seen, RULES))
        rows.append(as_json({"timestamp": seen.now.isoformat(), **IDENTITY, **values}))
        log.record(seen, RULES, {"timestamp": seen.now.isoformat(), **IDENTITY})
    found.rows("decisions.jsonl", rows)
    found.rows("trades.jsonl", book())
    found.text("trading_bot_20261124.log", "2026-11-24T12:00:00.000-05:00 INFO DU1234567 <script>alert(1)</script>\n")
    beat(found)
    found.text("bot.pid", f"{os.getpid()}\n")
    return found


@contextmanager
def lock_of(logs: LogsFolder) -> Iterator[None]:
    with (logs.path / "bot.pid").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def beat(logs: LogsFolder, **overrides: Any) -> None:
    last = as_json(json.loads((logs.path / "decisions.jsonl").read_text().splitlines()[-1]))
    flip = flips(snapshot(portfolio=portfolio(qqq=200)), RULES)
    tomorrow = SystemClock().now() + timedelta(days=1)
    known: dict[str, Any] = {"pid": os.getpid(), "last_check": last, "last_signal": last}
    known["flip"] = flip_values(flip._replace(closes_at=tomorrow))
    logs.status(**status_values(SystemClock().now(), **{**known, **overrides}))


@contextmanager
def server(
    logs: LogsFolder, *arguments: str, port: int = 0, tolerant: bool = False, **environment: str
) -> Iterator[tuple[int, str]]:
    """The real process; its port and what it said."""
    with subprocess.Popen(
        [
            sys.executable,
            str(ROOT / "monitor.py"),
            "--logs-dir",
            str(logs.path),
            "--web",
            "--port",
            str(port),
            *arguments,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    ) as process:
        assert process.stdout is not None
        said = first_lines(process.stdout, 1 if not arguments else 2)
        found = re.search(r":(\d+)/", said)
        assert found, process.communicate(timeout=10)
        try:
            yield int(found[1]), said
        finally:
            process.send_signal(signal.SIGINT)
            out, errors = process.communicate(timeout=20)
        assert (out, process.returncode) == ("", 0)
        assert "Traceback" not in errors
        # waitress says so of a request that the signal found before it was begun
        assert errors in ("", "Canceling 1 pending task(s)\n") or tolerant


def first_lines(stream: IO[str], count: int) -> str:
    return "".join(stream.readline() for _ in range(count))


def ask(port: int, path: str = "/", method: str = "GET", **headers: str) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    found = answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode()
    connection.close()
    return found


def raw(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        answer = b""
        with suppress(ConnectionResetError):  # refused before it was read to its end
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                answer += part
        return answer


def test_the_page_says_whose_money_it_is_and_how_it_is_doing(logs: LogsFolder) -> None:
    with server(logs) as (port, said):
        status, headers, text = ask(port)
    assert said == f"http://127.0.0.1:{port}/  for this machine only. Ctrl-C ends it.\n"
    assert status == 200
    assert headers["content-type"] == "text/html; charset=utf-8"
    for wanted in (
        "<h1>DRY RUN</h1>",
        ">HEALTHY<",
        "200 QQQ",
        "sells 200 QQQ and buys ",
        "QQQ held from the same day",
        "<svg",
    ):
        assert wanted in text, wanted


def test_nothing_may_be_loaded_from_another_site_and_nothing_is_cached(logs: LogsFolder) -> None:
    with server(logs) as (port, _):
        _, headers, text = ask(port)
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert "unsafe" not in headers["content-security-policy"]
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")
    assert "set-cookie" not in headers
    assert "server" not in headers
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert "https://" not in text
    assert not re.search(r"<script(?! src)|<style|\son\w+=|\sstyle=", text)


def test_account_ids_are_masked_and_texts_stay_texts(logs: LogsFolder) -> None:
    beat(logs, account="U7654321", mode="live")
    with server(logs) as (port, _):
        _, _, text = ask(port)
    assert "U7654321" not in text
    assert "DU1234567" not in text
    assert "U***321" in text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "<h1>LIVE</h1>" in text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"])
def test_no_method_changes_anything(logs: LogsFolder, method: str) -> None:
    before = {path.name: path.read_bytes() for path in logs.path.iterdir()}
    with server(logs) as (port, _):
        status, headers, _ = ask(port, method=method)
        assert (status, headers["allow"]) == (405, "GET, HEAD")
        assert ask(port, method="HEAD")[::2] == (200, "")
    assert {path.name: path.read_bytes() for path in logs.path.iterdir()} == before


def test_no_path_leads_to_a_file(logs: LogsFolder) -> None:
    paths = [
        "/../monitor.py",
        "/..%2f..%2fetc/passwd",
        "//etc/passwd",
        "/dashboard.css/../../monitor.py",
        "/%2e%2e/config.json",
    ]
    paths += [
        "/status.json",
        "/logs/trades.jsonl",
        "/dashboard.css%00",
        "/\\..\\config.json",
        "/fragment/",
        "/?token=x/../..",
        "/x" * 2000,
    ]
    with server(logs) as (port, _):
        found = {path: ask(port, path)[0] for path in paths}
    assert found.pop("/?token=x/../..") == 200  # the page, whatever the question
    assert set(found.values()) == {404}


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"",
        b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nZZZ",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: \xff\r\n\r\n",
        b"GET http://[::1/ HTTP/1.1\r\nHost: [\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
    ],
)
def test_anything_but_a_request_breaks_nothing(logs: LogsFolder, request_bytes: bytes) -> None:
    with server(logs, tolerant=True) as (port, _):  # waitress says in a line what it could not read
        answer = raw(port, request_bytes)
        assert b"Traceback" not in answer
        assert b"DRY RUN" not in answer or b" 200 OK" in answer.split(b"\r\n")[0]
        assert ask(port)[0] == 200


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"me:{password}".encode()).decode()


def test_bound_to_another_address_it_requires_the_token(logs: LogsFolder) -> None:
    with server(logs, "--bind", "0.0.0.0", QQQBOT_WEB_TOKEN=TOKEN) as (port, said):
        assert TOKEN not in said
        for path in ("/", "/fragment", "/dashboard.js", "/nothing"):
            status, headers, text = ask(port, path)
            assert status == 401
            assert headers["www-authenticate"].startswith("Basic ")
            assert "DRY RUN" not in text
        guesses = ["", "x", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "\0", "é"]
        assert {ask(port, Authorization=basic(guess))[0] for guess in guesses} == {401}
        assert {ask(port, Authorization=f"Bearer {n:020d}")[0] for n in range(200)} == {401}
        assert ask(port, f"/?token={TOKEN}")[0] == 401
        assert ask(port, Authorization=basic(TOKEN), Host="my-server:8787")[0] == 200


def test_bound_to_another_address_without_a_token_it_prints_a_random_one_once(logs: LogsFolder) -> None:
    with server(logs, "--bind", "0.0.0.0") as (port, said):
        found = re.search(r"until it ends: (\S{32,})\.", said)
        assert found
        assert "not encrypted" in said
        assert ask(port, Authorization=basic(found[1]))[0] == 200
        assert ask(port, Authorization=basic("0" * 32))[0] == 401
        command = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
        if command.exists():
            for child in command.read_text().split():
                assert found[1] not in Path(f"/proc/{child}/cmdline").read_text()


HAS_IPV6 = socket.has_ipv6 and Path("/proc/net/if_inet6").exists()


def test_every_address_at_once_asks_for_the_token_at_each(logs: LogsFolder) -> None:
    with server(logs, "--bind", "*", QQQBOT_WEB_TOKEN=TOKEN) as (port, said):
        assert said.startswith(f"http://{socket.gethostname()}:{port}/  asks for the token")
        for host in ("127.0.0.1", *(["::1"] if HAS_IPV6 else [])):
            connection = http.client.HTTPConnection(host, port, timeout=10)
            connection.request("GET", "/")
            assert connection.getresponse().status == 401
            connection.close()
        assert ask(port, Authorization=basic(TOKEN))[0] == 200


def test_a_name_with_several_addresses_is_served_at_each_on_one_port() -> None:
    hosts = ["127.0.0.2", "127.0.0.1", *(["::1"] if HAS_IPV6 else [])]

    class Told(Exception):
        pass

    def ready(port: int) -> None:
        for host in hosts:
            with socket.create_connection((host, port), timeout=10):
                pass
        raise Told

    with pytest.raises(Told):
        web.serve(lambda _, __: [], hosts, 0, ready)


def test_an_address_that_this_machine_lacks_does_not_cost_the_others() -> None:
    class Told(Exception):
        pass

    def ready(port: int) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=10):
            raise Told

    lacking = "192.0.2.1"  # of a net that is for manuals only
    with pytest.raises(Told):
        web.serve(lambda _, __: [], [lacking, "127.0.0.1"], 0, ready)
    with pytest.raises(OSError, match="Cannot assign requested address"):
        web.serve(lambda _, __: [], [lacking], 0, ready)


def test_an_unusable_token_starts_nothing(logs: LogsFolder) -> None:
    done = subprocess.run(
        [
            sys.executable,
            str(ROOT / "monitor.py"),
            "--logs-dir",
            str(logs.path),
            "--web",
            "--bind",
            "0.0.0.0",
            "--port",
            "0",
        ],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "QQQBOT_WEB_TOKEN": "secret"},
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "at least 20" in done.stderr
    assert "'secret'" not in done.stderr


def test_a_busy_port_is_reported_with_what_to_do(logs: LogsFolder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, str(ROOT / "monitor.py"), "--logs-dir", str(logs.path), "--web", "--port", str(port)],
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1, port {port}: Address already in use" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "text", ["", '{"state": "run', "[]", "\0\0", '{"last_signal": {"price": "NaN", "timestamp": 5}}']
)
def test_a_half_written_status_gives_a_page_that_says_so(logs: LogsFolder, text: str) -> None:
    logs.text("status.json", text)
    with server(logs) as (port, _):
        status, _, page = ask(port)
    assert status == 200
    assert '<main id="page"' in page


def test_every_file_damaged_is_still_a_page(logs: LogsFolder) -> None:
    for name in ("decisions.jsonl", "inputs.jsonl", "trades.jsonl", "orders.jsonl", "trading_bot_20261124.log"):
        path = logs.path / name
        whole = path.read_bytes() if path.exists() else b""
        path.write_bytes(whole[: len(whole) // 2].replace(b'"price":', b'"price":"x",') + b"\0\xff{" * 50)
    with server(logs) as (port, _):
        assert ask(port)[0] == 200


def test_in_a_browser_it_loads_refreshes_and_shows_a_halt_and_a_death(tmp_path: Path) -> None:
    logs = lived(tmp_path / "logs")
    alive = ExitStack()
    alive.enter_context(lock_of(logs))
    with alive, server(logs) as (port, _), chromium(tmp_path / "chromium") as page:
        page.looks(1280, 900)
        page.open(f"http://127.0.0.1:{port}/")
        assert "DRY RUN" in page.text()
        assert page.evaluate("document.title") == "HEALTHY - DRY RUN - qqqbot"
        assert page.evaluate("getComputedStyle(document.querySelector('.grid')).stroke") != "none"
        logs.text("HALT", "a look first\n")
        page.until("document.title.startsWith('HALTED')")
        assert "Trading is halted: a look first" in page.text()
        (logs.path / "HALT").unlink()
        alive.close()
        page.until("document.title.startsWith('DEAD')")
        assert "The daemon died without saying so" in page.text()
        look = "getComputedStyle(document.querySelector('.health'))"
        assert page.evaluate(f"[{look}.color, {look}.backgroundColor]") == ["rgb(255, 255, 255)", "rgb(179, 38, 30)"]
        plain = "getComputedStyle(document.querySelector('.decisions td:last-child'))"
        assert page.evaluate(f"{plain}.color") == "rgb(28, 33, 40)"
        red = page.evaluate("getComputedStyle(document.querySelector('.alarm:not([hidden])')).backgroundColor")
        assert red == "rgb(179, 38, 30)"
        assert page.said == []


def test_on_a_phone_in_the_dark_nothing_is_wider_than_the_screen(logs: LogsFolder, tmp_path: Path) -> None:
    with server(logs) as (port, _), chromium(tmp_path / "chromium") as page:
        page.looks(390, 844, dark=True)
        page.open(f"http://127.0.0.1:{port}/")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 19, 24)"
        assert page.evaluate("getComputedStyle(document.querySelector('svg.wide')).display") == "none"
        assert page.said == []


def test_a_page_whose_server_is_gone_says_so_in_red(logs: LogsFolder, tmp_path: Path) -> None:
    with chromium(tmp_path / "chromium") as page:
        with server(logs) as (port, _):
            page.open(f"http://127.0.0.1:{port}/")
            assert page.evaluate("document.getElementById('lost').hidden")
        page.until("!document.getElementById('lost').hidden")
        assert "What stands below is old." in page.text()
        with server(logs, port=port):
            page.until("document.getElementById('lost').hidden")
