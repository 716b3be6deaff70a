"""Secrets: where they may be kept, and that nothing ever quotes them."""

import os
from pathlib import Path

import pytest

from qqqbot.model.errors import ConfigError
from qqqbot.runtime.secret_files import LARGEST_FILE_BYTES, MOST_URLS, SecretUrls, channel, take

SECRET = "tgram://12345:AAtoken/678"


def private(path: Path, text: str | bytes, mode: int = 0o600) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(mode)
    return path


def refusal(environment: dict[str, str], folder: Path) -> str:
    with pytest.raises(ConfigError) as refused:
        take(environment, folder)
    return str(refused.value)


def test_without_a_source_there_is_no_secret(tmp_path: Path) -> None:
    assert take({}, tmp_path) == SecretUrls()


def test_a_file_has_one_address_per_line_and_may_have_comments(tmp_path: Path) -> None:
    private(tmp_path / "notify_urls.txt", f"# mine\n\n  {SECRET}  \nntfy://host/topic\r\n")
    private(tmp_path / "ping_url.txt", "https://hc.example/uuid\n")
    assert take({}, tmp_path) == SecretUrls((SECRET, "ntfy://host/topic"), "https://hc.example/uuid")


def test_an_empty_file_holds_no_address(tmp_path: Path) -> None:
    private(tmp_path / "notify_urls.txt", "")
    assert take({}, tmp_path).notify == ()


def test_the_environment_wins_and_keeps_nothing_for_children(tmp_path: Path) -> None:
    private(tmp_path / "notify_urls.txt", "ntfy://other/topic")
    environment = {"QQQBOT_NOTIFY_URLS": f"{SECRET}\n mailto://a:b@c.d", "QQQBOT_PING_URL": "https://p/x", "HOME": "/"}
    assert take(environment, tmp_path) == SecretUrls((SECRET, "mailto://a:b@c.d"), "https://p/x")
    assert environment == {"HOME": "/"}


def test_the_environment_may_name_the_file(tmp_path: Path) -> None:
    file = private(tmp_path / "elsewhere", SECRET)
    assert take({"QQQBOT_NOTIFY_URLS_FILE": str(file)}, tmp_path / "nowhere").notify == (SECRET,)


def test_a_named_file_that_does_not_exist_is_reported(tmp_path: Path) -> None:
    told = refusal({"QQQBOT_PING_URL_FILE": str(tmp_path / "gone")}, tmp_path)
    assert f"{tmp_path}/gone: there is no such file; QQQBOT_PING_URL_FILE names it" in told


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o660, 0o644, 0o602])
def test_a_file_that_others_can_touch_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    file = private(tmp_path / "notify_urls.txt", SECRET, mode)
    told = refusal({}, tmp_path)
    assert f"(mode {mode:03o})" in told
    assert f"run: chmod 600 '{file}'" in told
    file.chmod(0o400)
    assert take({}, tmp_path).notify == (SECRET,)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    os.chown(private(tmp_path / "notify_urls.txt", SECRET), 12345, 12345)
    assert "belongs to another user" in refusal({}, tmp_path)


BAD = {
    "no scheme": b"hunter2-token",
    "spaces": b"ntfy://host/hunter2 token",
    "bytes": b"ntfy://hunter2/\xff\xfe",
    "too long": b"ntfy://hunter2/" + b"x" * LARGEST_FILE_BYTES,
    "too many": b"ntfy://hunter2/x\n" * (MOST_URLS + 1),
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_a_malformed_file_is_named_and_never_quoted(tmp_path: Path, content: bytes) -> None:
    file = private(tmp_path / "notify_urls.txt", content)
    told = refusal({}, tmp_path)
    assert told.startswith(str(file))
    assert "hunter2" not in told


@pytest.mark.parametrize("address", ["ftp://hunter2/x", "hunter2", "https://", "https:///hunter2"])
def test_a_ping_target_is_a_web_address(tmp_path: Path, address: str) -> None:
    told = refusal({"QQQBOT_PING_URL": address}, tmp_path)
    assert "QQQBOT_PING_URL, address 1: not a web address" in told
    assert "hunter2" not in told


def test_only_one_ping_address_is_allowed(tmp_path: Path) -> None:
    assert "2 addresses, expected one" in refusal({"QQQBOT_PING_URL": "https://a/b https://a/c"}, tmp_path)


def test_a_folder_or_a_pipe_in_its_place_is_reported(tmp_path: Path) -> None:
    (tmp_path / "notify_urls.txt").mkdir()
    os.mkfifo(tmp_path / "ping_url.txt", 0o600)
    told = refusal({}, tmp_path)
    assert "notify_urls.txt: cannot be read: Is a directory" in told
    assert "ping_url.txt: cannot be read: it is a pipe or a device" in told


def test_every_problem_is_reported_at_once(tmp_path: Path) -> None:
    private(tmp_path / "notify_urls.txt", "one\ntwo\n")
    told = refusal({"QQQBOT_PING_URL": "three"}, tmp_path)
    assert "line 1" in told
    assert "line 2" in told
    assert "QQQBOT_PING_URL" in told


def test_nothing_shows_an_address() -> None:
    assert "token" not in repr(SecretUrls((SECRET,), "https://token"))
    assert channel(2, SECRET) == "channel 2 (tgram)"


@pytest.mark.parametrize(
    ("url", "answers"), [("ntfys://ntfy.sh/t", True), ("tgram://1:a/2", True), ("mailto://a:b@c.d", False)]
)
def test_an_owner_who_is_asked_first_has_a_channel_that_can_answer(tmp_path: Path, url: str, answers: bool) -> None:
    environment = {"QQQBOT_NOTIFY_URLS": url}
    if answers:
        assert take(environment, tmp_path, asks=True).notify == (url,)
        return
    with pytest.raises(ConfigError, match="ask_first_minutes needs a channel that can answer"):
        take(environment, tmp_path, asks=True)
