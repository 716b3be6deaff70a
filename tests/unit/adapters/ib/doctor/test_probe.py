"""The questions of a connection check, put to a gateway that answers from a script."""

from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

from qqqbot.adapters.ib.doctor.probe import Probe
from qqqbot.adapters.ib.doctor.result import Reply
from qqqbot.adapters.ib.line import Line
from qqqbot.adapters.ib.order_tracker import Event, Notice
from qqqbot.adapters.ib.prices import PriceRequests
from qqqbot.adapters.ib.requests import WHAT_IF, PendingRequest, PendingRequests
from qqqbot.adapters.ib.transport import Transport
from qqqbot.model.errors import BrokerUnavailable
from qqqbot.model.values import OrderIntent
from tests.support.builders import NOW
from tests.support.ib_bench import MovedClock

STATE = SimpleNamespace(initMarginChange="15.00", commission=0.6, warningText="")
DETAILS = SimpleNamespace(
    contract=SimpleNamespace(secType="STK"), minTick=0.01, orderTypes="LMT,MKT", liquidHours="", timeZoneId="US/Eastern"
)


class ScriptedPrices(PriceRequests):
    def quotes(self, symbols: Iterable[str], seconds: float) -> tuple[dict[str, dict[int, float]], str]:
        return {symbol: {4: seconds} for symbol in symbols}, ""


class ScriptedGateway:
    """Answers what is in `rows` by key, and leaves everything else unanswered."""

    def __init__(self, listener: Callable[[Event], None], rows: dict[str, list[Any]]) -> None:
        self.account = ""
        self.managed: tuple[str, ...] = ("DU1",)
        self.line = Line(MovedClock())
        self.requests = PendingRequests(MovedClock())
        self.prices: PriceRequests = ScriptedPrices(self, self.requests, str)
        self.conn: Transport | None = None
        self.listener = listener
        self.rows = rows
        self.opened = True
        self.said: list[Notice] = []
        self.intents: list[OrderIntent] = []

    def serverVersion(self) -> int | None:
        return 157

    def twsConnectionTime(self) -> bytes | str | None:
        return b"20261124 12:00:00 US/Eastern"

    def open(self, host: str, port: int, client_id: int) -> None:
        if not self.opened:
            raise BrokerUnavailable(f"{host} {port} {client_id}")

    def shut(self, why: str) -> None:
        self.requests.close(why)

    def ended(self) -> str:
        return "the gateway closed the connection; reconnecting"

    def _ask(self, key: str) -> PendingRequest:
        request = self.requests.ask(key, key, lambda: None)
        for notice in self.said:
            self.listener(notice)
        for row in self.rows.get(key, []):
            self.requests.put(key, row)
        if key in self.rows:
            self.requests.end(key)
        return request

    def ask_time(self) -> PendingRequest:
        return self._ask("time")

    def ask_open_orders(self) -> PendingRequest:
        return self._ask("open")

    def ask_executions(self) -> PendingRequest:
        return self._ask("executions")

    def ask_completed(self) -> PendingRequest:
        return self._ask("completed")

    def ask_summary(self) -> PendingRequest:
        return self._ask("summary")

    def ask_positions(self) -> PendingRequest:
        return self._ask("positions")

    def ask_contract(self, symbol: str) -> PendingRequest:
        return self._ask(symbol)

    def ask_what_if(self, order_id: int, intent: OrderIntent) -> PendingRequest:
        assert order_id == 7
        self.intents.append(intent)
        return self._ask(WHAT_IF)

    def take_order_id(self, above: int) -> int:
        assert above == 0
        return 7


def probe_of(**rows: list[Any]) -> tuple[Probe, ScriptedGateway]:
    made: list[ScriptedGateway] = []

    def make(listener: Callable[[Event], None]) -> ScriptedGateway:
        made.append(ScriptedGateway(listener, {key.replace("_", "-"): value for key, value in rows.items()}))
        return made[0]

    return Probe(make), made[0]


def test_a_failed_connection_is_explained_without_a_promise_to_reconnect() -> None:
    probe, gateway = probe_of()
    assert probe.connect("host", 4002, 1) == ""
    gateway.opened = False
    assert probe.connect("host", 4002, 1) == "the gateway closed the connection"
    assert probe.connected_at == "20261124 12:00:00 US/Eastern"
    assert (probe.interrupted(), probe.unreachable) == ("", None)


def test_an_unanswered_question_leaves_the_answers_of_others_intact() -> None:
    probe, _ = probe_of(time=[1], positions=[], QQQ=[DETAILS])
    summary, positions, contracts = probe.account_data(("QQQ",), 0.05)
    assert summary == Reply(trouble="no complete answer came in time")
    assert positions == Reply()
    assert contracts["QQQ"].rows[0].order_types == ("LMT", "MKT")
    assert probe.read(probe.gateway.ask_time(), 0.05) == Reply((1,))


def test_a_what_if_is_a_purchase_and_its_warnings_come_with_it() -> None:
    probe, gateway = probe_of(what_if=[STATE])
    gateway.said = [Notice(7, 399, "held"), Notice(8, 201, "another order's")]
    (estimate,) = probe.what_if("TQQQ", 500, NOW, 1).rows
    assert [(intent.symbol, intent.quantity) for intent in gateway.intents] == [("TQQQ", 500)]
    assert (str(estimate.margin), str(estimate.commission), estimate.warnings) == ("15.00", "0.6", ("399: held",))


def test_a_refused_what_if_has_the_brokers_reason() -> None:
    probe, gateway = probe_of()
    gateway.said = [Notice(7, 203, "not allowed")]
    assert probe.what_if("TQQQ", 1, NOW, 1).trouble.startswith(
        "203: the account may not trade this security (not allowed)"
    )
