"""Climbs the ladder of a connection check: asks a gateway one thing after the other and hands each verdict on.

A rung that makes the later ones impossible ends the climb; the others are climbed whatever was found before, so that
one run tells all there is to put right.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from qqqbot.adapters.ib.doctor import account_checks as rungs
from qqqbot.adapters.ib.doctor import connection_checks as ladder
from qqqbot.adapters.ib.doctor.result import NAMES, Answer, Rung, Silence, Verdict
from qqqbot.adapters.ib.transport import CLOSED_EARLY, MUTE
from qqqbot.model.ports import Clock
from qqqbot.model.values import SYMBOLS, TQQQ
from qqqbot.runtime.config import Config

# A client id apart from all that people number by hand; the largest that a gateway takes is 2**31 - 1.
OTHER_CLIENT_ID, LARGEST_CLIENT_ID = 1000, 0x7FFFFFFF
# The broker's time comes in whole seconds.
HALF_A_SECOND = timedelta(seconds=0.5)


class Gateway(Protocol):
    """What is asked of a connection; no question raises."""

    account: str
    managed: tuple[str, ...]

    @property
    def unreachable(self) -> OSError | None: ...
    @property
    def server_version(self) -> int | None: ...
    @property
    def greeting(self) -> str: ...
    def greet(self, host: str, port: int, client_id: int) -> str: ...
    def line(self) -> str: ...
    def time(self, seconds: float) -> Answer: ...
    def open_orders(self, seconds: float) -> Answer: ...
    def look(self, symbols: tuple[str, ...], seconds: float) -> tuple[Answer, Answer, dict[str, Answer]]: ...
    def quotes(self, symbols: tuple[str, ...], seconds: float) -> tuple[dict[str, dict[int, float]], str]: ...
    def what_if(self, symbol: str, now: datetime, seconds: float) -> Answer: ...
    def shut(self, why: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds for each question; together below half a minute, whatever a gateway leaves unanswered."""

    connect: float = 8.0
    time: float = 3.0
    orders: float = 4.0
    look: float = 6.0
    quotes: float = 3.0
    what_if: float = 4.0


@dataclass(frozen=True, slots=True)
class Report:
    rungs: tuple[Rung, ...]
    accounts: tuple[str, ...]
    """every account id that a text of the report may hold"""
    account: str
    dry_run: bool

    @property
    def not_reached(self) -> tuple[str, ...]:
        seen = {rung.name for rung in self.rungs}
        return tuple(name for name in NAMES if name not in seen)

    @property
    def failed(self) -> tuple[str, ...]:
        return tuple(rung.name for rung in self.rungs if rung.verdict is Verdict.FAILED)

    @property
    def could_trade(self) -> bool:
        return not self.failed and not self.not_reached

    @property
    def conclusion(self) -> str:
        if not self.could_trade:
            return f"The bot could NOT trade: {', '.join(self.failed)}. Put right the first FAILED, and run this again."
        whose = f"The bot could trade {self.account}, {ladder.money(self.account)}."
        return f"{whose} It does not yet: dry_run is true." if self.dry_run else whose


