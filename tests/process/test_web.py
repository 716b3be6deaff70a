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
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

import pytest

from qqqbot.monitoring.web import server as web
from qqqbot.records.codec import to_plain
from qqqbot.records.decisions import decision_values
from qqqbot.records.inputs import InputLog
from qqqbot.runtime.clock import SystemClock
from qqqbot.strategy.planning import decide
from qqqbot.trading.engine import flips
from tests.support.browser import chromium
from tests.support.builders import NOW, RULES, portfolio, snapshot
from tests.support.monitor_samples import IDENTITY, LogsFolder, as_json, book, status_values
from tests.support.page_scenes import SCENES, three_years

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "correct-horse-battery-staple"


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
    known["flip"] = to_plain(flip._replace(closes_at=tomorrow))
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
        env={**os.environ, "QQQBOT_WEB_TOKEN": TOKEN, **environment},
    ) as process:
        assert process.stdout is not None
        said = first_lines(process.stdout, 3 if arguments else 2)
        found = re.search(r":(\d+)/", said)
        assert found, process.communicate(timeout=10)
        try:
            yield int(found[1]), said
        finally:
            process.send_signal(signal.SIGINT)
            out, errors = process.communicate(timeout=60)
        assert (out, process.returncode) == ("", 0)
        assert "Traceback" not in errors
        # waitress says so of a request that the signal found before it was begun
        assert re.fullmatch(r"(\S+ \S+ WARNING Canceling \d pending task\(s\)\n)?", errors) or tolerant


def first_lines(stream: IO[str], count: int) -> str:
    return "".join(stream.readline() for _ in range(count))


def ask(port: int, path: str = "/", method: str = "GET", **headers: str) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Bearer {TOKEN}", **headers}
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    found = answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode()
    connection.close()
    return found


