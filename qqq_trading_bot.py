#!/usr/bin/env python3
"""The daemon: arguments, wiring, lock, stop requests, and the loop until a stop is requested.

Exit codes: 0 after a requested stop, 1 for a refusal to start or a failed check (--once), 2 for a configuration that
cannot be used.
"""

from qqqbot import need

if __name__ == "__main__":
    need("pydantic")

import argparse
import contextlib
import functools
import logging
import os
import random
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from qqqbot.adapters.simulated.broker import ACCOUNT, PaperBroker
from qqqbot.adapters.yahoo.price_source import ChildPrices
from qqqbot.display.masking import without_detail
from qqqbot.display.terminal import show
from qqqbot.model.errors import BotError, ConfigError, StartRefused
from qqqbot.model.family import name_of
from qqqbot.model.market import Market
from qqqbot.model.new_york import new_york_text
from qqqbot.model.ports import Broker, Clock, SecondPrices, WatchedPrices
from qqqbot.model.program import COMMAND
from qqqbot.model.reasons import AlertKind
from qqqbot.model.sessions import Timetable
from qqqbot.model.values import AccountSnapshot, Mode
from qqqbot.notifications.channels import Channels, addresses
from qqqbot.notifications.dead_man_switch import DeadManSwitch, Ping
from qqqbot.notifications.evening import EveningLetter
from qqqbot.notifications.last_words import last_words
from qqqbot.notifications.notifier import OwnerNotifier
from qqqbot.notifications.replies import Replies
from qqqbot.records import last_run
from qqqbot.records.book import Book
from qqqbot.records.channel_health import ChannelRecord
from qqqbot.records.decisions import last_price
from qqqbot.records.folder import Folder
from qqqbot.records.jsonl import AppendOnlyFile, Nowhere
from qqqbot.records.last_run import End
from qqqbot.runtime import config, permissions, place, secret_files
from qqqbot.runtime.clock import StopRequest, SystemClock
from qqqbot.runtime.config import Config
from qqqbot.runtime.daily_log import echo_wanted, pairs, set_up
from qqqbot.runtime.lock import PID_FILE, Lock, holder
from qqqbot.runtime.secret_files import SecretUrls
from qqqbot.runtime.systemd import HANG_SECONDS, Supervisor
from qqqbot.strategy.filling import Closes
from qqqbot.trading import adoption, answers
from qqqbot.trading.alerts import LogNotifier, Outage
from qqqbot.trading.adoption import Seen
from qqqbot.trading.answers import Answer, Kind, Settled
from qqqbot.trading.assembly import Identity, assemble, load_records
from qqqbot.trading.bookkeeping import set_capital
from qqqbot.trading.engine import Engine, State
from qqqbot.trading.heartbeat import Heartbeat
from qqqbot.trading.last_seen import LastSeen
from qqqbot.trading.loop import poll, timetable
from qqqbot.trading.parts import Adapters
from qqqbot.trading.steady_prices import NewBasis

SHOWN_SETTINGS = (
    *("short_ma_period", "long_ma_period", "check_interval_minutes", "band_pct", "order_type"),
    *("decide", "decide_minutes_before_close"),
)
ACCOUNT_WAIT_SECONDS = 5.0
PULSE_SECONDS = 30.0
LOOK_SECONDS = 2.0

log = logging.getLogger("qqqbot.daemon")


class Account(Protocol):
    """The account to trade, before the records that belong to it are known."""

    def identity(self, wait_seconds: float) -> tuple[Mode, str] | None:
        """Mode and id of the account; None if they are not known yet. Raises StartRefused, ConfigError."""
        ...

    def problem(self) -> str | None: ...

    def refused(self) -> str | None:
        """Why the account that is logged in now may not be traded; None if it may, or if there is none."""
        ...

    def broker(self, book: Book, state: State, /) -> Broker: ...

    def second_prices(self) -> SecondPrices | None:
        """The broker's own prices; None if there is no broker."""
        ...

    def close(self) -> None: ...


