"""The unit file; the messages to systemd need a socket: tests/process/test_systemd.py."""

from pathlib import Path

from qqqbot.runtime.systemd import TEMPLATE, Supervisor, assignment, lost_secrets, quoted, unit


def test_a_unit_keeps_odd_paths_and_no_secret() -> None:
    environment = {
        "QQQBOT_LOGS": '/a b/100%/"x"',
        "QQQBOT_NOTIFY_URLS": "tgram://hunter2",
        "QQQBOT_PING_URL": "hunter2",
    }
    template = "@ENVIRONMENT@\nExecStart=@SCRIPT@\nWorkingDirectory=@FOLDER@"
    text = unit(template, Path("/50% bot/bot_control.sh"), Path("/50% bot"), environment)
    assert text.splitlines() == [
        r'Environment="QQQBOT_LOGS=/a b/100%%/\"x\""',
        'ExecStart="/50%% bot/bot_control.sh"',
        "WorkingDirectory=/50%% bot",
    ]


def test_a_word_in_a_unit_escapes_what_systemd_would_interpret() -> None:
    assert quoted(r'a "b" \c 5%') == r'"a \"b\" \\c 5%%"'
    assert assignment("A", "b") == 'Environment="A=b"'


def test_the_template_restarts_after_a_crash_but_not_after_a_bad_configuration() -> None:
    lines = TEMPLATE.read_text(encoding="utf-8").splitlines()
    assert {"ExecStart=@SCRIPT@ run", "Restart=on-failure", "RestartPreventExitStatus=2", "Type=notify"} <= set(lines)


def test_secrets_of_the_environment_are_named_with_the_file_that_can_hold_them_and_never_shown() -> None:
    lost = lost_secrets(Path("/etc/bot"), {"QQQBOT_NOTIFY_URLS": "tgram://hunter2", "QQQBOT_PING_URL": " "})
    assert len(lost) == 1
    assert lost[0].startswith("QQQBOT_NOTIFY_URLS is set, but a service does not see it")
    assert "'/etc/bot/notify_urls.txt', readable by you alone" in lost[0]
    assert "hunter2" not in lost[0]


def test_without_systemd_nothing_is_sent() -> None:
    """A socket would be noticed: no unit test may open one."""
    Supervisor({}).report("running", "all is well")
