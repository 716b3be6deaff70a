"""The daemon's log on hosts of other time zones, each in its own process."""

import os
import subprocess
import sys
from pathlib import Path

from drill.checkout import ROOT


def test_the_date_does_not_depend_on_the_hosts_zone(tmp_path: Path) -> None:
    code = (
        "import logging, pathlib, sys; from datetime import datetime, UTC;"
        "from qqqbot.runtime.clock import VirtualClock;"
        "from qqqbot.runtime.daily_log import set_up; set_up(pathlib.Path(sys.argv[1]),"
        "VirtualClock(datetime(2026, 11, 25, 4, 30, tzinfo=UTC)), 90);"
        "logging.getLogger('qqqbot').info('x')"
    )
    for zone in ("Asia/Tokyo", "Pacific/Honolulu", "UTC"):
        folder = tmp_path / zone.replace("/", "-")
        folder.mkdir()
        environment = {**os.environ, "TZ": zone}
        subprocess.run([sys.executable, "-c", code, str(folder)], cwd=ROOT, env=environment, check=True, timeout=120)
        assert (folder / "trading_bot_20261124.log").read_text() == "2026-11-24T23:30:00.000-05:00 INFO x\n"