@dataclass(eq=False)
class SimulatedAccount:
    """The built-in default: no broker and no network; the book is its only state."""

    clock: Clock
    slippage_bps: Decimal
    decisions: Path | None = None
    """the file that records the prices the bot has seen"""

    def identity(self, wait_seconds: float) -> Identity | None:  # noqa: ARG002 (the account is known at once)
        return Identity(Mode.DRY_RUN, ACCOUNT)

    def problem(self) -> str | None:
        return None

    def refused(self) -> str | None:
        return None

    def broker(self, book: Book, state: State) -> Broker:
        return PaperBroker(book, self.clock, lambda: state.market, self.slippage_bps, functools.cache(self._last_price))

    def _last_price(self, symbol: str, before: date) -> float | None:
        return last_price(self.decisions, Mode.DRY_RUN, ACCOUNT, symbol, before) if self.decisions else None

    def second_prices(self) -> SecondPrices | None:
        return None

    def close(self) -> None:
        """Nothing is open, so nothing has to be closed."""


def open_account(settings: Config, clock: Clock, logs: Path) -> Account:
    """The account that the configuration names; ibapi is imported only for an account at Interactive Brokers."""
    if settings.dry_run:
        return SimulatedAccount(clock, Decimal(str(settings.paper_slippage_bps)), logs / "decisions.jsonl")
    from ib_broker import open_account as open_interactive_brokers

    return open_interactive_brokers(settings, clock)


