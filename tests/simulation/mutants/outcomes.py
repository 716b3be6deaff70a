"""Mistakes about how an order ended: precautions, fills that only the status reports, orders without an answer."""

from tests.support.mutants import Mutant

PRECAUTIONS = (
    Mutant(
        "what a precaution may keep is tried again",
        "trading/executor.py::Executor._look",
        "if order.status is OrderStatus.REJECTED and order.taken:",
        "if False:",
        ("unit/trading/test_executor_unanswered.py",),
    ),
)

STATUS_FILLS = (
    Mutant(
        "a part that only the status of a cancelled order reports is forgotten",
        "adapters/ib/order_tracker.py::OrderTracker._cancelled",
        "return Judgement(replace(order, told=self._told(facts, answered)), ask=True)",
        "return Judgement(order, ask=True)",
        ("unit/adapters/ib/test_order_tracker.py",),
    ),
    Mutant(
        "an execution that lacks a fact does not keep an order from ending unfilled",
        "adapters/ib/order_tracker.py::OrderTracker._cancelled",
        "if facts.incomplete or not matches:",
        "if not matches:",
        ("unit/adapters/ib/test_order_tracker.py",),
    ),
    Mutant(
        "a part ends an order as filled",
        "trading/status_fills.py::filled_by_status",
        "if told.quantity == intent.quantity else OrderStatus.CANCELLED",
        "if told.quantity else OrderStatus.CANCELLED",
    ),
    Mutant(
        "what the broker cancels is told to nobody",
        "trading/executor.py::Executor._await_outcome",
        "if not cancelled:\n",
        "if False:\n",
        ("unit/trading/test_executor_timeouts.py",),
    ),
    Mutant(
        "a status alone books a fill",
        "trading/status_fills.py::filled_by_status",
        "if positions.get(symbol, 0) != portfolio.shares.get(symbol, 0) + portfolio.foreign.get(symbol, 0) + moved:",
        "if moved == 0:",
    ),
    Mutant(
        "a status is believed at once",
        "trading/executor.py::Executor._as_the_status_says",
        "STATUS_BELIEVED_AFTER.total_seconds()",
        "0.0",
        ("unit/trading/test_status_fills.py",),
    ),
    Mutant(
        "an order that its status calls filled is cancelled",
        "trading/executor.py::Executor._await_outcome",
        "filled = intent.order_ref in self._told_since",
        "filled = False",
        ("unit/trading/test_status_fills.py",),
    ),
)

UNANSWERED = (
    Mutant(
        "an order is sent again after every absence",
        "trading/executor.py::Executor._absent",
        "if self._journal.was_taken(ref):",
        "if False:",
        ("unit/trading/test_executor_unanswered.py::TestUnanswered",),
    ),
    Mutant(
        "what the gateway took is forgotten by a new connection",
        "trading/executor.py::Executor._absent",
        "if order.taken and not self._journal.was_taken(ref):",
        "if False:",
        ("unit/trading/test_executor_unanswered.py::TestUnanswered",),
    ),
    Mutant(
        "an order that this connection has carried may have got lost on it",
        "adapters/ib/broker.py::IBBroker._absent",
        "taken=arrived or judgement.held",
        "taken=judgement.held",
        ("process/test_ib_orders.py::test_an_order_held_by_a_dialog_was_taken_though_nobody_knows_it",),
    ),
    Mutant(
        "the order that was not answered ends before the halt is on disk",
        "trading/executor.py::Executor._unanswered",
        "    self._switch.halt(reason)\n",
        "",
        ("unit/trading/test_executor_unanswered.py::TestUnanswered",),
    ),
    Mutant(
        "nothing is looked for after the fact",
        "trading/engine.py::Engine._observe",
        "self.executor.audit()",
        "pass",
        ("unit/trading/test_executor_unanswered.py::TestOverrun",),
    ),
    Mutant(
        "a book that owes goes on",
        "trading/audit.py::overruns",
        "if ledger.cash < -OWED_BY_CHANCE * ledger.total_capital:",
        "if False:",
        ("unit/trading/test_executor_unanswered.py::TestOverrun",),
    ),
    Mutant(
        "two orders under one reference are one",
        "trading/audit.py::overruns",
        "if ref in twins:",
        "if False:",
        ("unit/trading/test_executor_unanswered.py::TestOverrun",),
    ),
    Mutant(
        "two orders under one reference are noticed only when they have ended",
        "trading/executor.py::Executor._look",
        "    self._note_twins(order)\n",
        "",
        ("unit/trading/test_executor_unanswered.py::TestOverrun",),
        seed=90,
    ),
    Mutant(
        "executions of a twin are booked and nothing is said of it",
        "trading/executor.py::Executor._note_twins",
        "if order.twins:",
        "if False:",
        ("unit/trading/test_executor_unanswered.py::TestOverrun",),
        seed=0,
    ),
    Mutant(
        "of several overruns each halts on its own",
        "trading/executor.py::Executor.audit",
        "if overrun[:2] not in self._journal.overruns]",
        "if overrun[:2] not in self._journal.overruns][:1]",
        ("unit/trading/test_executor_unanswered.py::TestOverrun",),
    ),
    Mutant(
        "a new trouble is hidden by an older halt",
        "trading/alerts.py::Alerts.begin",
        "if known is None or (again and known.text != text):",
        "if known is None:",
        ("unit/trading/test_executor_unanswered.py::TestOverrun",),
    ),
)

MUTANTS = (*PRECAUTIONS, *STATUS_FILLS, *UNANSWERED)
