"""What outlives the process in the simulation: time, prices, broker, files, the faults to come, and the laws."""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from qqqbot.model.executions import status_exec_id
from qqqbot.model.family import PRICE, Average, Comparison, Rule, two_averages
from qqqbot.model.reasons import Reason
from qqqbot.model.values import Decide, Holding, OrderIntent, OrderType, Rules, Side
from qqqbot.records.ledger import Booked
from qqqbot.runtime.clock import VirtualClock
from qqqbot.strategy.rule import evaluate
from qqqbot.strategy.sizing import ALL_OF_IT, shares_to_buy
from qqqbot.trading.engine import Check
from tests.simulation.sim_broker import LATEST_VALUE_SECONDS, NO_MARGIN, SimBroker
from tests.simulation.sim_orders import SimOrder, Unkindness
from tests.simulation.sim_prices import prices_of, sessions_before
from tests.simulation.sim_records import fold_of, half_way_to, is_second_leg, rows, without_outcome
from tests.support.builders import fold

CAPITAL = Decimal(100_000)
RULES = Rules(short_period=3, long_period=8, max_orders_per_session=40)
PRICE_OVER = Rule(Holding.QQQ, Comparison(PRICE, Average(8)), None, Holding.TQQQ, Holding.TQQQ)
OTHER_RULES = {
    "price over average, else the index": replace(PRICE_OVER, down=Holding.QQQ),
    "band, confirmed": replace(two_averages(3, 8), trend=Comparison(Average(2), Average(6), 0.002, 0.001, 2)),
    "another index": replace(PRICE_OVER, signal=Holding.SPY, strong=Holding.UPRO, up=Holding.UPRO),
    "a third fund": replace(two_averages(3, 8), strong=Holding.QLD, up=Holding.QQQM),
    "exponential": replace(PRICE_OVER, trend=Comparison(Average(2, True), Average(3, True)), down=Holding.QQQ),
    "parked": replace(PRICE_OVER, down=Holding.SGOV),
}
"""the presets' forms and more, of averages that a short history is enough for"""
INTERVAL = timedelta(minutes=30)
# If every point of a run is tried, fewer checks are enough.
SWEEP_INTERVAL = timedelta(minutes=65)
UNKIND_SESSIONS = 3
# How many shares a twin may sell beyond those that are there.
MOST_SHORT = 20
# What the halts say that follow from an order sent twice.
OVERRUNS = ("has two orders", "were executed", "the book owes")
# A market that moves while an order is on its way must not make the account borrow.
LEFT_BY_TWINS = Decimal(5_000)
# What corrected prices may still take from the account: a cent for each share of an order.
SPARE = Decimal(50)


class Death(BaseException):
    """The process dies here. Nothing in the bot may catch it."""


class OwnerStops(BaseException):
    """The owner stops the daemon to answer a difference between account and book."""


class SteppingClock(VirtualClock):
    """A clock that may be wrong: `offset` is added to what the bot sees, not to what is true."""

    offset = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.offset

    def true_now(self) -> datetime:
        return super().now()