class Checkup:
    """`daemon` is the pid of a running daemon, None where there is none; `show` is given each rung as it is climbed."""

    def __init__(
        self,
        settings: Config,
        clock: Clock,
        patience: Patience,
        show: Callable[[Rung, tuple[str, ...]], None],
        what_if: bool = False,
        daemon: int | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._patience = patience
        self._show = show
        self._what_if = what_if
        self._daemon = daemon
        self._rungs: list[Rung] = []
        self._accounts: tuple[str, ...] = tuple(filter(None, [settings.ib_account]))
        self._account = ""

    def without_package(self, problem: str) -> Report:
        self._add(ladder.no_package(problem))
        return self._report()

    def climb(self, gateway: Gateway, release: str, newest: int) -> Report:
        """`release` and `newest` are the client's own name and the newest server version it speaks."""
        self._add(ladder.package(release, newest))
        try:
            if self._connect(gateway) and self._know_time(gateway) and self._know_account(gateway):
                self._read(gateway)
        finally:
            gateway.shut("the check has ended")
        return self._report()

    def _connect(self, gateway: Gateway) -> bool:
        host, port, number = self._settings.ib_host, self._settings.ib_port, self._client_id()
        ended = gateway.greet(host, port, number)
        if gateway.unreachable is not None:
            return self._add(ladder.unreachable(host, port, gateway.unreachable, self._patience.connect))
        self._add(ladder.reached(host, port))
        if ended.startswith("326:"):
            self._add(ladder.greeted(gateway.server_version or 0))
            return self._add(ladder.client_id_taken(number, ended))
        if ended or gateway.server_version is None:
            mute = MUTE.format(host=host, port=port, seconds=self._patience.connect)
            silence = {mute: Silence.MUTE, CLOSED_EARLY: Silence.CLOSED}.get(ended)
            return self._add(ladder.not_greeted(ended, gateway.server_version, silence))
        self._add(ladder.greeted(gateway.server_version))
        return self._add(ladder.client_id(number, self._daemon))

    def _client_id(self) -> int:
        """The bot's own, or one that does not throw out a daemon that is connected with it."""
        own = self._settings.ib_client_id
        if self._daemon is None:
            return own
        other = own + OTHER_CLIENT_ID
        return other if other <= LARGEST_CLIENT_ID else own - OTHER_CLIENT_ID

    def _know_time(self, gateway: Gateway) -> bool:
        answer = gateway.time(self._patience.time)
        skew = self._skew(answer.rows[-1]) if not answer.trouble else None
        answered = answer.trouble == ""
        self._add(ladder.clock(skew, answer.trouble))
        if answered:
            self._add(ladder.time_zone(gateway.greeting))
        return answered

    def _skew(self, told: int) -> timedelta:
        return self._clock.now() - (datetime.fromtimestamp(told, UTC) + HALF_A_SECOND)

    def _know_account(self, gateway: Gateway) -> bool:
        self._accounts = (*gateway.managed, *self._accounts)
        rung, self._account = ladder.account(gateway.managed, self._settings.ib_account)
        if not self._add(rung):
            return False
        gateway.account = self._account
        self._add(ladder.kind(self._account, self._settings.ib_port))
        self._add(ladder.keys(self._account, self._settings))
        return True

    def _read(self, gateway: Gateway) -> None:
        orders = gateway.open_orders(self._patience.orders)
        if self._add(rungs.read_only(orders)):
            self._add(rungs.open_orders(orders))
        summary, positions, contracts = gateway.look(SYMBOLS, self._patience.look)
        self._add(rungs.summary(summary, self._account, self._settings))
        self._add(rungs.positions(positions, self._account))
        self._add(rungs.contracts(contracts, self._settings.order_type, self._clock.now()))
        ticks, trouble = gateway.quotes(SYMBOLS, self._patience.quotes)
        self._add(rungs.line(gateway.line()))
        self._add(rungs.quotes(ticks, trouble))
        self._add(self._precautions(gateway))

    def _precautions(self, gateway: Gateway) -> Rung:
        """A what-if is sent only where it was wished for and nothing else is doubtful."""
        if not self._what_if:
            return rungs.precautions(None, TQQQ)
        if failed := self._report().failed:
            return rungs.precautions(None, TQQQ, failed)
        return rungs.precautions(gateway.what_if(TQQQ, self._clock.now(), self._patience.what_if), TQQQ)

    def _add(self, rung: Rung) -> bool:
        """Whether it holds."""
        self._rungs.append(rung)
        self._show(rung, self._accounts)
        return rung.verdict is not Verdict.FAILED

    def _report(self) -> Report:
        return Report(tuple(self._rungs), self._accounts, self._account, self._settings.dry_run)
