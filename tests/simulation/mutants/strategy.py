"""Mistakes in what to hold, and in which order comes next."""

from tests.support.mutants import Mutant

PLANNING = ("unit/strategy/test_planning.py",)

LIMITS = (
    Mutant(
        "an account that shows less is believed at once",
        "strategy/gates.py::account_has_less",
        "snapshot.now - since >= MONEY_NOT_COMING",
        "True",
        ("unit/strategy/test_planning.py::TestRotation",),
    ),
    Mutant(
        "a held target is rebalanced when position_size_pct is raised",
        "trading/come_back.py::unfinished",
        "position_size=order.position_size or rules.position_size",
        "position_size=rules.position_size",
        ("unit/trading/test_engine_pauses.py::TestLessThanTheBook",),
    ),
    Mutant(
        "what the account does not have is bought later",
        "trading/come_back.py::unfinished",
        "money = money if order.account_money is None else min(money, order.account_money)",
        "pass",
        ("unit/trading/test_engine_pauses.py::TestLessThanTheBook",),
    ),
    Mutant(
        "a rotation is begun without time for both orders",
        "strategy/gates.py::time_for_both",
        "left > LAST_SAFE_SECONDS + BOTH_LEGS_SECONDS",
        "left > LAST_SAFE_SECONDS",
        ("unit/strategy/test_planning.py::TestRotation",),
    ),
    Mutant(
        "half a rotation waits for the next decision window",
        "strategy/planning.py::_target",
        "return snapshot.half_made, None",
        "return None, None",
        ("unit/strategy/test_planning.py::TestRotation",),
    ),
    Mutant(
        "a sale towards cash has no order in reserve",
        "strategy/gates.py::orders_left",
        "(RESERVED_ORDERS if to_cash else 0)",
        "0",
        ("unit/strategy/test_gates.py::TestOthers",),
    ),
)

