"""The stage of a scene: a copy of this project in its own folder, a market, and a clock that the drill moves.

The bot is the real one, started and stopped by its own script, with the real clients of Yahoo and of Interactive
Brokers; only their servers are simulated (`standins`), and the time (`standins/shifted_clock`). Everything is printed
as its owner would see it.
"""

import json
import os
import resource
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime
from datetime import time as time_of_day
from decimal import Decimal
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess
from textwrap import fill
from typing import Any, TextIO

from drill import audit
from drill.checkout import STANDINS, Checkout
from drill.market import Market
from qqqbot.notifications.policy import clipped
from qqqbot.runtime.config import load
from standins.ib_gateway import Account, IBGateway
from standins.receiver import Receiver, receiving
from standins.yahoo import StandIn, write_control
from standins.yahoo.exchange import hours
from standins.yahoo.series import NEW_YORK, session_dates

PAPER_ACCOUNT, LIVE_ACCOUNT = "DU1234567", "U7654321"
# The newest protocol version that the stand-in offers; an older client gets its own.
NEWEST_PROTOCOL = 226
LONGEST_SHOWN = 900
MARGIN, WIDTH = " " * 6, 116
LABEL_WIDTH = len("Last check  ")


class Stage:
    """What a scene works with: `yahoo` and `gateway` can fail, `market` can move, `owner` types commands."""

    def __init__(self, bot: Checkout, control: Path, market: Market, yahoo: StandIn, phone: Receiver, out: TextIO):
        self.bot, self.market, self.yahoo = bot, market, yahoo
        self.failures: list[str] = []
        self.patience_seconds = 60.0
        self.proofs = 0
        self._control, self._phone, self._out = control, phone, out
        self._gateway: IBGateway | None = None
        self._offset = self._jumped = 0.0
        self._shown = 0

    @property
    def gateway(self) -> IBGateway:
        assert self._gateway is not None, "this scene has the simulated account"
        return self._gateway

    def trade_at(self, gateway: IBGateway) -> None:
        """Let the bot trade an account at `gateway`, whose prices then follow the market."""
        self._gateway = gateway
        self._accounts = dict(gateway.book.accounts)
        self.configure(dry_run=False, use_interactive_brokers=True, ib_port=gateway.port)

    def configure(self, **settings: object) -> None:
        path = self.bot.folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | settings, indent=2))

    def add_channel(self, url: str) -> None:
        """Add a channel before the owner's phone, which is the last one."""
        self.bot.environment["QQQBOT_NOTIFY_URLS"] = f"{url} {self._phone.json_url()}"

    def log_in(self, account: str) -> None:
        """Bring the gateway, which must be down, up with `account`; each account keeps its contents."""
        self._accounts.setdefault(account, _account(account))
        self.gateway.book.accounts = {account: self._accounts[account]}

    # Time and prices

    def now(self) -> datetime:
        return datetime.fromtimestamp(time.time() + self._offset, UTC)

    def begin(self, day: date, at: str) -> None:
        """Set the moment at which the scene opens."""
        self._offset = (_moment(day, at) - datetime.now(UTC)).total_seconds()
        self._write_clock()

    def later(self, at: str, day: date | None = None, move: float | None = None, checked: bool = True) -> None:
        """Move the clock to `at` in New York, and the index to `move` for today. `checked`: wait for a check."""
        moment = _moment(day, at) if day else self._today(at)
        if move is not None:
            self.market.move = move
        ahead = (moment - self.now()).total_seconds()
        self._offset += ahead
        self._jumped += ahead
        self._write_clock()
        if checked:
            self.wait_for(lambda: self._checked_since(moment), f"a check at {at}")

    # What people do and see

    @property
    def falls(self) -> str:
        return f"{self.market.signal} falls {-100 * self.market.fall:.1f} %"

    def narrate(self, text: str) -> None:
        print(f"\n  {_clock(self.now())}  {text}", file=self._out, flush=True)

    def owner(self, *arguments: str, lines: tuple[str, ...] = ()) -> "CompletedProcess[str]":
        """Run a command as the owner would and show what it prints; of a status, only the fields named in `lines`."""
        done = self.bot.run(*arguments)
        printed = done.stdout + done.stderr
        shown = _fields(printed, lines) if lines else printed
        code = f"exit code {done.returncode}" if done.returncode else ""
        self.show(f"$ ./bot_control.sh {' '.join(arguments)}", shown, code)
        return done

    def status(self, *lines: str) -> "CompletedProcess[str]":
        return self.owner("status", lines=lines or ("Running", "Holdings", "Broker", "Problems", "Last check"))

    def show(self, head: str, body: str, foot: str = "") -> None:
        lines = [head, *(f"  {line}" for line in body.strip("\n").splitlines()), *([f"({foot})"] if foot else [])]
        print("\n" + "\n".join(_wrapped(line) for line in lines), file=self._out, flush=True)

    def message(self, *words: str) -> bool:
        """Whether a notification with all of `words` arrives; each new notification is shown."""
        arrived = self.happens(lambda: any(all(w in m for w in words) for m in self._messages()))
        self._show_phone()
        return arrived

    def times(self, title: str) -> int:
        """How many notifications with this `title` have arrived."""
        return sum(received.endswith(f": {title}") for received in self._phone.titles())

    def prove(self, sentence: str, *held: bool) -> None:
        self.proofs += 1
        good = all(held)
        if not good:
            self.failures.append(sentence)
        print(f"      {'proved' if good else 'FAILED'}: {sentence}", file=self._out, flush=True)

    def prove_that_nothing_was_lost(self) -> None:
        if self._gateway is None:
            wrong, claim = audit.problems(self.bot.logs), "the book adds up, and contains every order once"
        else:
            wrong = audit.problems(self.bot.logs, self._gateway.ledger)
            claim = "the book equals the gateway's own ledger to the share and the cent"
        self.prove("; ".join(wrong) or claim, not wrong)

    # What is on disk

    def trades(self) -> list[str]:
        """'BUY 1,053 TQQQ' for each trade of the book."""
        return [f"{row['side']} {row['quantity']:,} {row['symbol']}" for row in audit.trades(self.bot.logs)]

    def orders(self) -> int:
        """How many orders the bot ever made: those decided or those the gateway has seen, whichever are more."""
        decided = [row for row in audit.rows(self.bot.logs / "orders.jsonl") if row["event"] == "intended"]
        sent = [order for order in self._gateway.orders if order.order_ref] if self._gateway else []
        return max(len(decided), len(sent))

    def announcement(self) -> list[str]:
        """What the records say about the newest announcement: 'delivered', and the replies to it."""
        rows = audit.rows(self.bot.logs / "orders.jsonl")
        newest = max((n for n, row in enumerate(rows) if row["event"] == "announced"), default=len(rows))
        return [str(row.get("answer", row["event"])) for row in rows[newest:]]

    def all_is_told(self) -> bool:
        """Whether every message was accepted, so that the clock may jump by a day."""
        return not json.loads((self.bot.logs / "notices.json").read_text())["waiting"]

    def account(self) -> audit.Account:
        return audit.Account(audit.rows(self.bot.logs / "trades.jsonl"))

    def last_check(self) -> dict[str, Any]:
        return self._last_status().get("last_check") or {}

    def account_answers(self) -> bool:
        """Whether the account answers, by the newest heartbeat: a connected bot must also have read what it missed."""
        return self._last_status().get("problem") is None

    def checked_since(self, at: str) -> bool:
        """Whether a check was made today at `at` or later."""
        return datetime.fromisoformat(self.last_check()["timestamp"]) >= self._today(at)

    def wait_for_heartbeat(self, at: str) -> None:
        """Wait for two heartbeats: by then the daemon has seen what is due at that moment and could do it."""
        since = self._today(at)
        for _ in range(2):
            self.wait_for(partial(self._beaten_after, since), f"a heartbeat at {at}")
            since = self._beat()

    def wait_for_touch(self, at: str) -> None:
        """Wait until a daemon that cannot write its status has touched the file at that moment or later."""
        status, since = self.bot.logs / "status.json", self._today(at).timestamp()
        self.wait_for(lambda: status.stat().st_mtime >= since, f"a sign of life at {at}")

    # What is done to the machine

    def kill(self) -> None:
        os.kill(self.bot.daemon(), signal.SIGKILL)
        self.wait_for(lambda: self.bot.holder() is None, "the system to release the lock of a killed process")

    def lives(self, pid: int) -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True

    def fill_disk(self) -> None:
        """Make the system refuse the daemon every further byte in any file, as a full disk does."""
        resource.prlimit(self.bot.daemon(), resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))

    def empty_disk(self) -> None:
        resource.prlimit(self.bot.daemon(), resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    # Waiting

    def happens(self, event: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + self.patience_seconds
        while not (happened := event()) and time.monotonic() < deadline:
            time.sleep(0.005)
        return happened

    def wait_for(self, event: Callable[[], bool], what: str) -> None:
        if not self.happens(event):
            raise AssertionError(f"the drill waited {self.patience_seconds:.0f} s for {what}, and it did not happen")

    def _today(self, at: str) -> datetime:
        return _moment(self.now().astimezone(NEW_YORK).date(), at)

    def _checked_since(self, moment: datetime) -> bool:
        last = self.last_check()
        return bool(last) and datetime.fromisoformat(last["timestamp"]) >= moment and self._is_quiet()

    def _beaten_after(self, moment: datetime) -> bool:
        return self._beat() > moment

    def _beat(self) -> datetime:
        return datetime.fromisoformat(self._last_status()["heartbeat_at"])

    def _is_quiet(self) -> bool:
        """Whether the daemon is between two checks: everything that the last check began has been recorded."""
        due = self._due()
        return due is not None and due > self.now()

    def _due(self) -> datetime | None:
        due = self._last_status().get("next_check_at")
        return datetime.fromisoformat(due) if due else None

    def _last_status(self) -> dict[str, Any]:
        path = self.bot.logs / "status.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def _messages(self) -> list[str]:
        return [f"{message['title']}\n{message['message']}" for message in self._phone.messages]

    def _show_phone(self) -> None:
        for message in self._messages()[self._shown :]:
            self.show("message to the owner's phone:", clipped(message, LONGEST_SHOWN))
        self._shown = len(self._phone.messages)

    def _write_clock(self) -> None:
        write_control(self._control, offset_seconds=self._offset, jumped_seconds=self._jumped)
        if self._gateway is not None:
            for symbol in self.market.symbols:
                self._gateway.set_price(symbol, str(round(self.market.price(symbol, self.now()), 2)))


@contextmanager
def stage(
    folder: Path, out: TextIO, settings: Mapping[str, object], split: bool = False, gateway: bool = False
) -> Iterator[Stage]:
    """A stage in `folder`, which is created; with a paper account at a `gateway`, or with the simulated account.

    `settings` are all keys of config.json. Raises ConfigError.
    """
    bot, control = Checkout(folder).with_ready_environment(), folder.with_suffix(".clock")
    (bot.folder / "config.json").write_text(json.dumps(settings))
    market = Market(load(bot.folder / "config.json").rules.form, split)
    control.with_suffix(".hold").touch()  # no process skips a wait: the drill moves the clock
    with ExitStack() as stack:
        yahoo = stack.enter_context(StandIn(market.exchange, control=control))
        phone = stack.enter_context(receiving())
        made = Stage(bot, control, market, yahoo, phone, out)
        bot.environment |= {
            **yahoo.environment,
            "PYTHONPATH": f"{STANDINS / 'shifted_clock'}{os.pathsep}{bot.folder}",
            "QQQBOT_TEST_CLOCK": str(control),
            "QQQBOT_NOTIFY_URLS": phone.json_url(),
            "COLUMNS": "110",
        }
        if gateway:
            made.trade_at(stack.enter_context(_gateway(made)))
        stack.callback(bot.clean_up)
        yield made


def _gateway(made: Stage) -> IBGateway:
    gateway = IBGateway(made.now, NEWEST_PROTOCOL, [_account(PAPER_ACCOUNT)])
    days = session_dates(date(2026, 11, 2), date(2026, 12, 31))
    gateway.use_sessions([(h.open, h.close) for h in map(hours, days)])
    return gateway


def _account(account_id: str) -> Account:
    """A margin account with 100,000 USD in cash."""
    return Account(account_id, Decimal(100_000), Decimal(4))


def _moment(day: date, at: str) -> datetime:
    return datetime.combine(day, time_of_day.fromisoformat(at), NEW_YORK).astimezone(UTC)


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone(NEW_YORK):%a %H:%M} ET"


def _wrapped(line: str) -> str:
    """`line` wrapped to the usual width; further lines are aligned with the text of the first."""
    body = line.lstrip(" ")
    label = len(line) - len(body) + LABEL_WIDTH
    return fill(line, WIDTH, initial_indent=MARGIN, subsequent_indent=MARGIN + " " * label)


def _fields(printed: str, wanted: tuple[str, ...]) -> str:
    """The first line, and the `wanted` fields with their continuation lines."""
    first, *rest = printed.splitlines()
    kept, keep = [first], False
    for line in rest:
        if not line.startswith(" "):
            keep = line.startswith(wanted)
        kept += [line] if keep else []
    return "\n".join(kept)
