"""The table of commands: which words there are, what they take, and what they hand over to."""

import errno
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from qqqbot.runtime import place
from qqqbot.runtime.control import WITHOUT_ARGUMENTS, Control
from qqqbot.runtime.lock import Lock
from qqqbot.runtime.place import DAEMON, MONITOR, PROGRAM_FOLDER
from tests.support.control import EventClock, FakeProcesses


@pytest.fixture(autouse=True)
def same_folder_and_umask() -> Iterator[None]:
    folder, umask = os.getcwd(), os.umask(0o022)
    yield
    os.chdir(folder)
    os.umask(umask)


@pytest.fixture
def processes() -> FakeProcesses:
    return FakeProcesses()


@pytest.fixture
def control(tmp_path: Path, processes: FakeProcesses) -> Control:
    return Control(place.checkout(tmp_path / "bot_control.sh", {}), {}, processes, EventClock())


@pytest.fixture
def installed(tmp_path: Path, processes: FakeProcesses) -> Control:
    where = place.installed(Path("/venv/bin/qqqbot"), tmp_path, {})
    return Control(where, {}, processes, EventClock())


@pytest.mark.parametrize(
    "arguments", [["strat"], [], ["start", "now"], ["stop", "--hard"], ["restart", "--force", "x"]]
)
def test_a_wrong_argument_shows_the_usage(
    control: Control, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert control.main(arguments) == 2
    assert "usage: ./bot_control.sh COMMAND" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("strat", "start"),
        ("hlat", "halt"),
        ("leaf", "leave"),
        ("page", "web"),
        ("dashbord", "web"),
        ("check", "once"),
        ("xyz", None),
    ],
)
def test_a_mistyped_command_is_answered_in_two_lines_with_the_one_that_was_meant(
    control: Control, word: str, meant: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert control.main([word]) == 2
    problem, usage = capsys.readouterr().err.splitlines()
    assert problem == f"unknown command: {word}" + (f"; did you mean {meant}?" if meant else "")
    assert usage == "usage: ./bot_control.sh COMMAND; ./bot_control.sh help lists the commands"


@pytest.mark.parametrize("word", ["halt", "start", "adopt", "stop"])
def test_asking_a_command_for_help_does_nothing_else(control: Control, word: str, tmp_path: Path) -> None:
    assert control.main((word, "--help")) == 0
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize("word", ["start", "stop", "restart", "resume", "adopt", "status", "trades", "once"])
def test_a_command_about_the_wrong_folder_does_nothing(
    control: Control, processes: FakeProcesses, word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    processes.lines = [(4711, f"python {DAEMON} --logs /srv/bot --config /srv/config.json")]
    assert control.main([word]) == 1
    assert f"QQQBOT_LOGS=/srv/bot ./bot_control.sh {word}" in capsys.readouterr().err
    assert (processes.ran, processes.became, processes.asked) == ([], [], [])


def test_the_command_for_the_right_folder_has_the_options_that_were_given(
    control: Control, processes: FakeProcesses, capsys: pytest.CaptureFixture[str]
) -> None:
    processes.lines = [(4711, f"python {DAEMON} --logs /srv/bot --config /srv/config.json")]
    assert control.main(["adopt", "--dry-run"]) == 1
    assert "QQQBOT_LOGS=/srv/bot ./bot_control.sh adopt --dry-run." in capsys.readouterr().err


def test_a_halt_in_the_wrong_folder_names_the_right_one(
    control: Control, processes: FakeProcesses, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    processes.lines = [(4711, f"python {DAEMON} --logs /srv/bot --config /srv/config.json")]
    assert control.main(["halt"]) == 1
    assert (tmp_path / "logs/HALT").exists()
    assert "QQQBOT_LOGS=/srv/bot ./bot_control.sh halt" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["adopt", "--prise", "60"],
        ["adopt", "--price"],
        ["leave", "--price", "60"],
        ["undo", "twice"],
        ["leave", "--dryrun"],
    ],
)
def test_a_mistyped_answer_stops_nothing(
    control: Control, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert control.main(arguments) == 2
    assert f"{arguments[0]} does not take: {' '.join(arguments[1:])}" in capsys.readouterr().err


@pytest.mark.parametrize("word", WITHOUT_ARGUMENTS)
def test_a_command_that_takes_no_arguments_quotes_those_it_was_given(
    control: Control, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert control.main([word, "now", "please"]) == 2
    assert capsys.readouterr().err.startswith(f"{word} takes no arguments, was given: now please\n")


@pytest.mark.parametrize("word", ["stop", "restart"])
def test_a_mistyped_force_stops_nothing(control: Control, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert control.main([word, "--froce"]) == 2
    assert capsys.readouterr().err.startswith(f"{word} takes only --force, was given: --froce\n")


@pytest.mark.parametrize("word", ["help", "--help", "-h"])
def test_help_is_an_answer_and_not_an_error(control: Control, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert control.main([word]) == 0
    assert capsys.readouterr().out.startswith("usage: ./bot_control.sh COMMAND\n")


@pytest.mark.parametrize(
    "view", ["status", "trades", "logs", "tail", "performance", "drift", "why", "replay", "web", "live"]
)
def test_the_views_match_the_monitors(control: Control, processes: FakeProcesses, view: str) -> None:
    assert control.main([view, "--limit", "3 4"]) == 0
    assert processes.ran == [(str(MONITOR), f"--{view}", "--limit", "3 4")]


@pytest.mark.parametrize(
    ("word", "module"),
    [("demo", "qqqbot.demo"), ("backtest", "qqqbot.backtest"), ("notify-test", "qqqbot.notifications.try_channels")],
)
def test_a_module_is_run_in_this_process(control: Control, processes: FakeProcesses, word: str, module: str) -> None:
    assert control.main([word]) == 0
    assert processes.ran == [(module,)]


def test_the_daemon_takes_the_place_of_this_process(control: Control, processes: FakeProcesses, tmp_path: Path) -> None:
    assert (control.main(["run"]), control.main(["once", "--config", "x"])) == (0, 0)
    logs, configuration = tmp_path / "logs", tmp_path / "config.json"
    on_these = ("--logs", str(logs), "--config", str(configuration))
    assert processes.became == [(str(DAEMON), *on_these), (str(DAEMON), "--once", "--config", "x")]


def test_a_halt_takes_its_words_and_resume_removes_it(control: Control, tmp_path: Path) -> None:
    assert control.main(["halt", "I", "smell", "smoke"]) == 1, "no daemon runs"
    assert (tmp_path / "logs/HALT").read_text() == "I smell smoke\nhalted by the owner's command\n"
    assert control.main(["resume"]) == 0
    assert not (tmp_path / "logs/HALT").exists()


def test_an_unreadable_lock_is_a_refusal(control: Control, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/bot.pid").symlink_to(tmp_path / "logs/bot.pid")
    assert (control.main(["stop"]), control.main(["start"])) == (1, 1)
    assert "bot.pid: cannot be opened" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["restart", "adopt"])
def test_a_daemon_that_could_not_be_started_again_is_not_stopped(
    control: Control, processes: FakeProcesses, tmp_path: Path, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a full disk a restart stopped the bot, and only then found that it could not start it."""
    (tmp_path / "logs/.write-test").mkdir(parents=True)
    with Lock(tmp_path / "logs/bot.pid"):
        assert control.main([word]) == 1
    assert processes.sent == []
    assert "The bot cannot write in" in capsys.readouterr().err


def test_what_the_machine_refuses_is_told_without_a_traceback(
    control: Control, processes: FakeProcesses, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> None:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), "/bot/logs/nohup.log")

    processes.on_launch = refuse
    assert control.main(["start"]) == 1
    told = "start did not come to its end: /bot/logs/nohup.log: Is a directory. See ./bot_control.sh status.\n"
    assert capsys.readouterr().err == told


def test_a_daemon_whose_lock_cannot_be_read_is_stopped_all_the_same(
    control: Control, processes: FakeProcesses, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "bot.pid").symlink_to(logs / "bot.pid")
    processes.lines = [(4711, f"python {DAEMON} --logs {logs}")]
    processes.on_signal = processes.lines.clear
    assert control.main(["stop"]) == 0
    assert processes.sent == [(4711, signal.SIGTERM)]
    assert capsys.readouterr().out == "stopped\n"


def test_init_writes_a_configuration_once(
    installed: Control, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert installed.main(["init"]) == 0
    assert "start begins" in capsys.readouterr().out
    (tmp_path / "config.json").write_text("mine")
    assert installed.main(["init"]) == 1
    assert (tmp_path / "config.json").read_text() == "mine"


def test_tests_run_where_the_script_is(control: Control, processes: FakeProcesses, tmp_path: Path) -> None:
    assert control.main(["test", "-k", "gates"]) == 0
    assert processes.became[-1][:3] == ("-m", "pytest", "-n")
    assert processes.became[-1][4:] == ("-k", "gates")
    assert processes.folder == str(tmp_path)


def test_test_unit_runs_the_quick_tests(control: Control, processes: FakeProcesses) -> None:
    assert control.main(["test", "unit", "-x"]) == 0
    assert processes.became[-1][4:] == ("tests/unit", "-x")


def test_the_drill_runs_beside_the_package(control: Control, processes: FakeProcesses) -> None:
    assert control.main(["drill", "kill", "--keep"]) == 0
    assert processes.became == [("-m", "drill", "kill", "--keep")]
    assert processes.folder == str(PROGRAM_FOLDER)


def test_an_update_names_what_still_runs_with_the_old_libraries(
    control: Control, capsys: pytest.CaptureFixture[str]
) -> None:
    assert control.main(["update"]) == 0
    assert capsys.readouterr().out == "The libraries are up to date.\n"


@pytest.mark.parametrize(("word", "cure"), [("test", "checkout"), ("update", "pip install --upgrade")])
def test_a_command_that_needs_a_checkout_says_so(
    installed: Control, word: str, cure: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert installed.main([word]) == 1
    assert cure in capsys.readouterr().err
