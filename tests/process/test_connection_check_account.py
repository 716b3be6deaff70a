"""test_ib_connection.py over real sockets against the gateway stand-in: account, contracts, prices, precautions."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from qqqbot.adapters.ib.doctor.checkup import Patience
from standins.ib_gateway import QQQ_PUT, TQQQ, Account, Contract, IBGateway
from tests.support.builders import ACCOUNT
from tests.support.ib_bench import margin_account
from tests.support.ib_check import PATIENT, bench, bench_at

# The account


def test_one_of_several_accounts_must_be_named(tmp_path: Path) -> None:
    with bench(tmp_path, margin_account("DU1"), margin_account("DU2")) as at:
        said = at.check()
        named = at.check(ib_account="DU2")
        wrong = at.check(ib_account="DU3")
    assert (said.exit_code, said.failed) == (1, ["Account"])
    assert "name the one to trade in ib_account" in said.text("Account")
    assert (named.exit_code, named.facts["account"]) == (0, "DU2")
    assert (wrong.exit_code, wrong.failed) == (1, ["Account"])
    assert "ib_account is DU3" in wrong.text("Account")


def test_a_live_account_behind_a_paper_port_is_not_what_it_seems(tmp_path: Path) -> None:
    with bench_at(tmp_path, (7497, 4002), margin_account("U1234567")) as at:
        said = at.check("--what-if", allow_live=True)
        assert at.gateway.recording.requests("placeOrder") == []
    assert (said.exit_code, said.failed) == (1, ["Paper or live"])
    assert "usual port of a paper account" in said.text("Paper or live")
    assert "was not sent" in said.text("Precautions")


def test_a_paper_account_behind_a_live_port_is_not_what_it_seems(tmp_path: Path) -> None:
    with bench_at(tmp_path, (7496, 4001), margin_account()) as at:
        said = at.check()
    assert (said.exit_code, said.failed) == (1, ["Paper or live"])
    assert "usual port of a live account" in said.text("Paper or live")


def test_a_gateway_on_another_port_than_the_configured_one_is_found(tmp_path: Path) -> None:
    with bench_at(tmp_path, (4002, 4001), margin_account()) as at, socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        said = at.check(ib_port=unused.getsockname()[1])
        assert said.failed == ["Host and port"]
        assert f"something listens on {at.gateway.port} (IB Gateway, " in said.text("Host and port")


def test_real_money_needs_its_key_and_is_named(tmp_path: Path) -> None:
    with bench(tmp_path, margin_account("U1234567")) as at:
        without = at.check()
        with_key = at.check(allow_live=True)
    assert (without.exit_code, without.failed) == (1, ["Keys"])
    assert "allow_live" in without.text("Keys")
    assert with_key.exit_code == 0
    assert with_key.facts["conclusion"] == "The bot could trade U1234567, REAL MONEY."


def test_a_read_only_gateway_fails_and_the_rest_is_still_checked(tmp_path: Path) -> None:
    with bench(tmp_path) as at:
        at.gateway.read_only = True
        said = at.check("--what-if")
        assert at.gateway.recording.requests("placeOrder") == []
    assert (said.exit_code, said.failed, said.facts["not_reached"]) == (1, ["Read-only API"], ["Open orders"])
    assert said.result("Read-only API")["found"].startswith("on: 321: ")
    assert "untick 'Read-Only API'" in said.result("Read-only API")["fix"]
    assert said.result("Account summary")["verdict"] == "ok"


def test_an_account_in_another_currency_fails(tmp_path: Path) -> None:
    with bench(tmp_path, Account(ACCOUNT, currency="EUR", leverage=Decimal(4))) as at:
        said = at.check()
    assert (said.exit_code, said.failed) == (1, ["Account summary"])
    assert "kept in EUR" in said.text("Account summary")
    assert "base currency" in said.text("Account summary")


def test_cash_in_other_currencies_is_a_note(tmp_path: Path) -> None:
    account = Account(ACCOUNT, cash=Decimal(40_000), foreign_cash=Decimal(60_000), leverage=Decimal(4))
    with bench(tmp_path, account) as at:
        said = at.check()
    assert said.exit_code == 0
    assert said.result("Account summary")["verdict"] == "note"
    assert "cash 100,000.00" in said.text("Account summary")
    assert "dollars 40,000.00" in said.text("Account summary")
    assert "60,000.00 of the cash is not reported as US dollars" in said.text("Account summary")
    assert "Convert Currency" in said.text("Account summary")


def test_an_empty_account_could_trade_nothing_and_a_small_one_little(tmp_path: Path) -> None:
    with bench(tmp_path, margin_account(cash=0)) as at:
        empty = at.check()
    with bench(tmp_path, margin_account(cash=60_000)) as at:
        small = at.check()
    assert (empty.exit_code, empty.failed) == (1, ["Account summary"])
    assert (small.exit_code, small.notes) == (0, ["Account summary", "Precautions"])
    assert "less than total_capital (100,000.00)" in small.text("Account summary")


@pytest.mark.parametrize(
    ("request_kind", "name", "patience"),
    [
        ("reqAllOpenOrders", "Read-only API", replace(PATIENT, orders=0.4)),
        ("reqAccountSummary", "Account summary", replace(PATIENT, account=1)),
        ("reqPositions", "Positions", replace(PATIENT, account=1)),
        ("reqContractDetails", "Contracts", replace(PATIENT, account=1)),
    ],
)
def test_an_answer_without_its_end_is_incomplete(
    tmp_path: Path, request_kind: str, name: str, patience: Patience
) -> None:
    with bench(tmp_path) as at:
        at.gateway.next_fault(request_kind, "swallow")
        said = at.check(patience=patience)
    assert (said.exit_code, said.failed) == (1, [name])
    assert "no complete answer came in time" in said.text(name)


def test_a_connection_that_breaks_midway_fails_every_later_question(tmp_path: Path) -> None:
    with bench(tmp_path) as at:
        at.gateway.next_fault("reqPositions", "drop_before")
        said = at.check()
    assert said.exit_code == 1
    assert "Positions" in said.failed
    assert "the gateway closed the connection" in said.text("Positions")


def test_only_whole_shares_of_the_two_are_counted(tmp_path: Path) -> None:
    with bench(tmp_path) as at:
        at.gateway.hold("QQQ", "10.75")
        at.gateway.hold("QQQ", 5, contract=QQQ_PUT)
        said = at.check()
    assert (said.exit_code, said.notes) == (0, ["Positions", "Precautions"])
    assert said.result("Positions")["found"] == "10 QQQ, 0 TQQQ; 1 other position ignored (QQQ OPT)"
    assert "0.75 QQQ beyond whole shares: left alone" in said.text("Positions")
    assert "switch reinvestment off (Client Portal" in said.text("Positions")


def test_a_short_position_halts_the_bot(tmp_path: Path) -> None:
    with bench(tmp_path) as at:
        at.gateway.hold("TQQQ", -3)
        said = at.check()
    assert (said.exit_code, said.failed) == (1, ["Positions"])
    assert "sold short" in said.text("Positions")


def test_orders_are_counted_by_their_owner(tmp_path: Path) -> None:
    with bench(tmp_path) as at:
        at.gateway.foreign_order("QQQ", 10, limit=1)
        foreign = at.check()
        at.gateway.foreign_order("QQQ", 10, limit=1, order_ref="qqqbot-20261124-01")
        ours = at.check()
    assert (foreign.exit_code, foreign.notes) == (0, ["Open orders", "Precautions"])
    assert foreign.result("Open orders")["found"] == "0 of the bot's, 1 of others"
    assert ours.result("Open orders")["found"] == "1 of the bot's, 1 of others"
    assert "qqqbot-20261124-01" in ours.text("Open orders")


def test_orders_of_another_account_are_ignored(tmp_path: Path) -> None:
    with bench(tmp_path, margin_account("DU1"), margin_account("DU2")) as at:
        at.gateway.foreign_order("QQQ", 10, limit=1, account="DU1")
        said = at.check(ib_account="DU2")
    assert said.result("Open orders")["found"] == "0 of the bot's, 0 of others"


# Contracts, prices, precautions


def test_a_share_that_the_broker_does_not_know_cannot_be_ordered(tmp_path: Path) -> None:
    with bench(tmp_path) as at:
        del at.gateway.instruments._known[TQQQ.con_id]
        said = at.check()
    assert (said.exit_code, said.failed) == (1, ["Contracts"])
    assert "TQQQ: 200: the broker does not know this contract" in said.text("Contracts")


def test_two_shares_that_match_one_description_are_refused(tmp_path: Path) -> None:
    with bench(tmp_path) as at:
        at.gateway.instruments.add(Contract(1, "QQQ"))
        said = at.check()
    assert (said.exit_code, said.failed) == (1, ["Contracts"])
    assert "QQQ: 2 shares match the description, expected one" in said.text("Contracts")


@pytest.mark.parametrize(("market_data", "code"), [("none", "354"), ("delayed", "354"), ("competing", "10197")])
def test_unavailable_quotes_are_a_note(tmp_path: Path, market_data: str, code: str) -> None:
    with bench(tmp_path) as at:
        at.gateway.market_data = market_data
        said = at.check()
    assert (said.exit_code, said.notes) == (0, ["Quotes", "Precautions"])
    assert said.result("Quotes")["found"].startswith(f"{code}: ")
    assert "trades on its own prices" in said.text("Quotes")


@pytest.mark.parametrize(("code", "sentence"), [(10168, "delayed prices are not enabled"), (10167, "only delayed")])
def test_delayed_quotes_and_a_refusal_of_them_are_notes(tmp_path: Path, code: int, sentence: str) -> None:
    with bench(tmp_path) as at:
        at.gateway.next_fault("reqMktData", "error", times=2, code=code, text="not subscribed")
        said = at.check()
    assert (said.exit_code, said.notes) == (0, ["Quotes", "Precautions"])
    assert sentence in said.result("Quotes")["found"]


def test_missing_quotes_are_a_note(tmp_path: Path) -> None:
    with bench(tmp_path) as at:
        at.gateway.next_fault("reqMktData", "swallow", times=2)
        said = at.check(patience=replace(PATIENT, quotes=0.4))
    assert (said.exit_code, said.notes) == (0, ["Quotes", "Precautions"])
    assert "no live price came in time" in said.text("Quotes")


def test_the_line_between_gateway_and_broker_is_checked(tmp_path: Path) -> None:
    with bench(tmp_path) as at, another_thread_loses_the_line(at.gateway):
        at.gateway.next_fault("reqMktData", "swallow", times=2)  # so that there is time for it
        said = at.check(patience=replace(PATIENT, quotes=2))
    assert (said.exit_code, said.failed) == (1, ["Line to IB"])
    assert "1100" in said.text("Line to IB")


@contextmanager
def another_thread_loses_the_line(gateway: IBGateway) -> Iterator[None]:
    """As soon as the positions were asked for."""

    def lose() -> None:
        gateway.wait_for(lambda: gateway.recording.requests("reqPositions"))
        gateway.lose_line()

    thread = threading.Thread(target=lose, daemon=True)
    thread.start()
    yield
    thread.join(5)


def test_a_what_if_that_is_refused_fails_with_its_reason(tmp_path: Path) -> None:
    with bench(tmp_path) as at:
        at.gateway.next_fault("placeOrder", "error", code=203, text="The security is not available or allowed")
        said = at.check("--what-if")
    assert (said.exit_code, said.failed) == (1, ["Precautions"])
    assert "203: the account may not trade this security" in said.text("Precautions")
    assert "leveraged exchange traded funds" in said.result("Precautions")["fix"]


def test_an_unanswered_what_if_may_be_held_by_a_dialog(tmp_path: Path) -> None:
    with bench(tmp_path) as at:
        at.gateway.next_fault("placeOrder", "swallow")
        said = at.check("--what-if", patience=replace(PATIENT, what_if=0.4))
    assert (said.exit_code, said.failed) == (1, ["Precautions"])
    assert "Bypass Order Precautions" in said.result("Precautions")["fix"]


def test_a_what_if_without_an_estimate_fails(tmp_path: Path) -> None:
    with bench(tmp_path) as at:
        at.gateway.order_handling.estimates_nothing = True
        said = at.check("--what-if")
    assert (said.exit_code, said.failed) == (1, ["Precautions"])
    assert "the broker estimates nothing" in said.text("Precautions")


@pytest.mark.parametrize(
    ("request_kind", "name", "verdict"),
    [
        ("reqExecutions", "Executions", "FAILED"),
        ("reqCompletedOrders", "Completed orders", "note"),
    ],
)
def test_the_check_asks_what_the_bot_asks(tmp_path: Path, request_kind: str, name: str, verdict: str) -> None:
    with bench(tmp_path) as at:
        at.gateway.next_fault(request_kind, "no_end", times=1000)
        said = at.check(patience=replace(PATIENT, day=1))
    assert said.result(name)["verdict"] == verdict
    assert said.failed == ([name] if verdict == "FAILED" else [])


def test_a_notice_about_a_what_if_is_not_a_refusal(tmp_path: Path) -> None:
    with bench(tmp_path) as at:
        at.gateway.next_fault("placeOrder", "swallow")

        def remark() -> None:
            at.gateway.wait_for(lambda: at.gateway.recording.requests("placeOrder"))
            about = at.gateway.recording.requests("placeOrder")[0].request.integer("orderId")
            at.gateway.notify(399, "will not be placed until the open", about)

        thread = threading.Thread(target=remark, daemon=True)
        thread.start()
        said = at.check("--what-if", patience=replace(PATIENT, what_if=1))
        thread.join(5)
    assert "no complete answer came in time" in said.result("Precautions")["found"]
