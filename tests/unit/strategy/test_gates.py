"""Each condition of trading passes and fails at its exact edge, with its code and its sentence; none ever raises."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given

from qqqbot.model.family import PRESETS
from qqqbot.model.market import Bar, Quote
from qqqbot.model.provenance import Source
from qqqbot.model.values import Gate, Holding, Portfolio, Rules, Snapshot
from qqqbot.strategy import gates
from qqqbot.strategy.planning import decide
from tests.support.builders import (
    DAY,
    HALF_DAYS,
    LEVELS,
    NOW,
    PRICE,
    QUOTE_OF,
    RULES,
    TQQQ_PRICE,
    account,
    bars,
    closes,
    intent,
    market,
    new_york,
    portfolio,
    session,
    snapshot,
    table,
)
from tests.support.snapshots import INFINITY, NAN, odd_snapshots
from tests.support.symbols import QQQ, TQQQ

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def with_market(**changes: Any) -> Snapshot:
    return snapshot(market=replace(market(), **changes))


def with_bars(changed: Sequence[Bar]) -> Snapshot:
    return with_market(bars=tuple(changed))


def assert_fails(gate: Gate, code: str, *words: str) -> None:
    assert not gate.passed
    assert gate.code == (code or None)
    for word in words:
        assert word in gate.sentence


@pytest.mark.parametrize("target", LEVELS)
def test_a_valid_snapshot_passes_every_gate(target: Holding) -> None:
    for verdict in gates.check(gates.PRICE_GATES + gates.TRADE_GATES, snapshot(target), RULES):
        assert verdict.passed, verdict
        assert verdict.sentence
        assert verdict.found


def test_gates_have_names_of_their_own() -> None:
    names = [g.name for g in gates.check(gates.PRICE_GATES + gates.TRADE_GATES, snapshot(), RULES)]
    assert len(set(names)) == len(names) == 16


class TestWindow:
    HISTORY = bars(closes(Holding.QQQ))

    def test_a_missing_row_is_named(self) -> None:
        missing = self.HISTORY[:50] + self.HISTORY[51:]
        assert_fails(
            gates.window_complete(with_bars(missing), RULES),
            "PricesUnavailable",
            f"no row for {self.HISTORY[50].date}",
        )

    def test_yesterdays_missing_row_is_not_replaced_by_the_day_before(self) -> None:
        assert_fails(gates.window_complete(with_bars(self.HISTORY[:-1]), RULES), "PricesUnavailable", "2026-11-23")

    def test_many_missing_rows_are_counted(self) -> None:
        sentence = gates.window_complete(with_bars(self.HISTORY[10:]), RULES).sentence
        assert sentence.endswith("and 7 more")

    def test_a_session_that_neither_fund_has_is_told_with_the_cure(self) -> None:
        days = [bar.date for bar in self.HISTORY[50:52]]
        rows, fund = ([bar for bar in part if bar.date not in days] for part in (market().bars, market().fund_bars))
        closed = with_market(bars=tuple(rows), fund_bars=tuple(fund))
        cure = f'add "{days[0]}", "{days[1]}" to closed_on'
        assert_fails(gates.window_complete(closed, RULES), "NoTrades", str(days[0]), cure, "update")
        one_has_it = with_market(bars=tuple(rows))
        assert gates.window_complete(one_has_it, RULES).code == "PricesUnavailable"

    def test_a_history_cut_short_is_no_closed_exchange(self) -> None:
        short = with_market(bars=market().bars[5:], fund_bars=market().fund_bars[5:])
        assert gates.window_complete(short, RULES).code == "PricesUnavailable"

    def test_no_rows_at_all_give_no_window(self) -> None:
        assert_fails(gates.window_complete(with_bars([]), RULES), "PricesUnavailable", "and 116 more")

    def test_a_duplicate_row_is_refused(self) -> None:
        twice = (*self.HISTORY[:5], self.HISTORY[4], *self.HISTORY[5:])
        assert_fails(gates.window_complete(with_bars(twice), RULES), "PricesUnavailable", "twice")

    def test_rows_out_of_order_are_refused(self) -> None:
        assert_fails(
            gates.window_complete(with_bars(self.HISTORY[::-1]), RULES), "PricesUnavailable", "not in the order"
        )

    def test_a_row_of_a_holiday_is_refused(self) -> None:
        stranger = Bar(date(2026, 9, 7), PRICE)
        rows = sorted([*self.HISTORY, stranger], key=lambda bar: bar.date)
        assert_fails(gates.window_complete(with_bars(rows), RULES), "PricesUnavailable", "2026-09-07", "closed")

    def test_todays_row_among_the_finished_ones_is_refused(self) -> None:
        assert not gates.window_complete(with_bars([*self.HISTORY, Bar(DAY, PRICE)]), RULES).passed

    def test_rows_older_than_the_window_do_not_matter(self) -> None:
        older = Bar(date(2026, 1, 1), NAN)
        assert gates.window_complete(with_bars([older, *self.HISTORY]), RULES).passed

    @pytest.mark.parametrize("close", [NAN, INFINITY, 0.0, -450.0])
    @pytest.mark.parametrize("at", [0, 60, 118])
    def test_a_close_that_is_not_a_price_is_refused(self, close: float, at: int) -> None:
        rows = [*self.HISTORY[:at], Bar(self.HISTORY[at].date, close), *self.HISTORY[at + 1 :]]
        shown = f"({close})" if close <= 0 else "(not known)"
        assert_fails(gates.window_complete(with_bars(rows), RULES), "PricesUnavailable", "no usable close", shown)

    def test_a_calendar_that_knows_too_few_sessions_is_refused(self) -> None:
        short = snapshot(expected=table().before(DAY, 118))
        assert_fails(gates.window_complete(short, RULES), "PricesUnavailable", "only 118 sessions known, 119 needed")

    @pytest.mark.parametrize("odd", [[1, 1], [2, 1], [1, 1, 0]], ids=["twice", "out of order", "both"])
    def test_rows_from_before_the_window_are_of_no_importance(self, odd: list[int]) -> None:
        rows = market(Holding.QQQ).bars
        older = [replace(rows[0], date=rows[0].date - timedelta(days=1 + n), close=NAN) for n in odd]
        assert gates.window_complete(with_market(bars=(*older, *rows)), RULES).passed
        behind = with_market(bars=(*rows, *older))
        assert gates.window_complete(behind, RULES).passed
        assert gates.closes_of_window(behind) == [row.close for row in rows]

    def test_a_calendar_that_knows_nothing_is_refused(self) -> None:
        assert_fails(gates.window_complete(snapshot(expected=()), RULES), "PricesUnavailable", "only 0 sessions")

    def test_the_closes_of_the_window_are_those_of_its_sessions(self) -> None:
        assert gates.closes_of_window(snapshot(Holding.QQQ)) == closes(Holding.QQQ)


class TestNewestRow:
    def test_todays_session_is_needed(self) -> None:
        assert gates.newest_row(with_market(newest_row=DAY), RULES).passed

    def test_yesterday_is_stale_and_tomorrow_is_told_as_that(self) -> None:
        before, after = DAY - timedelta(days=1), DAY + timedelta(days=1)
        assert_fails(gates.newest_row(with_market(newest_row=before), RULES), "StalePrices", str(before), str(DAY))
        assert_fails(gates.newest_row(with_market(newest_row=after), RULES), "StalePrices", str(after), "in the future")

    def test_a_day_without_a_trade_in_either_fund_is_told_with_the_cure(self) -> None:
        before = new_york(DAY - timedelta(days=1), 16)
        quotes = {QUOTE_OF[s]: replace(market().quote(s), time=before) for s in (QQQ, TQQQ)}
        closed = with_market(newest_row=DAY - timedelta(days=1), **quotes)
        assert_fails(gates.newest_row(closed, RULES), "NoTrades", f'Then add "{DAY}" to closed_on', "update")
        plan = decide(closed, RULES)
        assert plan.blocked_by is not None
        assert plan.blocked_by.code == "NoTrades"
        opened = new_york(DAY, 9, 30)
        for minute, code in ((0, "StalePrices"), (14, "StalePrices"), (15, "NoTrades")):  # 9:31: an old answer, no more
            assert_fails(gates.newest_row(replace(closed, now=opened + minute * MINUTE), RULES), code, str(DAY))
        traded = with_market(newest_row=DAY - timedelta(days=1), signal_quote=quotes["signal_quote"])
        assert gates.newest_row(traded, RULES).code == "StalePrices"


class TestClock:
    def answered(self, ahead: timedelta, **changes: Any) -> Gate:
        """This machine's clock is that far ahead of the server's; so the prices look that old."""
        quotes = {QUOTE_OF[s]: replace(market().quote(s), time=NOW - ahead) for s in (QQQ, TQQQ)}
        return gates.clock(with_market(answered_at=NOW - ahead, **quotes, **changes), RULES)

    def test_a_clock_ahead_is_why_prices_look_old(self) -> None:
        assert_fails(
            self.answered(timedelta(minutes=25)), "ClockWrong", "25.0 min ahead of the clock of Yahoo's server"
        )

    def test_a_clock_a_day_ahead_is_why_there_is_no_row_of_today(self) -> None:
        before = DAY - timedelta(days=1)
        assert_fails(self.answered(timedelta(days=1), newest_row=before), "ClockWrong")
        assert_fails(self.answered(timedelta(minutes=4), newest_row=before), "ClockWrong")

    def test_the_time_of_a_server_alone_forbids_nothing(self) -> None:
        assert self.answered(timedelta(minutes=19)).passed
        assert gates.clock(with_market(answered_at=NOW - timedelta(hours=3)), RULES).passed

    def test_old_prices_of_a_server_that_agrees_are_no_fault_of_the_clock(self) -> None:
        old = replace(market().signal_quote, time=NOW - timedelta(minutes=40))
        assert gates.clock(with_market(answered_at=NOW - timedelta(seconds=5), signal_quote=old), RULES).passed
        assert gates.clock(with_market(signal_quote=old), RULES).passed

    def test_a_price_from_the_future_is_a_clock_set_back(self) -> None:
        assert self.answered(-timedelta(seconds=60)).passed
        assert_fails(self.answered(-timedelta(seconds=61)), "ClockWrong", "in the future", "clock is behind")
        assert_fails(self.answered(-timedelta(hours=1)), "ClockWrong", "60.0 min")


class TestQuotes:
    @pytest.mark.parametrize("price", [NAN, INFINITY, -INFINITY, 0.0, -1.0, 0.00001, 1e25])
    @pytest.mark.parametrize("symbol", [QQQ, TQQQ])
    def test_an_invalid_price_is_refused(self, symbol: str, price: float) -> None:
        assert_fails(
            gates.quotes_usable(with_market(**{QUOTE_OF[symbol]: Quote(symbol, price, NOW)}), RULES),
            "PricesUnavailable",
            "not usable",
        )

    @pytest.mark.parametrize("price", [0.01, 1_000_000.0])
    def test_the_edges_of_what_a_share_may_cost(self, price: float) -> None:
        assert gates.quotes_usable(with_market(fund_quote=Quote(TQQQ, price, NOW)), RULES).passed


class TestQuoteAge:
    def aged(self, age: timedelta, **changes: Any) -> Snapshot:
        return snapshot(market=replace(market(), fund_quote=Quote(TQQQ, TQQQ_PRICE, NOW - age)), **changes)

    def test_twenty_minutes_are_young_enough(self) -> None:
        assert gates.quote_age(self.aged(timedelta(minutes=20)), RULES).passed

    def test_a_second_more_is_stale(self) -> None:
        assert_fails(
            gates.quote_age(self.aged(timedelta(minutes=20) + SECOND), RULES),
            "StalePrices",
            "TQQQ is older than 20 minutes",
        )

    def test_the_older_of_the_two_counts(self) -> None:
        old = with_market(signal_quote=Quote(QQQ, PRICE, NOW - timedelta(minutes=40)))
        assert_fails(gates.quote_age(old, RULES), "StalePrices", "QQQ is older", "40.0 min old")

    @pytest.mark.parametrize("now", [NOW, new_york(DAY, 16, 30)])
    def test_where_both_funds_stand_still_the_entry_of_an_early_close_is_offered(self, now: datetime) -> None:
        close = new_york(DAY, 11)

        def standing(qqq: timedelta, tqqq: timedelta) -> Gate:
            last = replace(
                market(), signal_quote=Quote(QQQ, PRICE, close + qqq), fund_quote=Quote(TQQQ, TQQQ_PRICE, close + tqqq)
            )
            return gates.quote_age(snapshot(now=now, market=last), RULES)

        offer = f'if the exchange closed early today: add "{DAY} 11:00" to closed_on in config.json and restart'
        assert_fails(standing(-3 * SECOND, -SECOND), "StalePrices", offer)
        assert_fails(standing(2 * SECOND, -58 * SECOND), "StalePrices", offer)
        assert "closed_on" not in standing(SECOND, -60 * SECOND).sentence, "one of them went on"
        assert "closed_on" not in standing(-timedelta(hours=2), -timedelta(hours=2)).sentence, "yesterday's prices"

    def test_the_night_does_not_age_a_closing_price(self) -> None:
        night = snapshot(
            now=new_york(DAY, 23),
            market=market(now=new_york(DAY, 15, 59), day=DAY),
        )
        assert gates.quote_age(night, RULES).passed

    def test_a_price_stale_at_the_close_stays_stale(self) -> None:
        night = snapshot(now=new_york(DAY, 23), market=market(now=new_york(DAY, 15, 30), day=DAY))
        assert not gates.quote_age(night, RULES).passed


class TestDailyMove:
    def moved(self, at: int, factor: float) -> Snapshot:
        values = [PRICE / factor] * at + [PRICE] * (119 - at)
        return with_bars(bars(values))

    def test_a_move_at_the_limit_is_a_real_day(self) -> None:
        assert gates.daily_move(self.moved(60, 1.2), replace(RULES, max_daily_move=0.2001)).passed

    @pytest.mark.parametrize("factor", [1.25, 0.75, 0.5])
    def test_a_larger_one_is_a_split_or_a_bad_row(self, factor: float) -> None:
        assert_fails(
            gates.daily_move(self.moved(60, factor), RULES),
            "PricesUnavailable",
            str(bars([1.0] * 119)[60].date),
            "beyond the limit of 20%",
        )

    def test_todays_move_counts(self) -> None:
        today = with_market(signal_quote=Quote(QQQ, PRICE * 1.3, NOW))
        assert_fails(gates.daily_move(today, RULES), "PricesUnavailable", str(DAY))

    def test_exactly_the_limit_passes_and_just_above_fails(self) -> None:
        at_limit = with_bars(bars([400.0] * 118 + [450.0]))
        assert gates.daily_move(at_limit, replace(RULES, max_daily_move=0.125)).passed
        assert not gates.daily_move(at_limit, replace(RULES, max_daily_move=0.1249)).passed

    def test_an_incomplete_window_is_another_gates_matter(self) -> None:
        assert gates.daily_move(with_bars([]), RULES).passed


@pytest.mark.parametrize(
    ("rules", "book", "missing"),
    [
        (replace(RULES, rule=PRESETS["spy-200-upro"]), portfolio(), "SPY, UPRO"),
        (RULES, replace(portfolio(), shares={"UPRO": 10}), "UPRO"),
    ],
)
def test_without_a_price_of_what_is_held_or_may_be_nothing_is_decided(
    rules: Rules, book: Portfolio, missing: str
) -> None:
    at = replace(snapshot(), portfolio=book)
    assert_fails(gates.quotes_usable(at, rules), "PricesUnavailable", f"no live price for {missing}")
    assert decide(at, rules).orders == ()


class TestBrokerQuotes:
    def quoted(self, price: float, symbol: str = QQQ) -> Snapshot:
        return snapshot(broker_quotes={symbol: Quote(symbol, price, NOW)})

    def test_without_quotes_there_is_no_objection(self) -> None:
        assert gates.broker_quotes(snapshot(), RULES).passed

    def test_one_per_cent_apart_agrees_and_more_does_not(self) -> None:
        assert gates.broker_quotes(self.quoted(PRICE * 1.0099), RULES).passed
        assert gates.broker_quotes(self.quoted(PRICE * 0.9901), RULES).passed
        assert_fails(gates.broker_quotes(self.quoted(PRICE * 1.0101), RULES), "PricesUnavailable", "disagree", "1.01%")
        assert not gates.broker_quotes(self.quoted(TQQQ_PRICE * 0.9899, TQQQ), RULES).passed

    @pytest.mark.parametrize("price", [NAN, INFINITY, 0.0, -1.0])
    def test_an_invalid_quote_does_not_agree(self, price: float) -> None:
        assert not gates.broker_quotes(self.quoted(price), RULES).passed


class TestExchange:
    def closed(self, **changes: Any) -> Snapshot:
        return snapshot(now=new_york(DAY, 16), market=market(now=new_york(DAY, 15, 59), day=DAY), **changes)

    def test_a_closed_exchange_is_not_an_error_and_not_a_trade(self) -> None:
        assert_fails(gates.exchange_open(self.closed(), RULES), "", "closed")

    def test_the_simulated_account_may_trade_at_any_hour_if_the_owner_allows_it(self) -> None:
        any_hour = Rules(trading_hours_only=False)
        assert gates.exchange_open(self.closed(needs_open_exchange=False), any_hour).passed
        assert not gates.exchange_open(self.closed(needs_open_exchange=True), any_hour).passed
        assert not gates.exchange_open(self.closed(needs_open_exchange=False), RULES).passed


class TestMinutes:
    def at(self, hour: int, minute: int, second: int = 0, day: date = DAY) -> Gate:
        return gates.quiet_minutes(snapshot(now=new_york(day, hour, minute, second)), RULES)

    def test_the_first_minutes_are_quiet(self) -> None:
        assert_fails(self.at(9, 30), "", "first 5 minutes")
        assert not self.at(9, 34, 59).passed
        assert self.at(9, 35).passed

    def test_the_last_minute_is_quiet(self) -> None:
        assert self.at(15, 58, 59).passed
        assert_fails(self.at(15, 59), "", "last minute")
        assert not self.at(15, 59, 59).passed

    def test_a_half_day_has_its_own_last_minute(self) -> None:
        half_day = HALF_DAYS[3]
        assert self.at(12, 58, 59, half_day).passed
        assert not self.at(12, 59, 0, half_day).passed

    def test_zero_quiet_minutes_are_allowed(self) -> None:
        assert gates.quiet_minutes(snapshot(now=session().open), Rules(no_trade_seconds_after_open=0)).passed

    def test_a_closed_exchange_is_another_gates_matter(self) -> None:
        assert gates.quiet_minutes(snapshot(now=new_york(DAY, 20), exchange_open=False), RULES).passed


class TestOthers:
    def test_a_halt_names_its_reason_and_its_end(self) -> None:
        assert_fails(
            gates.halt(snapshot(halted="by hand"), RULES), "TradingHalted", "by hand", "./bot_control.sh resume"
        )

    def test_an_empty_reason_is_a_halt_too(self) -> None:
        assert not gates.halt(snapshot(halted=""), RULES).passed

    def test_an_unresolved_intent_forbids(self) -> None:
        assert_fails(gates.no_open_order(snapshot(unresolved=(intent(),)), RULES), "", "qqqbot-20261124-01")

    def test_an_open_order_forbids(self) -> None:
        assert_fails(gates.no_open_order(snapshot(account=account(open_order_refs=("x-1", "x-2"))), RULES), "", "x-2")

    @pytest.mark.parametrize(
        ("made", "needed", "to_cash", "enough"),
        [
            (11, 1, False, True),
            (12, 1, False, False),
            (12, 0, False, True),
            (10, 2, False, True),
            (11, 2, False, False),
            (12, 2, True, True),
            (13, 1, True, True),
            (13, 2, True, False),
            (14, 1, True, False),
        ],
    )
    def test_orders_of_the_session_are_limited_and_a_sale_towards_cash_has_two_in_reserve(
        self, made: int, needed: int, to_cash: bool, enough: bool
    ) -> None:
        gate = gates.orders_left(snapshot(orders_this_session=made), RULES, needed, to_cash)
        assert gate.passed is enough
        assert enough or gate.code == "OrderLimit"
        assert gate.sentence.startswith(f"{made} of 12 orders of this session are used")

    def test_a_limit_below_a_whole_rotation_forbids_only_the_second_half(self) -> None:
        one = replace(RULES, max_orders_per_session=1)
        assert gates.orders_left(snapshot(orders_this_session=0), one, 2, to_cash=False).passed

    def test_a_full_disk_forbids(self) -> None:
        assert gates.free_disk(snapshot(disk_free_bytes=50 * 1024**2), RULES).passed
        assert_fails(gates.free_disk(snapshot(disk_free_bytes=50 * 1024**2 - 1), RULES), "DiskError", "make room")


class TestBook:
    def test_shares_that_are_not_the_books_halt(self) -> None:
        book = portfolio(qqq=100)
        for found in (0, 99, 101):
            differs = snapshot(portfolio=book, account=account(book, positions={QQQ: found, TQQQ: 0}))
            assert_fails(
                gates.book_agrees(differs, RULES), "LedgerMismatch", f"account {found}, book 100", "adopt", "leave"
            )

    @pytest.mark.parametrize(
        ("behind", "differed", "exchange_open", "code"),
        [
            ("", True, True, "LedgerMismatch"),
            ("", False, True, "DifferenceSeen"),
            ("its positions are late", True, True, "DifferenceSeen"),
            ("", False, False, "LedgerMismatch"),
        ],
    )
    def test_it_asks_for_an_answer_at_the_second_look(
        self, behind: str, differed: bool, exchange_open: bool, code: str
    ) -> None:
        found = account(portfolio(qqq=100), positions={QQQ: 101, TQQQ: 0}, behind=behind)
        at = snapshot(portfolio=portfolio(qqq=100), account=found, differed=differed, exchange_open=exchange_open)
        gate = gates.book_agrees(at, RULES)
        assert (gate.passed, gate.code) == (False, code)
        assert ("adopt" in gate.sentence) is (code == "LedgerMismatch")

    def test_while_an_order_is_open_account_and_book_are_not_compared(self) -> None:
        late = account(positions={QQQ: 211, TQQQ: 0})
        assert gates.book_agrees(snapshot(account=late, unresolved=(intent(),)), RULES).passed
        listed = replace(late, open_order_refs=("qqqbot-20261124-01",))
        assert gates.book_agrees(snapshot(account=listed), RULES).passed
        short = account(positions={QQQ: -211, TQQQ: 0})
        assert not gates.book_agrees(snapshot(account=short, unresolved=(intent(),)), RULES).passed

    def test_shares_left_to_the_owner_are_subtracted(self) -> None:
        book = portfolio(qqq=100, foreign={QQQ: 0, TQQQ: 50})
        assert gates.book_agrees(snapshot(portfolio=book, account=account(book)), RULES).passed
        more = account(book, positions={QQQ: 100, TQQQ: 51})
        assert_fails(
            gates.book_agrees(snapshot(portfolio=book, account=more), RULES), "LedgerMismatch", "and 50 left to you"
        )

    def test_a_position_that_is_not_reported_is_zero(self) -> None:
        assert gates.book_agrees(snapshot(account=account(positions={})), RULES).passed
        book = portfolio(qqq=1)
        assert not gates.book_agrees(snapshot(portfolio=book, account=account(book, positions={})), RULES).passed

    def test_a_short_position_is_never_ours(self) -> None:
        short = snapshot(account=account(positions={QQQ: -5, TQQQ: 0}))
        assert_fails(gates.book_agrees(short, RULES), "UnexpectedPosition", "short", "-5")
        book = portfolio(qqq=-5)
        assert_fails(gates.book_agrees(snapshot(portfolio=book), RULES), "UnexpectedPosition", "book -5")


@given(odd_snapshots())
def test_no_gate_ever_raises(odd: Snapshot) -> None:
    for verdict in gates.check(gates.PRICE_GATES + gates.TRADE_GATES, odd, RULES):
        assert isinstance(verdict.passed, bool)
        assert verdict.sentence


@given(odd_snapshots())
def test_prices_that_pass_are_usable_numbers(odd: Snapshot) -> None:
    if all(gate.passed for gate in gates.check(gates.PRICE_GATES, odd, RULES)):
        used = [*gates.closes_of_window(odd), odd.market.signal_quote.price, odd.market.fund_quote.price]
        assert len(used) >= 121
        assert all(0 < value < INFINITY for value in used)


@pytest.mark.parametrize(("source", "passes"), [(Source.BROKER, False), (Source.KEPT, True)])
def test_a_filled_close_does_not_decide_by_its_last_tenths_of_a_per_cent(source: Source, passes: bool) -> None:
    seen = snapshot()
    near = replace(seen.market.signal_quote, price=seen.market.bars[-1].close * 1.00005)
    market = replace(seen.market, signal_quote=near, origins={seen.market.bars[-1].date: source})
    gate = gates.window_complete(replace(seen, market=market), RULES)
    assert gate.passed is passes
    assert ("so close to a flip" in gate.sentence) is not passes
