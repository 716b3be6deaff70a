"""A second witness for each finished session of the averaging window, and what the closes would be by it. Pure.

The signal's rows come from one source. Three witnesses speak about each session as well: the leveraged fund, which
moves by its factor times the signal; the unadjusted closes, which differ from the adjusted closes by the reported
dividends alone; and the rows that the bot kept when it last traded on them. Where a witness disagrees, nobody can say
which side is wrong, and it does not matter while the rule's answer is the same either way. So a doubtful session alone
forbids nothing. Each doubt carries the closes that its witness implies, and `other_answer` asks the rule with each of
them. Days on which real prices disagree therefore pass (2010-05-21, 2020-03-17), and a wrong row stops only those
checks that it would lead astray.

Each tolerance was measured on QQQ and TQQQ from 2010-02 to 2026-08 (4,157 sessions). `python -m benchmarks.witnesses`
repeats that, with a check near the close of each of 2,926 days since 2015:

- Unaltered prices: 3 checks are refused (2019-03-01, 2020-05-13 and -14: real sessions in which the funds disagree,
  with a price within 0.1 % of a flip).
- One row off by 5 to 18 %, a dividend 10 or 100 times too large, closes adjusted for a dividend twice or not at all, or
  the last 3 to 25 rows frozen: no wrong answer passes.
- Three errors pass: a dividend whose reported amount is doubled too (25 of 5,544 checks, averages off by 0.25 % at
  most), one that is missing in both places (20 of 5,544), and yesterday's close repeating the close before it (4 of
  2,926, 0.1 %).
- Only the kept rows can reveal an error that is the same in both funds. With all older rows 2 or 5 % off, 2,492 of
  2,494 wrong answers are refused; with one row of each fund, 298 of 369, and the others are 0.18 % off at most, because
  yesterday's row was never kept. At a first start nothing is kept, and this witness is missing.
- No witness reveals live prices that stand still with their rows while the time advances: after 15 minutes 51 of 5,168
  checks want something else.

SPY and UPRO under `spy-200-upro`, 2010-02 to 2026-08: 8 of 4,106 unaltered checks are refused. On every sixth day, the
rows, dividends and frozen rows above were tried as well: no wrong answer passes.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from statistics import median

from qqqbot.model.market import Bar, Dividend
from qqqbot.model.values import Holding, Rules
from qqqbot.strategy.rule import wanted

# How far the fund's move in a session may be from its factor times QQQ's. Real moves differed by more than 1 % on 13
# days, 1.5 % on 5, 2.5 % on 2 (2010-05-21, 2020-03-17). A row of the signal that is off by more than a third of this is
# noticed.
TRACKING_TOLERANCE = 0.010
# How far one dividend may move adjusted closes against unadjusted closes. QQQ's largest was 0.557 % (2012-12-21).
LARGEST_DIVIDEND = 0.006
# How far that step may be from the one that the dividend's reported amount makes. Real rows differ by 0.00002 % at most
# (2010-02 to 2026-08, and recorded answers). The smallest of QQQ since 2015 was 0.053 %, so one counted twice shows.
UNEXPLAINED = 0.0003
# A row that was traded on may be corrected by this fraction if the fund's row is corrected too, and only once this many
# sessions have passed since the old rows were kept. Otherwise two wrong rows that fit each other would pass.
LARGEST_CORRECTION, SESSIONS_OF_A_CORRECTION = 0.06, 3
# Yahoo's prices are single precision; the close of the auction may differ from the last trade by a little.
SAME_CLOSE = 0.001
# Both funds closed exactly where they had closed before on 2 days (2012-10-25, 2014-08-20), never on two in a row.
MOST_STANDING = 1
# Real rows give at most 2 doubts in 119 sessions, 3 in 249 or 499, 5 in 1,249. A fund of factor 2 or 1, or rows that
# are a day off, give at least 5 in 119 sessions and 14 in 199: then no row is wrong, but the fund is no witness.
MOST_DOUBTS, SESSIONS_OF_DOUBTS = 4, 250
MOST_UNWITNESSED = 5
# How far a witness may be from the truth about a row: three times its usual difference, divided by the fund's factor.
MARGIN = 0.001
# Errors of arithmetic are smaller.
UNCHANGED = 1e-9


@dataclass(frozen=True, slots=True)
class Window:
    """Finished sessions, oldest first, as columns of equal length, and the live prices.

    `closes` and `fund` (the leveraged fund) are adjusted for dividends, `unadjusted` and `fund_unadjusted` are not. All
    but `closes` are NaN where the source has nothing. `kept` and `kept_fund` are the closes as they were when the bot
    last traded on them, on any basis, NaN for sessions that it did not keep. `dividends` come from the answer.
    """

    dates: Sequence[date]
    closes: Sequence[float]
    unadjusted: Sequence[float]
    fund: Sequence[float]
    fund_unadjusted: Sequence[float]
    today: date
    price: float
    fund_price: float
    kept: Sequence[float] = ()
    kept_fund: Sequence[float] = ()
    dividends: Mapping[date, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Doubt:
    """Sessions in a row on which a witness disagrees with the signal's rows.

    `day` is the first of them, `found` what the witness says there, and `closes` the window by that witness.
    """

    day: date
    found: str
    closes: Sequence[float]


@dataclass(frozen=True, slots=True)
class Move:
    """A session's factor of change by a witness, how far it may be off, and why the signal's own factor is doubted."""

    factor: float
    found: str
    off: float = SAME_CLOSE


Moves = Mapping[int, Move]
"""place in the window -> move: n is the change from row n - 1 to row n; after the last row, to the live price"""


def unwitnessed(window: Window) -> str | None:
    """Why no second witness can be asked about the signal's rows; None if one can."""
    missing = [day for day, close in zip(window.dates, window.fund, strict=True) if math.isnan(close)]
    if len(missing) > MOST_UNWITNESSED or (missing and missing[0] == window.dates[0]):
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        return f"no row of the leveraged fund for {missing[0]}{more}"
    standing = _standing(window)
    if any(place + MOST_STANDING in standing for place in standing):
        return f"the closes of both funds stand still from {window.dates[min(standing) - 1]} on"
    return None


