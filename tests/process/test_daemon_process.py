"""The real daemon and monitor through bot_control.sh, fed by the stand-in for Yahoo, at moments of our choice."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime

import pytest

from drill.checkout import Checkout, eventually, finished
from standins.receiver import receiving
from standins.yahoo import Exchange, StandIn, market_series
from tests.support.builders import new_york
from tests.support.later import TUESDAY_NOON, put_forward

EXCHANGE = Exchange(market_series(seed=7, first=date(2024, 1, 2), last=date(2027, 1, 29)))
SATURDAY_NOON = new_york(date(2026, 11, 21), 12)
MONDAY_OPEN = "2026-11-23T14:30:00+00:00"

World = Callable[[datetime], StandIn]


@pytest.fixture
def world(checkout: Checkout) -> Iterator[World]:
    """Let it be a given moment for the daemon and for Yahoo, and time run on from there."""
    with ExitStack() as stack:

        def at(moment: datetime) -> StandIn:
            ahead = moment - datetime.now(UTC)
            yahoo = stack.enter_context(StandIn(EXCHANGE, now=lambda: datetime.now(UTC) + ahead))
            site = checkout.folder.parent / "site"
            put_forward(site, ahead)
            checkout.environment |= {**yahoo.environment, "PYTHONPATH": f"{site}:{checkout.folder}"}
            return yahoo

        yield at


# stop itself gives the daemon ten seconds. On a busy machine its own start takes as long; Yahoo's deadline is 60 s.
STOP_SECONDS = 30


def seconds_to_stop(bot: Checkout) -> float:
    began = time.monotonic()
    stopped = bot.run("stop")
    assert (stopped.returncode, stopped.stdout) == (0, "stopped\n"), stopped.stderr
    return time.monotonic() - began


def processes() -> dict[int, tuple[int, str]]:
    """pid -> parent and command, of every process that still runs."""
    command = ["ps", "-eww", "-o", "pid=,ppid=,stat=,args="]
    table = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 3) for line in table.splitlines()]
    return {int(row[0]): (int(row[1]), row[3]) for row in rows if not row[2].startswith("Z")}


def test_a_life_under_control(checkout: Checkout, world: World) -> None:
    """Never started, running, halted, killed, running again, stopped: each with its exit code of `status`."""
    world(TUESDAY_NOON)
    assert checkout.run("status").returncode == 3
    started = checkout.run("start")
    assert started.returncode == 0, started.stderr
    assert "DRY RUN" in started.stdout
    assert checkout.run("status").returncode == 0
    book = (checkout.logs / "trades.jsonl").read_text()
    checkout.run("halt", "a rainy day")
    halted = checkout.run("status")
    assert halted.returncode == 4
    assert "a rainy day" in halted.stdout
    checkout.run("resume")
    os.kill(checkout.daemon(), signal.SIGKILL)
    eventually(lambda: checkout.holder() is None, "the lock is free")
    assert checkout.run("status").returncode == 1
    starts = [checkout.begin("start") for _ in range(2)]
    assert [finished(start).returncode for start in starts] == [0, 0]
    assert checkout.run("status").returncode == 0
    assert checkout.run("stop").stdout == "stopped\n"
    assert checkout.run("status").returncode == 3
    assert (checkout.logs / "trades.jsonl").read_text() == book, "a restart repeats no trade"


def test_stop_ends_a_sleeping_weekend_at_once(checkout: Checkout, world: World) -> None:
    world(SATURDAY_NOON)
    assert checkout.run("start").returncode == 0
    calendar = json.loads((checkout.logs / "status.json").read_text())["calendar"]
    assert (calendar["open"], calendar["next_open"]) == (False, MONDAY_OPEN)
    assert seconds_to_stop(checkout) < STOP_SECONDS
    assert checkout.state() == "stopped"


def price_children(daemon: int) -> set[int]:
    """The pids of the daemon's children that ask Yahoo; one that was just forked has not its own name yet."""
    return {pid for pid, (parent, command) in processes().items() if parent == daemon and "yahoo.child" in command}


def test_stop_ends_a_call_to_yahoo_that_hangs_and_leaves_no_process(checkout: Checkout, world: World) -> None:
    yahoo = world(TUESDAY_NOON)
    yahoo.fault("hang", on="any")
    starting = checkout.begin("start")
    eventually(lambda: bool(yahoo.requests), "Yahoo has been asked", seconds=30)
    daemon = checkout.daemon()
    eventually(lambda: len(price_children(daemon)) == 1, "a child of the daemon waits for Yahoo")
    children = price_children(daemon)
    assert seconds_to_stop(checkout) < STOP_SECONDS
    start = finished(starting)
    assert start.returncode != 0
    assert "did not start" in start.stderr
    eventually(lambda: not processes().keys() & {daemon, *children}, "nothing of it is left")
    assert checkout.run("status").returncode == 3, "a stop is no error, whatever it interrupts"
    assert not (checkout.logs / "last_end.json").exists()


def test_a_bad_config_is_refused_by_the_real_daemon(checkout: Checkout) -> None:
    (checkout.folder / "config.json").write_text('{"dry_run": false, "check_interval_minutes": 0}')
    for command in ("start", "run", "once"):
        refused = checkout.run(command)
        assert refused.returncode == 2, command
        assert "check_interval_minutes: must be at least 1, was 0" in refused.stderr
        assert "there is no account to trade" in refused.stderr
        assert checkout.logs.exists() == (command == "run"), "what a service refuses is not on anybody's screen"
        shutil.rmtree(checkout.logs, ignore_errors=True)


