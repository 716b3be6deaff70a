"""Whose account it is, what it may spend and what it holds, from the broker's rows."""

from decimal import Decimal

import pytest

from qqqbot.adapters.ib.account import (
    PositionRow,
    SummaryRow,
    amounts,
    choose_account,
    doubt,
    foreign_cash,
    fractions,
    is_cash_account,
    shares,
    spendable,
)
from qqqbot.model.errors import AccountRefused, BrokerUnavailable
from qqqbot.model.values import Mode
from tests.support.builders import ACCOUNT
from tests.support.symbols import SYMBOLS

MARGIN = {"NetLiquidation": "100000", "TotalCashValue": "40000", "AvailableFunds": "70000", "BuyingPower": "280000"}
CASH = {
    "NetLiquidation": "100000",
    "TotalCashValue": "40000",
    "SettledCash": "40000",
    "AvailableFunds": "40000",
    "BuyingPower": "40000",
}


def rows(values: dict[str, str], account: str = ACCOUNT, currency: str = "USD") -> list[SummaryRow]:
    return [SummaryRow(account, tag, value, currency) for tag, value in values.items()]


def dollars(amount: str, currency: str = "USD", account: str = ACCOUNT) -> SummaryRow:
    return SummaryRow(account, "CashBalance", amount, currency)


def money(values: dict[str, str]) -> dict[str, Decimal]:
    """Of an account whose cash is all in dollars."""
    return amounts([*rows(values), dollars(values["TotalCashValue"])], ACCOUNT)


def stock(quantity: str, symbol: str = "QQQ", **changes: str) -> PositionRow:
    values = {"account": ACCOUNT, "sec_type": "STK", "currency": "USD"} | changes
    return PositionRow(values["account"], symbol, values["sec_type"], values["currency"], Decimal(quantity))


@pytest.mark.parametrize("account", ["DU1234567", "DUP770846", "DUE1", "DF99"])
def test_an_id_that_starts_with_d_is_paper(account: str) -> None:
    assert choose_account([account], "", 7497, False) == (Mode.PAPER, account)


@pytest.mark.parametrize("account", ["U1234567", "F42", "I7"])
def test_every_other_id_is_real_money_and_needs_allow_live(account: str) -> None:
    assert choose_account([account], "", 7496, True) == (Mode.LIVE, account)
    with pytest.raises(AccountRefused, match="allow_live is false"):
        choose_account([account], "", 7496, False)


@pytest.mark.parametrize(("account", "port"), [("DU1", 7496), ("DU1", 4001), ("U1", 7497), ("U1", 4002)])
def test_a_port_of_the_other_mode_is_refused(account: str, port: int) -> None:
    with pytest.raises(AccountRefused, match=f"ib_port {port} is the usual port"):
        choose_account([account], "", port, True)


def test_any_other_port_implies_nothing_about_the_account() -> None:
    assert choose_account(["DU1"], "", 4004, True) == (Mode.PAPER, "DU1")


def test_one_of_several_accounts_must_be_named() -> None:
    with pytest.raises(AccountRefused, match="several accounts \\(DU1, DU2\\)"):
        choose_account(["DU1", "DU2"], "", 7497, False)
    assert choose_account(["DU1", "DU2"], "DU2", 7497, False) == (Mode.PAPER, "DU2")


def test_an_account_that_is_not_managed_is_refused() -> None:
    with pytest.raises(AccountRefused, match="ib_account is DU3, but the gateway's login manages DU1, DU2"):
        choose_account(["DU1", "DU2"], "DU3", 7497, False)


def test_no_account_at_all_is_refused() -> None:
    with pytest.raises(AccountRefused, match="manages no account"):
        choose_account([], "", 7497, False)


def test_amounts_of_another_account_are_not_counted() -> None:
    assert amounts(rows(CASH) + rows(MARGIN, "DU9"), ACCOUNT)["BuyingPower"] == 40000


@pytest.mark.parametrize("tag", sorted(MARGIN))
def test_an_answer_without_a_needed_amount_is_not_an_answer(tag: str) -> None:
    with pytest.raises(BrokerUnavailable, match=f"without {tag}"):
        amounts(rows({t: v for t, v in MARGIN.items() if t != tag}), ACCOUNT)


@pytest.mark.parametrize("text", ["", "n/a", "NaN", "Infinity", "1.7976931348623157E308"])
def test_an_amount_that_is_not_a_number_is_not_an_answer(text: str) -> None:
    with pytest.raises(BrokerUnavailable, match="is not an amount"):
        money(MARGIN | {"TotalCashValue": text})


def test_an_account_in_another_currency_is_not_used() -> None:
    with pytest.raises(BrokerUnavailable, match=r"kept in EUR.* Where it cannot be changed, .* the bot cannot be used"):
        amounts(rows(CASH, currency="EUR"), ACCOUNT)


