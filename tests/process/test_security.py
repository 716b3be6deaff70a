"""What others could learn or do: files, messages and refusals of a real daemon, fed by the stand-in for Yahoo."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from drill.checkout import Checkout, eventually, finished
from qqqbot.records.jsonl import AppendOnlyFile
from qqqbot.runtime.halt_file import HaltSwitch
from standins.receiver import Receiver, receiving
from standins.yahoo import Exchange, StandIn, market_series
from tests.support.later import TUESDAY_NOON, put_forward

TOKEN = "hunter2hunter2"
# In an uptrend on that Tuesday: the first check buys.
RISING = Exchange(market_series(seed=13, first=date(2024, 1, 2), last=date(2027, 1, 29)))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def bot(checkout: Checkout, receiver: Receiver) -> Iterator[Checkout]:
    """On a Tuesday at noon, with a channel and a dead man's address, each with a token in it."""
    ahead = TUESDAY_NOON - datetime.now(UTC)
    with ExitStack() as stack:
        yahoo = stack.enter_context(StandIn(RISING, now=lambda: datetime.now(UTC) + ahead))
        site = checkout.folder.parent / "site"
        put_forward(site, ahead)
        checkout.environment |= {
            **yahoo.environment,
            "PYTHONPATH": f"{site}:{checkout.folder}",
            "NO_PROXY": "127.0.0.1",
        }
        secret(checkout, "notify_urls.txt", receiver.json_url(TOKEN))
        secret(checkout, "ping_url.txt", receiver.url(TOKEN))
        yield checkout


def secret(bot: Checkout, name: str, text: str, mode: int = 0o600) -> None:
    path = bot.folder / name
    path.write_text(text)
    path.chmod(mode)


def everything_said(bot: Checkout) -> str:
    return "\n".join(path.read_text() for path in sorted(bot.logs.rglob("*")) if path.is_file())


def readable_by_others(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file() and path.stat().st_mode & 0o077]


def test_a_day_leaves_no_file_open_to_others_and_no_secret_anywhere(bot: Checkout, receiver: Receiver) -> None:
    """With the usual umask, over a folder that an older version left open, with a torn record in it."""
    bot.logs.mkdir()
    (bot.logs / "nohup.log").write_text("from another time\n")
    (bot.logs / "decisions.jsonl").write_text('{"torn": ')
    (bot.logs / "decisions.jsonl").chmod(0o644)
    before = os.umask(0o022)
    try:
        started = bot.run("start")
        halted = bot.run("halt", "a rainy day")
    finally:
        os.umask(before)
    assert started.returncode == 0, started.stderr
    eventually(lambda: bool(receiver.messages), "the first trade is told", seconds=30)
    assert receiver.titles()[0].startswith("qqqbot DRY RUN: ")
    assert "First trade of this account and mode: BUY" in receiver.messages[0]["message"]
    said = [started.stdout, started.stderr, halted.stdout, bot.run("status").stdout, bot.run("logs").stdout]
    assert bot.run("stop").returncode == 0
    assert TOKEN not in everything_said(bot) + "".join(said)
    names = {path.name.split("-")[0] for path in bot.logs.iterdir()}
    assert {"HALT", "nohup.log", "bot.pid", "notices.json", "decisions.jsonl.torn", "trades.jsonl"} <= names
    assert readable_by_others(bot.logs) == []


def open_umask(bot: Checkout) -> Path:
    """A shell that starts the script as one that leaves files open to all."""
    shell = bot.folder.parent / "shell"
    shell.write_text(f'#!/bin/sh\numask 0\nexec "{bot.script}" "$@"\n')
    shell.chmod(0o755)
    bot.script = shell
    return bot.logs


def test_in_the_foreground_the_daemon_itself_closes_what_it_makes(bot: Checkout, receiver: Receiver) -> None:
    logs = open_umask(bot)
    running = bot.begin("run")
    eventually(lambda: bool(receiver.messages), "a trade is told", seconds=60)
    running.terminate()
    assert finished(running).returncode == 0
    assert logs.stat().st_mode & 0o777 == 0o700
    assert readable_by_others(logs) == []


def test_the_script_closes_what_it_makes(bot: Checkout) -> None:
    """The folder at a first start that fails, and the halt."""
    logs = open_umask(bot)
    bot.run("halt", "a rainy day")
    assert (logs.stat().st_mode & 0o777, readable_by_others(logs)) == (0o700, [])
    shutil.rmtree(logs)
    (bot.folder / "qqq_trading_bot.py").write_text("import sys\nsys.exit('--check-config' not in sys.argv)\n")
    assert bot.run("start").returncode == 1
    assert (logs.stat().st_mode & 0o777, readable_by_others(logs)) == (0o700, [])
    assert (logs / "nohup.log").exists()