def doubts(window: Window, leverage: float) -> tuple[Doubt, ...]:
    """The rows with which a witness disagrees, oldest first.

    If several witnesses disagree, the kept rows count most: today's rows of both funds may be wrong by the same factor.
    """
    own, fund = _factors(window.closes, window.price), _factors(_bridged(window.fund), window.fund_price)
    moves = {
        **_by_unadjusted(window, own),
        **_by_fund(own, fund, leverage),
        **_by_standing(window, own),
        **_by_what_was_kept(window, own, fund, leverage),
    }
    days = (*window.dates, window.today)
    return tuple(Doubt(days[run[0]], moves[run[0]].found, _history(window, own, moves, run)) for run in _runs(moves))


def too_many(window: Window, found: Sequence[Doubt]) -> bool:
    """Whether the fund cannot be a witness: it disagrees with the signal more often than the real fund does.

    Missing rows are not counted.
    """
    missing = sum(map(math.isnan, window.fund))
    return len(found) - missing > MOST_DOUBTS * max(1, len(window.dates) // SESSIONS_OF_DOUBTS)


def other_answer(window: Window, found: Sequence[Doubt], held: Holding, rules: Rules) -> Holding | None:
    """What the rule wants in a history that believes the witness of one of the doubts `found`, or of all of them.

    None if in each such history it wants the same as with the signal's own rows.
    """
    own = wanted(window.closes, window.price, held, rules)
    answers = (wanted(closes, window.price, held, rules) for closes in _histories(window, found))
    return next((answer for answer in answers if answer is not own), None)


def _histories(window: Window, found: Sequence[Doubt]) -> Iterator[Sequence[float]]:
    """The closes that follow from each of the doubts, and from all of them together.

    Each comes three times: a witness is a little off, so its rows are also tried a margin higher and lower.
    """
    taken = [doubt.closes for doubt in found]
    if len(found) > 1:
        taken.append([own * math.prod(d.closes[n] / own for d in found) for n, own in enumerate(window.closes)])
    for closes in taken:
        for margin in (0.0, MARGIN, -MARGIN):
            yield [
                close * (1 + margin) if abs(close / own - 1) > UNCHANGED else close
                for close, own in zip(closes, window.closes, strict=True)
            ]


def witnessed(dividend: Dividend, rows: Iterable[Bar]) -> bool:
    """Whether the rows of its symbol, without today's, are adjusted for a dividend of that amount on that day.

    A live price is adjusted for nothing. It stands for the ex-date's row while that is today's. Rows that are adjusted
    for no dividend at all, or that come without adjusted closes, are no witness and contradict no amount.
    """
    columns = ((bar.date, bar.unadjusted or math.nan, bar.close) for bar in rows)
    apart = [(day, plain, plain / close) for day, plain, close in columns if plain > 0 and close > 0]
    if all(abs(ratio - 1) <= UNEXPLAINED for _, _, ratio in apart):
        return dividend.amount > 0
    before = next((row for row in reversed(apart) if row[0] < dividend.date), None)
    after = next((ratio for day, _, ratio in apart if day >= dividend.date), 1.0)
    if before is None or not 0 < dividend.amount < before[1]:
        return False
    return abs(before[2] / after - 1 - _step_of(dividend.amount, before[1])) <= UNEXPLAINED


def _step_of(amount: float, before: float) -> float:
    """The step between adjusted and unadjusted closes that a dividend makes; `before` is the close before its day."""
    return amount / (before - amount)


def _by_fund(own: Sequence[float], fund: Sequence[float], leverage: float) -> Moves:
    """Sessions on which the fund did not move by its factor."""
    found = {}
    for place in range(1, len(own)):
        if not together(own[place], fund[place], leverage):
            move, other = own[place] - 1, fund[place] - 1
            sentence = f"{move:+.1%}, the fund of {leverage:g} times it {other:+.1%}"
            found[place] = Move(1 + other / leverage, sentence, TRACKING_TOLERANCE / leverage)
    return found


def _by_unadjusted(window: Window, own: Sequence[float]) -> Moves:
    """Sessions in which no dividend of the answer explains how the adjusted and the unadjusted close moved apart."""
    plain = _factors(window.unadjusted, window.price)
    found = {}
    for place in range(1, len(own)):
        step, due = own[place] / plain[place] - 1, _step_due(window, place)
        least, most = (0.0, LARGEST_DIVIDEND) if due is None else (due, due)
        if step < least - UNEXPLAINED or step > min(most + UNEXPLAINED, LARGEST_DIVIDEND):
            told = "" if due is None else f", reported as {due:.2%}"
            found[place] = Move(plain[place] * (1 + (due or 0.0)), f"adjusted for a dividend of {step:.2%}{told}")
    return found


def _step_due(window: Window, place: int) -> float | None:
    """The step that the reported dividend makes; None if the answer reports none at all, or one of an unreal amount."""
    amount, before = window.dividends.get((*window.dates, window.today)[place], 0.0), window.unadjusted[place - 1]
    possible = amount <= before * LARGEST_DIVIDEND / (1 + LARGEST_DIVIDEND)
    return _step_of(amount, before) if window.dividends and possible else None


def _by_standing(window: Window, own: Sequence[float]) -> Moves:
    """Sessions on which both funds closed where they had closed before: the next session's move is spread over both."""
    found = {}
    for place in _standing(window):
        half = math.sqrt(own[place] * own[place + 1])
        found[place] = found[place + 1] = Move(half, "both funds closed where they had closed before")
    return found


def _by_what_was_kept(window: Window, own: Sequence[float], fund: Sequence[float], leverage: float) -> Moves:
    """Sessions in which the kept rows moved differently from today's rows, if the fund supports the kept rows.

    The fund supports them with its rows of today or with its kept rows. Where its kept rows support the kept ones and
    its rows of today support today's, Yahoo has corrected both, which is believed up to LARGEST_CORRECTION. A dividend
    that Yahoo adds later changes only the session of its ex-date. Rows on another basis have the same moves. A wrong
    row moves there and back: if it was the kept one, the fund may support one of these moves, but not both.
    """
    if not window.kept:
        return {}
    days, stays = (*window.dates, window.today), all(map(math.isnan, window.kept[-SESSIONS_OF_A_CORRECTION:]))
    kept = _factors(window.kept, _kept_price(window.kept, window.closes, window.price))
    kept_fund = [math.nan] * len(kept)
    if window.kept_fund:
        kept_fund = _factors(window.kept_fund, _kept_price(window.kept_fund, window.fund, window.fund_price))
    changes: dict[int, Move | None] = {}
    for place in range(1, len(kept)):
        change = own[place] / kept[place] - 1
        if not abs(change) > SAME_CLOSE:  # nearly all sessions, and those that were not kept
            continue
        if days[place] in window.dividends and 0 <= change <= LARGEST_DIVIDEND:
            continue
        corrected = stays and abs(change) <= LARGEST_CORRECTION and together(own[place], fund[place], leverage)
        supported = together(kept[place], fund[place], leverage) or (
            together(kept[place], kept_fund[place], leverage) and not corrected
        )
        sentence = f"{own[place] - 1:+.2%}, and {kept[place] - 1:+.2%} when it was last traded on"
        changes[place] = Move(kept[place], sentence) if supported else None
    found: dict[int, Move] = {}
    for run in _runs(changes):
        moves = {place: move for place in run if (move := changes[place]) is not None}
        if len(moves) == len(run) or not all(together(own[place], fund[place], leverage) for place in run):
            found |= moves
    return found


def _kept_price(kept: Sequence[float], closes: Sequence[float], price: float) -> float:
    """The live price beside the kept rows; NaN if these are on another basis than today's rows."""
    ratios = [before / now for before, now in zip(kept, closes, strict=True) if before > 0 and now > 0]
    return price if ratios and abs(median(ratios) - 1) <= UNEXPLAINED else math.nan


def together(own: float, fund: float, leverage: float) -> bool:
    """Whether the two factors of change fit each other as one session of the signal and its fund."""
    return abs(fund - 1 - leverage * (own - 1)) <= TRACKING_TOLERANCE


def _history(window: Window, own: Sequence[float], moves: Moves, run: Sequence[int]) -> Sequence[float]:
    """The closes if the sessions of `run` moved as their witnesses say.

    A wrong row causes two doubtful moves, there and back. If the run as a whole moved as its witnesses say, only the
    rows inside it are doubtful: the rows before it stay unchanged, and no error of a witness reaches them.
    """
    theirs = {place: moves[place].factor for place in run}
    off = math.prod(own[place] / theirs[place] for place in run)
    if len(run) > 1 and abs(off - 1) <= max(moves[place].off for place in run) * math.sqrt(len(run)):
        theirs = {place: factor * off ** (1 / len(run)) for place, factor in theirs.items()}
    closes = list(window.closes)
    after = [*closes, window.price][run[-1]]
    for place in reversed(run):
        after = closes[place - 1] = after / theirs[place]
    before = run[0] - 1
    scale = after / window.closes[before]
    return [close * scale for close in closes[:before]] + closes[before:]


def _runs(moves: Iterable[int]) -> list[list[int]]:
    """`moves` grouped into runs of consecutive places, oldest first."""
    runs: list[list[int]] = []
    for place in sorted(moves):
        if runs and runs[-1][-1] == place - 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    return runs


def _factors(closes: Sequence[float], price: float) -> list[float]:
    """The change from each row to the next and, last, to the live price; by place, so the first entry is NaN."""
    return [math.nan, *(after / before for before, after in zip(closes, [*closes[1:], price], strict=True))]


def _standing(window: Window) -> set[int]:
    """Places of the sessions on which neither fund's unadjusted close moved."""
    pairs = zip(itertools.pairwise(window.unadjusted), itertools.pairwise(window.fund_unadjusted), strict=True)
    return {place for place, (own, fund) in enumerate(pairs, start=1) if own[0] == own[1] and fund[0] == fund[1]}


def _bridged(closes: Sequence[float]) -> list[float]:
    """`closes` with even steps over the rows that are missing between two others."""
    bridged = list(closes)
    if not any(map(math.isnan, closes)):
        return bridged
    known = [place for place, close in enumerate(closes) if not math.isnan(close)]
    for left, right in itertools.pairwise(known):
        step = (closes[right] / closes[left]) ** (1 / (right - left))
        for place in range(left + 1, right):
            bridged[place] = bridged[place - 1] * step
    return bridged
