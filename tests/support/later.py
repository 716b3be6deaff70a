"""Whole processes at another time than the machine's; waits are real."""

from datetime import date, timedelta
from pathlib import Path

from tests.support.builders import new_york

TUESDAY_NOON = new_york(date(2026, 11, 24), 12)

SHIFT = """
import datetime
from qqqbot.runtime import clock

class Shifted(clock.SystemClock):
    def now(self):
        return super().now() + datetime.timedelta(seconds={seconds})

clock.SystemClock = Shifted
"""


def put_forward(site: Path, ahead: timedelta) -> None:
    """Make the folder `site`; each process that has it on its PYTHONPATH lives `ahead` of the machine's clock."""
    site.mkdir()
    (site / "sitecustomize.py").write_text(SHIFT.format(seconds=ahead.total_seconds()))
