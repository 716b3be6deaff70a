"""Where a command finds the program's files and the owner's."""

from pathlib import Path

from qqqbot.runtime import place
from qqqbot.runtime.place import PROGRAM_FOLDER

HERE = Path.cwd()


def test_in_a_checkout_everything_is_beside_the_script() -> None:
    found = place.checkout(Path("/bot/bot_control.sh"), {})
    assert (found.home, found.logs, found.config) == (Path("/bot"), Path("/bot/logs"), Path("/bot/config.json"))


def test_installed_it_is_in_the_folder_of_the_caller() -> None:
    found = place.installed(Path("/venv/bin/qqqbot"), Path("/home/me"), {})
    assert (found.home, found.logs, found.config) == (
        Path("/home/me"),
        Path("/home/me/logs"),
        Path("/home/me/config.json"),
    )


def test_the_environment_may_say_otherwise_from_the_callers_folder() -> None:
    variables = {"QQQBOT_LOGS": "mine", "QQQBOT_CONFIG": "/etc/bot.json"}
    found = place.checkout(Path("/bot/bot_control.sh"), variables)
    assert (found.logs, found.config) == (HERE / "mine", Path("/etc/bot.json"))


def test_a_started_process_gets_absolute_paths_and_only_what_was_set() -> None:
    variables = {"QQQBOT_PING_URL_FILE": "ping", "QQQBOT_NOTIFY_URLS": "secret", "QQQBOT_CONFIG": ""}
    found = place.environment_for(place.checkout(Path("/bot/bot_control.sh"), variables), variables, Path("/me"))
    assert found == {"QQQBOT_PING_URL_FILE": "/me/ping", "QQQBOT_HOME": "/bot", "QQQBOT_LOGS": "/bot/logs"}


def test_home_is_the_programs_own_folder_unless_a_command_names_one() -> None:
    assert place.home({}) == PROGRAM_FOLDER
    assert place.home({"QQQBOT_HOME": "/home/me"}) == Path("/home/me")
    assert place.DAEMON.is_file()
    assert place.MONITOR.is_file()