def raw(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        answer = b""
        with suppress(ConnectionError):  # refused before it was read to its end
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                answer += part
        return answer


def test_the_page_says_whose_money_it_is_and_how_it_is_doing(logs: LogsFolder) -> None:
    with server(logs) as (port, said):
        status, headers, text = ask(port)
    assert said.splitlines()[0] == f"Open http://127.0.0.1:{port}/"
    assert TOKEN not in said
    assert status == 200
    assert headers["content-type"] == "text/html; charset=utf-8"
    for wanted in (
        "<h1>DRY RUN</h1>",
        ">HEALTHY<",
        "200 QQQ",
        "sells 200 QQQ and buys ",
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
        "/parts/",
        "/x" * 2000,
    ]
    with server(logs) as (port, _):
        found = {path: ask(port, path)[0] for path in paths}
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


def test_the_link_that_is_printed_lets_a_browser_in_and_nobody_else(logs: LogsFolder) -> None:
    with server(logs, QQQBOT_WEB_TOKEN="", tolerant=True) as (port, said):
        found = re.search(r"Open (http://127.0.0.1:\d+)(/\?token=(\S{32,}))\n", said)
        assert found
        assert ask(port, Authorization="")[0] == 401
        status, headers, _ = ask(port, found[2], Authorization="")
        assert status == 303
        cookie = headers["set-cookie"].partition(";")[0]
        assert ask(port, Authorization="", Cookie=cookie)[0] == 200
        assert ask(port, "/metrics", Authorization=f"Bearer {found[3]}")[0] == 200
        assert ask(port, "/healthz", Authorization="")[0] == 200
        children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
        if children.exists():
            for child in children.read_text().split():
                assert found[3] not in Path(f"/proc/{child}/cmdline").read_text()


def test_guesses_are_slowed_down_and_logged(logs: LogsFolder) -> None:
    with server(logs, "--bind", "0.0.0.0", tolerant=True) as (port, said):
        assert "not encrypted" in said
        found = [ask(port, Authorization=f"Bearer {n:020d}")[0] for n in range(30)]
        assert found.count(401) < 10 < found.count(429)
        assert ask(port, "/parts", Authorization=basic("x"), Host="my-server:8787")[0] == 429


def test_a_client_that_sends_a_byte_now_and_then_is_dropped(logs: LogsFolder) -> None:
    """Each byte alone is in time: it is the whole request that must be."""
    begun = time.monotonic()
    with server(logs) as (port, _), socket.create_connection(("127.0.0.1", port), timeout=30) as slow:
        with suppress(OSError):
            for byte in b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 1000:
                slow.sendall(bytes([byte]))
                slow.settimeout(1.5)
                with suppress(TimeoutError):
                    assert slow.recv(1) == b""
                    break
        assert web.PATIENCE_SECONDS - 1 < time.monotonic() - begun < web.PATIENCE_SECONDS * 4
        assert ask(port)[0] == 200


HAS_IPV6 = socket.has_ipv6 and Path("/proc/net/if_inet6").exists()


def test_every_address_at_once_asks_for_the_token_at_each(logs: LogsFolder) -> None:
    with server(logs, "--bind", "*") as (port, said):
        (address,) = re.findall(rf"^Open (http://\S+):{port}/\n", said)
        assert "0.0.0.0" not in address, "no browser opens it"
        for host in ("127.0.0.1", *(["::1"] if HAS_IPV6 else [])):
            connection = http.client.HTTPConnection(host, port, timeout=60)
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
        timeout=120,
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
            timeout=120,
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
        page.open(f"http://127.0.0.1:{port}/?token={TOKEN}")
        page.until("document.title === 'HEALTHY - DRY RUN - qqqbot'")
        assert page.evaluate("location.search") == ""
        # What the owner has selected, where the focus is and how far a list is scrolled survive what changes elsewhere.
        page.evaluate("getSelection().selectAllChildren(document.querySelector('#decisions p'))")
        page.evaluate("document.querySelector('#decisions a').focus(); document.getElementById('log').scrollTop = 3")
        selected = page.evaluate("String(getSelection())")
        logs.text("HALT", "a look first\n")
        page.until("document.title.startsWith('HALTED')")
        assert page.evaluate("document.getElementById('icon').getAttribute('href')") == "icon-bad.svg"
        assert "Trading is halted: a look first" in page.text()
        assert page.evaluate("String(getSelection())") == selected != ""
        assert page.evaluate("document.activeElement.textContent") == "why"
        (logs.path / "HALT").unlink()
        alive.close()
        page.until("document.title.startsWith('DEAD')")
        assert "The daemon died without saying so" in page.text()
        look = "getComputedStyle(document.querySelector('.health'))"
        assert page.evaluate(f"[{look}.color, {look}.backgroundColor]") == ["rgb(255, 255, 255)", "rgb(179, 38, 30)"]
        page.evaluate("document.querySelector('#decisions a').click()")
        page.until("location.pathname === '/why' && document.readyState === 'complete'")
        assert "the exchange is open" in page.text()
        assert page.said == []


def test_values_of_the_charts_are_read_by_pointer_finger_and_key(tmp_path: Path) -> None:
    logs = three_years(tmp_path / "logs", SystemClock().now())
    with lock_of(logs), server(logs) as (port, _), chromium(tmp_path / "chromium") as page:
        page.looks(1280, 900)
        page.open(f"http://127.0.0.1:{port}/?token={TOKEN}")
        page.until("document.querySelectorAll('figure svg').length === 3")
        values = "[...document.querySelectorAll('.key b')].map((value) => value.textContent).join()"
        newest = page.evaluate(values)
        middle = page.evaluate(
            "(() => { const box = document.querySelector('figure svg').getBoundingClientRect();"
            " return [box.left + box.width / 2, box.top + 40]; })()"
        )
        page.call("Input.dispatchMouseEvent", type="mouseMoved", x=middle[0], y=middle[1])
        page.until(f"{values} !== {newest!r}")
        under_the_pointer = page.evaluate(values)
        page.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": middle[0] - 90, "y": middle[1]}])
        page.until(f"{values} !== {under_the_pointer!r}")
        page.evaluate("document.querySelector('figure svg').focus()")
        at = page.evaluate("drawn.at")
        page.call("Input.dispatchKeyEvent", type="keyDown", key="ArrowLeft", code="ArrowLeft")
        page.until(f"drawn.at === {at - 1}")
        for name, days in (("1 m", 31), ("1 y", 366), ("all", 3 * 365)):
            page.evaluate(
                f"[...document.querySelectorAll('nav button')].find((b) => b.textContent === {name!r}).click()"
            )
            shown = page.evaluate("(drawn.data.at.at(-1) - drawn.data.at[drawn.first]) / 86400")
            assert days * 0.9 < shown < days * 1.1
        assert page.said == []


@pytest.mark.parametrize("name", SCENES)
def test_on_every_screen_nothing_is_cut_and_red_means_wrong(name: str, tmp_path: Path) -> None:
    """QQQBOT_PICTURES names a folder for the pictures, which a person should look at."""
    logs, pictures = SCENES[name](tmp_path / "logs", SystemClock().now()), os.environ.get("QQQBOT_PICTURES")
    with ExitStack() as stack:
        if logs.alive:
            stack.enter_context(lock_of(logs))
        port, _ = stack.enter_context(server(logs))
        page = stack.enter_context(chromium(tmp_path / "chromium"))
        for width, dark in ((320, False), (360, True), (390, False), (768, True), (1440, False)):
            page.looks(width, 900, dark)
            page.open(f"http://127.0.0.1:{port}/?token={TOKEN}")
            page.until("document.querySelectorAll('figure').length === 3")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate(CUT) == page.evaluate(CUT_LABELS) == []
            if pictures:
                page.picture(Path(pictures) / f"{name}-{width}-{'dark' if dark else 'light'}.png")
        red = page.evaluate("document.querySelectorAll('.bad, .alarm:not(.soft):not([hidden])').length")
        assert (red > 0) == (name in ("failing", "dead"))
        assert page.said == []


# The elements whose text does not fit in them.
CUT = (
    "[...document.querySelectorAll('main *')].filter((e) => e.scrollWidth > e.clientWidth + 1 && e.clientWidth"
    " && getComputedStyle(e).display !== 'inline').map((e) => e.outerHTML.slice(0, 80))"
)


CUT_LABELS = (
    "[...document.querySelectorAll('figure text')].filter((e) => { const a = e.getBoundingClientRect(),"
    " b = e.ownerSVGElement.getBoundingClientRect(); return a.left < b.left || a.right > b.right + 1; })"
    ".map((e) => e.textContent)"
)


def test_a_page_whose_server_is_gone_is_unknown_also_in_its_tab(logs: LogsFolder, tmp_path: Path) -> None:
    with chromium(tmp_path / "chromium") as page:
        with server(logs) as (port, _):
            page.open(f"http://127.0.0.1:{port}/?token={TOKEN}")
            assert page.evaluate("document.getElementById('lost').hidden")
        page.until("!document.getElementById('lost').hidden")
        assert "What stands below is old." in page.text()
        assert page.evaluate("document.title") == "UNKNOWN - qqqbot"
        assert page.evaluate("document.getElementById('icon').getAttribute('href')") == "icon-unknown.svg"
        assert page.evaluate("getComputedStyle(document.querySelector('.health'), '::after').content") == '"UNKNOWN"'
        with server(logs, port=port):
            page.until("document.getElementById('lost').hidden")
            assert page.evaluate("document.title").startswith("HEALTHY")