MUTANTS = (
    Mutant(
        "a price at its average counts as above it",
        "strategy/rule.py::level",
        "(price > line)",
        "(price >= line)",
    ),
    Mutant(
        "equal averages count as an uptrend",
        "strategy/rule.py::level",
        "(short_ma > long_ma)",
        "(short_ma >= long_ma)",
    ),
    Mutant(
        "today's price is left out of the short average",
        "strategy/rule.py::averages",
        "(_sum_of_last(closes, rules.short_period - 1) + price) / rules.short_period",
        "_sum_of_last(closes, rules.short_period) / rules.short_period",
    ),
    Mutant(
        "today's price is left out of the long average",
        "strategy/rule.py::averages",
        "(_sum_of_last(closes, rules.long_period - 1) + price) / rules.long_period",
        "_sum_of_last(closes, rules.long_period - 1) / (rules.long_period - 1)",
    ),
    Mutant(
        "the band works the wrong way round",
        "strategy/rule.py::tqqq_line",
        "1 - band if held is Holding.TQQQ else 1 + band",
        "1 + band if held is Holding.TQQQ else 1 - band",
    ),
    Mutant(
        "the farther flip price is shown",
        "strategy/rule.py::nearest_flip",
        "return min(",
        "return max(",
    ),
    Mutant(
        "missing rows of the window are ignored",
        "strategy/gates.py::window_problem",
        "[d for d in expected if d not in known]",
        "[d for d in expected[:0] if d not in known]",
    ),
    Mutant(
        "closes that are no numbers are ignored",
        "strategy/gates.py::window_problem",
        "[d for d in expected if not",
        "[d for d in expected[:0] if not",
    ),
    Mutant(
        "a calendar of too few sessions is ignored",
        "strategy/gates.py::window_complete",
        "len(snapshot.expected) < rules.long_period - 1",
        "len(snapshot.expected) < rules.short_period - 1",
    ),
    Mutant(
        "yesterday's row passes as today's",
        "strategy/gates.py::newest_row",
        '"newest_row", newest == wanted',
        '"newest_row", newest <= wanted',
    ),
    Mutant(
        "old prices are used",
        "strategy/gates.py::quote_age",
        '"quote_age", age <= limit',
        '"quote_age", True',
    ),
    Mutant(
        "a split of TQQQ is not noticed",
        "strategy/gates.py::LEVERAGE_TOLERANCE",
        "0.025",
        "25.0",
    ),
    Mutant(
        "the kill switch is ignored",
        "strategy/gates.py::halt",
        "reason is None,",
        "True,",
    ),
    Mutant(
        "unresolved orders are ignored",
        "strategy/gates.py::TRADE_GATES",
        "no_open_order,",
        "",
        PLANNING,
    ),
    Mutant(
        "the book's difference is ignored",
        "strategy/gates.py::TRADE_GATES",
        "book_agrees,",
        "",
        PLANNING,
    ),
    Mutant(
        "a closed exchange is ignored",
        "strategy/gates.py::TRADE_GATES",
        "exchange_open,",
        "",
        PLANNING,
    ),
    Mutant(
        "the last minute trades",
        "strategy/gates.py::quiet_minutes",
        "left <= LAST_SAFE_SECONDS",
        "left <= 0",
    ),
    Mutant(
        "the buy is planned with the sell",
        "strategy/planning.py::next_step",
        "if sells := _sells(snapshot, target, rules):\n",
        "if sells := _sells(snapshot, target, rules):\n"
        "        if target.symbol:\n"
        "            sells += _buy(snapshot, target.symbol, rules)[2]\n",
        seed=0,
    ),
    Mutant(
        "a held target is rebalanced",
        "strategy/planning.py::next_step",
        "snapshot.unfinished != symbol",
        "snapshot.unfinished == symbol",
    ),
    Mutant(
        "the broker's cash is not considered",
        "strategy/planning.py::_buy",
        "min(portfolio.cash, account.spendable)",
        "portfolio.cash",
    ),
    Mutant(
        "a buy is sized on the first answer about the account's money",
        "strategy/planning.py::_buy",
        "if not money.passed:",
        "if not money.passed and account.behind:",
        ("unit/strategy/test_planning.py", "unit/trading/test_engine_pauses.py"),
        seed=0,
    ),
    Mutant(
        "account and book are compared while an order is open",
        "strategy/gates.py::book_agrees",
        "if snapshot.open_orders:",
        "if snapshot.lasting_orders:",
    ),
    Mutant(
        "an account that does not show our fills yet is believed",
        "strategy/gates.py::money_arrived",
        "if account.behind:",
        "if account.behind and account.spendable < 0:",
        PLANNING,
    ),
    Mutant(
        "what an account is worth is not compared with the book",
        "strategy/gates.py::money_arrived",
        "worth >= equity * MONEY_ENOUGH",
        "worth >= 0",
        PLANNING,
    ),
    Mutant(
        "a small purchase that was filled whole counts as finished",
        "strategy/sizing.py::falls_short",
        "* ALL_OF_IT",
        "* 0",
        ("unit/strategy/test_sizing.py", "unit/trading/test_engine_pauses.py"),
    ),
    Mutant(
        "a market order may cost no more than its price",
        "strategy/sizing.py::MARKET_ORDER_CUSHION",
        'Decimal("0.01")',
        'Decimal("0")',
    ),
    Mutant(
        "the decision window is ignored",
        "strategy/planning.py::_target",
        "left > rules.decide_seconds_before_close",
        "left > 6 * 3600",
    ),
    Mutant(
        "the decision of a window is made again",
        "strategy/planning.py::_target",
        "if snapshot.decided_target is not None:",
        "if snapshot.decided_target is signal.target:",
    ),
    Mutant(
        "the last order of a session is spent on half a rotation",
        "strategy/planning.py::_rotation",
        "len(orders) + (sells and not to_cash)",
        "len(orders)",
        (
            "unit/strategy/test_planning.py::TestBlocked::test_the_last_order_of_a_session_is_not_used_for_half_a_rotation",
        ),
    ),
    Mutant(
        "short sales are not refused",
        "strategy/risk.py::_short_sale",
        "intent.quantity > owned",
        "intent.quantity > 10 * owned + 1",
    ),
    Mutant(
        "the account's shares are not considered before a sale",
        "strategy/risk.py::_short_sale",
        "min(snapshot.portfolio.shares.get(intent.symbol, 0), snapshot.account.positions.get(intent.symbol, 0))",
        "snapshot.portfolio.shares.get(intent.symbol, 0)",
    ),
    Mutant(
        "a buy may exceed the cash",
        "strategy/risk.py::_borrows",
        "intent.quantity * price > payable",
        "intent.quantity * price > 4 * payable",
    ),
    *LIMITS,
)
