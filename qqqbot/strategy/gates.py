"""The conditions of trading, each a pure function of the snapshot with its own name, finding and sentence.

A failed gate forbids trading and repairs nothing. Its `code` says how serious the failure is: with PRICES_UNAVAILABLE
or STALE_PRICES the check itself has failed, LEDGER_MISMATCH and UNEXPECTED_POSITION need a person, and None means that
nothing is wrong (a closed exchange, an order still open).
"""

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta

from qqqbot.model.market import Bar, DayRow, Market, Quote
from qqqbot.model.new_york import NEW_YORK
from qqqbot.model.program import COMMAND
from qqqbot.model.provenance import Source, whose
from qqqbot.model.reasons import Reason
from qqqbot.model.values import MIN_FREE_DISK_BYTES, Gate, Holding, Rules, Snapshot
from qqqbot.strategy import basis, rule, witnesses
from qqqbot.strategy.filling import depends_on
from qqqbot.strategy.moves import leverage

# No order in the session's last minute: an order sent then may be filled in the auction or the next day.
LAST_SAFE_SECONDS = 60
# Seconds from the decision to sell to the last fill of the purchase, including one order timeout.
BOTH_LEGS_SECONDS = 180
# Orders beyond max_orders_per_session that only a sale towards cash may use.
RESERVED_ORDERS = 2
# A host's clock and the exchange's may differ by seconds; a minute is a fault (a clock set back, a wrong zone).
CLOCK_TOLERANCE = timedelta(seconds=60)
# From Yahoo's answer to the decision a check takes a minute at most.
SERVER_TOLERANCE = timedelta(minutes=3)
BROKER_QUOTE_TOLERANCE = 0.01
# Closed days in a row that the calendar may not know: 2001-09 had four. More missing rows than that mean that the
# history was cut short.
MOST_CLOSED = 4
# How far a live price may be from the day's row in the same answer, as a fraction; for a leveraged fund times its
# factor. During a session both are one number in Yahoo's answers, to 0.0002 %. In 3 % of all minutes QQQ moves further
# than this. Of 5,168 checks with prices that stood still for 15 minutes, 4 pass and change the answer; with 0.3 % 31
# would.
ROW_TOLERANCE = 0.001
# What one share may cost, in USD. A price outside this range is a mistake, and arithmetic in hundredths of a cent would
# break down.
LOWEST_PRICE, HIGHEST_PRICE = 0.01, 1_000_000.0
# In the first minutes of a session an answer without a trade of today may come from a server that lags behind.
FIRST_TRADES = timedelta(minutes=15)
# The last trades of both funds before the exchange closes, or a source goes silent, are seconds apart.
SAME_MOMENT = timedelta(minutes=1)
HALF_A_MINUTE = timedelta(seconds=30)

GateCheck = Callable[[Snapshot, Rules], Gate]


def window_problem(snapshot: Snapshot, rules: Rules) -> str | None:
    """Why the signal's daily rows cannot be averaged; None if each expected session is there once, in order and usable.

    Rows before the first expected session do not matter.
    """
    bars, expected = _window(snapshot), snapshot.expected
    dates, known = [bar.date for bar in bars], {bar.date: bar.close for bar in bars}
    if len(known) != len(dates):
        twice = next(d for d in dates if dates.count(d) > 1)
        return f"the row of {twice} appears twice"
    if dates != sorted(dates):
        return "the rows are not in the order of their dates"
    if missing := [d for d in expected if d not in known]:
        return f"no row for {_dates(missing)}"
    if strangers := set(dates) - set(expected):
        return f"a row for {_dates(sorted(strangers))}, on which the exchange was closed"
    if unusable := [d for d in expected if not _a_price(known[d])]:
        return f"no usable close for {_dates(unusable)} ({_shown(known[unusable[0]])})"
    if len(expected) < rules.form.history:
        return f"only {len(expected)} sessions known, {rules.form.history} needed"
    return None


def closes_of_window(snapshot: Snapshot) -> list[float]:
    """The finished closes of the averaging window, oldest first. Call it only if `window_problem` returned None."""
    return [bar.close for bar in _window(snapshot)]


