"""Mistakes in what changes the book without an order, and in the owner's answers."""

from tests.support.mutants import Mutant

ANSWERS = (
    Mutant(
        "a dry run records the answer",
        "trading/answers.py::settle",
        "if not answer.dry_run:",
        "if answer:",
    ),
    Mutant(
        "phantom cash is adopted",
        "trading/adoption.py::refuse_money_that_is_not_there",
        "account.behind or cash > there + equity * NOTICEABLE",
        "account.behind",
        ("unit/trading/test_adoption_prices.py",),
    ),
    Mutant(
        "a split in disguise is measured against what the price source says alone",
        "trading/adoption.py::_prices_before",
        "last_price(symbol, market.newest_row) or 0.0",
        "0.0",
    ),
    Mutant(
        "without a price, anything may be left",
        "trading/adoption.py::refuse_split",
        "if not known:",
        "if known is None:",
    ),
    Mutant(
        "a split must have moved the price to the cent",
        "trading/adoption.py::_nearer",
        "max(move * ratio, 1 / (move * ratio)) < max(move, 1 / move)",
        "move * ratio == 1",
    ),
    Mutant(
        "a lost order is adopted at the market's price",
        "trading/answers.py::_adopted_at",
        "elif lost is not None:",
        "elif lost is not None and not seen.market:",
        ("unit/trading/test_adoption_prices.py",),
    ),
    Mutant(
        "any lost order explains any difference",
        "trading/adoption.py::price_of_lost",
        "(intent.symbol, intent.side) == (symbol, side) and abs(difference) <= rest",
        "rest",
        ("unit/trading/test_adoption_prices.py",),
    ),
    Mutant(
        "shares that were sold since are taken back",
        "trading/adoption.py::undo",
        "left.cash < 0 or min(*left.shares.values(), *left.foreign.values()) < 0",
        "left.cash < 0",
        ("unit/trading/test_adoption_prices.py",),
    ),
    Mutant(
        "only the last row of an answer is taken back",
        "records/book.py::Book.undo",
        "reversed(self.ledger.last_answer)",
        "self.ledger.last_answer[-1:]",
        ("unit/trading/test_adoption_prices.py",),
    ),
    Mutant(
        "one price is for whatever differs",
        "trading/answers.py::_adopted_at",
        'if "" in given and len(found) == 1:',
        'if "" in given:',
        ("unit/trading/test_adoption_prices.py",),
    ),
)

MUTANTS = (
    *ANSWERS,
    Mutant(
        "a split is believed from the prices alone",
        "trading/bookkeeping.py::explains",
        "before != found and before > 0 and least <= found <= max(most, math.ceil(before * ratio))",
        "True",
    ),
    Mutant(
        "a fraction beside whole shares forbids a split",
        "trading/bookkeeping.py::explains",
        "max(most, math.ceil(before * ratio))",
        "least",
    ),
    Mutant(
        "a share that the owner's fraction completes is the bot's",
        "trading/bookkeeping.py::after_split",
        "if foreign == 0 and ratio < 1 and found > whole:",
        "if found > whole:",
    ),
    Mutant(
        "a simulated account believes a split that no price shows",
        "adapters/simulated/broker.py::PaperBroker._price_shows",
        "abs(move - expected) < abs(move)",
        "True",
        ("unit/adapters/simulated/test_broker.py",),
    ),
    Mutant(
        "a simulated account measures a split against what a share has cost",
        "adapters/simulated/broker.py::PaperBroker._price_shows",
        "self._last_price(split.symbol, split.date) or ",
        "",
        ("unit/adapters/simulated/test_broker.py",),
    ),
    Mutant(
        "a dividend is booked before its day",
        "trading/bookkeeping.py::Bookkeeper._record_income",
        " <= dividend.date <= market.newest_row",
        " <= dividend.date",
    ),
    Mutant(
        "a dividend a hundred times too large is booked",
        "trading/bookkeeping.py::Bookkeeper._record_income",
        "if Decimal(str(dividend.amount)) > LARGEST_DIVIDEND",
        "if Decimal(0) > LARGEST_DIVIDEND",
    ),
    Mutant(
        "a dividend is booked at each check",
        "trading/bookkeeping.py::income_due",
        " - (known.amount if known else ZERO)",
        "",
    ),
    Mutant(
        "a wavering source changes the book at each check",
        "trading/bookkeeping.py::Bookkeeper._record_income",
        " and (known is None or known.recorded < new_york_date(now))",
        "",
    ),
    Mutant(
        "what was withheld comes back when the dividend is paid",
        "trading/bookkeeping.py::income_due",
        "known is not None and paid is None and ",
        "known is None and ",
    ),
    Mutant(
        "a dividend counts as many shares as there were before a split",
        "trading/bookkeeping.py::_later_splits",
        "math.prod(ratios)",
        "1",
    ),
    Mutant(
        "money that is not there is withdrawn",
        "trading/bookkeeping.py::set_capital",
        "(unresolved or ledger.cash + change < 0)",
        "unresolved",
        ("unit/trading/test_assembly.py",),
    ),
    Mutant(
        "a withdrawal does not wait for the order in flight",
        "trading/bookkeeping.py::set_capital",
        "(unresolved or ledger.cash + change < 0)",
        "ledger.cash + change < 0",
        ("unit/trading/test_assembly.py",),
    ),
    Mutant(
        "late account values count as missing money",
        "trading/engine.py::Engine._look_at_money",
        "if account.behind:",
        "if account is None:",
        ("unit/trading/test_bookkeeping.py",),
    ),
    Mutant(
        "a lost order counts as missing money",
        "trading/engine.py::Engine._record",
        "if book is not None and book.passed and not snapshot.open_orders:",
        "if book is not None:",
        ("unit/trading/test_bookkeeping.py",),
    ),
    Mutant(
        "what is missing is shown as if it were there",
        "monitoring/facts/status.py::_own",
        'missing = number(book.get("missing")) or 0.0',
        "missing = 0.0",
        ("unit/monitoring/facts/test_status.py",),
    ),
)
