"""The command in messages; that of an installed program is tested in tests/process, with an installed program."""

from qqqbot.model.program import COMMAND


def test_a_checkout_has_the_script() -> None:
    assert COMMAND == "./bot_control.sh"