def halt(snapshot: Snapshot, rules: Rules) -> Gate:
    reason = snapshot.halted
    return Gate(
        "halt",
        reason is None,
        reason or "none",
        f"trading is halted: {reason}; {COMMAND} resume ends it" if reason else "not halted",
        Reason.TRADING_HALTED if reason else None,
    )


def exchange_open(snapshot: Snapshot, rules: Rules) -> Gate:
    needed = rules.trading_hours_only or snapshot.needs_open_exchange
    found = "open" if snapshot.exchange_open else "closed"
    return Gate("exchange", snapshot.exchange_open or not needed, found, f"the exchange is {found}")


def quiet_minutes(snapshot: Snapshot, rules: Rules) -> Gate:
    """It is neither one of the first minutes of a session nor its last."""
    if not snapshot.exchange_open:
        return Gate("minutes", True, "no session", "no session is open")
    opened = (snapshot.now - snapshot.session.open).total_seconds()
    left = (snapshot.session.close - snapshot.now).total_seconds()
    found = f"{opened / 60:.0f} min after the open, {left / 60:.0f} min before the close"
    if opened < rules.no_trade_seconds_after_open:
        return Gate(
            "minutes", False, found, f"no trading in the first {rules.no_trade_seconds_after_open // 60} minutes"
        )
    if left <= LAST_SAFE_SECONDS:
        return Gate("minutes", False, found, "no trading in the last minute of the session")
    return Gate("minutes", True, found, "inside the trading part of the session")


def clock(snapshot: Snapshot, rules: Rules) -> Gate:
    """This machine's clock is not behind the prices, and is not why they look old or as if from another session.

    The server's own time may come from a cache, so that alone never forbids trading.
    """
    market, now = snapshot.market, snapshot.now
    newest = max(market.quotes.values(), key=lambda quote: quote.time)
    if newest.time > now + CLOCK_TOLERANCE:
        ahead = (newest.time - now).total_seconds() / 60
        sentence = f"{newest.symbol}'s price is {ahead:.1f} min in the future: this machine's clock is behind"
        return Gate("clock", False, f"{ahead:.1f} min ahead", sentence, Reason.CLOCK_WRONG)
    odd = market.newest_row != snapshot.session.date or not quote_age(snapshot, rules).passed
    if odd and market.answered_at is not None and now - market.answered_at > SERVER_TOLERANCE:
        ahead = (now - market.answered_at).total_seconds() / 60
        sentence = f"this machine's clock is {ahead:.1f} min ahead of the clock of Yahoo's server"
        return Gate("clock", False, f"{ahead:.1f} min ahead", sentence, Reason.CLOCK_WRONG)
    return Gate("clock", True, "as the prices", "this machine's clock agrees with the prices")


def newest_row(snapshot: Snapshot, rules: Rules) -> Gate:
    market, session = snapshot.market, snapshot.session
    newest = market.newest_row
    sentence = f"the newest daily row is that of the session, {newest}"
    if newest != session.date:
        sentence = f"the newest daily row is that of {newest}, not of the session {session.date}"
    if newest > session.date:
        sentence = f"Yahoo has a row of {newest}, which lies in the future: its answer is wrong"
    elif newest < session.date and all(quote.time < session.open for quote in market.quotes.values()):
        sentence = f"Yahoo has no trade of {session.date} in {' or '.join(market.quotes)}"
        if snapshot.now - session.open < FIRST_TRADES or (snapshot.kept and snapshot.kept.session == session.date):
            return Gate("newest_row", False, str(newest), f"{sentence} yet, only of {newest}", Reason.STALE_PRICES)
        sentence += f": is the exchange closed? Then {_cure(session.date)}"
        return Gate("newest_row", False, str(newest), sentence, Reason.NO_TRADES)
    return Gate("newest_row", newest == session.date, str(newest), sentence, Reason.STALE_PRICES)


def window_complete(snapshot: Snapshot, rules: Rules) -> Gate:
    problem, market = window_problem(snapshot, rules), snapshot.market
    if days := _without_a_trade(snapshot):
        neither = f"neither {market.signal} nor {market.fund}"
        sentence = f"{neither} has a row for {_dates(days)}: was the exchange closed? Then {_cure(*days)}"
        return Gate("window", False, problem or "closed", sentence, Reason.NO_TRADES)
    sentence = "every session of the window is there exactly once"
    if problem:
        sentence = f"{market.signal}'s daily prices are incomplete: {problem}"
    if problem is None and (problem := _hanging_on_others(snapshot, rules)):
        sentence = problem
    others = whose(Source.YAHOO, market.origins)
    found = problem or f"{len(snapshot.expected)} sessions{f'; {others}' if others else ''}"
    return Gate("window", problem is None, found, sentence, Reason.PRICES_UNAVAILABLE)


