"""monitor.py as its owner runs it: the real process, its exit codes and its output, piped and on a terminal."""

import fcntl
import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

import pytest

import monitor
from qqqbot.runtime.clock import SystemClock, VirtualClock
from tests.support.builders import NOW
from tests.support.monitor_samples import LogsFolder, blocked, book, book_row, decision_row, status_values

ROOT = Path(__file__).resolve().parents[2]
# Time passes while a test runs: the daemon of these tests beat just now, whenever that is.
CLOCK = SystemClock()


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[LogsFolder]:
    """A healthy daemon, this process, that holds its lock."""
    found = LogsFolder(tmp_path / "logs")
    found.rows("trades.jsonl", book())
    found.rows("decisions.jsonl", [decision_row()])
    found.text("trading_bot_20261124.log", "".join(f"line {n}\n" for n in range(100)))
    beat(found)
    lock = found.text("bot.pid", f"{os.getpid()}\n")
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield found


def beat(logs: LogsFolder, **overrides: Any) -> None:
    logs.status(**status_values(CLOCK.now(), **{"pid": os.getpid(), **overrides}))


def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(ROOT / "monitor.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "TERM": "xterm-256color", **environment},
    )


def of(logs: LogsFolder, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return run("--logs-dir", str(logs.path), *arguments)


def test_a_healthy_daemon_exits_with_0(logs: LogsFolder) -> None:
    done = of(logs)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("DRY RUN: simulated account, no order can reach a broker\n")
    assert "Problems    none\n" in done.stdout


def test_a_stale_heartbeat_exits_with_1(logs: LogsFolder) -> None:
    beat(logs, heartbeat_at=(CLOCK.now() - timedelta(minutes=4)).isoformat())
    assert of(logs, "--status").returncode == 1


def test_a_free_lock_exits_with_1_unless_the_daemon_said_that_it_stopped(tmp_path: Path) -> None:
    dead = LogsFolder(tmp_path / "logs")
    dead.text("bot.pid", f"{os.getpid()}\n")
    beat(dead)
    assert of(dead, "--status").returncode == 1
    beat(dead, state="stopped")
    assert of(dead, "--status").returncode == 3


def test_never_started_exits_with_3_and_says_how_to_start(tmp_path: Path) -> None:
    done = run("--status", "--logs-dir", str(tmp_path / "nowhere"))
    assert done.returncode == 3
    assert "./bot_control.sh start" in done.stdout


def test_a_halt_exits_with_4(logs: LogsFolder) -> None:
    logs.text("HALT", "by hand: a look first\n")
    done = of(logs, "--status")
    assert done.returncode == 4
    assert "Trading is halted: by hand: a look first" in done.stdout


def test_a_book_that_differs_exits_with_4(logs: LogsFolder) -> None:
    beat(logs, last_check=blocked("book", "they differ", "LedgerMismatch"))
    assert of(logs, "--status").returncode == 4


def test_an_account_that_does_not_answer_while_decisions_are_due_exits_with_5(logs: LogsFolder) -> None:
    now, hour = CLOCK.now(), timedelta(hours=1)
    session = {"open": (now - hour).isoformat(), "close": (now + hour).isoformat()}
    gone = {"problem": "nothing listens there", "problem_since": (now - hour).isoformat()}
    beat(logs, calendar={"session": session}, **gone)
    done = of(logs, "--status")
    assert done.returncode == 5
    assert "failing" in done.stdout


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_a_day_that_cannot_have_records_is_refused_in_words(logs: LogsFolder, day: str) -> None:
    done = of(logs, "--why", day)
    assert done.returncode == 2
    assert "expected a date like 2026-11-25 (1970 to 9000), today or yesterday, a time like 15:45" in done.stderr
    assert f"found {day}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_garbage_status_is_reported_without_a_traceback(logs: LogsFolder) -> None:
    logs.text("status.json", '{"state": "run')
    done = of(logs)
    assert "status.json is empty or damaged" in done.stdout
    assert done.stderr == ""


VIEWS = (
    *(["--status"], ["--trades"], ["--logs"], ["--performance"]),
    *(["--why"], ["--why", "2026-11-24"], ["--why", "2026-11-24", "12:00"], ["--replay", "2026-11-24"]),
)


@pytest.mark.parametrize("view", VIEWS, ids=" ".join)
def test_a_pipe_gets_plain_text(logs: LogsFolder, view: list[str]) -> None:
    done = of(logs, *view)
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    assert "\x1b" not in done.stdout
    assert len(done.stdout.splitlines()) >= (4 if view[0] == "--replay" else 6)


@pytest.mark.parametrize("view", VIEWS, ids=" ".join)
def test_every_view_has_its_json(logs: LogsFolder, view: list[str]) -> None:
    done = of(logs, *view, "--json")
    facts = json.loads(done.stdout)
    assert (facts["schema"], facts["mode"], facts["account"]) == (1, "dry_run", "simulated")


@pytest.mark.parametrize("view", [["--drift"], ["--why", "never"], ["--live"], ["--web", "--bind", "no.such.name."]])
def test_a_program_is_told_why_there_is_no_view(tmp_path: Path, view: list[str]) -> None:
    done = run(*view, "--json", "--logs-dir", str(tmp_path), QQQBOT_CONFIG=str(tmp_path / "config.json"))
    assert done.returncode in (1, 2)
    assert done.stderr == f"monitor: {json.loads(done.stdout)['error']}\n"


@pytest.mark.parametrize("view", VIEWS, ids=" ".join)
def test_every_view_of_an_empty_folder_says_something(tmp_path: Path, view: list[str]) -> None:
    done = run(*view, "--logs-dir", str(tmp_path))
    assert done.returncode == (3 if view == ["--status"] else 0)
    assert len(done.stdout.splitlines()) >= 2
    assert done.stderr == ""


@pytest.mark.parametrize("view", VIEWS, ids=" ".join)
def test_every_view_of_a_demonstration_says_so_first_and_last(logs: LogsFolder, view: list[str]) -> None:
    beat(logs, simulated_prices=True)
    lines = of(logs, *view).stdout.splitlines()
    assert lines[0].startswith("SIMULATED PRICES")
    assert lines[-1] == "SIMULATED PRICES"
    assert json.loads(of(logs, *view, "--json").stdout)["simulated_prices"] is True


@pytest.mark.parametrize("view", VIEWS[:2], ids=" ".join)
def test_a_terminal_of_eighty_columns_gets_colours_and_is_not_overrun(logs: LogsFolder, view: list[str]) -> None:
    beat(logs, mode="live", account="U1234567", agrees=False)
    text = on_a_terminal("--logs-dir", str(logs.path), *view)
    assert "\x1b[" in text
    assert "LIVE: orders are for real money" in text
    assert "U1234567" not in text
    assert max(len(line.rstrip()) for line in without_colours(text).splitlines()) <= 80


def on_a_terminal(*arguments: str) -> str:
    controller, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80"}
    environment.pop("NO_COLOR", None)
    with subprocess.Popen(
        [sys.executable, str(ROOT / "monitor.py"), *arguments], stdout=terminal, stdin=terminal, env=environment
    ):
        os.close(terminal)
        chunks = []
        while chunk := read_or_end(controller):
            chunks.append(chunk)
    os.close(controller)
    return b"".join(chunks).decode()


def read_or_end(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux reports the end of a terminal this way
        return b""


def without_colours(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_limit_and_lines_choose_how_much(logs: LogsFolder) -> None:
    assert len(json.loads(of(logs, "--trades", "--limit", "2", "--json").stdout)["trades"]) == 2
    assert of(logs, "--logs", "--lines", "2").stdout.splitlines()[1:] == ["line 98", "line 99"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--limit", "0"],
        ["--lines", "many"],
        ["--trades", "--logs"],
        ["--why", "tomorrow"],
        ["--replay", "12"],
        ["--unheard-of"],
    ],
    ids=" ".join,
)
def test_a_wrong_argument_exits_with_2_and_a_sentence(tmp_path: Path, arguments: list[str]) -> None:
    done = run(*arguments, "--logs-dir", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_the_folder_may_come_from_the_environment(logs: LogsFolder) -> None:
    assert json.loads(run("--trades", "--json", QQQBOT_LOGS=str(logs.path)).stdout)["trades"]


def test_a_reader_that_closes_early_is_no_error(logs: LogsFolder) -> None:
    logs.rows("trades.jsonl", [book_row("BUY", "QQQ", 1, 500.0, NOW)] * 20_000)
    command = [sys.executable, str(ROOT / "monitor.py"), "--logs-dir", str(logs.path), "--trades", "--limit", "20000"]
    # Unbuffered output swallows the error on its own.
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=buffered) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("DRY RUN")
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=120) == 0


@pytest.mark.parametrize("where", [">&-", "| true", ">&- 2>&-"])
def test_the_exit_code_is_the_views_though_nobody_reads_what_it_prints(logs: LogsFolder, where: str) -> None:
    logs.text("HALT", "by hand\n")
    command = f'set -o pipefail; sleep 0.1 | "$@" {where}'
    monitor_py = [sys.executable, str(ROOT / "monitor.py"), "--logs-dir", str(logs.path), "--status"]
    done = subprocess.run(["bash", "-c", command, "bash", *monitor_py], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (4, "")


def test_a_full_disk_that_takes_the_output_is_not_called_unreadable_records(logs: LogsFolder) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    done = printing_to_a_full_disk(logs, "--trades")
    assert done.returncode == 1
    assert done.stderr.startswith(f"monitor: cannot print, or read {logs.path}: ")


@pytest.mark.parametrize(("view", "code", "lines"), [("--status", 1, 1), ("--tail", 1, 1), ("--help", 0, 0)])
def test_the_interpreter_adds_nothing_about_a_full_disk(logs: LogsFolder, view: str, code: int, lines: int) -> None:
    """It wrote "Exception ignored in" below the sentence, and ended with 120."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    done = printing_to_a_full_disk(logs, view)
    assert (done.returncode, done.stderr.count("\n")) == (code, lines)


def printing_to_a_full_disk(logs: LogsFolder, view: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(ROOT / "monitor.py"), "--logs-dir", str(logs.path), view]
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with open("/dev/full", "w") as full:
        return subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=buffered)


def test_a_wrong_argument_is_one_sentence_without_another_programs_usage(logs: LogsFolder) -> None:
    done = of(logs, "--trades", "--limit", "abc")
    told = "monitor: --limit: must be a whole number of at least 1, was abc; --help lists what is possible\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", told)


def test_no_file_takes_the_number_of_a_stream_that_the_caller_closed(tmp_path: Path) -> None:
    script = "import qqqbot, os, sys; found = open(sys.argv[1], 'w'); print('said'); found.write(str(found.fileno()))"
    command = f'"{sys.executable}" -c "{script}" "$1" <&- >&- 2>&-'
    subprocess.run(["bash", "-c", command, "bash", str(tmp_path / "book")], cwd=ROOT, check=True)
    assert int((tmp_path / "book").read_text()) > 2


def test_files_that_may_not_be_read_are_named(logs: LogsFolder) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    (logs.path / "status.json").chmod(0)
    done = of(logs)
    assert done.returncode == 1
    assert "cannot read" in done.stderr
    assert "status.json" in done.stderr


@pytest.mark.parametrize(
    ("name", "view"),
    [
        ("status.json", "--status"),
        ("bot.pid", "--status"),
        ("trades.jsonl", "--trades"),
        ("decisions.jsonl", "--why"),
        ("inputs.jsonl", "--replay"),
        ("orders.jsonl", "--status"),
        ("trading_bot_20261124.log", "--logs"),
    ],
)
def test_a_pipe_in_the_place_of_a_file_is_named_and_not_waited_for(logs: LogsFolder, name: str, view: str) -> None:
    (logs.path / name).unlink(missing_ok=True)
    os.mkfifo(logs.path / name)
    done = of(logs, view)
    assert done.returncode == 1
    assert f"{logs.path / name}" in done.stderr
    assert "it is a pipe or a device; remove it" in done.stderr


def test_nothing_heavy_and_nothing_that_trades_is_loaded(logs: LogsFolder) -> None:
    unwanted = "pandas numpy yfinance exchange_calendars ibapi pydantic rich apprise ib_broker"
    code = (
        "import io, sys, monitor; monitor.main(sys.argv[1:], out=io.StringIO());"
        f"unwanted = {unwanted.split()};"
        "print([m for m in sys.modules if m.split('.')[0] in unwanted or m.startswith('qqqbot.adapters')])"
    )
    for view in (*VIEWS, ["--status", "--json"]):
        done = subprocess.run(
            [sys.executable, "-c", code, "--logs-dir", str(logs.path), *view],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.stdout == "[]\n", done.stderr


def test_the_tail_follows_until_ctrl_c_and_leaves_quietly(logs: LogsFolder) -> None:
    beat(logs, simulated_prices=True)
    with subprocess.Popen(
        [sys.executable, str(ROOT / "monitor.py"), "--logs-dir", str(logs.path), "--tail", "--lines", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = [read_line(process.stdout) for _ in range(2)]
        with (logs.path / "trading_bot_20261125.log").open("a") as after_midnight:
            after_midnight.write("2026-11-25T00:00:01.000-05:00 INFO account=DU1234567\n")
        followed = read_line(process.stdout)
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=120)
    assert first == ["SIMULATED PRICES. DRY RUN: simulated account, no order can reach a broker", "line 99"]
    assert followed == "2026-11-25T00:00:01.000-05:00 INFO account=DU***567"
    assert (rest, errors, process.returncode) == ("SIMULATED PRICES\n", "", 0)


def read_line(stream: IO[str]) -> str:
    return stream.readline().rstrip("\n")


def test_the_tail_as_json_is_one_object_for_each_line(logs: LogsFolder) -> None:
    out = io.StringIO()
    stopped = VirtualClock(NOW, stop_at=NOW)
    code = monitor.main(["--logs-dir", str(logs.path), "--tail", "--lines", "2", "--json"], clock=stopped, out=out)
    assert code == 0
    assert [json.loads(line)["text"] for line in out.getvalue().splitlines()] == ["line 98", "line 99"]


def bytes_read_by(logs: LogsFolder, *view: str) -> int:
    """Bytes that a whole run of the monitor reads, from the kernel's own count."""
    code = (
        "import io, sys, monitor; monitor.main(sys.argv[1:], out=io.StringIO());"
        "print(open('/proc/self/io').readline().split()[1])"
    )
    command = [sys.executable, "-c", code, "--logs-dir", str(logs.path), *view]
    return int(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True).stdout)


@pytest.mark.parametrize("view", [["--status"], ["--trades"]], ids=" ".join)
def test_a_book_of_a_million_rows_costs_what_one_of_a_thousand_does(logs: LogsFolder, view: list[str]) -> None:
    if not Path("/proc/self/io").exists():
        pytest.skip("this system does not count the bytes that a process reads")
    row = {"timestamp": NOW.isoformat(), "mode": "dry_run", "account": "simulated", "kind": "trade", "symbol": "QQQ"}
    path = logs.rows("trades.jsonl", [row] * 1000)
    bytes_read_by(logs, *view)  # compiles what has not been compiled yet
    small = bytes_read_by(logs, *view)
    thousand = path.read_bytes()
    with path.open("wb") as file:
        for _ in range(1000):
            file.write(thousand)
    assert abs(bytes_read_by(logs, *view) - small) < 4096


def test_live_names_what_took_its_place(logs: LogsFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert monitor.main(["--live", "--logs-dir", str(logs.path)]) == 2
    assert capsys.readouterr().err == (
        "monitor: there is no --live: use `watch -n5 ./bot_control.sh status` in a terminal, or --web for a page\n"
    )
