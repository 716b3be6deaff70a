"""Mistakes about shares that are neither QQQ nor TQQQ: what is watched, witnessed, bought and parked."""

from tests.support.mutants import Mutant

ENGINE = ("unit/trading/test_engine_shares.py",)
MOVES = ("unit/strategy/test_moves.py",)

MUTANTS = (
    Mutant(
        "what an earlier rule has left is not watched",
        "model/family.py::watched",
        "[*rule.symbols, *held]",
        "[*rule.symbols]",
        ENGINE,
    ),
    Mutant(
        "the broker is not told whose shares are watched",
        "trading/assembly.py::assemble",
        "outside.broker.watch(symbols)",
        "pass",
        ("unit/trading/test_assembly.py",),
    ),
    Mutant(
        "a share of another index has no witness",
        "model/family.py::watched",
        "if index := Holding(symbol).underlying:",
        "if False:",
        (*MOVES, *ENGINE),
    ),
    Mutant(
        "the move of a third share is not judged",
        "strategy/moves.py::leverage",
        "if Holding(symbol).underlying != symbol:",
        "if Holding(symbol).underlying != symbol and symbol not in market.others:",
        MOVES,
    ),
    Mutant(
        "parking never asks what it brings",
        "strategy/parking.py::not_worth_it",
        "brings >= rules.park_benefit",
        "True",
        ENGINE,
    ),
    Mutant(
        "what is parked is sold when it no longer pays",
        "strategy/parking.py::not_worth_it",
        "or target in (portfolio.holding, snapshot.half_made)",
        "",
        ENGINE,
    ),
    Mutant(
        "anything may be bought",
        "strategy/risk.py::_unwanted",
        "return intent.side is Side.BUY and not wanted",
        "return False",
        ("unit/strategy/test_risk.py",),
    ),
    Mutant(
        "half a rotation to what the rule no longer has is completed",
        "trading/come_back.py::half_made",
        "or newest.target not in rules.form.shelves",
        "",
        ("unit/trading/test_come_back.py",),
    ),
    Mutant(
        "a share is looked for where it is not listed",
        "adapters/ib/orders.py::contract_of",
        "Holding(symbol).exchange",
        '"NASDAQ"',
        ("process/test_ib_rotation.py",),
    ),
    Mutant(
        "QQQ held goes on as so many shares of SPY",
        "records/track.py::extended",
        "before.held / price",
        "shares",
        ENGINE,
    ),
)