def _hanging_on_others(snapshot: Snapshot, rules: Rules) -> str | None:
    """Why closes from other sources than Yahoo's rows are too uncertain here; None if they cannot change the answer."""
    origins, price = snapshot.market.origins, snapshot.market.signal_quote.price
    uncertain = {place: origins[day].uncertainty for place, day in enumerate(snapshot.expected) if day in origins}
    other = uncertain and depends_on(closes_of_window(snapshot), uncertain, price, snapshot.portfolio.holding, rules)
    if not other:
        return None
    others = whose(Source.YAHOO, origins)
    return f"{others}: so close to a flip price that the official close could just as well mean {other}"


def quotes_usable(snapshot: Snapshot, rules: Rules) -> Gate:
    """Every share that the rule may hold, or that the book holds, has a live price."""
    prices = snapshot.market.prices
    needed = (*rules.form.symbols, *(s for s, count in snapshot.portfolio.shares.items() if count))
    if missing := [symbol for symbol in needed if symbol not in prices]:
        sentence = f"there is no live price for {', '.join(dict.fromkeys(missing))}"
        return Gate("quotes", False, "missing", sentence, Reason.PRICES_UNAVAILABLE)
    usable = all(map(_a_price, prices.values()))
    found = ", ".join(f"{s} {_shown(p)}" for s, p in prices.items())
    sentence = f"live prices {found} are usable" if usable else f"the live prices are not usable: {found}"
    return Gate("quotes", usable, found, sentence, Reason.PRICES_UNAVAILABLE)


def quote_age(snapshot: Snapshot, rules: Rules) -> Gate:
    """No live price is too old, counting only the time while the exchange was open."""
    oldest = min(snapshot.market.quotes.values(), key=lambda quote: quote.time)
    age = max(min(snapshot.now, snapshot.session.close) - oldest.time, timedelta(0))
    found = f"{oldest.symbol} {age.total_seconds() / 60:.1f} min old"
    limit = timedelta(seconds=rules.max_quote_age_seconds)
    verdict = "recent enough" if age <= limit else f"older than {limit.total_seconds() / 60:.0f} minutes"
    sentence = f"the price of {oldest.symbol} is {verdict} ({found})"
    if age > limit and (stood := _all_stand(snapshot)):
        sentence += f"; if the exchange closed early today: {_cure(stood)}"
    return Gate("quote_age", age <= limit, found, sentence, Reason.STALE_PRICES)


def daily_move(snapshot: Snapshot, rules: Rules) -> Gate:
    """No one-day move of the signal in the window, today's included, is larger than a real day can make."""
    price, dates = snapshot.market.signal_quote.price, [*snapshot.expected, snapshot.session.date]
    closes = [*closes_of_window(snapshot), price] if window_problem(snapshot, rules) is None else []
    steps = zip(closes, closes[1:], dates[1:], strict=False)
    moves = [(abs(after / before - 1), day) for before, after, day in steps if math.isfinite(after)]
    largest, day = max(moves, default=(0.0, snapshot.session.date))
    real = largest <= rules.max_daily_move
    found = f"largest move {largest:.1%} on {day}"
    verdict = "within" if real else "beyond"
    sentence = (
        f"{snapshot.market.signal}'s largest one-day move is {largest:.1%} ({day}), {verdict} the limit of "
        f"{rules.max_daily_move:.0%}"
    )
    return Gate("daily_move", real, found, sentence, Reason.PRICES_UNAVAILABLE)


