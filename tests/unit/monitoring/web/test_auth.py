"""Who may look at the page from elsewhere."""

from base64 import b64encode
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given as given_any
from hypothesis import strategies as st

from qqqbot.model.errors import ConfigError
from qqqbot.monitoring.web.auth import PAUSE, WRONG_TOKENS, Door, chosen, given, is_loopback, is_weak
from qqqbot.runtime.secret_files import fresh
from tests.support.builders import NOW

TOKEN = "correct-horse-battery-staple"
SECOND = timedelta(seconds=1)


def basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost"])
def test_this_machine_itself(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "192.168.1.5", "::", "", "evil.example", "localhost.evil.example", "127.0.0.1.nip.io"]
)
def test_elsewhere(host: str) -> None:
    assert not is_loopback(host)


def test_the_token_may_be_any_users_password_or_a_bearer_token() -> None:
    for header in (basic("me", TOKEN), basic("", TOKEN), f"Bearer {TOKEN}", f"bearer  {TOKEN}"):
        assert given(header) == TOKEN


@given_any(st.text(st.characters(max_codepoint=255)))
def test_anything_else_is_wrong_but_never_raises(text: str) -> None:
    wrong = (text, basic("me", text), f"Bearer {text}", f"Basic {text}", basic(TOKEN, text), f"Digest {TOKEN}", TOKEN)
    if text.strip() != TOKEN:
        assert TOKEN not in map(given, wrong)
        assert not Door(TOKEN).remembers(text, "qqqbot_8787")
        assert not Door(TOKEN).opens(text, NOW, "here")


def test_a_browser_that_has_shown_the_token_is_remembered_by_what_is_not_the_token() -> None:
    door, other = Door(TOKEN), Door(TOKEN + "x")
    cookies = f"theme=dark; qqqbot_8787={door.cookie}; qqqbot_8788={other.cookie}"
    assert door.remembers(cookies, "qqqbot_8787")
    assert not door.remembers(cookies, "qqqbot_8788")
    assert not door.remembers("", "qqqbot_8787")
    assert TOKEN not in door.cookie
    assert Door(TOKEN).cookie == door.cookie  # so it outlives a restart, as a chosen token does


def test_who_guesses_is_slowed_down_and_logged_and_the_remembered_are_not(caplog: pytest.LogCaptureFixture) -> None:
    door = Door(TOKEN)
    for n in range(WRONG_TOKENS):
        assert not door.is_shut(NOW)
        assert not door.opens(f"guess {n}", NOW + n * SECOND, "192.0.2.7")
    late = NOW + WRONG_TOKENS * SECOND
    assert door.is_shut(late)
    assert not door.opens(TOKEN, late, "192.0.2.7")
    assert door.remembers(f"qqqbot_1={door.cookie}", "qqqbot_1")
    assert not door.is_shut(NOW + PAUSE)
    assert door.opens(TOKEN, NOW + PAUSE, "192.0.2.7")
    assert not door.opens("again", NOW + PAUSE, "192.0.2.7")
    assert door.is_shut(NOW + PAUSE)  # ten within a minute, counted from each
    assert caplog.text.count("a wrong token for the page from 192.0.2.7") == WRONG_TOKENS + 1
    assert "none is checked for 60 s" in caplog.text
    assert "guess" not in caplog.text


def test_the_environment_forgets_the_token() -> None:
    environment = {"QQQBOT_WEB_TOKEN": TOKEN, "PATH": "x"}
    assert chosen(environment, Path("/nowhere")) == TOKEN
    assert environment == {"PATH": "x"}


def test_a_file_only_its_owner_can_read_may_hold_it(tmp_path: Path) -> None:
    path = tmp_path / "web_token.txt"
    path.write_text(TOKEN + "\n")
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        chosen({}, tmp_path)
    path.chmod(0o600)
    assert chosen({}, tmp_path) == TOKEN
    other = tmp_path / "other"
    path.rename(other)
    assert chosen({"QQQBOT_WEB_TOKEN_FILE": str(other)}, tmp_path) == TOKEN
    assert chosen({}, tmp_path) is None
    with pytest.raises(ConfigError, match="no such file"):
        chosen({"QQQBOT_WEB_TOKEN_FILE": str(path)}, tmp_path)


@pytest.mark.parametrize("token", ["short", "two words that are long enough", "pässword-of-twenty-and-more"])
def test_a_guessable_or_untypable_token_is_refused_without_being_shown(token: str) -> None:
    with pytest.raises(ConfigError) as refused:
        chosen({"QQQBOT_WEB_TOKEN": token}, Path("/nowhere"))
    assert token not in str(refused.value)


@pytest.mark.parametrize(
    "token", ["a" * 26, "ab" * 13, "secret" * 5, "abcdefghijklmnopqrstuvwxyz", "12345678901234567890", "k3V9xQ2mR7" * 2]
)
def test_a_long_token_that_can_be_guessed_is_refused_with_how_to_make_one(token: str) -> None:
    with pytest.raises(ConfigError, match="openssl rand") as refused:
        chosen({"QQQBOT_WEB_TOKEN": token}, Path("/nowhere"))
    assert token not in str(refused.value)


@given_any(st.binary(min_size=16, max_size=16))
def test_random_tokens_are_not_weak(random: bytes) -> None:
    if len(set(random)) > 12:
        assert not is_weak(b64encode(random).decode())


def test_fresh_tokens_are_long_and_differ() -> None:
    assert len({fresh() for _ in range(100)}) == 100
    assert min(len(fresh()) for _ in range(100)) >= 32
    assert not any(is_weak(fresh()) for _ in range(1000))
