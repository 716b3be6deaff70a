"""Who may look at the page from elsewhere."""

from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qqqbot.model.errors import ConfigError
from qqqbot.monitoring.web.auth import chosen, fresh, is_loopback, is_right

TOKEN = "correct-horse-battery-staple"


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
        assert is_right(header, TOKEN)


@given(st.text(st.characters(max_codepoint=255)))
def test_anything_else_is_wrong_but_never_raises(text: str) -> None:
    wrong = (text, basic("me", text), f"Bearer {text}", f"Basic {text}", basic(TOKEN, text), f"Digest {TOKEN}", TOKEN)
    if text.strip() != TOKEN:
        assert not any(is_right(header, TOKEN) for header in wrong)


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


def test_fresh_tokens_are_long_and_differ() -> None:
    assert len({fresh() for _ in range(100)}) == 100
    assert min(len(fresh()) for _ in range(100)) >= 32