def day_rows(snapshot: Snapshot, rules: Rules) -> Gate:
    """Each live price is within the day's row of the same answer and near that row's close.

    A live price that stands still while its row goes on fails.
    """
    beside = [(quote, quote.row) for quote in snapshot.market.quotes.values() if quote.row]
    rows = [
        f"{q.symbol} {_shown(q.price, '.2f')}, row {r.low:.2f} to {r.high:.2f}, last {r.close:.2f}" for q, r in beside
    ]
    found = ", ".join(rows) or "no row of the day"
    strangers = [quote.symbol for quote, row in beside if not _fits_row(quote, row)]
    verdict = f"{strangers[0]}'s live price does not fit its own row" if strangers else "live prices fit their rows"
    return Gate("day_rows", not strangers, found, f"{verdict} ({found})", Reason.PRICES_UNAVAILABLE)


def history(snapshot: Snapshot, rules: Rules) -> Gate:
    """Every session of the window has a second witness, or the rule wants the same whichever witness is right.

    Without rows of the fund the gate passes: records of earlier versions have none, and a new answer without them also
    lacks the previous close, which another gate reports.
    """
    market, held = snapshot.market, snapshot.portfolio.holding
    usable = window_problem(snapshot, rules) is None and all(map(_a_price, market.prices.values()))
    if not market.fund_bars or not usable:  # `window_complete` and `quotes_usable` report these
        return Gate("history", True, "not asked", "the window's witnesses were not asked")
    # Where the broker quotes both funds, its prices and shares are the witness for the basis.
    quoted = {market.signal, market.fund} <= snapshot.broker_quotes.keys()
    if not quoted and (moved := basis.moved(snapshot.kept, market)):
        sentence, code = basis.told(moved, simulated=not snapshot.needs_open_exchange)
        return Gate("history", False, sentence, sentence, code)
    window = _witnessed(snapshot)
    if problem := witnesses.unwitnessed(window):
        sentence = f"{market.signal}'s rows have no second witness: {problem}"
        return Gate("history", False, problem, sentence, Reason.PRICES_DOUBTFUL)
    doubts = witnesses.doubts(window, rules.leverage)
    if not doubts:
        return Gate("history", True, "no doubt", "each session of the window has a second witness")
    found = "; ".join(f"{doubt.day}: {doubt.found}" for doubt in doubts[:3])
    if witnesses.too_many(window, doubts):
        sentence = f"{market.signal}'s and {market.fund}'s rows disagree on {len(doubts)} occasions ({found})"
        return Gate("history", False, found, sentence, Reason.PRICES_DOUBTFUL)
    doubtful = f"{market.signal}'s row is doubtful ({found})"
    other = witnesses.other_answer(window, doubts, held, rules)
    own = rule.wanted(window.closes, window.price, held, rules)
    if other is None:
        return Gate("history", True, found, f"{doubtful}, but the rule wants {own} either way")
    sentence = f"{doubtful}: with it the rule wants {own}, without it {other}"
    return Gate("history", False, found, sentence, Reason.PRICES_DOUBTFUL)


def broker_quotes(snapshot: Snapshot, rules: Rules) -> Gate:
    """If the broker quotes prices too, they agree with Yahoo's."""
    ours = snapshot.market.prices
    apart = {s: abs(q.price / ours[s] - 1) for s, q in snapshot.broker_quotes.items() if ours.get(s, 0) > 0}
    agree = all(a <= BROKER_QUOTE_TOLERANCE for a in apart.values())
    found = ", ".join(f"{s} {a:.2%} apart" for s, a in apart.items()) or "the broker quotes none"
    sentence = f"the broker's prices {'agree' if agree else 'disagree'} ({found})"
    return Gate("broker_quotes", agree, found, sentence, Reason.PRICES_UNAVAILABLE)


def no_open_order(snapshot: Snapshot, rules: Rules) -> Gate:
    refs, lasting = snapshot.open_orders, ", ".join(snapshot.lasting_orders)
    found = ", ".join(refs) or "none"
    sentence = f"the outcome of {found} is not known yet" if refs else "no order of ours is open"
    if lasting:
        sentence = f"{lasting} should have ended long ago: look at the gateway's windows, or cancel it in TWS"
    return Gate("open_orders", not refs, found, sentence, Reason.ORDER_OPEN if lasting else None)


