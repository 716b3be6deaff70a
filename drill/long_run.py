"""The whole product over many sessions of real prices: python -m drill.long_run --help

A copy of the checkout is started by its own script, on a clock that skips the waiting (see shifted_clock); the stand-in
for Yahoo feeds it the daily rows of two CSV files. At random moments the daemon may be killed with -9 and started
again, by hand or, with --supervised, by a stand-in for systemd. With --gateway it trades an account at the stand-in for
Interactive Brokers' gateway, which restarts every night, forgets order ids and needs a login on Sundays.

At the end the book is compared with an independent account, or with the gateway's own ledger, and every decision with
the rule computed from the files; all notifications of that time are listed. This is for trying out the whole product by
hand; it takes minutes and is not part of the test suite.
"""

import argparse
import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from decimal import Decimal
from pathlib import Path
from textwrap import indent
from zoneinfo import ZoneInfo

from drill import audit
from standins.ib_gateway import Account, IBGateway
from standins.receiver import Receiver, receiving
from standins.supervisor import Supervisor
from standins.yahoo.exchange import hours
from standins.yahoo.series import read_daily_csv

ROOT = Path(__file__).resolve().parents[1]
NEW_YORK = ZoneInfo("America/New_York")
SUNDAY = 6
# The longest pause between attempts is a minute. A day takes minutes here, so each connection looks short-lived.
RECONNECTED_SECONDS = 120


def main() -> int:
    args = _arguments()
    with tempfile.TemporaryDirectory(prefix="qqqbot long run ") as folder:
        run = Run(Path(folder), args)
        with run.yahoo(), run.gateway(), receiving() as run.phone:
            run.play()
            return run.judge()


