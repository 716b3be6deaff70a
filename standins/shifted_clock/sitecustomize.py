"""A machine's clock that skips the waiting, for whole processes in a long run.

Put this folder on PYTHONPATH and name a control file in QQQBOT_TEST_CLOCK. The time is then the machine's plus an
offset. A wait of more than a second is not waited but added to the offset. All processes of a run, and the stand-in for
Yahoo, share the file, so a process that starts later has the same time as the others.

While a file of the same name with the suffix .hold exists, no wait is skipped: for events that take real time, like a
gateway's restart, and for a drill, which moves the time itself and says by how much in `jumped_seconds`. The product
knows nothing of this.
"""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

CONTROL = os.environ.get("QQQBOT_TEST_CLOCK")
LONGEST_REAL_WAIT = 1.0


def _install(control: Path) -> None:
    from qqqbot.runtime import clock

    class ShiftedClock(clock.SystemClock):
        def now(self) -> datetime:
            return datetime.now(UTC) + timedelta(seconds=_value("offset_seconds"))

        def monotonic(self) -> float:
            return super().monotonic() + _value("jumped_seconds")

        def wait(self, seconds: float) -> bool:
            if seconds <= LONGEST_REAL_WAIT:
                return super().wait(seconds)
            if control.with_suffix(".hold").exists():
                return super().wait(0.05)
            stopped = super().wait(0.0005)
            if not stopped:
                _write_offset(_value("offset_seconds") + seconds)
            return stopped

    def _value(name: str) -> float:
        return float(json.loads(control.read_text()).get(name, 0))

    def _write_offset(seconds: float) -> None:
        values = json.loads(control.read_text()) | {"offset_seconds": seconds}
        fresh = control.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps(values))
        fresh.replace(control)

    clock.SystemClock = ShiftedClock  # type: ignore[misc]


if CONTROL:
    _install(Path(CONTROL))