def test_a_good_check_pings_the_dead_man_switch(bot: Checkout, receiver: Receiver) -> None:
    assert bot.run("start").returncode == 0
    eventually(lambda: receiver.calls == [f"/{TOKEN}"], "one call for one good check", seconds=30)


def test_a_halted_daemon_does_not_ping(bot: Checkout, receiver: Receiver) -> None:
    bot.run("halt")
    assert bot.run("start").returncode == 0
    eventually(lambda: bool(receiver.messages), "the halt is told", seconds=30)
    assert receiver.titles() == ["qqqbot DRY RUN: Trading is halted"]
    bot.run("stop")
    assert receiver.calls == []


def test_hanging_receivers_delay_neither_the_check_nor_the_stop(bot: Checkout, receiver: Receiver) -> None:
    receiver.hangs = True
    assert bot.run("start").returncode == 0
    eventually(lambda: bool(receiver.messages and receiver.calls), "both hang", seconds=30)
    begun = time.monotonic()
    assert bot.run("stop").stdout == "stopped\n"
    assert time.monotonic() - begun < 30


def test_wrong_addresses_stop_nothing_and_are_reported_without_being_shown(bot: Checkout) -> None:
    secret(bot, "notify_urls.txt", f"nonsense://{TOKEN}\njson://127.0.0.1:9/{TOKEN}\n")
    secret(bot, "ping_url.txt", f"http://127.0.0.1:9/{TOKEN}")
    assert bot.run("start").returncode == 0
    tested = bot.run("notify-test")
    assert tested.returncode == 1
    assert tested.stdout.splitlines() == [
        "channel 1 (nonsense): is not an address that apprise knows; see https://github.com/caronc/apprise/wiki",
        "channel 2 (json): cannot be reached",
        "dead man's address: cannot be reached",
    ]
    assert bot.run("stop").returncode == 0
    assert TOKEN not in everything_said(bot)


@pytest.mark.parametrize(
    ("text", "mode", "remedy"),
    [
        (f"ntfy://host/{TOKEN}", 0o644, "chmod 600"),
        (f"{TOKEN}\n", 0o600, "line 1: not an address like"),
    ],
)
def test_secrets_that_cannot_be_used_start_nothing(bot: Checkout, text: str, mode: int, remedy: str) -> None:
    secret(bot, "notify_urls.txt", text, mode)
    for command in ("start", "run", "once", "notify-test"):
        refused = bot.run(command)
        assert refused.returncode == 2, command
        assert remedy in refused.stderr
        assert TOKEN not in refused.stdout + refused.stderr
    assert {path.name for path in bot.logs.iterdir()} == {"last_end.json"}, "why it was refused, and nothing else"


def test_a_running_daemon_is_not_stopped_by_a_restart_that_could_not_start(bot: Checkout) -> None:
    assert bot.run("start").returncode == 0
    pid = bot.daemon()
    secret(bot, "notify_urls.txt", f"ntfy://host/{TOKEN}", 0o644)
    assert bot.run("restart").returncode == 2
    assert bot.daemon() == pid


def test_no_process_of_the_daemon_inherits_a_secret_of_the_environment(bot: Checkout, receiver: Receiver) -> None:
    if not Path("/proc/self/environ").exists():
        pytest.skip("this system shows no environments of processes")
    receiver.hangs = True
    url = receiver.json_url(f"{TOKEN}-environment")
    running = bot.begin("run", QQQBOT_NOTIFY_URLS=url)
    eventually(lambda: bool(receiver.messages), "the child hangs", seconds=60)
    children = [pid for pid in map(int, _numbers()) if _parent(pid) == running.pid]
    assert children
    assert not any(TOKEN.encode() in Path(f"/proc/{pid}/environ").read_bytes() for pid in children)
    running.terminate()
    out, err = finished(running).stdout, finished(running).stderr
    assert TOKEN not in out + err


def _numbers() -> list[str]:
    return [path.name for path in Path("/proc").iterdir() if path.name.isdigit()]


def _parent(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


# Each writer on its own, under the daemon's umask.


@pytest.fixture
def private() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.usefixtures("private")
def test_torn_tails_and_the_halt_file_are_readable_by_the_owner_alone(tmp_path: Path) -> None:
    (tmp_path / "orders.jsonl").write_bytes(b'{"whole": 1}\n{"torn')
    AppendOnlyFile(tmp_path / "orders.jsonl").open(TUESDAY_NOON)
    HaltSwitch(tmp_path / "HALT").halt("did not settle")
    assert len(list(tmp_path.iterdir())) == 3
    assert readable_by_others(tmp_path) == []
