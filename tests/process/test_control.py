"""bot_control.sh with a stand-in for the daemon: what the script itself promises, one real process after another."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drill.checkout import ROOT, eventually, finished
from qqqbot.runtime import place
from qqqbot.runtime.control import Control
from qqqbot.runtime.processes import Processes
from tests.support.checkout import Checkout

DAEMON = "daemon"


@pytest.fixture
def bot(checkout: Checkout) -> Checkout:
    return checkout.with_standin_daemon()


@pytest.fixture
def stranger() -> Iterator["subprocess.Popen[bytes]"]:
    """A process that is not ours and must not be harmed."""
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


def by_hand(bot: Checkout, *arguments: str) -> "subprocess.Popen[bytes]":
    """The daemon started beside the script."""
    command = [str(bot.folder / ".venv/bin/python"), str(bot.folder / "qqq_trading_bot.py"), *arguments]
    process = subprocess.Popen(command, env=bot.environment, stderr=subprocess.DEVNULL)
    eventually(lambda: bot.holder() is not None, "the daemon holds the lock")
    return process


# Start and stop


def test_start_prints_the_first_status_and_stop_ends_the_daemon(bot: Checkout) -> None:
    started = bot.run("start")
    assert (started.returncode, started.stderr) == (0, "")
    pid = bot.daemon()
    assert started.stdout == f"started (pid {pid})\nmonitor --status\n"
    stopped = bot.run("stop")
    assert (stopped.returncode, stopped.stdout, stopped.stderr) == (0, "stopped\n", "")
    assert bot.holder() is None
    assert bot.state() == "stopped"


def test_start_waits_for_the_first_check(bot: Checkout) -> None:
    bot.run("start", STANDIN_SECONDS="0.7")
    assert bot.state() == "running"


def test_the_daemon_survives_its_terminal_and_keeps_nothing_of_its_caller(bot: Checkout) -> None:
    kept = os.open(bot.folder, os.O_RDONLY)
    os.set_inheritable(kept, True)
    try:
        command = [str(bot.script), "start"]
        subprocess.run(command, env=bot.environment, close_fds=False, check=True, capture_output=True)
    finally:
        os.close(kept)
    pid = bot.daemon()
    assert os.getsid(pid) == pid
    if Path("/proc/self/fd").exists():
        files = {os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()}
        assert files == {"/dev/null", str(bot.logs / "nohup.log"), str(bot.logs / "bot.pid")}
        assert os.readlink(f"/proc/{pid}/cwd") == str(bot.folder)


def test_the_script_keeps_compiled_modules(bot: Checkout) -> None:
    bot.run("start")
    eventually((bot.folder / "qqqbot" / "__pycache__").exists, "compiled modules are kept")


def test_starting_twice_and_stopping_twice_succeed_quietly(bot: Checkout) -> None:
    bot.run("start")
    pid = bot.daemon()
    again = bot.run("start")
    assert (again.returncode, again.stdout, again.stderr) == (0, f"already running (pid {pid})\n", "")
    assert bot.daemon() == pid
    bot.run("stop")
    again = bot.run("stop")
    assert (again.returncode, again.stdout, again.stderr) == (0, "not running\n", "")
    assert bot.calls().count(DAEMON) == 1


def test_starts_at_the_same_instant_make_one_daemon_and_all_succeed(bot: Checkout) -> None:
    starts = [bot.begin("start", STANDIN_SECONDS="0.5") for _ in range(4)]
    results = [finished(start) for start in starts]
    assert [result.returncode for result in results] == [0] * 4, [result.stderr for result in results]
    pid = bot.daemon()
    assert bot.calls() == [DAEMON]
    first_lines = sorted(result.stdout.splitlines()[0] for result in results)
    assert first_lines == [f"already running (pid {pid})"] * 3 + [f"started (pid {pid})"]


def test_a_start_during_a_stop_ends_with_a_new_daemon(bot: Checkout) -> None:
    bot.run("start", STANDIN_STOP="1")
    old = bot.daemon()
    stop = bot.begin("stop")
    eventually(lambda: bot.state() == "stopping", "the daemon is stopping")
    started = bot.run("start")
    assert finished(stop).returncode == 0
    assert (started.returncode, started.stderr) == (0, "")
    assert bot.daemon() != old


def test_restart_makes_a_new_daemon(bot: Checkout) -> None:
    bot.run("start")
    old = bot.daemon()
    restarted = bot.run("restart")
    assert (restarted.returncode, restarted.stderr) == (0, "")
    assert bot.daemon() != old
    assert bot.calls() == [DAEMON, "TERM", DAEMON]


def test_restart_with_a_bad_config_stops_nothing(bot: Checkout) -> None:
    bot.run("start")
    pid = bot.daemon()
    (bot.folder / "config.json").write_text('{"check_interval_minutes": 0}')
    restarted = bot.run("restart")
    assert restarted.returncode == 2
    assert "check_interval_minutes: must be at least 1, was 0" in restarted.stderr
    assert bot.daemon() == pid


def test_it_works_from_anywhere_and_through_links(bot: Checkout, tmp_path: Path) -> None:
    """The links are relative, one behind the other; the working directory holds a package of our name."""
    (tmp_path / "first").symlink_to(bot.script.relative_to(tmp_path))
    elsewhere = tmp_path / "else where"
    (elsewhere / "qqqbot").mkdir(parents=True)
    (elsewhere / "qqqbot" / "__init__.py").write_text("raise SystemExit('the wrong package')")
    (elsewhere / "second").symlink_to("../first")
    for command in ("start", "restart", "stop"):
        result = subprocess.run(
            ["./second", command], cwd=elsewhere, env=bot.environment, capture_output=True, text=True
        )
        assert (result.returncode, result.stderr) == (0, "")
    assert bot.calls().count(DAEMON) == 2


def test_relative_folders_in_the_environment_are_the_callers(bot: Checkout, tmp_path: Path) -> None:
    shutil.copy(bot.folder / "config.json", tmp_path / "mine.json")
    bot.run("start", cwd=tmp_path, QQQBOT_LOGS="my logs", QQQBOT_CONFIG="mine.json")
    assert (tmp_path / "my logs" / "bot.pid").exists()
    assert not bot.logs.exists()
    assert bot.run("stop", cwd=tmp_path, QQQBOT_LOGS="my logs").stdout == "stopped\n"


def test_no_command_speaks_of_another_folder_than_the_daemons(bot: Checkout, tmp_path: Path) -> None:
    assert bot.run("start", QQQBOT_LOGS=str(tmp_path / "my logs")).returncode == 0
    named = f"QQQBOT_LOGS='{tmp_path}/my logs' ./bot_control.sh "
    for command in ("stop", "status", "start", "halt"):
        refused = bot.run(command)
        assert (refused.returncode, named + command in refused.stderr) == (1, True), refused
    assert (bot.logs / "HALT").exists(), "the brake is pulled in any case"
    assert bot.run("halt", QQQBOT_LOGS=str(tmp_path / "my logs")).returncode == 0
    shutil.copy(bot.folder / "config.json", tmp_path / "other.json")
    mine = {"QQQBOT_LOGS": str(tmp_path / "my logs"), "QQQBOT_CONFIG": str(tmp_path / "other.json")}
    assert f"The running daemon uses {bot.folder}/config.json" in bot.run("restart", cwd=None, **mine).stderr
    assert bot.run("stop", cwd=None, **mine).stdout == "stopped\n"


def test_root_leaves_a_users_folder_alone(bot: Checkout) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make another user's folder")
    os.chown(bot.folder, 65534, 65534)
    refused = bot.run("start")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "who alone may run start there: not root, no sudo" in refused.stderr
    assert not bot.logs.exists()
    assert bot.run("status").returncode == 0


def test_run_stays_in_the_foreground_and_ends_with_term(bot: Checkout) -> None:
    foreground = bot.begin("run")
    eventually(lambda: bot.holder() == foreground.pid, "the script became the daemon")
    eventually(lambda: bot.state() == "running", "it runs")
    foreground.terminate()
    assert finished(foreground).returncode == 0


# What goes wrong


def test_a_killed_daemon_is_started_again(bot: Checkout) -> None:
    bot.run("start")
    old = bot.daemon()
    os.kill(old, signal.SIGKILL)
    eventually(lambda: bot.holder() is None, "the lock is free")
    assert bot.run("stop").stdout == "not running\n"
    assert bot.run("start").returncode == 0
    assert bot.daemon() != old


def test_a_reused_pid_is_neither_believed_nor_signalled(bot: Checkout, stranger: "subprocess.Popen[bytes]") -> None:
    bot.logs.mkdir()
    (bot.logs / "bot.pid").write_text(f"{stranger.pid}\n")
    (bot.logs / "status.json").write_text(f'{{"state": "running", "pid": {stranger.pid}}}')
    assert bot.run("stop", "--force").stdout == "not running\n"
    assert bot.run("start").returncode == 0
    assert bot.daemon() != stranger.pid
    bot.run("stop")
    assert stranger.poll() is None


def test_a_narrow_terminal_does_not_hide_whose_process_it_is(bot: Checkout) -> None:
    assert bot.run("start").returncode == 0
    assert bot.run("stop", COLUMNS="20").stdout == "stopped\n"


def test_stops_at_the_same_instant_all_succeed(bot: Checkout) -> None:
    """A daemon that is ending holds its lock for a moment without a command line: it is no other program."""
    bot.run("start")
    results = [finished(stop) for stop in [bot.begin("stop") for _ in range(6)]]
    assert {(result.returncode, result.stderr) for result in results} == {(0, "")}


def test_a_lock_held_by_another_program_is_not_signalled(bot: Checkout) -> None:
    """As when the daemon runs in a container that shares the folder: its pid means something else here."""
    bot.logs.mkdir()
    hold = (
        "import sys, time; from pathlib import Path; from qqqbot.runtime.lock import Lock;"
        "lock = Lock(Path(sys.argv[1])); lock.acquire(); time.sleep(60)"
    )
    other = subprocess.Popen([sys.executable, "-c", hold, str(bot.logs / "bot.pid")], cwd=ROOT)
    eventually(lambda: bot.holder() == other.pid, "the lock is held")
    stopped = bot.run("stop", "--force")
    assert stopped.returncode == 1
    assert "container or on another machine" in stopped.stderr
    assert other.poll() is None
    other.kill()
    other.wait()


def test_a_daemon_started_by_hand_is_found_and_stopped(bot: Checkout) -> None:
    daemon = by_hand(bot)
    assert bot.run("start").stdout == f"already running (pid {daemon.pid})\n"
    assert bot.run("stop").stdout == "stopped\n"
    assert daemon.wait() == 0


def test_a_daemon_that_dies_at_its_start_is_quoted_with_its_own_exit_code(bot: Checkout) -> None:
    bot.logs.mkdir()
    (bot.logs / "nohup.log").write_text("an older failure\n")
    started = bot.run("start", STANDIN_DIES="7")
    assert started.returncode == 7
    assert started.stdout == ""
    assert started.stderr == (f"did not start; the last lines of {bot.logs}/nohup.log:\nthe last words of the daemon\n")
    assert bot.run("start").returncode == 0


@pytest.mark.parametrize(("state", "limit"), [("starting", "READY"), ("waiting", "ACCOUNT")])
def test_a_daemon_that_is_not_ready_in_time_is_left_running_and_shown(bot: Checkout, state: str, limit: str) -> None:
    bot.environment[f"QQQBOT_{limit}_SECONDS"] = "1"
    started = bot.run("start", STANDIN_STATE=state, STANDIN_SECONDS="30")
    assert (started.returncode, started.stdout) == (1, "")
    assert "it has not finished its first check yet and is still trying." in started.stderr
    assert started.stderr.endswith("monitor --status\n")
    eventually(lambda: bot.holder() is not None, "a slow machine's daemon has come to its lock")
    again = bot.run("start")
    assert (again.returncode, again.stdout, again.stderr) == (0, f"already running (pid {bot.daemon()})\n", "")


def test_every_problem_of_the_config_is_reported_and_nothing_is_started(bot: Checkout) -> None:
    (bot.folder / "config.json").write_text('{"check_interval_minutes": 0, "short_ma_perod": 30, "dry_run": "yes"}')
    started = bot.run("start")
    assert started.returncode == 2
    assert len(started.stderr.splitlines()) == 3, started.stderr
    assert "did you mean short_ma_period?" in started.stderr
    assert not bot.logs.exists()


def test_a_daemon_that_does_not_stop_is_killed_only_by_force(bot: Checkout, tmp_path: Path) -> None:
    """Both wait out their ten seconds side by side."""
    forced = Checkout(tmp_path / "forced").with_ready_environment().with_standin_daemon()
    try:
        for each in (bot, forced):
            each.run("start", STANDIN_STOP="never")
        pid, killed = bot.daemon(), forced.daemon()
        began = time.monotonic()
        polite, force = bot.begin("stop"), forced.begin("stop", "--force")
        refused, done = finished(polite), finished(force)
        assert 9 < time.monotonic() - began < 60
        assert refused.returncode == 1
        assert "not stopped yet after 10 s" in refused.stderr
        assert "stop --force" in refused.stderr
        assert bot.daemon() == pid
        assert done.returncode == 0
        assert done.stdout.startswith(f"killed (pid {killed})")
        assert forced.calls() == [DAEMON, "TERM"]
        assert forced.holder() is None
    finally:
        forced.clean_up()


def test_a_program_that_is_gone_is_named_and_a_halt_is_made_without_it(bot: Checkout) -> None:
    shutil.rmtree(bot.folder / "qqqbot")
    for command in ("halt", "stop", "status"):
        refused = bot.run(command)
        told = f"The program is not complete: {bot.folder}/qqqbot is missing. Get the whole project again"
        assert (refused.returncode, refused.stderr.startswith(told)) == (1, True), refused
    assert (bot.logs / "HALT").exists()


def test_logs_that_cannot_be_made_are_reported_before_anything_starts(bot: Checkout) -> None:
    bot.logs.write_text("a file where the folder should be")
    started = bot.run("start")
    assert started.returncode == 1
    assert f"cannot write in {bot.logs}" in started.stderr
    assert "set QQQBOT_LOGS to another one" in started.stderr


def test_an_unreadable_lock_is_not_treated_as_free(bot: Checkout) -> None:
    bot.logs.mkdir()
    (bot.logs / "bot.pid").symlink_to(bot.logs / "bot.pid")  # what no user can open, not even root
    started = bot.run("start")
    assert started.returncode == 1
    assert "bot.pid: cannot be opened" in started.stderr
    assert bot.calls() == []
    stopped = bot.run("stop")
    assert (stopped.returncode, stopped.stdout) == (1, "")


def test_a_daemon_whose_lock_cannot_be_read_is_stopped_all_the_same(bot: Checkout) -> None:
    """Its folder lost its permissions, or its disk died: neither `halt` nor `stop` reached it."""
    assert bot.run("start").returncode == 0
    (bot.logs / "bot.pid").unlink()
    (bot.logs / "bot.pid").symlink_to(bot.logs / "bot.pid")
    stopped = bot.run("stop")
    assert (stopped.returncode, stopped.stdout) == (0, "stopped\n"), stopped.stderr
    assert bot.calls() == ["daemon", "TERM"]


@pytest.mark.parametrize(
    ("options", "reason"), [("size=64k", "No space left on device"), ("ro", "Read-only file system")]
)
def test_a_full_or_read_only_disk_is_named_and_nothing_starts(bot: Checkout, options: str, reason: str) -> None:
    """A small file system of the test's own, in a mount namespace that ends with it."""
    namespace = ["unshare", "--map-root-user", "--mount"]
    if not shutil.which("unshare") or subprocess.run([*namespace, "true"], capture_output=True).returncode:
        pytest.skip("this system lets no test mount a file system of its own")
    bot.logs.mkdir()
    script = 'mount -t tmpfs -o "$1" none "$2" && { head -c 1000000 /dev/zero >"$2/filler"; exec "$3" start; }'
    command = [*namespace, "sh", "-c", script, "sh", options, str(bot.logs), str(bot.script)]
    started = subprocess.run(command, env=bot.environment, capture_output=True, text=True)
    assert started.returncode == 1
    assert f"The bot cannot write in {bot.logs}: {reason}." in started.stderr
    assert "Free some space, make the folder writable" in started.stderr
    assert bot.calls() == []


