"""Runs the checks of a connection one after the other and shows each result at once.

If a check fails that the later ones depend on, the run ends; all others are made whatever was found before, so that one
run reports everything there is to fix.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from qqqbot.adapters.ib.account import amounts, spendable
from qqqbot.adapters.ib.doctor import account_checks, connection_checks
from qqqbot.adapters.ib.doctor.result import Check, Reply, Result, Verdict, failed, ok
from qqqbot.model.errors import BrokerUnavailable
from qqqbot.model.ports import Clock
from qqqbot.model.program import COMMAND
from qqqbot.runtime.config import Config

if TYPE_CHECKING:
    from qqqbot.adapters.ib.doctor.probe import Probe

# A client id far from those that people choose; the largest that a gateway accepts is 2**31 - 1.
OTHER_CLIENT_ID, LARGEST_CLIENT_ID = 1000, 0x7FFFFFFF
# The broker's time comes in whole seconds.
HALF_A_SECOND = timedelta(seconds=0.5)


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds for each request; together below half a minute, whatever a gateway leaves unanswered."""

    connect: float = 7.0
    time: float = 3.0
    orders: float = 4.0
    day: float = 4.0
    account: float = 5.0
    quotes: float = 3.0
    what_if: float = 3.5


@dataclass(frozen=True, slots=True)
class Report:
    results: tuple[Result, ...]
    accounts: tuple[str, ...]
    """every account id that a text of the report may contain"""
    account: str
    dry_run: bool

    @property
    def not_reached(self) -> tuple[str, ...]:
        seen = {result.name for result in self.results}
        return tuple(name for name in Check if name not in seen)

    @property
    def failed(self) -> tuple[str, ...]:
        return tuple(result.name for result in self.results if result.verdict is Verdict.FAILED)

    @property
    def could_trade(self) -> bool:
        return not self.failed and not self.not_reached

    @property
    def conclusion(self) -> str:
        if not self.could_trade:
            return f"The bot could NOT trade: {', '.join(self.failed)}. Fix the first FAILED, and run this again."
        could = f"The bot could trade {self.account}, {connection_checks.money(self.account)}."
        return f"{could} It does not yet: dry_run is true." if self.dry_run else could


