"""The dead man's switch over a real server."""

import time

from qqqbot.notifications.dead_man_switch import Call, DeadManSwitch, Ping
from standins.receiver import receiving, until

TOKEN = "hunter2hunter2"
WELL = Call(0, "QQQ is held already")


def problem(ping: Ping) -> str | None:
    refusal = ping.attempt()
    return refusal.why if refusal else None


def test_the_address_is_requested() -> None:
    with receiving() as receiver:
        outbox = Ping(receiver.url(TOKEN)).outbox()
        outbox.put(WELL)
        until(lambda: receiver.calls == [f"/{TOKEN}"])
        outbox.close(10)
        assert outbox.failure is None


def test_a_failed_call_is_repeated() -> None:
    with receiving() as receiver:
        receiver.statuses = [500]
        outbox = Ping(receiver.url(TOKEN)).outbox(pauses=(0.01,))
        outbox.put(WELL)
        until(lambda: len(receiver.calls) == 2)
        outbox.close(10)


def test_a_call_that_is_refused_for_good_is_not_repeated() -> None:
    with receiving() as receiver:
        receiver.statuses = [404]
        failure = Ping(receiver.url(TOKEN)).deliver(WELL)
        assert failure is not None
        assert failure.final


def test_problems_are_reported_without_the_address() -> None:
    with receiving() as receiver:
        receiver.statuses = [404]
        assert problem(Ping(receiver.url(TOKEN))) == "answered with HTTP status 404"
        assert problem(Ping(f"https://127.0.0.1:{receiver.port}/{TOKEN}")) == "its certificate is not valid"
    assert problem(Ping(f"http://127.0.0.1:9/{TOKEN}")) == "cannot be reached"
    assert problem(Ping(f"http://{TOKEN}.invalid/")) == "cannot be reached"
    assert problem(Ping(f"http://[{TOKEN}/")) == "is not an address that can be called"


def test_a_hanging_host_is_given_up_at_the_deadline() -> None:
    with receiving() as receiver:
        receiver.hangs = True
        begun = time.monotonic()
        assert problem(Ping(receiver.url(TOKEN), deadline_seconds=3)) == "no answer in time"
        assert time.monotonic() - begun < 30


def test_closing_does_not_wait_for_a_host_that_hangs() -> None:
    with receiving() as receiver:
        receiver.hangs = True
        outbox = Ping(receiver.url(TOKEN)).outbox()
        outbox.put(WELL)
        until(lambda: receiver.calls)
        begun = time.monotonic()
        DeadManSwitch(outbox).close()
        assert time.monotonic() - begun < 5


def test_an_address_that_takes_words_is_told_code_and_sentence_and_rings() -> None:
    with receiving() as receiver:
        outbox = Ping(receiver.url(f"ping/{TOKEN}")).outbox()
        outbox.put(WELL)
        until(lambda: receiver.calls)
        outbox.put(Call(4, "trading is halted: größer"))
        until(lambda: len(receiver.calls) == 2)
        outbox.close(10)
        assert receiver.calls == [f"/ping/{TOKEN}", f"/ping/{TOKEN}/fail"]
        assert receiver.bodies == ["exit code 0: QQQ is held already", "exit code 4: trading is halted: größer"]


def test_any_other_address_is_told_of_trouble_by_silence() -> None:
    with receiving() as receiver:
        assert Ping(receiver.url(TOKEN)).deliver(Call(4, "trading is halted")) is None
        assert receiver.calls == []