def test_a_status_that_is_a_pipe_keeps_no_command_waiting(bot: Checkout) -> None:
    bot.logs.mkdir()
    os.mkfifo(bot.logs / "status.json")
    started = bot.run("start")
    assert started.returncode == 0, started.stderr
    os.remove(bot.logs / "status.json")
    os.mkfifo(bot.logs / "status.json")
    assert bot.run("stop").returncode == 0


def test_the_output_of_old_starts_does_not_grow_for_ever(bot: Checkout) -> None:
    bot.logs.mkdir()
    (bot.logs / "nohup.log").write_text("x" * 1_000_001)
    started = bot.run("start", STANDIN_DIES="7")
    assert started.stderr.endswith("nohup.log:\nthe last words of the daemon\n")
    assert (bot.logs / "nohup.log.1").stat().st_size == 1_000_001


# Halt, resume, adopt, leave


def test_a_halt_is_whole_with_its_reason_before_any_python_has_started(bot: Checkout) -> None:
    (bot.folder / ".venv/bin/python").write_text("#!/bin/sh\n")
    bot.run("halt", "I", "smell", "smoke")
    assert (bot.logs / "HALT").read_text() == "I smell smoke\nhalted by the owner's command\n"


def test_halt_keeps_the_first_reason_and_resume_removes_it(bot: Checkout) -> None:
    bot.run("start")
    halted = bot.run("halt", "I", "smell", "smoke")
    assert (halted.returncode, halted.stderr) == (0, "")
    assert f"The daemon (pid {bot.daemon()}) confirms it, " in halted.stdout
    assert "An order that is open at the broker is not touched" in halted.stdout
    assert (bot.logs / "HALT").read_text() == "I smell smoke\nhalted by the owner's command\n"
    assert "already halted: I smell smoke" in bot.run("halt", "again").stdout
    assert (bot.logs / "HALT").read_text() == "I smell smoke\nhalted by the owner's command\n"
    assert bot.run("resume").returncode == 0
    assert not (bot.logs / "HALT").exists()
    assert bot.run("resume").stdout == "not halted\n"


