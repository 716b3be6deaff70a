"""Replies read from ntfy and Telegram over real sockets, from servers that are unkind."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from qqqbot.model.values import Answer
from qqqbot.notifications.channels import Message
from qqqbot.notifications.listen import PAGE, listen
from qqqbot.notifications.replies import Replies
from qqqbot.runtime.clock import SystemClock
from standins.owner_channels import CHAT, OwnerChannels, owner_channels
from standins.receiver import until

CODE, OTHER = "042137", "999999"


@pytest.fixture
def channels() -> Iterator[OwnerChannels]:
    with owner_channels() as made:
        yield made


def ntfy(channels: OwnerChannels) -> dict[str, Any]:
    return listen({"url": channels.ntfy_url, "code": CODE, "place": 0})


def telegram(channels: OwnerChannels, place: int = 0, code: str = CODE) -> dict[str, Any]:
    return listen({"url": channels.telegram_url, "code": code, "place": place}, channels.telegram)


def announced(channels: OwnerChannels) -> None:
    channels.publish(f'Reply "veto {CODE}" within 10 minutes and it is not made', title="qqqbot")


WRITTEN: list[tuple[str, list[str]]] = [
    (f"veto {CODE}", ["veto"]),
    ("  VETO  042 137. ", ["veto"]),
    (f"/halt@my_bot {CODE}", ["halt"]),
    (f"go {CODE}", ["go"]),
    (f'"veto {CODE}"', ["veto"]),
    (f"„Veto {CODE}“.", ["veto"]),
    (f"\u202aveto\xa0{CODE}\u202c\ufeff", ["veto"]),
    ("ｖｅｔｏ　０４２１３７", ["veto"]),
    ("veto ٠٤٢١٣٧", ["veto"]),
    ("veto ٠٤٢١٣٨", []),
    (f"veto {OTHER}", []),
    ("veto", []),
    (f"please veto {CODE}", []),
    (f"veto {CODE} or rather not", []),
    (f"buy {CODE}", []),
    (f"> veto {CODE}\nno", []),
]


@pytest.mark.parametrize(("text", "answers"), WRITTEN)
def test_an_answer_is_a_whole_message_with_the_code(channels: OwnerChannels, text: str, answers: list[str]) -> None:
    announced(channels)
    channels.publish(text)
    channels.write(text)
    assert ntfy(channels) == {"problem": None, "answers": answers, "place": 0}
    assert telegram(channels)["answers"] == answers


@pytest.mark.parametrize("manner", ["doubled", "backwards"])
def test_ntfy_may_repeat_itself_in_any_order(channels: OwnerChannels, manner: str) -> None:
    announced(channels)
    channels.publish(f"veto {CODE}")
    channels.publish("an attachment", attachment={"name": "a.txt"})
    setattr(channels, manner, True)
    assert ntfy(channels)["answers"] == ["veto"]


UNREADABLE: list[tuple[Callable[[OwnerChannels], object], str]] = [
    (lambda c: c.statuses.append(429), "asks for a pause (HTTP status 429)"),
    (lambda c: c.statuses.append(401), "refuses the address's login (HTTP status 401)"),
    (lambda c: c.statuses.append(502), "cannot be read (HTTP status 502)"),
    (lambda c: setattr(c, "torn", True), "cannot be reached"),
    (lambda c: setattr(c, "moves", True), "cannot be reached"),
]


@pytest.mark.parametrize(("fault", "problem"), UNREADABLE)
@pytest.mark.parametrize("read", [ntfy, telegram])
def test_what_is_not_read_whole_says_why_and_has_no_answers(
    channels: OwnerChannels, fault: Callable[[OwnerChannels], object], problem: str, read: Callable[..., dict[str, Any]]
) -> None:
    announced(channels)
    channels.publish(f"veto {CODE}")
    channels.write(f"veto {CODE}")
    fault(channels)
    assert read(channels) == {"problem": problem, "answers": [], "place": 0}


UPDATE = '{"ok": true, "result": [{"update_id": %s, "message": {"chat": {"id": 4711}, "text": "veto 042137"}}]}'
GARBAGE = [
    b"<html>Sign in to the hotel's network</html>",
    b"\xff\xfe\x00\x01",
    f'{{"event": "message", "message": "veto {OTHER}"}}'.encode("utf-16"),
    b"[" * 100_000,
    b'{"ok": true}',
    b'{"event": "message", "message": 7}',
    *((UPDATE % number).encode() for number in ('"7"', "null", "1e999", "true", "[]")),
]


@pytest.mark.parametrize("body", GARBAGE, ids=range(len(GARBAGE)))
@pytest.mark.parametrize("read", [ntfy, telegram])
def test_what_is_no_list_of_messages_is_named_and_answers_nothing(
    channels: OwnerChannels, body: bytes, read: Callable[..., dict[str, Any]]
) -> None:
    channels.body = body
    found = read(channels)
    assert "something" in found["problem"] or "does not show the announcement" in found["problem"]
    assert (found["answers"], found["place"]) == ([], 0)


def test_a_topic_that_does_not_show_the_announcement_is_not_read(channels: OwnerChannels) -> None:
    assert "does not show the announcement" in ntfy(channels)["problem"]
    announced(channels)
    channels.forgetful = True
    assert "does not show the announcement" in ntfy(channels)["problem"]


def test_another_reader_of_the_telegram_bot_is_named(channels: OwnerChannels) -> None:
    channels.statuses.append(409)
    assert "is read by another program too" in telegram(channels)["problem"]


def test_a_telegram_bot_without_a_chat_cannot_be_asked(channels: OwnerChannels) -> None:
    url = channels.telegram_url.replace(f"/{CHAT}", "")
    assert "names no chat" in listen({"url": url, "code": CODE, "place": 0}, channels.telegram)["problem"]


def test_only_the_owners_chat_counts_and_a_correction_does_too(channels: OwnerChannels) -> None:
    channels.write(f"veto {CODE}", chat=666)
    channels.write("vetp 042137")
    assert telegram(channels)["answers"] == []
    channels.write(f"veto {CODE}", kind="edited_message", edit_date=1)
    assert telegram(channels)["answers"] == ["veto"]


def test_an_answer_is_read_again_until_another_question_is_asked(channels: OwnerChannels) -> None:
    """A process that dies after the reading has not lost it."""
    channels.write("good morning")
    channels.write(f"halt {CODE}")
    channels.write("did it work?")
    first = telegram(channels)
    again = telegram(channels, first["place"])
    assert first["answers"] == again["answers"] == ["halt"]
    assert telegram(channels)["answers"] == ["halt"], "and by the next process"
    later = telegram(channels, code=OTHER)
    assert later["answers"] == []
    assert telegram(channels, later["place"], OTHER)["answers"] == []
    assert channels.updates == []


def test_more_than_a_page_of_other_messages_hides_no_answer(channels: OwnerChannels) -> None:
    for number in range(PAGE + 5):
        channels.write(f"message {number}")
    channels.write(f"veto {CODE}")
    assert telegram(channels)["answers"] == ["veto"]


def test_an_announcement_is_sent_until_accepted_and_its_replies_are_read_until_the_end(channels: OwnerChannels) -> None:
    channels.refuses = 503
    replies = Replies(
        (channels.ntfy_url, "json://127.0.0.1:1/"), lambda text: Message("t", text), SystemClock(), every=0.1
    )
    try:
        replies.ask(CODE, f'Reply "veto {CODE}"', delivered=False)
        until(lambda: heard(replies).problem)
        assert heard(replies).problem == "channel 1 (ntfy) refused it with HTTP status 503"
        assert not heard(replies).delivered
        channels.refuses = 0
        until(lambda: heard(replies).delivered)
        until(lambda: heard(replies).read_since > -math.inf)
        assert heard(replies).answers == frozenset()
        channels.publish(f"veto {CODE}")
        until(lambda: heard(replies).answers == {Answer.VETO})
        assert replies.heard(OTHER) is None
    finally:
        replies.rest()
    assert replies.heard(CODE) is None
    assert len(channels.announced()) == 1


def heard(replies: Replies) -> Any:
    return replies.heard(CODE)
