"""Mistakes in one check, from what is observed to what is sent and recorded."""

from tests.support.mutants import Mutant


def engine(test: str) -> tuple[str, ...]:
    return (f"unit/trading/test_engine.py::{test}",)


def engine_pauses(test: str) -> tuple[str, ...]:
    return (f"unit/trading/test_engine_pauses.py::{test}",)


def executor_timeouts(test: str) -> tuple[str, ...]:
    return (f"unit/trading/test_executor_timeouts.py::{test}",)


def executor(test: str) -> tuple[str, ...]:
    return (f"unit/trading/test_executor.py::{test}",)


def recovery(test: str) -> tuple[str, ...]:
    return (f"simulation/test_recovery.py::{test}",)


EXECUTOR = (
    Mutant(
        "a new process believes shares that the account may not show yet",
        "trading/engine.py::Engine._may_be_late",
        "return any(at < self._began and now - at < POSITIONS_SHOWN for at in decided)",
        "return False",
        ("unit/trading/test_adoption.py::TestDifferences",),
    ),
    Mutant(
        "what the broker says of an order that does not end is told to nobody",
        "trading/executor.py::Executor._look",
        "    self._said[intent.order_ref] = order.message\n",
        "",
        executor_timeouts("TestTimeouts"),
    ),
    Mutant(
        "the journal is written after the order is sent",
        "trading/executor.py::Executor._send",
        "    self._journal.intended(intent)\n    try:\n        self._broker.submit(intent)\n",
        "    try:\n        self._broker.submit(intent)\n        self._journal.intended(intent)\n",
        executor("TestBeforeSending"),
        seed=0,
    ),
    Mutant(
        "an order without an answer is sent again",
        "trading/executor.py::Executor._send",
        "        self._broker.submit(intent)\n",
        "        try:\n            self._broker.submit(intent)\n"
        "        except OrderOutcomeUnknown:\n            self._broker.submit(intent)\n",
        executor("TestUnknown"),
        seed=0,
    ),
    Mutant(
        "one answer that does not know an order ends it",
        "trading/executor.py::Executor._absent",
        "if absent < (REST_GONE_AFTER if rest else self._broker.absence_is_final_after):",
        "if absent < timedelta(0):",
        executor("TestUnknown"),
        seed=0,
    ),
    Mutant(
        "no answer while looking counts as an absence",
        "trading/executor.py::Executor._look",
        "    order = self._broker.find(intent)\n",
        "    try:\n        order = self._broker.find(intent)\n"
        "    except BrokerUnavailable:\n        order = Order(intent.order_ref, OrderStatus.ABSENT)\n",
        executor("TestUnknown"),
        seed=0,
    ),
    Mutant(
        "an order that is not done counts as done",
        "trading/executor.py::Executor._look",
        "not order.status.done or (",
        "(",
        executor_timeouts("TestTimeouts"),
    ),
    Mutant(
        "a status is believed before its executions have arrived",
        "trading/executor.py::Executor._look",
        " or (order.status is OrderStatus.FILLED and order.filled < intent.quantity)",
        "",
        executor("TestLateNews"),
    ),
    Mutant(
        "late executions are not looked for",
        "trading/executor.py::Executor.resolve",
        "self._broker.recent_orders()",
        "self._broker.recent_orders()[:0]",
        executor("TestLateNews"),
    ),
    Mutant(
        "the last check is not made",
        "trading/executor.py::Executor.execute",
        "if reason := refusal(",
        "if reason := None and refusal(",
        executor("TestRefused"),
    ),
    Mutant(
        "the outcome is written before the fills are in the book",
        "trading/executor.py::Executor.conclude",
        "    self._absorb(intent, order)\n    self._journal.outcome(intent, order, self._clock.now())\n",
        "    self._journal.outcome(intent, order, self._clock.now())\n    self._absorb(intent, order)\n",
        executor("TestBeforeSending"),
    ),
    Mutant(
        "an order that rests from yesterday is left alone",
        "trading/executor.py::Executor.resolve",
        "if still_open and ",
        "if still_open and not self._is_past(intent) and ",
        recovery("test_an_order_of_yesterday_that_rests_is_cancelled_and_until_then_told"),
    ),
    Mutant(
        "an order that does not end is told to nobody",
        "trading/executor.py::Executor.lasting",
        "now - since[ref] >= self._timeout + LASTING_AFTER",
        "now - since[ref] >= self._timeout * 10_000",
        executor_timeouts("TestTimeouts"),
    ),
    Mutant(
        "an order that was believed to have ended is left on the broker's list",
        "trading/executor.py::Executor.withdraw",
        "intent is not None and ref not in unresolved",
        "intent is not None and ref in unresolved",
        executor_timeouts("TestTimeouts"),
    ),
    Mutant(
        "an account that lacks money is good",
        "trading/engine.py::Check.good",
        " and not self.short",
        "",
        ("unit/trading/test_bookkeeping.py::TestMissingMoney",),
    ),
    Mutant(
        "a difference is told at the first look",
        "strategy/gates.py::book_agrees",
        "if snapshot.exchange_open and (snapshot.account.behind or not snapshot.differed):",
        "if False:",
        ("unit/trading/test_adoption.py",),
    ),
    Mutant(
        "an order that was lost overnight counts as refused",
        "trading/executor.py::Executor._absent",
        "if past:",
        "if False:",
        recovery("test_a_fill_not_read_on_its_day_is_reported_as_lost_and_not_as_refused"),
    ),
    Mutant(
        "the simulated account forgets overnight",
        "trading/executor.py::Executor._is_past",
        "self._broker.needs_open_exchange and ",
        "",
        recovery("test_a_broker_that_forgets_nothing_is_believed_about_any_day"),
    ),
    Mutant(
        "an order that nobody fills is sent again at once",
        "trading/executor.py::Executor._await_outcome",
        "and not order.filled:",
        "and not order.filled and not cancelled:",
        executor_timeouts("TestTimeouts"),
    ),
    Mutant(
        "a cancel that was sent counts as done",
        "trading/executor.py::Executor._await_outcome",
        "            cancelled = self._cancel(intent)\n",
        "            cancelled = self._cancel(intent)\n"
        "            self.conclude(intent, Order(intent.order_ref, OrderStatus.CANCELLED))\n"
        "            return\n",
        executor_timeouts("TestTimeouts"),
        seed=0,
    ),
)

