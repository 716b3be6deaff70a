"""What a delivery says of a failure, in words of our own."""

import pytest

from qqqbot.notifications.deliver import reason


@pytest.mark.parametrize(
    ("heard", "told"),
    [
        (["Failed to send it: Forbidden, error=403."], "refused it with HTTP status 403"),
        (["A Connection error occurred sending to hunter2."], "cannot be reached"),
        (["Unparseable URL tgram://hunter2", "hunter2 said no"], "did not accept it"),
        ([], "did not accept it"),
    ],
)
def test_of_the_librarys_output_only_our_own_words_are_passed_on(heard: list[str], told: str) -> None:
    assert reason(heard) == told