@dataclass
class World:
    """What outlives the process: time, prices, the broker, the files, and the next fault."""

    seed: int
    p: float
    crash_at: int | None
    broker_outside: bool
    logs: Path
    rule: Rule | None = None

    def __post_init__(self) -> None:
        self.rng = random.Random(f"{self.seed}/{self.p}")
        self.interval = INTERVAL if self.p else SWEEP_INTERVAL
        # In the kind world the price moves overnight only, so that a restart decides on the same price.
        if self.rule is None and self.p and self.seed % 4 == 3:
            self.rule = [*OTHER_RULES.values()][self.seed // 4 % len(OTHER_RULES)]
        self.prices = prices_of(self.seed, still=self.p == 0, rule=self.rule or RULES.form)
        sessions = self.prices.table.sessions[sessions_before(self.rule or RULES.form) :]
        # In the middle of a session: what is still open then must be ended by the bot, not by the night.
        self.kind_from = sessions[UNKIND_SESSIONS].open + timedelta(minutes=self.rng.randint(30, 180))
        self.settled_from = self.kind_from + 2 * INTERVAL
        self.clock = SteppingClock(
            sessions[0].open - timedelta(minutes=20), sessions[UNKIND_SESSIONS].close + timedelta(minutes=20)
        )
        self.unkind = Unkindness(self.p, self.rng)
        self.odd = Unkindness(self.p, random.Random(f"{self.seed}/{self.p}/odd"))
        # In every fourth ten of seeds, so that the others stay as they were.
        confused = self.p * (self.seed // 10 % 4 == 3)
        self.confused = Unkindness(confused, random.Random(f"{self.seed}/{self.p}/confused"))
        limits = self.p > 0 and self.rng.random() < 0.3
        kind = OrderType.LIMIT if limits else RULES.order_type
        decide = Decide.BEFORE_CLOSE if self.p and self.seed % 7 == 6 else RULES.decide
        self.rules = replace(RULES, order_type=kind, rule=self.rule, decide=decide)
        self.broker = SimBroker(
            self.clock.true_now,
            self.clock.advance,
            self.prices,
            self.unkind,
            self.odd,
            self.confused,
            self.check_sent,
            CAPITAL + Decimal(20_000),
        )
        self.broker.foreign_cash = Decimal(self.rng.choice((0, 60_000)) if self.p else 0)
        self.points = self.deaths = self.sent = 0
        self.market_was_valid = True
        self.refs: set[str] = set()
        self.hand_trade: tuple[str, int] | None = None
        self.oversold: list[str] = []
        """symbol of each twin that sold more than was there"""
        self.capital = CAPITAL
        self.told_price: dict[str, Decimal] = {}
        """at which a refused answer told the owner to adopt"""
        self.taken_out = Decimal(0)
        self._brought_back = self.clock.true_now() - timedelta(days=1)
        self._became_kind = False
        self._down_until = self.clock.true_now()
        self._judged: datetime | None = None
        self._checked = 0  # bytes of book and journal that have been checked

    # Faults

    def kind(self) -> bool:
        """Whether the faults are over; from then on the clock is right and the owner has done what is asked of him."""
        if self.p and not self._became_kind and self.clock.true_now() >= self.kind_from:
            self._became_kind, self.clock.offset = True, timedelta(0)
            self.unkind.p = self.odd.p = self.confused.p = 0
            self.broker.click(transmit=True)
            (self.logs / "HALT").unlink(missing_ok=True)
            self.bring_back()
            self.undo_hand_trade()
        return self.p == 0 or self._became_kind

    def settled(self) -> bool:
        """Whether two checks have been made since the last fault."""
        if self.p and self.kind() and self.short():
            self.settled_from = max(self.settled_from, self.clock.true_now() + 2 * INTERVAL)
        return self.p > 0 and self.clock.true_now() >= self.settled_from

    def deciding(self, now: datetime) -> bool:
        """Whether the rules may begin a rotation at this moment."""
        session, window = self.prices.table.open_session(now), timedelta(seconds=RULES.decide_seconds_before_close)
        return self.rules.decide is Decide.EVERY_CHECK or (session is not None and now >= session.close - window)

    def happens(self, weight: float = 1.0) -> bool:
        return not self.kind() and self.unkind.happens(weight)

    def may_die(self, ways: int) -> int | None:
        """Counts `ways` points at which the process may die; the one at which it does, if it does."""
        first = self.points + 1
        self.points += ways
        if self.crash_at is not None and first <= self.crash_at <= self.points:
            return self.crash_at - first
        return self.rng.randrange(ways) if self.happens(0.05) else None

    def die_before(self) -> None:
        if self.may_die(1) is not None:
            raise Death

    def step_clock(self) -> None:
        if self.happens(0.03):
            self.clock.offset = timedelta(0) if self.clock.offset else -timedelta(hours=1)

    def connection_is_down(self) -> bool:
        """For one call, or for longer than it takes until an absence is believed."""
        now = self.clock.true_now()
        if self.happens(0.1):
            self._down_until = now + timedelta(minutes=self.rng.choice((1, 6, 20)))
        return not self.kind() and (now < self._down_until or self.happens())

    # The owner

    def answers_the_gateway(self) -> None:
        """In the kind world: what the gateway did of its own stops the trading until somebody looks."""
        self.close_short()
        halt = self.logs / "HALT"
        if halt.exists() and any(words in halt.read_text() for words in ("answered none", *OVERRUNS)):
            halt.unlink()

    def owner_acts(self) -> None:
        halt = self.logs / "HALT"
        if self.broker.windows and self.rng.random() < 0.1:
            self.broker.click(transmit=self.rng.random() < 0.7)
        elif self.broker_outside and self.happens(0.1) and not self.broker.alive():
            self.broker.windows = True
        if halt.exists() and self.rng.random() < 0.3:
            self.broker.click(transmit=self.rng.random() < 0.7)
            halt.unlink()
        elif self.happens(0.1):
            halt.write_text("the owner wants a break\n")
        if self.short():
            if not self.confused.happens(2):  # he may take his time
                self.close_short()
        elif self.hand_trade is not None:
            if self.rng.random() < 0.5:
                self.undo_hand_trade()
            elif not self.unsettled_executions():
                raise OwnerStops
        elif self.broker_outside and self.happens(0.1) and not self.broker.alive():
            self.trade_by_hand()
        elif self.broker_outside and self.odd.happens(0.5) and not self.broker.alive():
            self.reinvest()
        if self.broker_outside and self.odd.happens(0.3):
            self.send_twin()
        if self.broker_outside and self.confused.happens(0.3):
            self.broker.foreign_cash = Decimal(self.confused.rng.choice((0, 10_000, 60_000)))
        if self.broker_outside and self.confused.happens(0.5):
            self.broker.reinvest_a_part()
        if self.broker_outside and self.happens(0.2):
            amount = Decimal(self.rng.randint(-60, 120))  # fees and dividends
            if self._can_spend(-amount):
                self.broker.move_cash(amount)
        if self.taken_out:
            if self.rng.random() < 0.2:
                self.bring_back()
        elif self.broker_outside and self.happens(0.1) and not self.broker.alive():
            self.take_out()

    def reinvest(self) -> None:
        """A dividend becomes a part of a share; several of them are a share of the owner's."""
        held = self.broker.shares(self.clock.true_now())
        symbol = self.odd.rng.choice(self.prices.symbols)
        if held[symbol] > 0:
            self.broker.reinvested[symbol] += Decimal(self.odd.rng.randint(5, 95)) / 100
            if self.broker.shares(self.clock.true_now())[symbol] > held[symbol]:
                self.hand_trade = symbol, 1

    def send_twin(self) -> None:
        """The gateway sends one of the newest orders again: as much as can be paid for, or more than there is."""
        now = self.clock.true_now()
        newest = [*self.broker.orders.values()][-3:]
        session, order = self.prices.table.open_session(now), self.odd.rng.choice(newest) if newest else None
        known = order is not None and order.status(now) is not None and not order.untold and order.inactive_at is None
        if session is None or order is None or not known or order.intent.order_ref in self.broker.twins:
            return
        alive = [other.intent for other in self.broker.orders.values() if other.alive(now)]
        if order.intent.side is Side.SELL:
            symbol = order.intent.symbol
            selling = sum(i.quantity for i in alive if i.side is Side.SELL and i.symbol == symbol)
            book = fold_of(self.logs)
            there = min(self.broker.shares(now)[symbol] - book.foreign[symbol], book.shares[symbol]) - selling
            held = there
            beyond = self.odd.rng.choice((0, self.odd.rng.randint(1, MOST_SHORT)))
            there = max(there, 0) + (0 if self._paid_for_twins() and not self.confused.p else beyond)
        else:
            buying = sum((i.quantity * i.decision_price for i in alive if i.side is Side.BUY), Decimal(0))
            price = Decimal(str(self.prices.price(order.intent.symbol, now)))
            there = int((self.broker.cash(now) - buying - LEFT_BY_TWINS) / price / Decimal("1.05"))
            there = 0 if self.oversold and not self.confused.p else there
        if (quantity := min(order.intent.quantity, there)) > 0 and self.hand_trade is None:
            self.broker.send_twin(order, quantity, session.close)
            self.oversold += [order.intent.symbol] * (order.intent.side is Side.SELL and quantity > held)

    def take_out(self) -> None:
        """The owner takes most of the account's cash, that of the bot with it."""
        amount = (self.broker.cash(self.clock.true_now()) * Decimal("0.8")).quantize(Decimal("0.01"))
        self.broker.move_cash(-amount)
        self.taken_out += amount

    def bring_back(self) -> None:
        if self.taken_out:
            self.broker.move_cash(self.taken_out)
            self.taken_out, self._brought_back = Decimal(0), self.clock.true_now()

    def trade_by_hand(self) -> None:
        symbol = self.rng.choice(self.prices.symbols)
        held = self.broker.shares(self.clock.true_now())[symbol]
        quantity = -self.rng.randint(1, held) if held > 0 and self.rng.random() < 0.5 else self.rng.randint(1, 5)
        if self._by_hand(symbol, quantity):
            self.hand_trade = symbol, quantity

    def short(self) -> tuple[str, int] | None:
        """What a twin has sold and was not the bot's, until the owner's answer to his purchase is on disk."""
        held, book = self.broker.shares(self.clock.true_now()), fold_of(self.logs)
        own = {symbol: min(held[symbol] - book.foreign[symbol], book.shares[symbol]) for symbol in set(self.oversold)}
        return next(((symbol, -count) for symbol, count in own.items() if count < 0), None)

    def close_short(self) -> None:
        """Buy it back by hand, once all of it is in the book, perhaps with a few more, and adopt that."""
        found, journal = self.short(), rows(self.logs / "orders.jsonl")
        hides = any(order.hides(self.clock.true_now()) for order in self.broker.all_orders())
        if found is None or hides or without_outcome(journal):
            return
        bought = found[0], found[1] + 3 * self.confused.happens(3)
        if self.hand_trade is None and self._by_hand(*bought):
            self.hand_trade = bought
        if self._closes_short() and not self.unsettled_executions():
            raise OwnerStops
        self.undo_hand_trade()

    def _closes_short(self) -> bool:
        found, bought = self.short(), self.hand_trade
        return found is not None and bought is not None and bought[0] == found[0] and bought[1] >= found[1]

    def undo_hand_trade(self) -> None:
        if (
            self.hand_trade is not None
            and not self._closes_short()
            and self._by_hand(self.hand_trade[0], -self.hand_trade[1])
        ):
            self.hand_trade, self.told_price = None, {}

    def answers(self) -> int:
        """How many rows of the owner's answers about a difference the book has, less those that were taken back."""
        kinds = Counter(row.get("kind") for row in rows(self.logs / "trades.jsonl"))
        return kinds["adopt"] + kinds["leave"] - kinds["undo"]

    def unsettled_executions(self) -> bool:
        now = self.clock.true_now()
        orders = self.broker.all_orders()
        return any(o.alive(now) or o.hides(now) or self._waits_for_status(o, now) for o in orders)

    def _waits_for_status(self, order: SimOrder, now: datetime) -> bool:
        """Whether the book may still take in a fill that only the order's status tells of."""
        return order.told(now) is not None and order.intent.order_ref not in fold_of(self.logs).orders

    # Laws

    def check_sent(self, intent: OrderIntent) -> None:
        """What must hold when an order leaves the process, from what is on disk and what is true at the broker."""
        ref, journal = intent.order_ref, rows(self.logs / "orders.jsonl")
        intended = [row["order_ref"] for row in journal if row["event"] == "intended"]
        assert intended.count(ref) == 1, f"{ref} is on the wire and {intended.count(ref)} times in the journal"
        assert ref not in self.refs, f"{ref} was sent before"
        assert not (open_ := without_outcome(journal) - {ref}), f"{ref} sent while {open_} had no outcome"
        assert not (self.logs / "HALT").exists(), f"{ref} was sent while halted"
        assert self.prices.table.open_session(self.clock.true_now()), f"{ref} was sent while the exchange was closed"
        seen = self.hand_trade is not None and self.hand_trade[0] not in self.broker.misreported
        assert not seen, f"{ref} was sent while the account differed from the book"
        assert not self.broker.shows_short, f"{ref} was sent from a short account"
        assert not self.broker.listed, f"{ref} was sent beside {self.broker.listed}"
        assert not (untold := self._unnoticed()), f"{ref} was sent though the broker has {untold} twice"
        decision = rows(self.logs / "decisions.jsonl")[-1]
        assert self.market_was_valid or self._is_true(decision), f"{ref} was sent on bad prices"
        assert decision["action"] == "ROTATE", f"{ref} was sent without its decision on disk"
        assert {order["side"] for order in decision["orders"]} == {intent.side.value}, f"{ref}: a buy beside a sell"
        # Shares that were adopted beside the target's are sold, though the larger part is the target already.
        beside = intent.side is Side.SELL and intent.symbol != intent.target.symbol
        idle = decision["cash"] > 0.15 * decision["equity"]  # a few adopted shares are not all of it
        if self.settled() and not beside and not idle and not is_second_leg(intent, journal):
            assert decision["target"] != decision["held"], f"{ref} was sent though {decision['held']} was reached"
        if self.broker_outside:
            self._check_affordable(intent)
        self.refs.add(ref)
        self.sent += 1

    def _is_true(self, decision: Mapping[str, Any]) -> bool:
        """Whether a decision on an answer with an error is that of the true prices: a lost row may be filled."""
        market = self.prices.market(self.clock.true_now())
        closes, price = [bar.close for bar in market.bars][-(self.rules.form.history) :], decision["price"]
        near = abs(price / market.signal_quote.price - 1) < 0.01
        answer = evaluate(closes, price, Holding(decision["held"]), self.rules).target
        # What a rule would park stays cash while that brings too little.
        answers: set[Holding | None] = {answer, Holding.CASH} if answer.is_defensive else {answer}
        if self.rules.decide is Decide.BEFORE_CLOSE:
            answers.add(half_way_to(self.logs))
        return bool(near and Holding(decision["target"]) in answers)

    def check_books(self) -> None:
        """Each fill once, with its price; nothing that did not happen; nothing short, nothing borrowed."""
        size = sum((self.logs / name).stat().st_size for name in ("trades.jsonl", "orders.jsonl"))
        if size == self._checked:
            return
        self.check_outcomes()
        self._checked, book = size, rows(self.logs / "trades.jsonl")
        ids = [exec_id for row in book for exec_id in row.get("exec_ids", ())]
        assert len(ids) == len(set(ids)), f"counted twice: {[i for i, n in Counter(ids).items() if n > 1]}"
        ledger = fold(book)
        # A twin may sell what an order has bought whose executions are not listed yet.
        hides = any(order.hides(self.clock.true_now()) for order in self.broker.all_orders())
        assert hides or self.oversold or min(ledger.shares.values()) >= 0, f"the book is short: {ledger.shares}"
        owed = self._paid_for_twins() + self._dearer_when_released()
        assert ledger.cash >= -owed, f"the book has borrowed: {ledger.cash}"
        if self.broker_outside:
            self._check_against_broker(set(ids), ledger.orders)

    def _check_against_broker(self, ids: set[str], totals: Mapping[str, Booked]) -> None:
        now = self.clock.true_now()
        for ref in self.broker.orders:
            quantity, amount = 0, Decimal(0)
            for e in (e for order in self.broker.of(ref) for e in order.executed(now)):
                if (by_status := status_exec_id(ref)) in ids:
                    ids.discard(by_status)
                    quantity, amount = quantity + e.quantity, amount + e.quantity * e.price
                revisions = [r for r in (1, 2) if f"{ref}.{e.number:02d}.{r:02d}" in ids]
                ids -= {f"{ref}.{e.number:02d}.{r:02d}" for r in revisions}
                if revisions:
                    quantity += e.quantity
                    amount += e.quantity * (e.corrected_price if 2 in revisions else e.price)
            known = totals.get(ref)
            booked = (known.shares, round(float(known.amount), 6)) if known else (0, 0.0)
            assert (quantity, float(amount)) == booked, f"{ref}: {booked} in the book"
        assert not ids, f"in the book and not at the broker: {ids}"

    def check_outcomes(self) -> None:
        """No order is alive that the journal calls done; what it calls filled is in the book."""
        ended = {row["order_ref"]: row for row in rows(self.logs / "orders.jsonl") if row["event"] == "outcome"}
        held = {ref for ref, order in self.broker.orders.items() if order.window or order.released}
        # What a twin has filled looks like the order's end; that one is still listed, and nothing is sent beside it.
        alive = ended.keys() & set(self.broker.alive()) - held - self.broker.twins.keys()
        assert not alive, f"alive, and believed done: {alive}"
        booked = {ref: known.shares for ref, known in fold_of(self.logs).orders.items()}
        missing = [ref for ref, row in ended.items() if booked.get(ref, 0) < row["filled"]]
        assert not missing, f"filled, and not in the book: {missing}"

    def check_told(self, check: Check) -> None:
        """The next complete check acts on what the broker reported of an order: a twin halts, a refusal ends it."""
        if check.at == self._judged:
            return
        self._judged = check.at
        if check.error is Reason.ORDER_OVERRUN:
            assert (self.logs / "HALT").exists(), "an overrun did not halt"
        if not check.complete or self.clock.offset:
            return
        if self.broker.shows_short and self.broker.shows_short < check.at:
            failed = {gate["code"] for gate in check.row["gates"] if not gate["passed"]}
            assert Reason.UNEXPECTED_POSITION in failed, f"nobody was told that the account is short: {check.sentence}"
        assert not (twice := self._unnoticed(check.at)), f"nobody was told that the broker has {twice} twice"
        ended = {row["order_ref"]: row for row in rows(self.logs / "orders.jsonl") if row["event"] == "outcome"}
        for ref, at in self.broker.told.items():
            if ref not in self.broker.twins and at < check.at:
                words = ended[ref]["message"] if ref in ended else "no outcome"
                assert NO_MARGIN in words, f"{ref} was refused at {at}, and is not: {words}"

    def _unnoticed(self, before: datetime | None = None) -> list[str]:
        """Orders that the broker has told to have twice, and that halted nothing."""
        known = {row["order_ref"] for row in rows(self.logs / "orders.jsonl") if row["event"] == "overrun"}
        told = {ref for ref, at in self.broker.told.items() if before is None or at < before}
        return sorted((told & self.broker.twins.keys()) - known)

    def _paid_for_twins(self) -> Decimal:
        bought = [order for order in self.broker.twins.values() if order.intent.side is Side.BUY]
        executed = [e for order in bought for e in order.executed(self.clock.true_now())]
        return sum((e.quantity * e.price + e.commission for e in executed), Decimal(0))

    def _dearer_when_released(self) -> Decimal:
        """What orders cost beyond what they were decided for, because a window of the gateway kept them meanwhile."""
        now = self.clock.true_now()
        released = [o for o in self.broker.orders.values() if o.released and o.intent.side is Side.BUY]
        return sum(
            (
                e.quantity * max(e.price - o.intent.decision_price, Decimal(0))
                for o in released
                for e in o.executed(now)
            ),
            Decimal(0),
        )

    def check_account(self) -> None:
        now = self.clock.true_now()
        short = {s: n for s, n in self.broker.shares(now).items() if n < -MOST_SHORT * self.oversold.count(s)}
        assert not short, f"the account is short: {short}"
        assert self.broker.cash(now) >= 0, f"the account has borrowed: {self.broker.cash(now)}"

    def _check_affordable(self, intent: OrderIntent) -> None:
        now, ref = self.clock.true_now(), intent.order_ref
        assert not self.broker.alive(), f"{ref} was sent while {self.broker.alive()} was alive"
        if intent.side is Side.SELL:
            held = min(self.broker.shares(now)[intent.symbol], fold_of(self.logs).shares[intent.symbol])
            assert intent.quantity <= held, f"{ref} sells {intent.quantity} of {held}"
        else:
            book, price = fold_of(self.logs), intent.decision_price
            # What the owner has just taken out may not show yet: the broker refuses what it does not pay for.
            shown = max(self.broker.cash(now), self.broker.cash(now - timedelta(seconds=LATEST_VALUE_SECONDS)))
            cash = min(shown, book.cash)
            assert intent.quantity * price <= cash, f"{ref} costs more than {cash}"
            held = price * book.shares[intent.symbol]
            wanted = shares_to_buy(book.cash + held, held, book.cash, price, self.rules)
            # What he has just brought back may not show yet either; the rest is bought later (`_check_invested`).
            less_shown = self.taken_out or now - self._brought_back <= timedelta(seconds=LATEST_VALUE_SECONDS)
            assert less_shown or intent.quantity >= wanted * ALL_OF_IT - 1, (
                f"{ref} leaves money idle: {intent.quantity} of {wanted}"
            )

    def _by_hand(self, symbol: str, quantity: int) -> bool:
        """Whether the account could pay for it."""
        price = Decimal(str(self.prices.price(symbol, self.clock.true_now())))
        if pays := self._can_spend(quantity * price):
            self.broker.by_hand.append((symbol, quantity, price))
        return pays

    def _can_spend(self, amount: Decimal) -> bool:
        """Nothing but the bot may make the account borrow, or `check_account` would blame it for the owner's purchase.

        Where the owner took most of the money and the bot invested the rest, a few shares cost more than is left.
        """
        return amount <= 0 or amount + SPARE <= self.broker.cash(self.clock.true_now())
