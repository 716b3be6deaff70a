"""Mistakes in what the files say."""

from tests.support.mutants import Mutant

MUTANTS = (
    Mutant(
        "a commission is forgotten",
        "records/ledger.py::Ledger.move_of",
        "Move(-(amount + commission), ZERO",
        "Move(-amount, ZERO",
    ),
    Mutant(
        "a sale's commission is forgotten",
        "records/ledger.py::Ledger.move_of",
        "Move(amount - commission",
        "Move(amount",
    ),
    Mutant(
        "a split leaves the cost as it was",
        "records/ledger.py::Ledger._split",
        "self.cost[symbol] / ratio",
        "self.cost[symbol] / 1",
    ),
    Mutant(
        "shares of the owner are the bot's",
        "records/ledger.py::Ledger._answer",
        "self.foreign[symbol] +=",
        "self.shares[symbol] +=",
    ),
    Mutant(
        "an execution is counted each time it is reported",
        "records/book.py::Book.absorb",
        "if not self.ledger.counted(fill.exec_id) and stem(fill.exec_id) not in known]",
        "if fill.exec_id]",
    ),
    Mutant(
        "a late commission is charged together with those known before",
        "records/book.py::Book._record_correction",
        "_total_commission(fills, booked.commission) - booked.commission",
        "_total_commission(fills, ZERO)",
    ),
    Mutant(
        "an order is corrected by an answer that lacks some of its executions",
        "records/book.py::Book.absorb",
        "if known <= {stem(fill.exec_id) for fill in fills}:",
        "if known is not None:",
    ),
    Mutant(
        "an old revision corrects a newer one",
        "records/book.py::Book._record_correction",
        " or any(self._superseded(fill) for fill in fills)",
        "",
    ),
    Mutant(
        "a dividend of a corrected date is another one",
        "records/ledger.py::Ledger._income_key",
        "abs(day - ex_date) <= SAME_EVENT",
        "day == ex_date",
    ),
    Mutant(
        "a split of a corrected date is another one",
        "records/ledger.py::Ledger.has_split",
        "abs(on - day) <= SAME_EVENT",
        "on == day",
    ),
    Mutant(
        "a dividend is for the shares of today",
        "records/ledger.py::Ledger.shares_before",
        "return self.shares[symbol] - later",
        "return self.shares[symbol] - 0 * later",
    ),
    Mutant(
        "a sale that is taken back brings its shares back for nothing",
        "records/ledger.py::Ledger._take_back_sale",
        "+ cost * quantity",
        "+ 0 * quantity",
    ),
    Mutant(
        "a fraction that a split leaves is lost",
        "records/ledger.py::Ledger._split",
        "self.cash += cash",
        "self.cash += 0 * cash",
    ),
    Mutant(
        "accounts share a book",
        "records/book.py::Book.load",
        ' and row.get("account") == self._identity["account"]',
        "",
    ),
    Mutant(
        "references are counted for each account",
        "records/journal.py::OrderJournal._take",
        'int(row["order_ref"].rsplit("-", 1)[1])',
        'int(row["order_ref"].rsplit("-", 1)[1]) if row["account"] == self._identity["account"] else 0',
    ),
    Mutant(
        "two starts give the same references",
        "records/journal.py::OrderJournal.__init__",
        'f"{tag}-" if tag else ""',
        '""',
        ("unit/records/test_journal.py::test_the_tag_of_a_start_keeps_the_references_of_two_folders_apart",),
    ),
    Mutant(
        "a torn line stays where it is",
        "records/jsonl.py::AppendOnlyFile._set_torn_tail_aside",
        "os.ftruncate(self._descriptor, start)",
        "pass",
    ),
    Mutant(
        "a torn line is not looked for",
        "records/jsonl.py::AppendOnlyFile.open",
        "return self._set_torn_tail_aside(now)",
        "return None",
        seed=30,
    ),
    Mutant(
        "half a line stays in the file",
        "records/jsonl.py::AppendOnlyFile.append",
        "os.ftruncate(self._descriptor, before)",
        "os.ftruncate(self._descriptor, os.fstat(self._descriptor).st_size)",
    ),
    Mutant(
        "a record that was replaced under the bot is written to all the same",
        "records/jsonl.py::AppendOnlyFile.verify",
        "if not same:",
        "if same is None:",
        ("unit/trading/test_engine.py::TestTheRecord::test_nothing_is_sent_after_a_record_was_replaced_under_the_bot",),
    ),
    Mutant(
        "executions are counted beside the fill that their order's status told of",
        "records/book.py::Book._stands_in",
        "return stands_in in",
        "return None in",
    ),
    Mutant(
        "the first of the late executions takes the others out of the book",
        "records/book.py::Book.absorb",
        "if by_status and sum(fill.quantity for fill in fills) <",
        "if by_status and 10_000 <",
    ),
    Mutant(
        "the window of an earlier session replaces a later one",
        "records/prices.py::PriceMemory._better",
        "known.session < snapshot.session.date",
        "known.session != snapshot.session.date",
    ),
    Mutant(
        "the sources of a window are forgotten",
        "records/prices.py::_window_row",
        "for day, source in window.sources.items()",
        "for day, source in ()",
    ),
    Mutant(
        "a full disk ends the check that only wanted to remember its prices",
        "records/prices.py::PriceMemory._write",
        "except OSError as error:",
        "except BlockingIOError as error:",
    ),
)