ENGINE = (
    Mutant(
        "a failed read counts as an empty account",
        "trading/engine.py::Engine._observe",
        "    account = self.state.account = self.broker.snapshot()\n",
        "    try:\n        account = self.state.account = self.broker.snapshot()\n"
        "    except BrokerUnavailable:\n"
        "        account = AccountSnapshot(\n"
        "            self.broker.account, self.broker.mode, 0, 0, {}, (), market.signal_quote.time\n"
        "        )\n",
        engine("TestUnconfirmedState"),
    ),
    Mutant(
        "the decision does not learn of unresolved orders",
        "trading/engine.py::Engine._snapshot",
        "unresolved=journal.unresolved(),",
        "unresolved=(),",
        executor("TestUnknown"),
        seed=0,
    ),
    Mutant(
        "the decision does not learn of the kill switch",
        "trading/engine.py::Engine._snapshot",
        "halted=self.records.switch.reason(),",
        "halted=None,",
        engine("TestHalt"),
    ),
    Mutant(
        "the window of the averages ends a day early",
        "trading/engine.py::Engine._snapshot",
        "table.before(session.date, self.rules.form.history)",
        "table.before(session.date, self.rules.long_period)[:-1]",
        engine("TestCheck"),
    ),
    Mutant(
        "what a window has decided is not written down",
        "trading/engine.py::Engine._rounds",
        "if plan.session_target is not None:",
        "if plan.session_target is not None and number > 1:",
        engine_pauses("TestBeforeClose"),
    ),
    Mutant(
        "an account that does not settle goes on trading",
        "trading/engine.py::Engine._rounds",
        "self.records.switch.halt(reason)",
        "pass",
        engine("TestHalt"),
    ),
    Mutant(
        "a full disk is not reported",
        "trading/engine.py::Engine._failed",
        "if isinstance(error, OSError):",
        "if isinstance(error, TradingHalted):",
        engine("TestTheRecord::test_a_full_disk_is_reported_at_once_and_until_there_is_room"),
    ),
    Mutant(
        "a half-done rotation is forgotten after a failed check",
        "trading/come_back.py::half_made",
        "newest.target is not ledger.portfolio().holding:",
        "newest.target is None:",
        ("unit/trading/test_come_back.py::test_half_a_rotation_is_what_traded_and_is_not_finished",),
        seed=80,
    ),
    Mutant(
        "a purchase that was filled in part is forgotten after a failed check",
        "trading/come_back.py::half_made",
        "return newest.target if left and left == newest.target.symbol else None",
        "return None",
        engine_pauses("TestSoon::test_a_partly_filled_order_is_resumed_soon_until_it_is_done"),
    ),
    Mutant(
        "a few adopted shares of the target finish a rotation that was sold in part",
        "trading/come_back.py::unfinished",
        "if in_part and ledger.shares[in_part] > 0:",
        "if in_part:",
        ("unit/trading/test_come_back.py",),
    ),
)