@dataclass(eq=False)
class Checkup:
    """`show` is given each result as it is found, and all account ids known so far."""

    settings: Config
    clock: Clock
    patience: Patience
    show: Callable[[Result, tuple[str, ...]], None]
    what_if: bool = False
    daemon: int | None = None
    """the pid of a running daemon"""
    last_prices: Mapping[str, float] = field(default_factory=dict)
    """those of the bot's newest decision"""
    _results: list[Result] = field(default_factory=list)
    _account: str = ""

    def __post_init__(self) -> None:
        self._accounts: tuple[str, ...] = tuple(filter(None, [self.settings.ib_account]))
        rule = self.settings.rules.form
        self._symbols, self._fund = rule.symbols, str(rule.strong)

    def without_package(self, problem: str) -> Report:
        fix = f"{COMMAND} update; for the official API see IB_SETUP.md, section 3"
        self._add(failed(Check.PACKAGE, problem, "the bot cannot speak to a gateway without it", fix))
        return self._report()

    def run(self, probe: "Probe", release: str, newest: int) -> Report:
        """`release` is the client's name and version, `newest` the newest server version that it supports."""
        self._add(connection_checks.package(release, newest))
        try:
            if self._connect(probe) and self._check_time(probe) and self._check_account(probe):
                self._read(probe)
        finally:
            probe.gateway.shut("the check has ended")
        return self._report()

    def _connect(self, probe: "Probe") -> bool:
        host, port, number = self.settings.ib_host, self.settings.ib_port, self._client_id()
        ended = probe.connect(host, port, number)
        if probe.unreachable is not None:
            others = probe.open_ports(host, connection_checks.USUAL_PORTS)
            seconds = self.patience.connect
            return self._add(connection_checks.unreachable(host, port, probe.unreachable, seconds, others))
        self._add(ok(Check.PORT, f"{host} port {port} accepts the connection"))
        version, taken = probe.gateway.serverVersion() or 0, ended.startswith("326:")
        if not taken and (ended or not version):
            return self._add(connection_checks.no_greeting(host, port, ended, version, self.patience.connect))
        self._add(ok(Check.HANDSHAKE, f"server version {version}"))
        if taken:
            return self._add(connection_checks.client_id_taken(number, ended))
        return self._add(connection_checks.client_id(number, self.daemon))

    def _client_id(self) -> int:
        """The bot's own, or one that does not disconnect a daemon that uses it."""
        own = self.settings.ib_client_id
        if self.daemon is None:
            return own
        other = own + OTHER_CLIENT_ID
        return other if other <= LARGEST_CLIENT_ID else own - OTHER_CLIENT_ID

    def _check_time(self, probe: "Probe") -> bool:
        answer = probe.read(probe.gateway.ask_time(), self.patience.time)
        if answer.trouble:
            return self._add(connection_checks.no_time(answer.trouble))
        skew = self.clock.now() - (datetime.fromtimestamp(answer.rows[-1], UTC) + HALF_A_SECOND)
        self._add(connection_checks.clock(skew))
        self._add(connection_checks.time_zone(probe.connected_at))
        return True

    def _check_account(self, probe: "Probe") -> bool:
        self._accounts = (*probe.gateway.managed, *self._accounts)
        result, self._account = connection_checks.account(probe.gateway.managed, self.settings.ib_account)
        if not self._add(result):
            return False
        probe.gateway.account = self._account  # from now on only its orders count
        self._add(connection_checks.kind(self._account, self.settings.ib_port))
        self._add(connection_checks.keys(self._account, self.settings))
        return True

    def _read(self, probe: "Probe") -> None:
        # Requested alone: a read-only gateway's refusal does not say what it refuses.
        orders = probe.read(probe.gateway.ask_open_orders(), self.patience.orders)
        if self._add(account_checks.read_only(orders)):
            self._add(account_checks.open_orders(orders, self.clock.now(), self._symbols))
        day = probe.day(self.patience.day)
        self._add(account_checks.executions(day))
        self._add(account_checks.completed(day.completed))
        summary, positions, contracts = probe.account_data(self._symbols, self.patience.account)
        self._add(account_checks.summary(summary, self._account, self.settings))
        self._add(account_checks.positions(positions, self._account, self._symbols))
        self._add(account_checks.contracts(contracts, self.settings.order_type, self.clock.now()))
        ticks, trouble = probe.gateway.prices.quotes(self._symbols, self.patience.quotes)
        self._add(account_checks.line(probe.interrupted()))
        self._add(account_checks.quotes(ticks, trouble, self._symbols))
        price = ticks.get(self._fund, {}).get(account_checks.LAST) or self.last_prices.get(self._fund)
        self._add(self._precautions(probe, self._real_size(summary, price)))

    def _real_size(self, summary: Reply, price: float | None) -> int:
        """How many shares of an uptrend's fund the bot would buy here: limits by size and value show at no other size.

        1 if no price is known, or if there is no cash because it is invested.
        """
        if summary.trouble or not price or price <= 0:
            return 1
        try:
            cash, _ = spendable(amounts(summary.rows, self._account), Decimal(0))
        except BrokerUnavailable:
            return 1
        budget = min(self.settings.capital, cash) * self.settings.rules.position_size
        return max(1, int(budget / Decimal(str(price))))

    def _precautions(self, probe: "Probe", quantity: int) -> Result:
        """A what-if is sent only if it was requested and no other check failed."""
        if not self.what_if:
            return account_checks.precautions(None, self._fund, quantity)
        if failed := self._report().failed:
            return account_checks.precautions(None, self._fund, quantity, failed)
        answer = probe.what_if(self._fund, quantity, self.clock.now(), self.patience.what_if)
        return account_checks.precautions(answer, self._fund, quantity)

    def _add(self, result: Result) -> bool:
        """Record and show a result; returns whether the check passed."""
        self._results.append(result)
        self.show(result, self._accounts)
        return result.verdict is not Verdict.FAILED

    def _report(self) -> Report:
        return Report(tuple(self._results), self._accounts, self._account, self.settings.dry_run)
