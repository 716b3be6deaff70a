"""Account ids as they are shown."""

import pytest

from qqqbot.display.masking import masked, printable, without_accounts


@pytest.mark.parametrize(
    ("account", "shown"),
    [
        ("DU1234567", "DU***567"),
        ("U7654321", "U***321"),
        ("DUH123456", "DUH***456"),
        ("simulated", "simulated"),
        ("12345", "***345"),
        ("U12", "U***"),
    ],
)
def test_only_the_end_of_an_account_id_is_shown(account: str, shown: str) -> None:
    assert masked(account) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("account DU1234567 is not U7654321", "account DU***567 is not U***321"),
        ("U7654321, DF999888", "U***321, DF***888"),
        ("XY99887766 and U12345678901", "XY***766 and U***901"),
    ],
)
def test_account_ids_inside_a_text_are_masked(text: str, shown: str) -> None:
    assert without_accounts(text) == shown


@pytest.mark.parametrize(
    "text",
    ["QQQ 612.40, TQQQ, HTTP 503, 2026-11-24", "order qqqbot-20261124-01, exec 0000e0d5.U12", "path d=M52.0,113 L1200"],
)
def test_anything_but_an_account_id_stays(text: str) -> None:
    assert without_accounts(text) == text


def test_a_known_account_is_masked_whatever_its_form() -> None:
    assert without_accounts("my x-99-abc has it", "x-99-abc") == "my ***abc has it"
    assert without_accounts("simulated it is", "simulated", "") == "simulated it is"


def test_what_steers_a_terminal_or_turns_a_line_round_is_a_space() -> None:
    assert printable("a\x1b[2J\x9b\u202eb\u2066\r\nñ 日本") == "a [2J  b   ñ 日本"