@dataclass(eq=False)
class Daemon:
    settings: Config
    logs: Path
    clock: Clock
    prices: WatchedPrices
    account: Account
    secrets: SecretUrls = field(default_factory=SecretUrls)
    supervisor: Supervisor = field(default_factory=lambda: Supervisor({}))
    lock: Lock | None = None
    intraday: Callable[[datetime], Closes] | None = None
    files: Callable[[Path], AppendOnlyFile] = AppendOnlyFile
    tag: str = ""
    """is part of each order reference of this start, so that no other start, in any folder, uses the same reference"""

    def __post_init__(self) -> None:
        self._state: str | None = None
        self._beaten_at = self.clock.monotonic()
        self.outage = Outage()
        self.log_notifier = LogNotifier(self.clock)
        status = self.logs / "status.json"
        self.heartbeat = Heartbeat(status, self.clock, self._constants(), self.log_notifier, outage=self.outage)
        urls, ping = self.secrets.notify, self.secrets.ping
        record = ChannelRecord(self.logs, self.clock, addresses(self.secrets))
        self.notifier = OwnerNotifier(
            self.logs,
            self.clock,
            self.log_notifier,
            self.settings.rules,
            self.outage,
            Channels(urls, tried=record.tried, known=record.all()).start() if urls else None,
            DeadManSwitch(Ping(ping, tried=record.tried).outbox()) if ping else None,
            refused=self.account.refused,
            health=record.all,
            letters=EveningLetter(self.settings.evening_letter),
        )
        asked = urls if self.settings.ask_first_minutes else ()
        self.owner = Replies(asked, self.notifier.announcement, self.clock, record.tried)

    def run(self) -> None:
        """Poll until a stop is requested. Raises StartRefused, ConfigError."""
        if (how := last_run.died(self.logs)) is not None:
            self.heartbeat.died_again = self.notifier.died(how)
        self._beat("starting")
        engine = self._engine()
        if engine is not None:
            beat = functools.partial(self._beat, "running")
            poll(engine, self.clock, _times(self.settings), beat, guard=self._stay_alone, look=LOOK_SECONDS)
        self._beat("stopped")
        log.info(pairs(stopped=True))

    def close(self) -> None:
        """End everything that this daemon has started."""
        self.owner.rest()
        self.supervisor.close()
        self.notifier.close()
        self.account.close()

    def _stay_alone(self) -> None:
        """Raises BotError if another daemon works on these records, or if they were moved away."""
        if self.lock is not None and self.lock.secure():
            log.warning("%s had been removed or replaced; the lock was taken again", PID_FILE)

    def _pulse(self) -> None:
        """Give a sign of life within a check, which may wait for several orders and would otherwise look like a hang.

        Notifications wait for the end of the check, so that a rotation is one message.
        """
        if self._state is not None and self.clock.monotonic() - self._beaten_at >= PULSE_SECONDS:
            self._show_life(self._state)

    def _beat(self, state: str, due: datetime | None = None) -> None:
        self._show_life(state, due)
        self.notifier.look()

    def _show_life(self, state: str, due: datetime | None = None) -> None:
        self._state, self._beaten_at = state, self.clock.monotonic()
        self.outage.update(self.account.problem(), self.clock.now())
        self.heartbeat.beat(state, due)
        self.notifier.unwritten = self.heartbeat.unwritten
        self.supervisor.report(state, self.notifier.status_line(state))

    def once(self) -> bool:
        """Make one check; returns whether it could be made. Raises StartRefused, ConfigError.

        It leaves a status, as a run does when it stops: `status` would show holdings from before this check, or none.
        """
        engine = self._engine()
        if engine is None:
            return False
        engine.step_alone()
        self.outage.update(self.account.problem(), self.clock.now())
        self.notifier.look()
        self.heartbeat.beat("stopped")
        for event in self.log_notifier.recent:
            print(f"{event.kind}: {without_detail(event.text)}")
        last = engine.state.last_check
        assert last is not None
        print(f"{last.action}: {without_detail(last.sentence)}")
        return not last.failed

    def settle(self, answer: Answer) -> Settled | None:
        """Record the owner's answer to a difference between account and book. Raises BotError.

        None if a stop came before the account was known.
        """
        engine = self._engine()
        if engine is None:
            return None
        engine.executor.resolve()
        market, records, now = self._market(engine, answer), engine.records, self.clock.now()
        takes = market is not None and answer.kind is Kind.ADOPT and not answer.dry_run
        taking = NewBasis(records.prices, market, self.prices.sessions(now), now) if market and takes else None
        market = engine.state.market = taking.market if taking else market
        account = engine.broker.snapshot()
        executed = engine.executor.executed(account, answer.prices) if answer.kind is not Kind.UNDO else []
        ended = [intent for intent, _ in executed]
        alive = [intent for intent in records.journal.unresolved() if intent not in ended]
        adoption.refuse_open_orders(alive, account)
        before = functools.partial(last_price, records.decisions.path, engine.broker.mode, engine.broker.account)
        withdrawn = max(records.book.ledger.total_capital - self.settings.capital, Decimal(0))
        lost, usable = records.journal.lost(), lambda: self._refuse_unusable(engine, account)
        seen = Seen(account, market, lost, usable, before, tuple(executed), withdrawn)
        splits = engine.keeper.record_splits(market, account) if market is not None else []
        settled = answers.settle(records.book, answer, seen, now)
        for intent, order in () if answer.dry_run else executed:
            engine.executor.conclude(intent, order)
        told = [f"{s.symbol}: the split of {s.date}, {s.ratio:g}:1, recorded in the book" for s in splits]
        told += taking.take(self.settings.rules.form.history) if taking else []
        return settled._replace(done=told + settled.done)

    def _refuse_unusable(self, engine: Engine, account: AccountSnapshot) -> None:
        market = engine.state.market
        assert market is not None
        adoption.refuse_unusable_prices(engine.snapshot_of(market, account), self.settings.rules)

    def _market(self, engine: Engine, answer: Answer) -> Market | None:
        """The market; None if there are no prices and `answer` needs none. The simulated account needs it too.

        Raises BotError.
        """
        try:
            self.prices.sessions(self.clock.now())  # one request brings the first table and the prices
            engine.state.market = self.prices.market(self.clock.now())
        except BotError as error:
            if (answer.kind is Kind.ADOPT and not answer.prices) or self.clock.stopping():
                raise
            log.warning("no prices, so a split cannot be distinguished from shares of yours: %s", error)
        return engine.state.market

    def _engine(self) -> Engine | None:
        """The engine over this account's records; None if a stop came before the account was known."""
        identity = self._identity()
        if identity is None:
            return None
        records = load_records(self.logs, identity, self.clock, self.notifier, self.files, self.tag)
        capital = self.settings.capital
        if later := set_capital(records.book, capital, self.clock, records.journal.unresolved()):
            self.notifier.notify(AlertKind.TOTAL_CAPITAL, later)
        state = State()
        broker = self.account.broker(records.book, state)
        second = self.account.second_prices()
        sources = Adapters(self.clock, self.prices, broker, self.notifier, self._pulse, second=second)
        outside = sources._replace(intraday=self.intraday, owner=self.owner)
        order_timeout = timedelta(seconds=self.settings.order_timeout_seconds)
        engine = assemble(records, outside, self.settings.rules, order_timeout, state, capital)
        self.heartbeat.engine = self.notifier.engine = engine
        log.info(pairs(started=True, mode=identity.mode, account=identity.account, config=self.settings.fingerprint))
        return engine

    def _identity(self) -> Identity | None:
        while not self.clock.stopping():
            if found := self.account.identity(ACCOUNT_WAIT_SECONDS):
                return Identity(*found)
            self._stay_alone()
            self._beat("waiting")
        return None

    def _constants(self) -> dict[str, Any]:
        shown = {key: getattr(self.settings, key) for key in SHOWN_SETTINGS}
        shown |= {"rule": self.settings.rule and name_of(self.settings.rules.form)}
        return {"config_hash": self.settings.fingerprint, "config": shown}