LOOP = (
    Mutant(
        "a daemon goes on checking though another one has its records",
        "trading/loop.py::poll",
        "guard()",
        "pass",
        ("unit/trading/test_loop.py::test_a_guard_that_objects_at_once_prevents_the_first_check",),
    ),
)

MONEY = (
    Mutant(
        "money that is late is looked for at the next tick only",
        "trading/come_back.py::pause",
        "error in SHORTLY or missed or half_made(journal, ledger, rules) is not None",
        "error is Reason.ORDER_REJECTED",
        ("unit/trading/test_engine_pauses.py",),
    ),
)

SOON = (
    Mutant(
        "a refusal in the decision window ends the day",
        "trading/come_back.py::pause",
        "error in SHORTLY or missed or half_made(journal, ledger, rules) is not None",
        "error is Reason.MONEY_LATE",
        engine_pauses("TestSoon"),
    ),
    Mutant(
        "rounds that fill something halt the trading",
        "trading/engine.py::Engine._rounds",
        "without_a_fill = 0 if self.records.book.ledger.trades > trades else without_a_fill + 1",
        "without_a_fill = without_a_fill + 1",
        engine("TestHalt"),
    ),
    Mutant(
        "the pause after refusals leaves no try",
        "trading/come_back.py::pause",
        ", left / 3)",
        ", left * 3)",
        engine_pauses("TestSoon"),
    ),
    Mutant(
        "refusals are forgotten by a restart",
        "records/journal.py::OrderJournal._take",
        '0 if row.get("filled") else',
        '0 if row.get("filled") or row else',
        ("unit/trading/test_engine_pauses.py",),
    ),
)

APART = (
    Mutant(
        "the switch is fed while the account is not where the rule wants it",
        "trading/engine.py::Check.good",
        " and not self.apart",
        "",
        ("unit/trading/test_apart.py",),
    ),
    Mutant(
        "causes that take turns hide that it lasts",
        "trading/engine.py::Engine._is_there",
        "if check.failed or begun or ",
        "if check.failed:\n        return True\n    if begun or ",
        ("unit/trading/test_apart.py",),
    ),
    Mutant(
        "a check that fails begins the patience anew",
        "trading/apart.py::Apart.observe",
        "self._since = min(self._since or now, now)",
        "self._since = now",
    ),
)

MISSED = (
    Mutant(
        "a session without a decision ends without a word",
        "trading/loop.py::poll",
        "engine.look_back()",
        "False",
        ("unit/trading/test_loop.py::test_a_session_without_a_decision_is_told_of_at_its_end",),
    ),
    Mutant(
        "a missed decision is told again and again",
        "trading/missed.py::Missed.ended",
        "self._session = None",
        "pass",
    ),
    Mutant(
        "a window that did not decide is believed to have decided",
        "trading/missed.py::Missed.observe",
        "self._decide is Decide.BEFORE_CLOSE",
        "False",
    ),
    Mutant(
        "what an earlier run missed is forgotten",
        "trading/missed.py::Missed.recall",
        "if self._recalled or",
        "if True or",
    ),
    Mutant(
        "a missed decision is recorded as told before the notification is on disk",
        "trading/missed.py::Missed.to_tell",
        "self._told_of = lost.session",
        "journal.undecided(lost.session, now)",
    ),
    Mutant(
        "a start tells of a missed decision that was told",
        "trading/missed.py::Missed.to_tell",
        " or journal.knows_undecided(lost.session)",
        "",
    ),
    Mutant(
        "a night that was slept through hides a missed decision",
        "trading/missed.py::Missed.observe",
        "self._lost = self.ended(now) or self._lost",
        "pass",
    ),
)

MUTANTS = (
    Mutant(
        "a stop that drops a question for prices ends the program with an error",
        "model/reasons.py::Reason.of",
        "type(error).__mro__",
        "(type(error),)",
        ("unit/model/test_reasons.py",),
    ),
    *EXECUTOR,
    *ENGINE,
    *LOOP,
    *MONEY,
    *SOON,
    *APART,
    *MISSED,
)