@pytest.mark.parametrize(
    ("zero", "told"),
    [
        (
            tuple(MARGIN),
            "AvailableFunds, BuyingPower, NetLiquidation, TotalCashValue of the account are reported as zero",
        ),
        (("AvailableFunds", "BuyingPower"), "AvailableFunds, BuyingPower of the account are reported as zero"),
        (("AvailableFunds",), ""),
        ((), ""),
    ],
)
def test_several_amounts_of_nothing_at_once_are_noticed(zero: tuple[str, ...], told: str) -> None:
    assert doubt(money(MARGIN | dict.fromkeys(zero, "0.00"))) == told


@pytest.mark.parametrize(("text", "due"), [("103.39", Decimal("103.39")), ("0", Decimal(0)), ("n/a", None), ("", None)])
def test_dividends_due_are_those_of_the_dollar_ledger_and_optional(text: str, due: Decimal | None) -> None:
    others = [SummaryRow(ACCOUNT, "NetDividend", "9", "EUR"), SummaryRow("DU9", "NetDividend", "9", "USD")]
    summary = [*rows(MARGIN), *others, SummaryRow(ACCOUNT, "NetDividend", text, "USD")]
    assert amounts(summary, ACCOUNT).get("NetDividend") == due
    assert "NetDividend" not in money(MARGIN)


def test_leverage_identifies_a_margin_account() -> None:
    assert not is_cash_account(money(MARGIN))
    assert is_cash_account(money(CASH))
    assert is_cash_account(money(CASH | {"AvailableFunds": "0", "BuyingPower": "0"}))


def test_a_margin_account_never_borrows() -> None:
    assert spendable(money(MARGIN), Decimal(0)) == (Decimal(40000), Decimal(0))
    assert spendable(money(MARGIN | {"TotalCashValue": "90000"}), Decimal(0)) == (Decimal(70000), Decimal(0))
    assert spendable(money(MARGIN | {"TotalCashValue": "-500"}), Decimal(0)) == (Decimal(-500), Decimal(0))


def test_cash_in_other_currencies_is_not_spent() -> None:
    found = amounts([*rows(MARGIN), dollars("15000"), dollars("25000", "EUR"), dollars("99", account="DU9")], ACCOUNT)
    assert spendable(found, Decimal(0)) == (Decimal(15000), Decimal(0))
    assert foreign_cash(found) == Decimal(25000)
    assert spendable(amounts([*rows(MARGIN), dollars("-4549")], ACCOUNT), Decimal(0))[0] == Decimal(-4549)
    assert spendable(amounts([*rows(CASH), dollars("30000")], ACCOUNT), Decimal(10000))[0] == Decimal(20000)


def test_more_dollars_than_cash_are_a_loan_in_another_currency_and_not_spent() -> None:
    found = amounts([*rows(MARGIN), dollars("60000")], ACCOUNT)
    assert spendable(found, Decimal(0))[0] == Decimal(40000)
    assert foreign_cash(found) == Decimal(-20000)


def test_what_is_not_reported_as_dollars_is_not_spent() -> None:
    found = amounts(rows(MARGIN), ACCOUNT)
    assert doubt(found) == "the dollars of the account are not reported"
    assert foreign_cash(found) == Decimal(40000)
    assert spendable(found, Decimal(0))[0] == 0


def test_a_margin_account_may_spend_what_was_sold_today() -> None:
    assert spendable(money(MARGIN | {"SettledCash": "0"}), Decimal(40000)) == (Decimal(40000), Decimal(0))


def test_a_cash_account_spends_settled_cash_only() -> None:
    assert spendable(money(CASH | {"SettledCash": "15000"}), Decimal(0)) == (Decimal(15000), Decimal(25000))


def test_if_the_broker_counts_todays_sale_as_settled_the_lower_number_holds() -> None:
    assert spendable(money(CASH), Decimal(30000)) == (Decimal(10000), Decimal(30000))


def test_a_cash_account_without_settled_cash_counts_what_it_can() -> None:
    unsettled = {tag: value for tag, value in CASH.items() if tag != "SettledCash"}
    assert spendable(money(unsettled), Decimal(1000)) == (Decimal(39000), Decimal(1000))


def test_only_stock_in_dollars_of_this_account_counts() -> None:
    held = [
        stock("10"),
        stock("7", sec_type="OPT"),
        stock("8", currency="MXN"),
        stock("9", account="DU9"),
        stock("11", "SPY"),
        stock("3", "TQQQ"),
    ]
    assert shares(held, ACCOUNT, SYMBOLS) == {"QQQ": 10, "TQQQ": 3}


def test_nothing_listed_is_nothing_held() -> None:
    assert shares([], ACCOUNT, SYMBOLS) == {"QQQ": 0, "TQQQ": 0}


def test_fractional_shares_are_left_alone_and_reported() -> None:
    held = [stock("10.75"), stock("3", "TQQQ"), stock("0.5", sec_type="OPT")]
    assert shares(held, ACCOUNT, SYMBOLS) == {"QQQ": 10, "TQQQ": 3}
    assert fractions(held, ACCOUNT, SYMBOLS) == {"QQQ": Decimal("0.75")}


def test_a_short_position_stays_negative() -> None:
    assert shares([stock("-0.5"), stock("-3", "TQQQ")], ACCOUNT, SYMBOLS) == {"QQQ": -1, "TQQQ": -3}
