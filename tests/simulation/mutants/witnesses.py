"""Mistakes in what is believed of prices without a second witness."""

from tests.support.mutants import Mutant

PRICES = ("unit/adapters/yahoo/test_price_source.py",)
GATES = ("unit/strategy/test_gates_witnesses.py",)
SPLITS = ("unit/trading/test_steady_prices_splits.py",)
PLANNING = ("unit/strategy/test_planning.py",)

MUTANTS = (
    Mutant(
        "the fund is no witness of the rows",
        "strategy/witnesses.py::doubts",
        "**_by_fund(own, fund, leverage),",
        "",
    ),
    Mutant(
        "unadjusted closes are no witness of the rows",
        "strategy/witnesses.py::doubts",
        "**_by_unadjusted(window, own),",
        "",
    ),
    Mutant(
        "one session on which both funds stand still is believed",
        "strategy/witnesses.py::doubts",
        "**_by_standing(window, own),",
        "",
    ),
    Mutant(
        "what was kept is no witness of the rows",
        "strategy/witnesses.py::doubts",
        "**_by_what_was_kept(window, own, fund, leverage),",
        "",
    ),
    Mutant(
        "what was kept is believed against the fund",
        "strategy/witnesses.py::_by_what_was_kept",
        "not dividend and supported",
        "not dividend",
    ),
    Mutant(
        "what was kept is believed only if the fund's rows of today agree",
        "strategy/witnesses.py::_by_what_was_kept",
        "_together(kept[place], kept_fund[place], leverage) and",
        "False and",
    ),
    Mutant(
        "a split that nobody reports is believed at first sight",
        "trading/steady_prices.py::SteadyPrices._with_untold_split",
        "len(sessions) >= basis.SESSIONS_OF_A_SPLIT",
        "len(sessions) > 0",
        SPLITS,
    ),
    Mutant(
        "a split that nobody reports is believed without the broker's closes",
        "trading/steady_prices.py::SteadyPrices._with_untold_split",
        "if self._broker is not None:",
        "if False:",
        SPLITS,
    ),
    Mutant(
        "a split that nobody reports is dated long after it",
        "trading/steady_prices.py::SteadyPrices._with_untold_split",
        "if not confirmed or sessions[0] - kept.session > SAME_EVENT:",
        "if not confirmed:",
        SPLITS,
    ),
    Mutant(
        "an answer that ended days ago is filled",
        "strategy/filling.py::fillable",
        "if missing[-1] >= market.newest_row:",
        "if False:",
    ),
    Mutant(
        "the factor of the fund is always three",
        "strategy/witnesses.py::_by_fund",
        "_together(own[place], fund[place], leverage)",
        "_together(own[place], fund[place], 3)",
    ),
    Mutant(
        "frozen rows are believed",
        "strategy/witnesses.py::unwitnessed",
        "if any(place + MOST_STANDING in standing for place in standing):",
        "if any(place + 500 in standing for place in standing):",
    ),
    Mutant(
        "a fund with many missing rows is a witness",
        "strategy/witnesses.py::unwitnessed",
        "len(missing) > MOST_UNWITNESSED",
        "len(missing) > 100",
    ),
    Mutant(
        "two doubts are judged together only",
        "strategy/witnesses.py::_histories",
        "taken = [doubt.closes for doubt in found]",
        "taken = [doubt.closes for doubt in found if len(found) == 1]",
    ),
    Mutant(
        "the rule is not asked with the other history",
        "strategy/witnesses.py::other_answer",
        "is not own",
        "is None",
        (*GATES, "unit/strategy/test_witnesses.py"),
    ),
    Mutant(
        "doubtful rows are traded on",
        "strategy/gates.py::PRICE_GATES",
        "history,",
        "",
        PLANNING,
    ),
    Mutant(
        "the day's row is no witness of the live price",
        "strategy/gates.py::PRICE_GATES",
        "day_rows,",
        "",
        PLANNING,
    ),
    Mutant(
        "a live price that stands still while its row moves is believed",
        "strategy/gates.py::_fits_row",
        "return within and abs(quote.price / row.close - 1) <= slack",
        "return within",
        GATES,
    ),
    Mutant(
        "a live price outside the day's range is believed",
        "strategy/gates.py::_fits_row",
        "return within and",
        "return",
        GATES,
    ),
    Mutant(
        "a closed exchange that the calendar does not know is told as a row that comes late",
        "strategy/gates.py::newest_row",
        "elif newest < session.date and",
        "elif newest > session.date and",
    ),
    Mutant(
        "a session that neither fund has is told as a row that comes back",
        "strategy/gates.py::window_complete",
        "if closed := _without_a_trade(snapshot):",
        "if closed := _without_a_trade(snapshot)[:0]:",
    ),
    Mutant(
        "a clock ahead is told as old prices",
        "strategy/gates.py::clock",
        "now - market.answered_at > SERVER_TOLERANCE",
        "now - market.answered_at > 9999 * SERVER_TOLERANCE",
    ),
    Mutant(
        "on a closed day the last finished row is taken for today's",
        "adapters/yahoo/price_source.py::ChildPrices.market",
        "read_market(document, self._session_date(now))",
        "read_market(document)",
    ),
    Mutant(
        "a whole answer in another currency is believed",
        "strategy/gates.py::history",
        "if not quoted and",
        "if False and",
        ("unit/strategy/test_basis.py",),
    ),
    Mutant(
        "an answer about another fund is believed",
        "adapters/yahoo/price_source.py::_of_symbol",
        "found != (symbol, CURRENCY)",
        "found[1] != CURRENCY",
    ),
    Mutant(
        "an answer in another currency is believed",
        "adapters/yahoo/price_source.py::_of_symbol",
        "found != (symbol, CURRENCY)",
        "found[0] != symbol",
    ),
    Mutant(
        "the leveraged fund's rows are not handed on",
        "adapters/yahoo/price_source.py::read_market",
        "fund_bars=fund_bars,",
        "",
    ),
    Mutant(
        "the value is reckoned with prices that were refused",
        "trading/engine.py::Engine.equity",
        "self._signalled.market if self._signalled else None",
        "self.state.market",
    ),
    Mutant(
        "a refused check has a value",
        "records/decisions.py::decision_values",
        " if signal else None,\n        **({",
        ",\n        **({",
        ("unit/trading/test_engine.py::TestReporting",),
    ),
    Mutant(
        "the broker's closes are kept only where something was decided",
        "trading/steady_prices.py::SteadyPrices.after_close",
        "self._memory.put(kept_window(found, expected, ended.date, now))",
        "pass",
    ),
    Mutant(
        "the broker's bar of a session is taken before it has the auction",
        "trading/steady_prices.py::SteadyPrices.after_close",
        "now - ended.close < AFTER_CLOSE or ",
        "",
    ),
    Mutant(
        "an evening without the session's close is not repeated",
        "trading/steady_prices.py::SteadyPrices._evening_closes",
        "if any(",
        "if False and any(",
    ),
    Mutant(
        "the broker is asked in the evening though Yahoo answers",
        "trading/steady_prices.py::SteadyPrices.after_close",
        "or self._state.silent_since is None ",
        "",
    ),
    Mutant(
        "a check without prices names the source of earlier ones",
        "trading/heartbeat.py::_prices_values",
        "if seen.market and answered else",
        "if seen.market else",
        ("unit/trading/test_steady_prices.py",),
    ),
    Mutant(
        "rows that halved need no split",
        "strategy/basis.py::changed_without_split",
        "> TOLERANCE",
        "> 100",
    ),
    Mutant(
        "a split that explains changed rows is not seen",
        "strategy/basis.py::changed_without_split",
        "split.date >= kept.session",
        "split.date < kept.session",
    ),
)
