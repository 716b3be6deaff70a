"""How failures of Yahoo are classified: tests/process/test_yahoo_child.py has the sockets and the process."""

import pytest

from qqqbot.adapters.yahoo.asking import CODES, CURL_CODES, SENTENCES, STATUS_CODES, SourceFailed, classify


class Timeout(OSError):
    """Named like curl_cffi's."""


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ValueError("?"), 429, "rate_limited"),
        (ValueError("?"), 403, "refused"),
        (ValueError("?"), 404, "not_found"),
        (ValueError("?"), 418, "refused"),
        (ValueError("?"), 502, "server_error"),
        (Timeout(), None, "too_slow"),
        (ConnectionResetError(), None, "connection"),
        (KeyError("chart"), 200, "unreadable"),
    ],
)
def test_the_status_decides_if_it_is_an_error_else_the_exception(
    error: Exception, status: int | None, code: str
) -> None:
    assert classify(error, status) == code


def test_every_code_has_a_sentence() -> None:
    assert {*CODES.values(), *CURL_CODES.values(), *STATUS_CODES.values()} <= set(SENTENCES)


def test_a_failure_names_its_subject_and_cuts_a_long_detail() -> None:
    failure = SourceFailed("empty", "QQQ", "x" * 500)
    assert str(failure) == f"QQQ: Yahoo answered without prices [{'x' * 297}...]"