def test_halt_needs_no_python(fresh_checkout: Checkout, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("bash", "dirname", "basename", "readlink", "mkdir", "cat", "rm"):
        (tools / name).symlink_to(str(shutil.which(name)))
    command = [str(tools / "bash"), str(fresh_checkout.script)]
    environment = {**fresh_checkout.environment, "PATH": str(tools)}
    halted = subprocess.run([*command, "halt"], env=environment, capture_output=True, text=True)
    assert (halted.returncode, "it is not known whether a daemon has read it" in halted.stderr) == (1, True)
    assert (fresh_checkout.logs / "HALT").read_text() == "no reason given\nhalted by the owner's command\n"
    subprocess.run([*command, "resume"], env=environment, check=True, capture_output=True)
    assert not (fresh_checkout.logs / "HALT").exists()


def test_a_broken_path_and_a_pipe_in_its_place_keep_no_halt_from_the_folder_of_the_script(bot: Checkout) -> None:
    bot.logs.mkdir()
    os.mkfifo(bot.logs / "HALT")
    command = [str(shutil.which("bash")), str(bot.script), "halt"]
    environment = {**bot.environment, "PATH": "/nowhere"}
    halted = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert (halted.returncode, "command not found" in halted.stderr) == (1, False)
    assert halted.stdout == "already halted: no reason given\n"
    assert f"No daemon runs on {bot.logs}" in halted.stderr


def test_a_halt_that_fails_says_so_loudly(bot: Checkout) -> None:
    bot.logs.write_text("a file where the folder should be")
    halted = bot.run("halt")
    assert halted.returncode == 1
    assert "NOT halted" in halted.stderr


def test_an_answer_is_handed_on_with_its_options(bot: Checkout) -> None:
    assert bot.run("adopt", "--dry-run", "--price", "TQQQ=61.25").returncode == 0
    assert bot.calls() == ["--adopt --dry-run --price TQQQ=61.25"]


@pytest.mark.parametrize("command", ["adopt", "leave", "undo"])
def test_the_book_is_changed_only_while_no_daemon_writes_it(bot: Checkout, command: str) -> None:
    assert bot.run(command).returncode == 0
    assert bot.calls() == [f"--{command}"]
    bot.run("start")
    old = bot.daemon()
    assert bot.run(command).returncode == 0
    assert bot.calls()[1:] == [DAEMON, "TERM", f"--{command}", DAEMON]
    assert bot.daemon() != old


# Usage


def test_an_unknown_command_shows_the_usage(bot: Checkout) -> None:
    for arguments in (["strat"], [], ["start", "now"], ["stop", "--hard"]):
        result = bot.run(*arguments)
        assert result.returncode == 2, arguments
        assert "usage: ./bot_control.sh COMMAND" in result.stderr
    assert bot.calls() == []


def test_help_names_every_command(bot: Checkout) -> None:
    shown = bot.run("help")
    assert shown.returncode == 0
    listed = set(re.findall(r"^  ([a-z][a-z-]*)\b", shown.stdout, re.MULTILINE))
    known = Control(place.checkout(bot.script, {}), {}, Processes()).commands
    assert listed == set(known) - {"live"}, "live only names what replaced it"


def test_the_script_installs_the_libraries_for_every_command_that_needs_them(bot: Checkout) -> None:
    """The script names them: what it does not name must do without."""
    known = Control(place.checkout(bot.script, {}), {}, Processes()).commands
    named = re.findall(r"^    ([a-z][a-z |\\\n-]*)\)", bot.script.read_text(), re.MULTILINE)
    words = {word for group in named for word in re.findall(r"[a-z-]+", group)}
    assert set(known) - words == {"stop", "resume", "status", "help"}


@pytest.mark.parametrize("command", ["status", "trades", "logs", "tail", "performance", "why", "drift", "replay"])
def test_the_views_hand_their_options_to_the_monitor(bot: Checkout, command: str) -> None:
    assert bot.run(command, "--limit", "3 4").stdout == f"monitor --{command} --limit 3 4\n"


def test_a_status_on_a_terminal_needs_no_library(tmp_path: Path) -> None:
    """-S: without site-packages, as before anything is installed."""
    ours, theirs = os.openpty()
    command = [sys.executable, "-S", str(ROOT / "monitor.py"), "--status", "--logs-dir", str(tmp_path / "logs")]
    shown = subprocess.run(command, env={"TERM": "xterm"}, stdout=theirs, stderr=subprocess.PIPE, text=True)
    os.close(theirs)
    assert (shown.returncode, shown.stderr) == (3, "")
    assert "./bot_control.sh start" in os.read(ours, 65536).decode()
    os.close(ours)


def test_once_hands_its_options_to_the_daemon(bot: Checkout) -> None:
    assert bot.run("once").returncode == 0
    assert bot.calls() == ["--once"]