def book_agrees(snapshot: Snapshot, rules: Rules) -> Gate:
    """The account's shares are the book's shares plus those that the owner asked the bot to leave.

    While an order of the bot is open, a difference is expected: the book gets the fills later than the account.
    """
    account, portfolio = snapshot.account.positions, snapshot.portfolio
    owned = {s: portfolio.shares.get(s, 0) for s in (*account, *portfolio.shares, *portfolio.foreign)}
    if short := [s for s, own in owned.items() if min(account.get(s, 0), own) < 0]:
        found = ", ".join(f"{s} account {account.get(s, 0)}, book {owned[s]}" for s in short)
        sentence = f"a short position ({found}): close it by hand, then adopt"
        return Gate("book", False, found, sentence, Reason.UNEXPECTED_POSITION)
    if snapshot.open_orders:
        return Gate("book", True, "not judged", "account and book are compared when no order is open")
    differences = [s for s, own in owned.items() if account.get(s, 0) != own + portfolio.foreign.get(s, 0)]
    found = "; ".join(_difference(s, snapshot) for s in differences) or "equal"
    if not differences:
        return Gate("book", True, found, "the account agrees with the book", Reason.LEDGER_MISMATCH)
    sentence = f"account and book differ: {found}"
    # Positions may be late: while the exchange is open, a difference is checked once more before the owner is asked.
    if snapshot.exchange_open and (snapshot.account.behind or not snapshot.differed):
        return Gate("book", False, found, f"{sentence}; it is checked once more", Reason.DIFFERENCE_SEEN)
    sentence += f". Answer '{COMMAND} adopt' if the account is right, 'leave' if those shares are yours, not the bot's"
    return Gate("book", False, found, sentence, Reason.LEDGER_MISMATCH)


def orders_left(snapshot: Snapshot, rules: Rules, needed: int, to_cash: bool) -> Gate:
    """Enough orders are left for a whole rotation: half a rotation would leave the wrong holding until tomorrow.

    The first rotation of a session is begun anyway, because a limit smaller than one rotation must not forbid them all.
    A sale towards cash has a reserve: a day of many rotations must not end with a night in the leveraged fund.
    """
    made, allowed = snapshot.orders_this_session, rules.max_orders_per_session
    enough = not needed or made == 0 or made + needed <= allowed + (RESERVED_ORDERS if to_cash else 0)
    sentence = f"{made} of {allowed} orders of this session are used"
    sentence += f", and this rotation takes {needed}" if needed else ""
    sentence += f"; the last one filled nothing: {snapshot.refusal}" if not enough and snapshot.refusal else ""
    return Gate("orders", enough, f"{made} of {allowed}", sentence, Reason.ORDER_LIMIT)


def time_for_both(snapshot: Snapshot, sells: bool, target: Holding) -> Gate:
    """A rotation that sells and buys begins only with time for both; a rotation that has traded already goes on."""
    left = (snapshot.session.close - snapshot.now).total_seconds()
    needs_time = sells and not target.is_defensive and snapshot.exchange_open and snapshot.half_made is not target
    enough = not needs_time or left > LAST_SAFE_SECONDS + BOTH_LEGS_SECONDS
    found = f"{left / 60:.0f} min before the close" if snapshot.exchange_open else "no session"
    sentence = "there is time for the rotation" if enough else f"{found}: too late to sell and to buy in this session"
    return Gate("time", enough, found, sentence)


def free_disk(snapshot: Snapshot, rules: Rules) -> Gate:
    free = snapshot.disk_free_bytes
    enough = free >= MIN_FREE_DISK_BYTES
    found = f"{free // 1024 // 1024} MiB free"
    sentence = f"the disk of the logs folder has {found}{'' if enough else ': make room'}"
    return Gate("disk", enough, found, sentence, Reason.DISK_ERROR)


PRICE_GATES: tuple[GateCheck, ...] = (
    clock,
    newest_row,
    window_complete,
    quotes_usable,
    quote_age,
    daily_move,
    leverage,
    day_rows,
    broker_quotes,
    history,
)
"""What must hold before the rule is asked, each cause before its symptoms."""

TRADE_GATES: tuple[GateCheck, ...] = (
    exchange_open,
    quiet_minutes,
    halt,
    book_agrees,
    no_open_order,
    free_disk,
)
"""What must hold, besides the prices, before an order is planned."""


def check(gates: tuple[GateCheck, ...], snapshot: Snapshot, rules: Rules) -> tuple[Gate, ...]:
    """The result of each of `gates`, in order."""
    return tuple(gate(snapshot, rules) for gate in gates)