def _times(settings: Config) -> Timetable:
    return timetable(settings.rules, timedelta(minutes=settings.check_interval_minutes))


def main(
    arguments: Sequence[str] | None = None, clock: Clock | None = None, prices: WatchedPrices | None = None
) -> int:
    """Run what `arguments` ask for; `clock` and `prices` default to the machine's and Yahoo's."""
    options = _parse(arguments)
    stop = StopRequest()
    stop.on(signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    clock = clock or SystemClock(stop)
    secrets: SecretUrls | None = None
    refused = f"{options.settle} was refused" if options.settle else "did not start"
    try:
        settings = config.load(options.config)
        secrets = secret_files.take(os.environ, options.config.parent, settings.ask_first_minutes > 0)
        if options.check_config:
            return 0
        return _run(options, settings, secrets, clock, prices)
    except ConfigError as error:
        return _ended(options, secrets, End(clock.now(), 2, str(error)))
    except BotError as error:
        ran = not isinstance(error, StartRefused)
        why = str(error) if ran and not options.settle else f"{refused}: {error}"
        return _ended(options, secrets, End(clock.now(), 1, why), ran)
    except OSError as error:
        why = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        return _ended(options, secrets, End(clock.now(), 1, why), ran=True)
    except Exception as error:
        _ended(options, secrets, End(clock.now(), 1, f"an error in the program: {type(error).__name__}"), ran=True)
        raise


def _ended(options: argparse.Namespace, secrets: SecretUrls | None, end: End, ran: bool = False) -> int:
    """Say why the daemon could not start or go on: on stderr, in logs/, and to the outside addresses."""
    print(without_detail(end.why), file=sys.stderr)
    if options.check_config or options.settle or options.once or _is_well_without(options.logs):
        return end.code
    permissions.from_now_on()
    with contextlib.suppress(OSError):  # without last_end.json nobody knows what was told: a run's end is told again
        if not ran:  # after a run: its folder may have been moved, and a new one would be in its way
            options.logs.mkdir(parents=True, exist_ok=True)
        ran = last_run.ended(options.logs, end)
    with contextlib.suppress(ConfigError):
        last_words(options.logs, secrets or secret_files.take(os.environ, options.config.parent), end, ran)
    return end.code


def _is_well_without(logs: Path) -> bool:
    """Whether a daemon runs there. If so, nobody is notified that a second one could not start: the first trades on."""
    with contextlib.suppress(StartRefused):
        return holder(logs / PID_FILE) is not None
    return False


def _run(
    options: argparse.Namespace, settings: Config, secrets: SecretUrls, clock: Clock, prices: WatchedPrices | None
) -> int:
    logs: Path = options.logs
    if options.dry_run and holder(logs / PID_FILE) is not None:
        return _show(options, settings, clock, prices)
    if options.once and settings.ask_first_minutes:
        raise StartRefused(f"once ends before you could reply. {COMMAND} start, or set ask_first_minutes to 0")
    if (logs / place.DEMO_MARKER).exists():
        raise StartRefused(f"{logs} is a folder of {COMMAND} demo, which empties it; choose another")
    permissions.from_now_on()
    with contextlib.suppress(OSError):  # the lock will report it
        logs.mkdir(parents=True, exist_ok=True)
    lock = Lock(logs / PID_FILE)
    lock.acquire()
    set_up(logs, clock, settings.log_keep_days, None if options.once else echo_wanted(os.environ))
    permissions.close_to_others(logs)
    account = open_account(settings, clock, logs)
    yahoo = _yahoo(settings, clock)
    tag = f"{random.getrandbits(16):04x}"
    daemon = Daemon(
        settings,
        logs,
        clock,
        prices or yahoo,
        account,
        secrets,
        Supervisor(os.environ, hang_seconds=HANG_SECONDS),
        lock,
        files=Nowhere if options.dry_run else AppendOnlyFile,
        intraday=None if prices else yahoo.intraday_closes,
        tag=tag,
    )
    try:
        if options.settle:
            settled = daemon.settle(_answer(options))
            if settled is not None:
                show(answers.screen(settled), sys.stdout)
            return 0
        if options.once:
            return 0 if daemon.once() else 1
        daemon.run()
        return 0
    except BotError as error:
        log.error("ended: %s: %s", type(error).__name__, error)
        raise
    except BaseException:
        log.exception("ended by an error")
        raise
    finally:
        daemon.close()
        lock.release()


def _show(options: argparse.Namespace, settings: Config, clock: Clock, prices: WatchedPrices | None) -> int:
    """Show what an answer would record while the daemon runs on: nothing is stopped or written, no account is asked."""
    account = LastSeen(Folder(options.logs, holder).status()[0])
    daemon = Daemon(settings, options.logs, clock, prices or _yahoo(settings, clock), account, files=Nowhere)
    if settled := daemon.settle(_answer(options)):
        show(answers.screen(settled), sys.stdout)
    print(f"The daemon goes on. This is the account as it was seen {new_york_text(account.seen.taken_at)}.")
    return 0


def _yahoo(settings: Config, clock: Clock) -> ChildPrices:
    rule, closed_on, times = settings.rules.form, settings.closures, _times(settings)
    symbols, longest = rule.symbols, rule.history + 1
    return ChildPrices(clock, random.Random(), symbols=symbols, long_period=longest, closed_on=closed_on, times=times)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="qqq_trading_bot.py", description="The trading daemon.")
    parser.add_argument("--config", type=Path, default=place.named(place.CONFIG, "config.json", os.environ))
    parser.add_argument("--logs", type=Path, default=place.named(place.LOGS, "logs", os.environ))
    parser.add_argument("--check-config", action="store_true", help="check config.json and the options, and end")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--once", action="store_true", help="make one check, print it, and end")
    what.add_argument("--adopt", dest="settle", action="store_const", const="adopt", help="the account is right")
    what.add_argument("--leave", dest="settle", action="store_const", const="leave", help="those shares are mine")
    what.add_argument("--undo", dest="settle", action="store_const", const="undo", help="take the last answer back")
    parser.add_argument("--dry-run", action="store_true", help="show what the answer would record, and record nothing")
    parser.add_argument(
        "--price", action="append", default=[], type=_price, metavar="[SYMBOL=]PRICE", help="the trade's real price"
    )
    options = parser.parse_args(arguments)
    if options.price and options.settle != "adopt":
        parser.error("--price is for --adopt")
    if options.dry_run and not options.settle:
        parser.error("--dry-run is for --adopt, --leave and --undo")
    return options


def _price(text: str) -> tuple[str, Decimal]:
    try:
        return answers.price_of(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be like 61.25, or SYMBOL=61.25, was {text!r}") from None


def _answer(options: argparse.Namespace) -> Answer:
    return Answer(Kind(options.settle), dict(options.price), options.dry_run)


if __name__ == "__main__":
    sys.exit(main())
