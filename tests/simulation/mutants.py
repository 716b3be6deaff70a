"""Mistakes that the tests must notice: each a small replacement in one module, and the tests that must then fail.

To add one, add an entry: a sentence for its name, the module, the text as it stands there exactly once, the text of the
mistake, and the few tests that are about it (pytest's node ids or files, below tests/).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    name: str
    module: str
    original: str
    mutated: str
    tests: tuple[str, ...]


RULE = ("unit/strategy/test_rule.py",)
GATES = ("unit/strategy/test_gates.py",)
PLANNING = ("unit/strategy/test_planning.py",)
PREFLIGHT = ("unit/strategy/test_risk.py",)
CALENDAR = ("unit/model/test_sessions.py",)
LEDGER = ("unit/records/test_ledger.py",)
BOOK = ("unit/records/test_book.py",)
JOURNAL = ("unit/records/test_journal.py",)


def engine(test: str) -> tuple[str, ...]:
    return (f"unit/trading/test_engine.py::{test}",)


def execution(test: str) -> tuple[str, ...]:
    return (f"unit/trading/test_executor.py::{test}",)


def simulated(first_seed: int) -> tuple[str, ...]:
    """Ten runs of the whole loop in an unkind world."""
    return (
        f"simulation/test_simulation.py::test_in_an_unkind_world_nothing_is_done_twice_and_nothing_lost[{first_seed}]",
    )


MUTANTS = (
    Mutant(
        "a price at its average counts as above it",
        "strategy/rule",
        "(1 + (price > line))\n\n\ndef tqqq_line",
        "(1 + (price >= line))\n\n\ndef tqqq_line",
        RULE,
    ),
    Mutant(
        "equal averages count as an uptrend", "strategy/rule", "(short_ma > long_ma) *", "(short_ma >= long_ma) *", RULE
    ),
    Mutant(
        "today's price is left out of the short average",
        "strategy/rule",
        "(_sum_of_last(closes, rules.short_period - 1) + price) / rules.short_period",
        "_sum_of_last(closes, rules.short_period) / rules.short_period",
        RULE,
    ),
    Mutant(
        "today's price is left out of the long average",
        "strategy/rule",
        "(_sum_of_last(closes, rules.long_period - 1) + price) / rules.long_period",
        "_sum_of_last(closes, rules.long_period - 1) / (rules.long_period - 1)",
        RULE,
    ),
    Mutant(
        "the band works the wrong way round",
        "strategy/rule",
        "1 - band if held is Holding.TQQQ else 1 + band",
        "1 + band if held is Holding.TQQQ else 1 - band",
        RULE,
    ),
    Mutant(
        "the farther flip price is shown",
        "strategy/rule",
        "return min(different,",
        "return max(different,",
        RULE,
    ),
    Mutant(
        "New York's date is the host's",
        "model/sessions",
        "return moment.astimezone(NEW_YORK).date()",
        "return moment.astimezone().date()",
        CALENDAR,
    ),
    Mutant(
        "a half-day is as long as any other",
        "model/sessions",
        "return latest if latest is not None and latest.contains(now) else None",
        "return latest if latest is not None and now < latest.open + REGULAR_LENGTH else None",
        CALENDAR,
    ),
    Mutant(
        "the close belongs to the session",
        "model/values",
        "return self.open <= moment < self.close",
        "return self.open <= moment <= self.close",
        ("unit/model/test_values.py",),
    ),
    Mutant(
        "missed checks are caught up",
        "model/sessions",
        "return anchor + ((moment - anchor) // self.interval + 1) * self.interval",
        "return anchor + ((moment - anchor) // self.interval) * self.interval",
        CALENDAR,
    ),
    Mutant(
        "the end of the calendar is not noticed",
        "model/sessions",
        "        if now >= self.ends():",
        "        if now >= self.ends() + REGULAR_LENGTH:",
        CALENDAR,
    ),
    Mutant(
        "a commission is forgotten", "records/ledger", "self.cash -= amount + commission", "self.cash -= amount", LEDGER
    ),
    Mutant(
        "a sale's commission is forgotten",
        "records/ledger",
        "self.cash += amount - commission",
        "self.cash += amount",
        LEDGER,
    ),
    Mutant(
        "a split leaves the cost as it was",
        "records/ledger",
        "self.cost[symbol] = self.cost[symbol] / ratio",
        "self.cost[symbol] = self.cost[symbol] / 1",
        LEDGER,
    ),
    Mutant(
        "shares of the owner are the bot's",
        "records/ledger",
        'self.foreign[row["symbol"]] += int(row["quantity"])',
        'self.shares[row["symbol"]] += int(row["quantity"])',
        LEDGER,
    ),
    Mutant(
        "missing rows of the window are ignored",
        "strategy/gates",
        "if missing := [d for d in expected if d not in known]:",
        "if missing := [d for d in expected[:0] if d not in known]:",
        GATES,
    ),
    Mutant(
        "closes that are no numbers are ignored",
        "strategy/gates",
        "if unsound := [d for d in expected if not",
        "if unsound := [d for d in expected[:0] if not",
        GATES,
    ),
    Mutant(
        "a calendar of too few sessions is ignored",
        "strategy/gates",
        "len(snapshot.expected) < rules.long_period - 1",
        "len(snapshot.expected) < rules.short_period - 1",
        GATES,
    ),
    Mutant(
        "yesterday's row is taken for today's",
        "strategy/gates",
        'return Gate("newest_row", newest == wanted,',
        'return Gate("newest_row", newest <= wanted,',
        GATES,
    ),
    Mutant(
        "old prices are used",
        "strategy/gates",
        'return Gate("quote_age", age <= limit,',
        'return Gate("quote_age", True,',
        GATES,
    ),
    Mutant(
        "a split of TQQQ is not noticed",
        "strategy/gates",
        "LEVERAGE_TOLERANCE = 0.025",
        "LEVERAGE_TOLERANCE = 25.0",
        GATES,
    ),
    Mutant("the kill switch is ignored", "strategy/gates", "        reason is None,\n", "        True,\n", GATES),
    Mutant("unresolved orders are ignored", "strategy/gates", "    no_open_order,\n", "", PLANNING),
    Mutant("the book's difference is ignored", "strategy/gates", "    book_agrees,\n", "", PLANNING),
    Mutant("a closed exchange is ignored", "strategy/gates", "    exchange_open,\n", "", PLANNING),
    Mutant(
        "the last minute trades",
        "strategy/gates",
        "if left <= LAST_SAFE_SECONDS:",
        "if left <= 0:",
        GATES,
    ),
    Mutant(
        "the buy is planned with the sell",
        "strategy/planning",
        '        return Action.ROTATE, f"{_orders_text(sells)} on the way to {target}", sells\n',
        "        more = _buy(snapshot, target.symbol, rules)[2] if target.symbol else ()\n"
        '        return Action.ROTATE, f"{_orders_text(sells)} on the way to {target}", sells + more\n',
        PLANNING,
    ),
    Mutant(
        "a held target is rebalanced",
        "strategy/planning",
        "if snapshot.portfolio.shares[symbol] and snapshot.unfinished != symbol:",
        "if snapshot.portfolio.shares[symbol] and snapshot.unfinished == symbol:",
        PLANNING,
    ),
    Mutant(
        "the broker's cash is not asked",
        "strategy/planning",
        "spendable = min(portfolio.cash, account.spendable)",
        "spendable = portfolio.cash",
        PLANNING,
    ),
    Mutant(
        "a market order may cost no more than its price",
        "strategy/planning",
        'MARKET_ORDER_CUSHION = Decimal("0.01")',
        'MARKET_ORDER_CUSHION = Decimal("0")',
        PLANNING,
    ),
    Mutant(
        "the window of the decision is ignored",
        "strategy/planning",
        "if snapshot.exchange_open and left > rules.decide_seconds_before_close:",
        "if snapshot.exchange_open and left > 6 * 3600:",
        PLANNING,
    ),
    Mutant(
        "a decision of the window is made again",
        "strategy/planning",
        "    if snapshot.decided_target is not None:\n",
        "    if snapshot.decided_target is signal.target:\n",
        PLANNING,
    ),
    Mutant(
        "short sales are not refused",
        "strategy/risk",
        "return intent.side is Side.SELL and intent.quantity > owned",
        "return intent.side is Side.SELL and intent.quantity > 10 * owned + 1",
        PREFLIGHT,
    ),
    Mutant(
        "the account's shares are not asked before a sale",
        "strategy/risk",
        "owned = min(snapshot.portfolio.shares.get(intent.symbol, 0), "
        "snapshot.account.positions.get(intent.symbol, 0))",
        "owned = snapshot.portfolio.shares.get(intent.symbol, 0)",
        PREFLIGHT,
    ),
    Mutant(
        "a buy may exceed the cash",
        "strategy/risk",
        "intent.quantity * price > payable)",
        "intent.quantity * price > 4 * payable)",
        PREFLIGHT,
    ),
    Mutant(
        "an execution is counted each time it is told",
        "records/book",
        "if not self.ledger.counted(f.exec_id) and not self._superseded(f)]",
        "if not self._superseded(f)]",
        BOOK,
    ),
    Mutant(
        "a late commission is charged with those known before",
        "records/book",
        "amount = sum(known, Decimal(0)) - self.ledger.commissions.get(intent.order_ref, Decimal(0))",
        "amount = sum(known, Decimal(0))",
        BOOK,
    ),
    Mutant(
        "accounts share a book",
        "records/book",
        'if row.get("mode") == self._identity["mode"] and row.get("account") == self._identity["account"]:',
        'if row.get("mode") == self._identity["mode"]:',
        BOOK,
    ),
    Mutant(
        "references are counted for each account",
        "records/journal",
        'int(row["order_ref"].rsplit("-", 1)[1]))\n',
        'int(row["order_ref"].rsplit("-", 1)[1]) if row["account"] == self._identity["account"] else 0)\n',
        JOURNAL,
    ),
    Mutant(
        "a torn line stays where it is",
        "records/jsonl",
        "        os.ftruncate(self._descriptor, start)\n",
        "",
        ("unit/records/test_jsonl.py",),
    ),
    Mutant(
        "half a line stays in the file",
        "records/jsonl",
        "                os.ftruncate(self._descriptor, before)\n",
        "                os.ftruncate(self._descriptor, os.fstat(self._descriptor).st_size)\n",
        ("unit/records/test_jsonl.py",),
    ),
    Mutant(
        "the journal is written after the order is sent",
        "trading/executor",
        "        self._journal.intended(intent)\n        try:\n            self._broker.submit(intent)\n",
        "        try:\n            self._broker.submit(intent)\n            self._journal.intended(intent)\n",
        execution("TestBeforeTheWire"),
    ),
    Mutant(
        "one answer that does not know an order ends it",
        "trading/executor",
        "if absent < self._broker.absence_is_final_after:",
        "if absent < timedelta(0):",
        execution("TestUnknown"),
    ),
    Mutant(
        "no answer while looking is taken for an absence",
        "trading/executor",
        "        order = self._broker.find(intent)\n",
        "        try:\n            order = self._broker.find(intent)\n"
        "        except BrokerUnavailable:\n            order = None\n",
        execution("TestUnknown"),
    ),
    Mutant(
        "an order that is not done counts as done",
        "trading/executor",
        "if not order.status.done or (order.status is OrderStatus.FILLED and order.filled < intent.quantity):",
        "if order.status is OrderStatus.FILLED and order.filled < intent.quantity:",
        execution("TestTimeouts"),
    ),
    Mutant(
        "a status is believed before its executions are there",
        "trading/executor",
        " or (order.status is OrderStatus.FILLED and order.filled < intent.quantity):",
        ":",
        execution("TestLateNews"),
    ),
    Mutant(
        "late executions are not looked for",
        "trading/executor",
        "for order in self._broker.recent_orders():",
        "for order in self._broker.recent_orders()[:0]:",
        execution("TestLateNews"),
    ),
    Mutant(
        "the last check is not made",
        "trading/executor",
        "            if reason := refusal(",
        "            if reason := None and refusal(",
        execution("TestRefused"),
    ),
    Mutant(
        "a split is believed from the prices alone",
        "trading/executor",
        "split.date <= market.newest_row and positions[split.symbol] == before * split.ratio",
        "split.date <= market.newest_row",
        execution("TestSplits"),
    ),
    Mutant(
        "the outcome is written before the fills are in the book",
        "trading/executor",
        "        self._absorb(intent, order)\n        self._journal.outcome(intent, order, self._clock.now())\n",
        "        self._journal.outcome(intent, order, self._clock.now())\n        self._absorb(intent, order)\n",
        execution("TestBeforeTheWire"),
    ),
    Mutant(
        "an order of yesterday is cancelled",
        "trading/executor",
        "if still_open and overdue and not self._is_past(intent):",
        "if still_open and overdue:",
        ("simulation/test_recovery.py::test_an_order_of_yesterday_is_never_cancelled",),
    ),
    Mutant(
        "an order that was lost overnight counts as refused",
        "trading/executor",
        "        if self._is_past(intent):\n            return self._lost(intent, fills)\n",
        "",
        ("simulation/test_recovery.py::test_a_fill_that_was_not_read_on_its_day_is_told_as_lost_and_not_as_refused",),
    ),
    Mutant(
        "the simulated account forgets overnight",
        "trading/executor",
        "return self._broker.needs_open_exchange and intent.session < new_york_date(self._clock.now())",
        "return intent.session < new_york_date(self._clock.now())",
        ("simulation/test_recovery.py::test_a_broker_that_forgets_nothing_is_believed_about_any_day",),
    ),
    Mutant(
        "an order that nobody fills is sent again at once",
        "trading/executor",
        "        if not order.filled:\n",
        "        if not order.filled and not cancelled:\n",
        execution("TestTimeouts"),
    ),
    Mutant(
        "an order is believed smaller without a complete answer",
        "adapters/ib/order_tracker",
        "if answered and 0 < done == facts.filled_whole == facts.filled:",
        "if 0 < done == facts.filled_whole == facts.filled:",
        ("unit/adapters/ib/test_order_tracker.py::test_a_tape_ends_as_it_should",),
    ),
    Mutant(
        "an order is believed smaller than its status says",
        "adapters/ib/order_tracker",
        "if answered and 0 < done == facts.filled_whole == facts.filled:",
        "if answered and done > 0:",
        ("unit/adapters/ib/test_order_tracker.py::test_a_tape_ends_as_it_should",),
    ),
    Mutant(
        "a failed read is taken for an empty account",
        "trading/engine",
        "        account = self.state.account = self.broker.snapshot()\n",
        "        try:\n            account = self.state.account = self.broker.snapshot()\n"
        "        except BrokerUnavailable:\n"
        "            account = AccountSnapshot(\n"
        "                self.broker.account, self.broker.mode, 0, 0, {}, (), market.qqq.time\n"
        "            )\n",
        engine("TestNothingIsBelievedThatWasNotSeen"),
    ),
    Mutant(
        "unresolved orders are not told to the decision",
        "trading/engine",
        "unresolved=journal.unresolved(),",
        "unresolved=(),",
        execution("TestUnknown"),
    ),
    Mutant(
        "the kill switch is not told to the decision",
        "trading/engine",
        "halted=self.records.switch.reason(),",
        "halted=None,",
        engine("TestHalt"),
    ),
    Mutant(
        "the window of the averages ends a day early",
        "trading/engine",
        "expected=table.before(session.date, self.rules.long_period - 1),",
        "expected=table.before(session.date, self.rules.long_period)[:-1],",
        engine("TestACheck"),
    ),
    Mutant(
        "what a window has decided is not written down",
        "trading/engine",
        "if plan.settles is not None:",
        "if plan.settles is not None and number > 1:",
        engine("TestBeforeClose"),
    ),
    Mutant(
        "an account that does not settle goes on trading",
        "trading/engine",
        "        self.records.switch.halt(reason)\n",
        "",
        engine("TestHalt"),
    ),
    Mutant(
        "yesterday's bar is taken for today's",
        "adapters/yahoo/price_source",
        "newest_row=rows[-1].date,",
        "newest_row=today,",
        ("unit/adapters/yahoo/test_price_source.py::test_no_fault_of_the_data_is_traded_on[stale-newest_row]",),
    ),
    Mutant(
        "the simulation: the journal is written after the order is sent",
        "trading/executor",
        "        self._journal.intended(intent)\n        try:\n            self._broker.submit(intent)\n",
        "        try:\n            self._broker.submit(intent)\n            self._journal.intended(intent)\n",
        simulated(0),
    ),
    Mutant(
        "the simulation: a failed read is taken for an order that is not there",
        "trading/executor",
        "        order = self._broker.find(intent)\n",
        "        try:\n            order = self._broker.find(intent)\n"
        "        except BrokerUnavailable:\n            order = None\n",
        simulated(0),
    ),
    Mutant(
        "the simulation: an absence is believed at once",
        "trading/executor",
        "if absent < self._broker.absence_is_final_after:",
        "if absent < timedelta(0):",
        simulated(0),
    ),
    Mutant(
        "the simulation: the buy is planned with the sell",
        "strategy/planning",
        "    if sells := _sells(snapshot, target, rules):\n",
        "    if sells := _sells(snapshot, target, rules):\n        if target.symbol:\n"
        "            sells += _buy(snapshot, target.symbol, rules)[2]\n",
        simulated(0),
    ),
    Mutant(
        "the simulation: unresolved orders are ignored",
        "trading/engine",
        "unresolved=journal.unresolved(),",
        "unresolved=(),",
        simulated(0),
    ),
    Mutant(
        "the simulation: the outcome is written before the fills are in the book",
        "trading/executor",
        "        self._absorb(intent, order)\n        self._journal.outcome(intent, order, self._clock.now())\n",
        "        self._journal.outcome(intent, order, self._clock.now())\n        self._absorb(intent, order)\n",
        simulated(10),
    ),
    Mutant(
        "the simulation: an order without an answer is sent again",
        "trading/executor",
        "            self._broker.submit(intent)\n        except OrderRejected as rejected:\n",
        "            try:\n                self._broker.submit(intent)\n            except OrderOutcomeUnknown:\n"
        "                self._broker.submit(intent)\n        except OrderRejected as rejected:\n",
        simulated(0),
    ),
    Mutant(
        "the simulation: a cancel that was sent counts as done",
        "trading/executor",
        "                cancelled = self._cancel(intent)\n",
        "                cancelled = self._cancel(intent)\n"
        "                self._conclude(intent, Order(intent.order_ref, OrderStatus.CANCELLED))\n"
        "                return\n",
        simulated(0),
    ),
    Mutant(
        "the simulation: a torn line is kept",
        "records/jsonl",
        "        return self._set_torn_tail_aside(now)\n",
        "        return None\n",
        simulated(30),
    ),
    Mutant(
        "a daemon checks on though another has its records",
        "trading/loop",
        "        guard()\n",
        "        pass\n",
        ("unit/trading/test_loop.py::test_a_guard_that_objects_at_once_lets_no_check_be_made",),
    ),
    Mutant(
        "a lock that somebody else has meanwhile is believed",
        "runtime/lock",
        "return os.path.samestat(os.fstat(self._file), os.stat(self._path))",
        "return self._path.exists()",
        ("unit/runtime/test_lock.py::test_a_lock_that_somebody_else_has_meanwhile_is_not_taken_from_him",),
    ),
    Mutant(
        "a lock is taken in the folder that has come in the place of the records'",
        "runtime/lock",
        "if not self._in_its_folder():",
        "if not self._path.parent.exists():",
        ("unit/runtime/test_lock.py::test_a_lock_is_not_taken_in_another_folder_than_that_of_the_records",),
    ),
    Mutant(
        "a full disk is told by nobody",
        "trading/engine",
        "if isinstance(error, OSError):\n            self.alerts",
        "if isinstance(error, TradingHalted):\n            self.alerts",
        engine("TestTheRecord::test_a_full_disk_is_told_at_once_and_until_there_is_room"),
    ),
    Mutant(
        "a half-done rotation is forgotten after a failed check",
        "trading/engine",
        "return on_the_way or ",
        "return ",
        engine("TestSoon::test_a_half_done_rotation_is_taken_up_soon_until_it_is_done"),
    ),
    Mutant(
        "a purchase that was filled in part is forgotten after a failed check",
        "trading/engine",
        "return on_the_way or waiting or journal.unfinished(ledger.order_totals) is not None",
        "return on_the_way or waiting",
        engine("TestSoon::test_an_order_that_was_filled_in_part_is_taken_up_soon_until_it_is_done"),
    ),
    Mutant(
        "what was replaced under the bot is written into all the same",
        "records/jsonl",
        "        if not same:\n",
        "        if same is None:\n",
        engine("TestTheRecord::test_nothing_is_sent_once_a_record_was_replaced_under_the_bot"),
    ),
    Mutant(
        "the last order of a session is spent on half a rotation",
        "strategy/planning",
        "    if orders and not left.passed:\n",
        "    if not left.passed and not orders:\n",
        (
            "unit/strategy/test_planning.py::TestBlocked::test_the_last_order_of_a_session_is_not_spent_on_half_a_rotation",
        ),
    ),
    Mutant(
        "two starts give the same references",
        "records/journal",
        'self._tag = f"{tag}-" if tag else ""',
        'self._tag = ""',
        ("unit/records/test_journal.py::test_the_tag_of_a_start_keeps_the_references_of_two_folders_apart",),
    ),
)
