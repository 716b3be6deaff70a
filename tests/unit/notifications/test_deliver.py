"""What a delivery says of a failure, in words of our own."""

import pytest

from qqqbot.notifications.deliver import reason


@pytest.mark.parametrize(
    ("heard", "told", "status"),
    [
        (["Failed to send it: Forbidden, error=403."], "refused it with HTTP status 403", 403),
        (["A Connection error occurred sending to hunter2."], "cannot be reached", 0),
        (["Unparseable URL tgram://hunter2", "hunter2 said no"], "did not accept it", 0),
        ([], "did not accept it", 0),
    ],
)
def test_of_the_librarys_output_only_our_own_words_are_passed_on(heard: list[str], told: str, status: int) -> None:
    assert reason(heard) == (told, status)