def _witnessed(snapshot: Snapshot) -> witnesses.Window:
    market, days = snapshot.market, snapshot.expected
    own, known = _window(snapshot), {bar.date: bar for bar in market.fund_bars}
    fund = [known.get(day) for day in days]
    kept, kept_fund = _kept(snapshot)
    return witnesses.Window(
        dates=days,
        closes=[bar.close for bar in own],
        unadjusted=_prices(bar.unadjusted for bar in own),
        fund=_prices(bar.close if bar else None for bar in fund),
        fund_unadjusted=_prices(bar.unadjusted if bar else None for bar in fund),
        today=snapshot.session.date,
        price=market.signal_quote.price,
        fund_price=market.fund_quote.price,
        kept=kept,
        kept_fund=kept_fund,
        dividends=_dividends(market),
    )


def _dividends(market: Market) -> Mapping[date, float]:
    """The signal's dividends: ex-date -> USD a share."""
    found: dict[date, float] = {}
    for dividend in market.dividends:
        if dividend.symbol == market.signal:
            found[dividend.date] = found.get(dividend.date, 0.0) + dividend.amount
    return found


def _kept(snapshot: Snapshot) -> tuple[list[float], list[float]]:
    """Both funds' closes as they were when last traded on; NaN for sessions that Yahoo did not have then."""
    kept = snapshot.kept
    if kept is None:
        return [], []
    own = {day for day in kept.dates if day not in kept.sources}
    closes, fund = ([c[day] if day in own else math.nan for day in snapshot.expected] for c in kept.by_date)
    return closes, fund


def _window(snapshot: Snapshot) -> list[Bar]:
    """The signal's rows since the first expected session; one for each, if `window_problem` returns None."""
    first = snapshot.expected[0] if snapshot.expected else date.max
    return [bar for bar in snapshot.market.bars if bar.date >= first]


def _prices(closes: Iterable[float | None]) -> list[float]:
    """`closes`, with NaN for anything that is not a price."""
    return [c if c is not None and LOWEST_PRICE <= c <= HIGHEST_PRICE else math.nan for c in closes]


def _a_price(value: float) -> bool:
    return LOWEST_PRICE <= value <= HIGHEST_PRICE


def _shown(price: float, form: str = "") -> str:
    return f"{price:{form}}" if math.isfinite(price) else "not known"


def _fits_row(quote: Quote, row: DayRow) -> bool:
    slack = ROW_TOLERANCE * max(1, Holding(quote.symbol).factor)
    within = row.low * (1 - slack) <= quote.price <= row.high * (1 + slack)
    return within and abs(quote.price / row.close - 1) <= slack


def _difference(symbol: str, snapshot: Snapshot) -> str:
    portfolio, account = snapshot.portfolio, snapshot.account.positions
    foreign = f" and {portfolio.foreign[symbol]} left to you" if portfolio.foreign.get(symbol) else ""
    return f"{symbol} account {account.get(symbol, 0)}, book {portfolio.shares.get(symbol, 0)}{foreign}"


def _without_a_trade(snapshot: Snapshot) -> list[date]:
    """Sessions without a row in any answer so far. A few may be closures that the calendar does not know."""
    market, kept = snapshot.market, snapshot.kept
    known = {bar.date for bar in (*market.bars, *market.fund_bars)} | ({kept.session, *kept.dates} if kept else set())
    missing = [day for day in snapshot.expected if day not in known]
    return missing if market.bars and len(missing) <= MOST_CLOSED else []


def _all_stand(snapshot: Snapshot) -> str | None:
    """When all trading of this session seems to have ended, as an entry of `closed_on`; None if it goes on."""
    times = [quote.time for quote in snapshot.market.quotes.values()]
    stands = min(times) > snapshot.session.open and max(times) - min(times) <= SAME_MOMENT
    return f"{max(times).astimezone(NEW_YORK) + HALF_A_MINUTE:%Y-%m-%d %H:%M}" if stands else None


def _cure(*entries: object) -> str:
    listed = ", ".join(f'"{entry}"' for entry in entries)
    return f"add {listed} to closed_on in config.json and restart, or update"


def _dates(days: list[date]) -> str:
    shown = ", ".join(str(d) for d in days[:3])
    return shown if len(days) <= 3 else f"{shown} and {len(days) - 3} more"
