"""The tree of errors is the one that its docstring draws, and the gates name only errors that exist."""

import re

import pytest

from qqqbot.model import errors
from qqqbot.model.reasons import Reason
from qqqbot.model.values import Holding
from qqqbot.strategy import gates
from tests.support.builders import RULES, market, portfolio, snapshot


def drawn_tree() -> dict[str, str]:
    """Child -> parent, as drawn at the head of the module."""
    assert errors.__doc__
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in errors.__doc__.splitlines():
        if found := re.match(r"^    ([│ ├└─]*)(\w+)", line):
            depth = len(found[1]) // 4
            path = [*path[:depth], found[2]]
            if depth:
                parents[found[2]] = path[depth - 1]
    return parents


def real_tree() -> dict[str, str]:
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.BotError)]
    return {c.__name__: c.__bases__[0].__name__ for c in classes if c is not errors.BotError}


def test_the_drawing_is_the_tree() -> None:
    assert drawn_tree() == real_tree()


def test_an_unknown_outcome_is_neither_temporary_nor_a_halt() -> None:
    assert not issubclass(errors.OrderOutcomeUnknown, errors.TemporaryError | errors.TradingHalted)


def test_a_config_error_says_every_problem() -> None:
    error = errors.ConfigError(["one", "two"])
    assert error.problems == ("one", "two")
    assert str(error) == "one\ntwo"


def test_config_error_is_not_a_temporary_one() -> None:
    assert not issubclass(errors.ConfigError, errors.TemporaryError)


@pytest.mark.parametrize("gate", [*gates.PRICE_GATES, *gates.TRADE_GATES])
def test_the_codes_of_gates_are_errors(gate: gates.GateCheck) -> None:
    failing = snapshot(
        market=market(Holding.QQQ, bars=(), fund_previous_close=None), halted="by hand", portfolio=portfolio(qqq=-1)
    )
    code = gate(failing, RULES).code
    assert code in (None, Reason.DISK_ERROR, Reason.ORDER_LIMIT, Reason.UNEXPECTED_POSITION) or issubclass(
        getattr(errors, code), errors.TemporaryError | errors.TradingHalted
    )
