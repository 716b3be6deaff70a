"""Questions without the end of an answer: when a new connection may help, and what is said."""

import threading

import pytest

from qqqbot.adapters.ib.connection import Timing
from qqqbot.adapters.ib.requests import PendingRequest, PendingRequests
from qqqbot.adapters.ib.silence import COMPLETED, EXECUTIONS, RENEW_SECONDS, Conversation, Silences
from qqqbot.model.errors import BrokerUnavailable
from tests.support.ib_bench import MovedClock


def nothing() -> None:
    """A request that leaves no trace."""


class Talk:
    """A conversation whose ends of connection are written down."""

    def __init__(self) -> None:
        self.clock = MovedClock()
        self.ended: list[str] = []
        self.silences = Silences(self.clock)
        self.connect()

    def connect(self) -> None:
        self.requests = PendingRequests(self.clock)
        self.conversation = Conversation(self.requests, self.silences, Timing(answer=0.01), self.ended.append)

    def ask(self, key: str = "positions", question: str = "positions") -> PendingRequest:
        return self.requests.ask(key, question, nothing)

    def missed(self, key: str = "positions", question: str = "positions") -> str:
        with pytest.raises(BrokerUnavailable) as missing:
            self.conversation.answers(self.ask(key, question))
        return str(missing.value)


def test_a_new_connection_is_tried_once_and_again_after_a_while() -> None:
    talk = Talk()
    for expected in (1, 1, 1):
        talk.missed()
        assert len(talk.ended) == expected
        talk.connect()
    talk.clock.move(RENEW_SECONDS)
    talk.missed()
    assert len(talk.ended) == 2


def test_a_missing_answer_is_named_with_its_beginning_and_what_to_do() -> None:
    talk = Talk()
    told = talk.missed("9", EXECUTIONS)
    assert "did not answer for executions: no complete answer came in time, since 12:00 New York" in told
    assert "UTC format" in told
    assert talk.silences.told() is not None
    talk.silences.answered(EXECUTIONS)
    assert talk.silences.told() is None


def test_a_question_without_a_number_is_not_asked_again_before_its_late_end() -> None:
    talk = Talk()
    talk.missed()
    sent: list[int] = []
    again = talk.requests.ask("positions", "positions", lambda: sent.append(1))
    assert (sent, again.arrived.is_set(), talk.requests.put("positions", "late row")) == ([], True, False)
    talk.requests.end("positions")
    fresh = talk.requests.ask("positions", "positions", lambda: sent.append(2))
    talk.requests.put("positions", "row")
    talk.requests.end("positions")
    assert talk.conversation.answers(fresh) == [["row"]]
    assert sent == [2]
    assert talk.silences.told() is None


def test_an_optional_answer_is_waited_for_once_and_never_asked_twice_at_a_time() -> None:
    talk = Talk()
    sent: list[int] = []

    def ask() -> PendingRequest:
        return talk.conversation.ask_completed(lambda: sent.append(1))

    first = ask()
    talk.conversation.hear_of(first)
    assert talk.silences.lasts(COMPLETED)
    assert talk.silences.told() is None
    assert ask() is first
    talk.requests.end("completed")
    second = ask()
    assert (second is first, len(sent), talk.silences.lasts(COMPLETED)) == (False, 2, False)
    threading.Timer(0.001, talk.requests.end, ("completed",)).start()
    assert talk.requests.arrives(second, 2)
    assert talk.ended == []