def test_a_start_that_a_service_refuses_is_written_down_shown_told_once_and_rings(checkout: Checkout) -> None:
    (checkout.folder / "config.json").write_text('{"check_interval_minutes": 0}')
    with receiving() as receiver:
        checkout.environment["QQQBOT_PING_URL"] = receiver.url("ping/token")
        checkout.environment["QQQBOT_NOTIFY_URLS"] = receiver.json_url()
        for _ in range(2):  # as a supervisor would
            assert checkout.run("run").returncode == 2
        assert receiver.calls == ["/ping/token/fail"] * 2
        assert receiver.titles() == ["qqqbot: The bot could not start or go on"]
        assert "check_interval_minutes: must be at least 1, was 0" in receiver.messages[0]["message"]
        assert "exit code 2: " in receiver.bodies[0]
        assert "check_interval_minutes: must be at least 1, was 0" in receiver.bodies[0]
    status = checkout.run("status")
    assert status.returncode == 1
    assert "check_interval_minutes" in status.stdout


def test_a_second_start_that_is_refused_rings_for_nobody_while_the_first_is_well(
    checkout: Checkout, world: World
) -> None:
    world(TUESDAY_NOON)
    assert checkout.run("start").returncode == 0
    (checkout.folder / "config.json").write_text("{")
    with receiving() as receiver:
        checkout.environment["QQQBOT_PING_URL"] = receiver.url("ping/token")
        checkout.environment["QQQBOT_NOTIFY_URLS"] = receiver.json_url()
        refused = checkout.run("run")
        assert refused.returncode == 2
        assert "not valid JSON" in refused.stderr
        assert (receiver.calls, receiver.titles()) == ([], [])
    assert not (checkout.logs / "last_end.json").exists()
    assert checkout.run("status").returncode == 0


def test_records_that_were_moved_away_end_the_daemon_at_once_and_can_be_put_back(
    checkout: Checkout, world: World
) -> None:
    world(TUESDAY_NOON)
    with receiving() as receiver:
        checkout.environment["QQQBOT_NOTIFY_URLS"] = receiver.json_url()
        running = checkout.begin("run")
        eventually(lambda: checkout.logs.exists() and checkout.run("status").returncode == 0, "it is healthy")
        checkout.logs.rename(checkout.folder / "moved")
        ended = finished(running, timeout=30)
        assert ended.returncode == 1
        assert "was moved or removed while the daemon ran" in ended.stderr
        assert "did not start" not in receiver.messages[-1]["message"], "it had started"
    assert not checkout.logs.exists(), "a new folder would be in the way of the old one"
    (checkout.folder / "moved").rename(checkout.logs)
    assert checkout.run("start").returncode == 0


def test_who_cannot_write_down_why_he_ends_tells_it_and_refused_starts_only_ring(
    checkout: Checkout, world: World
) -> None:
    world(TUESDAY_NOON)
    with receiving() as receiver:
        checkout.environment["QQQBOT_PING_URL"] = receiver.url("ping/token")
        checkout.environment["QQQBOT_NOTIFY_URLS"] = receiver.json_url()
        running = checkout.begin("run")
        eventually(lambda: checkout.logs.exists() and checkout.run("status").returncode == 0, "it is healthy")
        checkout.logs.rename(checkout.folder / "unmounted")
        checkout.logs.touch()
        assert finished(running).returncode == 1
        assert receiver.titles()[-1] == "qqqbot: The bot could not start or go on"
        told = len(receiver.titles())
        for _ in range(2):  # as a supervisor would
            assert checkout.run("run").returncode == 1
        assert receiver.calls[-3:] == ["/ping/token/fail"] * 3
        assert len(receiver.titles()) == told


def test_a_run_that_was_killed_is_noticed_by_the_next_one(checkout: Checkout, world: World) -> None:
    world(TUESDAY_NOON)
    assert checkout.run("start").returncode == 0
    os.kill(json.loads((checkout.logs / "status.json").read_text())["pid"], signal.SIGKILL)
    eventually(lambda: checkout.run("status").returncode == 1, "it is dead")
    assert checkout.run("start").returncode == 0
    assert "crashed: the last run ended without saying so; last seen" in checkout.run("logs").stdout
    assert checkout.run("stop").returncode == 0
    assert checkout.run("start").returncode == 0
    assert checkout.run("logs").stdout.count("crashed:") == 1, "a stop is not a crash"
    assert checkout.run("stop").returncode == 0


def test_a_book_with_garbage_is_refused_with_its_line(checkout: Checkout) -> None:
    checkout.logs.mkdir()
    (checkout.logs / "trades.jsonl").write_text("garbage\n" * 2)
    refused = checkout.run("start")
    assert refused.returncode == 1
    assert "the last lines of" in refused.stderr
    assert "trades.jsonl" in refused.stderr
    assert "line 1" in refused.stderr


def test_once_prints_its_plan_and_refuses_beside_a_daemon(checkout: Checkout, world: World) -> None:
    world(TUESDAY_NOON)
    alone = checkout.run("once")
    assert alone.returncode == 0, alone.stderr
    assert alone.stdout
    checkout.run("start")
    beside = checkout.run("once")
    assert beside.returncode == 1
    assert f"another daemon (pid {checkout.daemon()})" in beside.stderr
