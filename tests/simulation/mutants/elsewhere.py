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
