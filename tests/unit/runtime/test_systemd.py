"""The unit file; the messages to systemd need a socket: tests/process/test_systemd.py."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from qqqbot.runtime import place
from qqqbot.runtime.secret_files import NOTIFY, PING
from qqqbot.runtime.systemd import HANG_SECONDS, Supervisor, assignment, lost_secrets, quoted, unit, unquoted


def test_a_unit_keeps_odd_paths_and_no_secret() -> None:
    environment = {
        "QQQBOT_LOGS": '/a b/100%/"x"',
        "QQQBOT_NOTIFY_URLS": "tgram://hunter2",
        "QQQBOT_PING_URL": "hunter2",
    }
    template = "@ENVIRONMENT@\nExecStart=@COMMAND@\nWorkingDirectory=@FOLDER@"
    where = place.checkout(Path("/Bob's 50% $HOME bot/bot_control.sh"), {})
    assert unit(template, ("run",), where, environment).splitlines() == [
        r'Environment="QQQBOT_LOGS=/a b/100%%/\"x\""',
        """ExecStart=/usr/bin/env bash "/Bob's 50%% $$HOME bot/bot_control.sh" run""",
        "WorkingDirectory=/Bob's 50%% $HOME bot",
    ]


def test_an_installed_command_is_run_as_it_is() -> None:
    where = place.installed(Path("/venv/bin/qqqbot"), Path("/me"), {})
    assert unit("@COMMAND@", ("run",), where, {}) == '"/venv/bin/qqqbot" run'


def test_a_unit_keeps_how_the_shell_reaches_the_internet() -> None:
    network = {"https_proxy": "http://me:pw@proxy:3128", "NO_PROXY": "localhost", "REQUESTS_CA_BUNDLE": "/ca.pem"}
    others = {"PATH": "/bin", "HTTPS_PROXY": "", "MY_PROXY_OLD": "x"}
    assert unit(
        "@ENVIRONMENT@", (), place.checkout(Path("/b/bot_control.sh"), {}), {**others, **network}
    ).splitlines() == [
        'Environment="NO_PROXY=localhost"',
        'Environment="REQUESTS_CA_BUNDLE=/ca.pem"',
        'Environment="https_proxy=http://me:pw@proxy:3128"',
    ]


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0\r")))
def test_what_a_unit_quotes_is_read_back(text: str) -> None:
    assert unquoted(quoted(text)[1:-1]) == text
    assert "\n" not in quoted(text), "one line"


def test_a_word_in_a_unit_escapes_what_systemd_would_interpret() -> None:
    assert quoted(r'a "b" \c 5%') == r'"a \"b\" \\c 5%%"'
    assert assignment("A", "b") == 'Environment="A=b"'


def test_the_template_restarts_after_a_crash_but_not_after_a_bad_configuration() -> None:
    folder = Path(place.__file__).parent
    bot, page = ((folder / name).read_text().splitlines() for name in ("qqqbot.service", "qqqbot-page.service"))
    for lines in (bot, page):
        assert {"ExecStart=@COMMAND@", "Restart=on-failure", "RestartPreventExitStatus=2", "Type=notify"} <= set(lines)
    assert f"WatchdogSec={HANG_SECONDS}" in bot
    assert not any(line.startswith("WatchdogSec") for line in page), "it does not beat"


def test_secrets_of_the_environment_are_named_with_the_file_that_can_hold_them_and_never_shown() -> None:
    lost = lost_secrets(
        Path("/etc/bot"), {"QQQBOT_NOTIFY_URLS": "tgram://hunter2", "QQQBOT_PING_URL": " "}, NOTIFY, PING
    )
    assert len(lost) == 1
    assert lost[0].startswith("QQQBOT_NOTIFY_URLS is set, but a service does not see it")
    assert "'/etc/bot/notify_urls.txt', readable by you alone" in lost[0]
    assert "hunter2" not in lost[0]


def test_without_systemd_nothing_is_sent() -> None:
    """A socket would be noticed: no unit test may open one."""
    Supervisor({}).report("running", "all is well")
