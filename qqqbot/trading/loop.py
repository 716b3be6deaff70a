"""The polling loop: check when a check is due, beat at least once a minute, wait, until a stop is asked for."""

import math
from collections.abc import Callable
from datetime import datetime, timedelta

from qqqbot.model.errors import CalendarEnded
from qqqbot.model.ports import Clock
from qqqbot.model.sessions import Timetable
from qqqbot.model.values import Decide, Rules
from qqqbot.trading.engine import Engine

HEARTBEAT = timedelta(seconds=60)
# Without a table of sessions there is no schedule, so the table is requested again after this long.
WITHOUT_CALENDAR = timedelta(minutes=5)
# Further away than any tick.
FAR = timedelta(days=30)

Beat = Callable[[datetime], None]


def timetable(rules: Rules, interval: timedelta) -> Timetable:
    """The timetable of the checks that `rules` need, one every `interval`."""
    window = timedelta(seconds=rules.decide_seconds_before_close) if rules.decide is Decide.BEFORE_CLOSE else None
    quiet = timedelta(seconds=rules.no_trade_seconds_after_open)
    return Timetable(interval, quiet, window, always=not rules.trading_hours_only)


def poll(
    engine: Engine,
    clock: Clock,
    times: Timetable,
    beat: Beat,
    heartbeat: timedelta = HEARTBEAT,
    guard: Callable[[], None] = lambda: None,
    look: float = math.inf,
) -> None:
    """Run until a stop is requested. The first check is made at once; `beat` gets the time of the next check.

    `heartbeat` is the longest time between two beats; a simulation with a virtual clock makes it longer.
    `guard` is called after each wait, before any check that is due, and every `look` seconds during a wait; an
    exception from it ends the loop. A wait also ends early if a halt has begun or ended, because the command `halt`
    waits for the beat that reports it.
    """
    due = clock.now()
    while not clock.stopping():
        guard()
        if clock.now() >= due:
            engine.step()
            due = clock.now() + (engine.pause() or FAR)
        # A clock that was set back must not leave a check an hour in the future.
        due = min(due, _next_tick(engine, times, clock.now()))
        if engine.look_back():
            due = clock.now()
        halted = engine.halted()
        beat(due)
        left = min(heartbeat, max(due - clock.now(), timedelta(0))).total_seconds()
        _rest(engine, clock, left, look, halted, guard)


def _rest(
    engine: Engine, clock: Clock, seconds: float, look: float, halted: str | None, guard: Callable[[], None]
) -> None:
    while engine.halted() == halted and not clock.wait(min(seconds, look)) and seconds > look:
        seconds -= look
        guard()


def _next_tick(engine: Engine, times: Timetable, now: datetime) -> datetime:
    table = engine.state.table
    try:
        return times.next_check(table, now) if table is not None else now + WITHOUT_CALENDAR
    except CalendarEnded:
        return now + WITHOUT_CALENDAR