class Run:
    def __init__(self, folder: Path, args: argparse.Namespace) -> None:
        self.args = args
        self.checkout = folder / "checkout"
        self.control = folder / "control.json"
        self.random = random.Random(args.seed)
        self.days = [row.date for row in read_daily_csv(args.qqq) if row.date >= args.start][: args.sessions]
        begin = datetime.combine(self.days[0], time_of_day(9, 20), NEW_YORK)
        self._write_offset((begin - datetime.now(UTC)).total_seconds())
        self.environment = dict(os.environ)
        self.series = {"QQQ": read_daily_csv(args.qqq), "TQQQ": read_daily_csv(args.tqqq)}
        self.broker: IBGateway | None = None
        self.supervisor: Supervisor | None = None
        self.phone = Receiver()
        self.over = threading.Event()
        self._copy_checkout()

    @contextmanager
    def yahoo(self) -> Iterator[None]:
        command = [sys.executable, "-m", "standins.yahoo", "--control", str(self.control), "--until-eof"]
        command += ["--qqq", str(self.args.qqq), "--tqqq", str(self.args.tqqq)]
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == "READY":
                break
            name, _, value = line.strip().partition("=")
            self.environment[name] = value
        self.environment |= {
            "QQQBOT_TEST_CLOCK": str(self.control),
            "QQQBOT_VENV": str(self.args.venv),
            "PYTHONPATH": f"{ROOT / 'standins' / 'shifted_clock'}{os.pathsep}{self.checkout}",
        }
        try:
            yield
        finally:
            process.communicate()

    @contextmanager
    def gateway(self) -> Iterator[None]:
        """A margin account at the stand-in, which quotes the same prices; a thread plays its nights and troubles."""
        if not self.args.gateway:
            yield
            return
        account = Account("DU1234567", Decimal(100_000), Decimal(4))
        with IBGateway(self.now, self.args.gateway, [account]) as self.broker:
            self.broker.use_sessions([(h.open, h.close) for h in map(hours, self._days_around())])
            self.broker.behave(slices=(60, 40), slice_delay=0.01)
            self._configure(dry_run=False, use_interactive_brokers=True, ib_port=self.broker.port)
            thread = threading.Thread(target=self._keep_gateway, args=(self.broker,))
            thread.start()
            try:
                yield
            finally:
                self.over.set()
                thread.join()

    def _keep_gateway(self, broker: IBGateway) -> None:
        noon = night = sunday = self.days[0]
        while not self.over.wait(0.003):
            now = self.now()
            for symbol in self.series:
                broker.set_price(symbol, str(round(self._price(symbol, now), 2)))
            broker.look()
            local = now.astimezone(NEW_YORK)
            if local.hour == 12 and local.date() >= noon:
                noon = local.date() + timedelta(days=1)
                self._trouble(broker)
            if local.hour == 23 and local.date() >= night:
                night = local.date() + timedelta(days=1)
                self._restart_gateway(broker)
            if local.weekday() == SUNDAY and local.hour >= 1 and local.date() >= sunday:
                sunday = local.date() + timedelta(days=1)
                self._await_login(broker, datetime.combine(local.date(), time_of_day(19, 30), NEW_YORK))

    def _await_login(self, broker: IBGateway, until: datetime) -> None:
        """Play a Sunday: IB ends the login at 01:00, and the owner logs in again in the evening."""
        print(f"the gateway's login ends at {self.now().astimezone(NEW_YORK):%a %H:%M} ET", flush=True)
        broker.go_down(roll_back_ids=3)
        while self.now() < until and not self.over.wait(0.003):
            broker.look()
        with self._real_time(broker, "the owner logs in"):
            broker.come_up()

    def _restart_gateway(self, broker: IBGateway) -> None:
        with self._real_time(broker, "the gateway restarts"):
            broker.go_down(roll_back_ids=3)
            time.sleep(1)
            broker.come_up()

    def _trouble(self, broker: IBGateway) -> None:
        """Cause a trouble that a connection can have at any time of day, or none."""
        match self.random.choice(("drop", "line", "garbage", "nothing")):
            case "drop":
                with self._real_time(broker, "the connection is dropped"):
                    broker.drop_clients()
            case "line":
                with self._real_time(broker, "the gateway loses its line for a second"):
                    broker.lose_line(1100)
                    time.sleep(1)
                    broker.restore_line(data_kept=False)
            case "garbage":
                print("the next answer about the account will be garbage", flush=True)
                broker.next_fault("reqAccountSummary", "garbage")

    @contextmanager
    def _real_time(self, broker: IBGateway, what: str) -> Iterator[None]:
        """Skip no waiting until the bot is connected again."""
        hold = self.control.with_suffix(".hold")
        hold.touch()
        print(f"{what} at {self.now().astimezone(NEW_YORK):%a %Y-%m-%d %H:%M} ET; {self._weight()}", flush=True)
        yield
        broker.wait_for(lambda: broker.client_ids or self.over.is_set(), RECONNECTED_SECONDS)
        time.sleep(1)
        hold.unlink()

    def _weight(self) -> str:
        """What the daemon uses at this moment: a leak shows as a growing number."""
        pid = (self.logs / "bot.pid").read_text().strip()
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        values = {name: rest.split()[0] for name, _, rest in (line.partition(":") for line in lines) if rest.split()}
        descriptors = len(os.listdir(f"/proc/{pid}/fd"))
        return f"{int(values['VmRSS']) / 1024:.1f} MB, {values['Threads']} threads, {descriptors} descriptors"

    def _price(self, symbol: str, now: datetime) -> float:
        """The price on a straight line from open to close, the same as at the stand-in for Yahoo."""
        day = now.astimezone(NEW_YORK).date()
        rows = self.series[symbol]
        row = rows[bisect_right(rows, day, key=lambda r: r.date) - 1]
        span = hours(row.date)
        part = min(1.0, max(0.0, (now - span.open) / (span.close - span.open)))
        return row.open + (row.close - row.open) * part

    def _days_around(self) -> list[date]:
        return [r.date for r in self.series["QQQ"] if abs((r.date - self.days[0]).days) < 400]

    def play(self) -> None:
        self._start()
        end = datetime.combine(self.days[-1], time_of_day(18), NEW_YORK)
        while self.now() < end:
            time.sleep(self.random.uniform(1, 6))
            if self.args.kill and self.random.random() < self.args.kill:
                self.kill()
        self.over.set()
        self.script("status")
        self._stop()

    def _start(self) -> None:
        self.environment |= {
            "QQQBOT_NOTIFY_URLS": self.phone.json_url(),
            "QQQBOT_PING_URL": self.phone.url("ping"),
        }
        if not self.args.supervised:
            self.script("start")
            return
        command = [str(self.checkout / "bot_control.sh"), "run"]
        self.supervisor = Supervisor(command, self.environment, self.checkout, lambda: time.sleep(0.1))
        self.supervisor.start()
        print("$ systemctl start qqqbot", flush=True)

    def _stop(self) -> None:
        if self.supervisor is None:
            self.script("stop")
            return
        print(f"$ systemctl status qqqbot\n{self.supervisor.status}\n$ systemctl stop qqqbot", flush=True)
        self.supervisor.stop()
        received = ", ".join(f"{count} {name}" for name, count in self.supervisor.received.items())
        print(
            f"the supervisor saw {len(self.supervisor.exits)} exits, {self.supervisor.exits}, and received {received}"
        )

    def kill(self) -> None:
        pid = int((self.logs / "bot.pid").read_text())
        print(f"kill -9 at {self.now().astimezone(NEW_YORK):%a %Y-%m-%d %H:%M:%S} ET", flush=True)
        os.kill(pid, signal.SIGKILL)
        if self.supervisor is None:
            self.script("start", quiet=True)

    def judge(self) -> int:
        self.script("trades", "--limit", "100")
        self.show_ledgers()
        self.show_messages()
        executions = self.broker.ledger if self.broker else None
        problems = [*self.wrong_decisions(), *audit.problems(self.logs, executions)]
        print(
            "\n".join(problems)
            or f"every decision of {len(self.days)} sessions agrees with the rule, and the book adds up"
        )
        return 1 if problems else 0

    def wrong_decisions(self) -> Iterator[str]:
        """The decisions that differ from the rule, computed from the file's closes on their own basis."""
        history = self._adjusted()
        seen = 0
        for row in audit.rows(self.logs / "decisions.jsonl"):
            if row.get("short_ma") is None or not row["exchange_open"]:
                continue
            day = date.fromisoformat(row["session"])
            closes = [close for d, close in history if d < day]
            basis = dict(history)[max(d for d, _ in history if d < day)]
            known = self._adjusted_basis(day)
            closes, price = [c * known / basis for c in closes], float(row["price"])
            short = (sum(closes[-29:]) + price) / 30
            long = (sum(closes[-119:]) + price) / 120
            wanted = ("TQQQ" if price > short else "QQQ") if short > long else "CASH"
            near = min(abs(short / long - 1), abs(price / short - 1)) < 1e-5
            seen += 1
            if row["target"] != wanted and not near:
                yield f"{row['timestamp']}: decided {row['target']}, the rule says {wanted}"
        print(f"{seen} decisions checked")

    def show_ledgers(self) -> None:
        """Print each order according to the gateway and according to the book."""
        if self.broker is None:
            return
        theirs: Counter[str] = Counter()
        for execution in self.broker.ledger:
            theirs[execution.order_ref] += int(execution.shares)
        ours = {row["order_ref"]: row["quantity"] for row in audit.trades(self.logs)}
        print(f"{'order':<22}{'shares: gateway':>18}{'book':>8}")
        for ref in sorted(theirs.keys() | ours.keys()):
            print(f"{ref:<22}{theirs[ref]:>18,}{ours.get(ref, 0):>8,}")

    def show_messages(self) -> None:
        print(f"\n{len(self.phone.messages)} notifications, {len(self.phone.calls)} pings of the dead man's switch:")
        for message in self.phone.messages:
            print(f"\n  {message['title']}\n" + indent(message["message"], "    "))

    def script(self, *arguments: str, quiet: bool = False) -> None:
        out = subprocess.DEVNULL if quiet else None
        if not quiet:
            print(f"$ ./bot_control.sh {' '.join(arguments)}", flush=True)
        subprocess.run(
            ["./bot_control.sh", *arguments], cwd=self.checkout, env=self.environment, stdout=out, check=False
        )

    @property
    def logs(self) -> Path:
        return self.checkout / "logs"

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=json.loads(self.control.read_text())["offset_seconds"])

    def _adjusted(self) -> list[tuple[date, float]]:
        with self.args.qqq.open() as file:
            return [(date.fromisoformat(r["date"]), float(r["adj_close"])) for r in csv.DictReader(file)]

    def _adjusted_basis(self, day: date) -> float:
        """The last close before `day` as Yahoo showed it on `day`: less a dividend whose ex-day is `day`."""
        with self.args.qqq.open() as file:
            rows = list(csv.DictReader(file))
        at = next(i for i, r in enumerate(rows) if r["date"] == day.isoformat())
        before, today = rows[at - 1], rows[at]
        return float(before["close"]) * float(before["adj_factor"]) / float(today["adj_factor"])

    def _write_offset(self, seconds: float) -> None:
        self.control.write_text(json.dumps({"offset_seconds": seconds}))

    def _copy_checkout(self) -> None:
        names = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        for name in names.stdout.splitlines():
            if (ROOT / name).is_file():
                target = self.checkout / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, target)
        self._configure(**json.loads(self.args.config))

    def _configure(self, **settings: object) -> None:
        path = self.checkout / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | settings, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m drill.long_run", description=__doc__)
    parser.add_argument("--qqq", type=Path, required=True, help="CSV of daily rows with dividends and splits")
    parser.add_argument("--tqqq", type=Path, required=True)
    parser.add_argument("--start", type=date.fromisoformat, required=True)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kill", type=float, default=0.0, help="chance of a kill -9 every few seconds")
    parser.add_argument("--supervised", action="store_true", help="run under a stand-in for systemd, which restarts it")
    parser.add_argument("--gateway", type=int, help="trade at the stand-in gateway, with this newest server version")
    parser.add_argument("--venv", type=Path, default=Path(sys.prefix), help="the environment of the bot")
    parser.add_argument("--config", default="{}", help="JSON of configuration keys that differ from config.json")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
