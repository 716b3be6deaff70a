"""Sessions, checks and decisions do not depend on the time zone of the machine."""

import os
import subprocess
import sys
from pathlib import Path

ZONE_SCRIPT = """
import sys, time
sys.path[:0] = {paths!r}
time.tzset()
from datetime import date, timedelta
from tests.support.builders import RULES, HALF_DAYS, Holding, new_york, snapshot, table
from qqqbot.model.new_york import new_york_date, new_york_text
from qqqbot.model.sessions import Timetable
from qqqbot.strategy.planning import decide
times = Timetable(timedelta(minutes=15), window=timedelta(minutes=20))
for day in (date(2026, 3, 6), date(2026, 3, 9), date(2026, 10, 30), date(2026, 11, 2), *HALF_DAYS[2:5]):
    for hour in (0, 9, 12, 15, 23):
        now = new_york(day, hour, 31)
        at = times.next_check(table(), now)
        print(now.timestamp(), at.isoformat(), new_york_text(at), new_york_date(now), table().open_session(now))
    print(decide(snapshot(Holding.QQQ, now=new_york(day, 12)), RULES))
"""


def test_the_hosts_zone_changes_nothing() -> None:
    script = ZONE_SCRIPT.format(paths=[str(Path(__file__).resolve().parents[2])])

    def printed(zone: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "TZ": zone},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        ).stdout

    reference = printed("UTC")
    assert reference.count("Plan(action=<Action.ROTATE") == 7
    for zone in ("Asia/Tokyo", "Europe/London", "America/Los_Angeles", "Pacific/Kiritimati"):
        assert printed(zone) == reference
