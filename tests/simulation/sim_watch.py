"""Law 11: an account that is not where the rule wants it, for longer than two checks of an open session, is told of.

The status then is not healthy, the owner has been told why, and the dead man's switch is not fed; by the project's own
judges, which are asked at each beat with what the daemon would write.
"""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from qqqbot.model.values import Action, Holding
from qqqbot.monitoring.health import Evidence, judge
from qqqbot.notifications.dead_man_switch import DeadManSwitch
from qqqbot.records.status_file import write_status
from qqqbot.records.verdict import Health, verdict
from qqqbot.strategy.gates import LAST_SAFE_SECONDS
from qqqbot.strategy.rule import evaluate
from qqqbot.trading.alerts import LogNotifier
from qqqbot.trading.come_back import half_made
from qqqbot.trading.engine import Engine
from qqqbot.trading.heartbeat import Heartbeat, engine_values
from tests.simulation.sim_records import half_way_to
from tests.simulation.sim_world import World

# Two checks of the grid, and time for the second one's orders.
CHECKS = 2
AN_ORDER = timedelta(minutes=3)


class Calls:
    """In place of the outbox of the switch."""

    def __init__(self) -> None:
        self.newest: datetime | None = None

    def put(self, now: datetime) -> None:
        self.newest = now

    def close(self, _: float) -> None:
        """Nothing is open."""


class Watch:
    """Of one process: what came before it is not its to tell."""

    def __init__(self, world: World, engine: Engine, notifier: LogNotifier) -> None:
        self._world, self._engine, self._notifier = world, engine, notifier
        self._calls = Calls()
        self._switch = DeadManSwitch(self._calls)  # type: ignore[arg-type]
        self._heartbeat = Heartbeat(world.logs / "watched.json", world.clock, {}, notifier, engine)
        self._apart_since: datetime | None = None

    def look(self, due: datetime) -> None:
        world, now = self._world, self._world.clock.true_now()
        session = world.prices.table.open_session(now)
        check = self._engine.state.last_check
        self._calls.newest = None
        closed = session is None
        if verdict(engine_values(self._engine, world.clock.now()), world.clock.now()) is Health.HEALTHY:
            self._switch.look(check, closed, world.clock.now())
        ended = session is None or (session.close - now).total_seconds() <= LAST_SAFE_SECONDS
        if ended or world.clock.offset or self._there(now):
            self._apart_since = None
            return
        self._apart_since = self._apart_since or now
        lasted = now - self._apart_since
        if lasted <= CHECKS * world.interval + AN_ORDER:
            return
        status = self._status(due)
        health = judge(self._evidence(status), world.clock.now())
        last = check.sentence if check else "no check was made"
        where = f"for {lasted} the account has not been where the rule wants it ({self.wanted(now)}): {last}"
        assert health.exit_code != 0, f"healthy, {where}"
        assert self._engine.alerts.lasting() or self._engine.halted(), f"nothing was told, {where}"
        assert self._calls.newest is None, f"the switch was fed, {where}"

    def wanted(self, now: datetime) -> Holding:
        """The answer of the rule at the true prices."""
        market, held = self._world.prices.market(now), self._engine.portfolio().holding
        needed = self._world.rules.form.history
        return evaluate(
            [bar.close for bar in market.bars][-needed:], market.signal_quote.price, held, self._world.rules
        ).target

    def _there(self, now: datetime) -> bool:
        """By the newest decision, or else by the rule at the true prices."""
        check, records = self._engine.state.last_check, self._engine.records
        target = check.row.get("target") if check else None
        held = self._engine.portfolio().holding
        due = self._world.deciding(now) or half_way_to(self._world.logs) is not None
        reached = held == (target or self.wanted(now)) or not due
        half = half_made(records.journal, records.book.ledger, self._engine.rules)
        begun = half is not None and (check is None or check.action != Action.HOLD)
        return reached and not records.journal.unresolved() and not begun

    def _status(self, due: datetime) -> dict[str, Any]:
        path = Path(self._world.logs / "watched.json")
        write_status(path, self._heartbeat._values("running", due))
        values: dict[str, Any] = json.loads(path.read_text())
        return values

    def _evidence(self, status: dict[str, Any]) -> Evidence:
        now = self._world.clock.now()
        return Evidence(status, status["pid"], now - timedelta(hours=1), self._engine.halted(), touched_at=now)
