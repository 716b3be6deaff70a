"""Mistakes in model, adapters and runtime: sessions, the answers of Yahoo and of Interactive Brokers, and the lock."""

from tests.support.mutants import Mutant

ORDERS = ("unit/adapters/ib/test_order_tracker.py::test_a_tape_ends_as_it_should",)
LOCK = "unit/runtime/test_lock.py::"

MUTANTS = (
    Mutant(
        "New York's date is the host's",
        "model/new_york.py::new_york_date",
        ".astimezone(NEW_YORK)",
        ".astimezone()",
    ),
    Mutant(
        "a half-day is as long as any other",
        "model/sessions.py::SessionTable.open_session",
        "latest.contains(now)",
        "now < latest.open + REGULAR_LENGTH",
    ),
    Mutant(
        "the close belongs to the session",
        "model/values.py::Session.contains",
        "self.open <= moment < self.close",
        "self.open <= moment <= self.close",
    ),
    Mutant(
        "missed checks are caught up",
        "model/sessions.py::Timetable._grid_after",
        "// self.interval + 1)",
        "// self.interval)",
    ),
    Mutant(
        "the end of the calendar is not noticed",
        "model/sessions.py::SessionTable._require_reach",
        "if now >= self.ends():",
        "if now >= self.ends() + REGULAR_LENGTH:",
    ),
    Mutant(
        "an order is believed smaller without a complete answer",
        "adapters/ib/order_tracker.py::OrderTracker._said_filled",
        "answered and 0 < done",
        "0 < done",
        ORDERS,
    ),
    Mutant(
        "an order is believed smaller than its status says",
        "adapters/ib/order_tracker.py::OrderTracker._said_filled",
        "0 < done == facts.filled_whole == facts.filled",
        "done > 0",
        ORDERS,
    ),
    Mutant(
        "a precaution's code ends its order",
        "adapters/ib/order_tracker.py::OrderTracker._unlisted",
        "if held and facts.unknown_to_the_gateway:",
        "if held:",
        ORDERS,
    ),
    Mutant(
        "an order that a precaution keeps is never cancelled",
        "adapters/ib/broker.py::IBBroker.find",
        "if judgement.held:",
        "if judgement.held and judgement.order is None:",
        ("process/test_ib_orders.py::test_an_order_that_a_precaution_keeps_is_cancelled_and_refused_in_its_words",),
    ),
    Mutant(
        "an order whose cancel is not answered is given up",
        "adapters/ib/broker.py::IBBroker._held",
        "if known_here or absent",
        "if absent",
        (
            "process/test_ib_orders.py::"
            "test_an_order_that_a_precaution_keeps_does_not_end_while_its_cancel_is_unanswered",
        ),
    ),
    Mutant(
        "354 about an order is a matter of quotes",
        "adapters/ib/error_codes.py::code_of_order",
        "if known.meaning is Meaning.NO_QUOTES:",
        "if number == 0:",
    ),
    Mutant(
        "the last code is the reason",
        "adapters/ib/order_tracker.py::_weight",
        "return SPEAKING.index(meaning) + 1 if meaning in SPEAKING else 0",
        "return number",
        ("unit/adapters/ib/test_order_tracker.py::test_the_reason_is_the_message_whatever_came_later",),
    ),
    Mutant(
        "a rejection after an acknowledgement leaves the order open",
        "adapters/ib/order_tracker.py::_Facts.refused",
        "(rejected or not self.acknowledged)",
        "not self.acknowledged",
        ORDERS,
    ),
    Mutant(
        "an answer that never ends is reconnected for ever",
        "adapters/ib/silence.py::Silences.missed",
        "if now - known.renewed < RENEW_SECONDS:",
        "if now < known.renewed:",
    ),
    Mutant(
        "the late end of one question ends the next",
        "adapters/ib/requests.py::PendingRequests.ask",
        "if self._closed or key in self._overdue:",
        "if self._closed:",
        ("unit/adapters/ib/test_silence.py::test_a_question_without_a_number_is_not_asked_again_before_its_late_end",),
    ),
    Mutant(
        "executions that were not read count as read",
        "adapters/ib/broker.py::IBBroker._catch_up",
        "self._executions_at = -EXECUTIONS_SECONDS",
        "self._executions_at = self._clock.monotonic()",
        ("process/test_ib_broker.py::test_an_answer_that_never_ends_keeps_the_bot_only_from_what_needs_it",),
    ),
    Mutant(
        "cash in every currency counts as dollars",
        "adapters/ib/account.py::spendable",
        "free = min(total, dollars, found",
        "free = min(total, found",
    ),
    Mutant(
        "a what-if is for one share, whatever the bot would buy",
        "adapters/ib/doctor/checkup.py::Checkup._real_size",
        "return max(1, int(budget / Decimal(str(price))))",
        "return 1",
        ("process/test_connection_check.py::test_a_what_if_reports_margin_and_commission_and_places_nothing",),
    ),
    Mutant(
        "an estimate without numbers is a good one",
        "adapters/ib/doctor/account_checks.py::precautions",
        "if estimate.margin is None and estimate.commission is None:",
        "if estimate is None:",
    ),
    Mutant(
        "an empty answer for executions is believed",
        "adapters/ib/doctor/account_checks.py::executions",
        "day.filled - day.executed",
        "day.executed - day.filled",
    ),
    Mutant(
        "yesterday's bar passes as today's",
        "adapters/yahoo/price_source.py::read_market",
        "newest_row=rows[-1].date,",
        "newest_row=today,",
        ("process/test_yahoo_prices.py::test_no_faulty_data_is_traded_on[stale-newest_row]",),
    ),
    Mutant(
        "a lock that somebody else has meanwhile is believed",
        "runtime/lock.py::Lock.intact",
        "return os.path.samestat(os.fstat(self._file), os.stat(self._path))",
        "return self._path.exists()",
        ("process/test_lock.py::test_a_lock_acquired_by_another_process_meanwhile_is_not_taken_from_it",),
    ),
    Mutant(
        "a lock is taken in the folder that has replaced the records' folder",
        "runtime/lock.py::Lock.secure",
        "if not self._in_its_folder():",
        "if not self._path.parent.exists():",
        (f"{LOCK}test_a_lock_is_only_taken_in_the_folder_of_the_records",),
    ),
)
