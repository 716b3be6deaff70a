"""The stand-in for Yahoo with a clock that can be set, and what the bot makes of its answers."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from qqqbot.adapters.yahoo import asking, child
from qqqbot.adapters.yahoo.price_source import read_market
from qqqbot.model.market import Market
from qqqbot.model.sessions import SessionTable
from qqqbot.model.values import Plan, Rules, Snapshot
from qqqbot.strategy.planning import decide
from standins.yahoo import Exchange, StandIn
from tests.support.builders import snapshot, table
from tests.support.symbols import SYMBOLS
from tests.support.yahoo_documents import NOON

RULES = Rules()
# A busy machine may take seconds for an answer.
PATIENT_SECONDS = 30.0


class YahooWorld:
    """A session that connects to the stand-in; `plan` is what the bot would do now if all but the prices were valid."""

    def __init__(self, yahoo: StandIn, moment: list[datetime]) -> None:
        self.yahoo = yahoo
        self.session = self._session(PATIENT_SECONDS)
        self._moment = moment

    def _session(self, seconds: float) -> Any:
        return asking.new_session(timeout_seconds=seconds, **self.yahoo.session_options)

    @contextmanager
    def hasty(self, seconds: float = 2.0) -> Iterator[None]:
        """A session that waits only as long for an answer: for the step in which one is withheld."""
        patient, self.session = self.session, self._session(seconds)
        yield
        self.session = patient

    @property
    def now(self) -> datetime:
        return self._moment[0]

    def at(self, moment: datetime) -> None:
        self._moment[0] = moment

    def market(self) -> Market:
        return read_market(child.document("prices", SYMBOLS, None, None, "1y", self.session), SYMBOLS)

    def plan(self, calendar: SessionTable | None = None) -> Plan:
        return decide(snapshot_of(self.market(), self.now, calendar), RULES)


@contextmanager
def yahoo_world(series: dict[str, list[Any]]) -> Iterator[YahooWorld]:
    moment = [NOON]
    with StandIn(Exchange(series), now=lambda: moment[0]) as yahoo:
        yield YahooWorld(yahoo, moment)


def snapshot_of(market: Market, now: datetime, calendar: SessionTable | None = None) -> Snapshot:
    calendar = calendar or table()
    latest = calendar.open_session(now) or calendar.last_closed(now)
    return snapshot(
        now=now,
        market=market,
        session=latest,
        exchange_open=latest.contains(now),
        expected=calendar.before(latest.date, RULES.form.history),
    )
