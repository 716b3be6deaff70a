"""The checkup: which client id it uses, and what its report concludes."""

from typing import Any

import pytest

from qqqbot.adapters.ib.doctor.checkup import LARGEST_CLIENT_ID, Checkup, Patience, Report
from qqqbot.adapters.ib.doctor.probe import Probe
from qqqbot.adapters.ib.doctor.result import Check, Result, Verdict
from qqqbot.adapters.ib.requests import PendingRequests
from qqqbot.adapters.ib.transport import Transport
from qqqbot.model.errors import BrokerUnavailable
from qqqbot.runtime.config import Config
from tests.support.builders import ACCOUNT
from tests.support.ib_bench import MovedClock

OK, NOTE, FAILED = Verdict.OK, Verdict.NOTE, Verdict.FAILED


def report(*results: Result, dry_run: bool = False) -> Report:
    return Report(results, (ACCOUNT,), ACCOUNT, dry_run)


def every(verdict: Verdict) -> list[Result]:
    return [Result(name, verdict, "") for name in Check]


def test_the_bot_could_trade_only_if_every_check_was_reached_and_none_failed() -> None:
    assert report(*every(OK)).could_trade
    assert report(*every(NOTE)).could_trade
    assert not report(*every(OK)[:-1]).could_trade
    assert not report(*every(OK)[:-1], Result(Check.PRECAUTIONS, FAILED, "")).could_trade
    assert not report().could_trade


class NoGateway:
    """Remembers the client id that it was opened with, and refuses. No request is ever made of it."""

    account = ""
    managed: tuple[str, ...] = ()
    requests = PendingRequests(MovedClock())

    def __init__(self) -> None:
        self.conn = Transport("127.0.0.1", 1, 1, lambda _: None)
        self.conn.unreachable = OSError(113, "No route to host")
        self.client_id = 0

    def open(self, host: str, port: int, client_id: int) -> None:  # noqa: ARG002 (as the port has it)
        self.client_id = client_id
        raise BrokerUnavailable("refused")

    def ended(self) -> str:
        return "refused"

    def shut(self, why: str) -> None:
        """Nothing is open."""

    def __getattr__(self, question: str) -> Any:
        raise AssertionError(f"{question} was asked of a gateway that is not there")


@pytest.mark.parametrize(
    ("own", "daemon", "used"),
    [(1, None, 1), (1, 4711, 1001), (LARGEST_CLIENT_ID, 4711, LARGEST_CLIENT_ID - 1000)],
)
def test_a_running_daemons_client_id_is_left_to_it(own: int, daemon: int | None, used: int) -> None:
    gateway = NoGateway()
    seen: list[str] = []
    checkup = Checkup(
        Config(ib_client_id=own), MovedClock(), Patience(), lambda result, _: seen.append(result.name), daemon=daemon
    )
    found = checkup.run(Probe(lambda _: gateway), "ibapi 9", 157)
    assert gateway.client_id == used
    assert seen == [Check.PACKAGE, Check.PORT]
    assert found.failed == (Check.PORT,)
