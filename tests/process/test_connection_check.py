"""test_ib_connection.py over real sockets against the gateway stand-in: every rung, its exit code, no order ever."""

import io
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import test_ib_connection
from qqqbot.adapters.ib.doctor.checkup import Patience
from qqqbot.adapters.ib.doctor.result import NAMES
from qqqbot.model.ports import Clock
from qqqbot.runtime.lock import PID_FILE, Lock
from standins.ib_gateway import QQQ_PUT, TQQQ, Account, Contract, IBGateway
from tests.support.builders import ACCOUNT
from tests.support.ib_desk import CAP, MovedClock, margin_account

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "test_ib_connection.py"
PYTHONS = [sys.executable, *filter(None, os.environ.get("QQQBOT_IB_PYTHONS", "").split(":"))]
QUICK = Patience(connect=3, time=2, orders=2, look=3, quotes=2, what_if=2)
HASTY = Patience(connect=0.4, time=0.3, orders=0.3, look=0.4, quotes=0.3, what_if=0.3)
PAPER = {"dry_run": False, "use_interactive_brokers": True}


@dataclass(frozen=True)
class Said:
    """What one run found: exit code and the facts of --json."""

    exit_code: int
    facts: dict[str, Any]

    @property
    def failed(self) -> list[str]:
        return [rung["name"] for rung in self.facts["rungs"] if rung["verdict"] == "FAILED"]

    @property
    def notes(self) -> list[str]:
        return [rung["name"] for rung in self.facts["rungs"] if rung["verdict"] == "note"]

    def rung(self, name: str) -> dict[str, str]:
        return next(rung for rung in self.facts["rungs"] if rung["name"] == name)

    def text(self, name: str) -> str:
        rung = self.rung(name)
        return " | ".join((rung["found"], rung["meaning"], rung["fix"]))


class Desk:
    """A gateway, its clock, and the check run against it; each run makes sure that nothing was ordered."""

    def __init__(self, gateway: IBGateway, clock: MovedClock, folder: Path) -> None:
        self.gateway = gateway
        self.clock = clock
        self.folder = folder

    def print(self, *flags: str, patience: Patience = QUICK, **config: Any) -> tuple[int, str]:
        settings = {**PAPER, "ib_port": self.gateway.port, **config}
        before = len(self.gateway.orders)
        done = run(self.folder, settings, *flags, clock=self.clock, patience=patience)
        sent = self.gateway.recording.requests("placeOrder")
        assert all(request.request.flag("order.whatIf") for request in sent)
        assert (len(self.gateway.orders), self.gateway.ledger) == (before, [])
        return done

    def check(self, *flags: str, patience: Patience = QUICK, **config: Any) -> Said:
        code, out = self.print("--json", *flags, patience=patience, **config)
        return Said(code, json.loads(out))


def run(folder: Path, settings: dict[str, Any], *flags: str, clock: Clock, patience: Patience) -> tuple[int, str]:
    path, out = folder / "config.json", io.StringIO()
    path.write_text(json.dumps(settings))
    arguments = ["--config", str(path), "--logs", str(folder), *flags]
    return test_ib_connection.main(arguments, clock, out, patience), out.getvalue()


@contextmanager
def desk(folder: Path, *accounts: Account, ahead: float = 0, port: int = 0) -> Iterator[Desk]:
    """A gateway, without its quirk about fractions, whose clock is `ahead` of the machine's by so many seconds."""
    clock = MovedClock()
    given = accounts or (margin_account(),)
    with IBGateway(lambda: clock.now() + timedelta(seconds=ahead), CAP, given, port) as gateway:
        gateway.fractional_size_rules = False
        yield Desk(gateway, clock, folder)


def desk_at(folder: Path, ports: tuple[int, ...], account: Account) -> Any:
    """At one of these ports, which mean something; skips where others have them all."""
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return desk(folder, account, port=port)
    pytest.skip(f"ports {ports} are in use on this machine")


def at_port(folder: Path, port: int, patience: Patience = HASTY) -> Said:
    """The check, where no gateway is."""
    code, out = run(folder, {**PAPER, "ib_port": port}, "--json", clock=MovedClock(), patience=patience)
    return Said(code, json.loads(out))


@contextmanager
def listener(backlog: int = 5) -> Iterator[socket.socket]:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        made.listen(backlog)
        yield made


# All is well


def test_a_margin_account_on_paper_could_be_traded(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        said = at.check()
    assert said.exit_code == 0
    assert (said.facts["could_trade"], said.facts["account"], said.facts["not_reached"]) == (True, ACCOUNT, [])
    assert tuple(rung["name"] for rung in said.facts["rungs"]) == NAMES
    assert (said.failed, said.notes) == ([], ["Precautions"])
    assert said.facts["conclusion"] == f"The bot could trade {ACCOUNT}, no real money."
    assert "a margin account" in said.text("Account summary")
    assert "live: QQQ 450.00, TQQQ 60.00" in said.text("Quotes")
    assert "regular hours today 09:30-16:00 US/Eastern" in said.text("Contracts")


def test_a_cash_account_could_be_traded_and_is_told_that_it_will_wait(tmp_path: Path) -> None:
    with desk(tmp_path, Account(ACCOUNT, cash=Decimal(100_000))) as at:
        said = at.check()
    assert (said.exit_code, said.notes) == (0, ["Account summary", "Precautions"])
    assert "a cash account" in said.text("Account summary")
    assert "settles on the next business day" in said.text("Account summary")


def test_a_dry_run_is_checked_all_the_same_and_said(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        said = at.check(dry_run=True, use_interactive_brokers=False)
    assert (said.exit_code, said.notes) == (0, ["Keys", "Precautions"])
    assert said.facts["conclusion"].endswith("It does not yet: dry_run is true.")
    assert "set dry_run to false" in said.text("Keys")


def test_a_what_if_tells_margin_and_commission_and_places_nothing(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        said = at.check("--what-if")
        sent = at.gateway.recording.requests("placeOrder")
    assert (said.exit_code, said.notes, len(sent)) == (0, [], 1)
    assert "margin 15.00 USD, commission 0.60 USD; nothing was placed" in said.text("Precautions")


def test_without_the_flag_not_even_a_what_if_is_sent(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        at.check()
        assert at.gateway.recording.requests("placeOrder") == []


def test_the_screen_has_80_columns_no_colours_in_a_pipe_and_no_whole_account_id(tmp_path: Path) -> None:
    with desk(tmp_path, margin_account("DU1234567"), margin_account("F7654321")) as at:
        code, out = at.print("--what-if", ib_account="DU1234567")
    assert code == 0
    assert max(len(line) for line in out.splitlines()) <= 80
    assert "\x1b" not in out
    assert "DU***567" in out
    assert "1234567" not in out
    assert out.splitlines()[-1] == "The bot could trade DU***567, no real money."


# Nobody there, or somebody else


def test_a_refused_connection_ends_the_ladder_and_says_what_to_start(tmp_path: Path) -> None:
    with listener() as gone:
        port = gone.getsockname()[1]
    said = at_port(tmp_path, port)
    assert (said.exit_code, said.failed) == (1, ["Host and port"])
    assert "connection refused" in said.text("Host and port")
    assert "start TWS or IB Gateway and log in" in said.text("Host and port")
    assert said.facts["not_reached"] == list(NAMES[2:])
    assert said.facts["conclusion"].startswith("The bot could NOT trade: Host and port.")


def test_a_swallowed_packet_is_no_refusal(tmp_path: Path) -> None:
    with listener(0) as full:
        fillers = [socket.socket() for _ in range(8)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        said = at_port(tmp_path, full.getsockname()[1])
        for filler in fillers:
            filler.close()
    if said.rung("Host and port")["verdict"] == "ok":
        pytest.skip("this kernel accepts connections beyond a listener's backlog")
    assert (said.exit_code, said.failed) == (1, ["Host and port"])
    assert "no answer to the first packet" in said.text("Host and port")
    assert "firewall" in said.text("Host and port")


def test_an_unknown_host_is_named(tmp_path: Path) -> None:
    settings = {**PAPER, "ib_host": "no-such-host.invalid"}
    code, out = run(tmp_path, settings, "--json", clock=MovedClock(), patience=HASTY)
    assert (code, Said(code, json.loads(out)).failed) == (1, ["Host and port"])
    assert "no-such-host.invalid" in out


def test_a_mute_gateway_is_known_by_its_silence(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        at.gateway.mute()
        said = at.check(patience=HASTY)
    assert (said.exit_code, said.failed) == (1, ["Handshake"])
    assert said.rung("Host and port")["verdict"] == "ok"
    assert "a login or update dialog is open" in said.text("Handshake")


def test_a_gateway_that_greets_and_names_no_account_has_not_logged_in(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        at.gateway.next_fault("startApi", "swallow")
        said = at.check(patience=HASTY)
    assert (said.exit_code, said.failed) == (1, ["Handshake"])
    assert "finish the login" in said.text("Handshake")


def test_a_gateway_that_closes_at_once_may_not_trust_this_computer(tmp_path: Path) -> None:
    with listener() as server:
        threading.Thread(target=lambda: server.accept()[0].close(), daemon=True).start()
        said = at_port(tmp_path, server.getsockname()[1], QUICK)
    assert (said.exit_code, said.failed) == (1, ["Handshake"])
    assert "Trusted IPs" in said.text("Handshake")


def test_a_stranger_on_the_port_is_quoted(tmp_path: Path) -> None:
    def answer(server: socket.socket) -> None:
        with server.accept()[0] as client:
            client.sendall(b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n")
            client.recv(100)

    with listener() as server:
        threading.Thread(target=answer, args=(server,), daemon=True).start()
        said = at_port(tmp_path, server.getsockname()[1], QUICK)
    assert (said.exit_code, said.failed) == (1, ["Handshake"])
    assert "is not a gateway" in said.text("Handshake")
    assert "HTTP/1.1 400" in said.text("Handshake")
    assert said.rung("Handshake")["fix"] == "check ib_port"


# The session


@contextmanager
def another_client(port: int, client_id: int) -> Iterator[None]:
    from qqqbot.adapters.ib.doctor.probe import Probe

    other = Probe(MovedClock(), 3)
    assert other.greet("127.0.0.1", port, client_id) == ""
    yield
    other.shut("done")


def test_a_client_id_in_use_is_explained(tmp_path: Path) -> None:
    with desk(tmp_path) as at, another_client(at.gateway.port, 1):
        said = at.check()
    assert (said.exit_code, said.failed) == (1, ["Client id"])
    assert "326" in said.text("Client id")
    assert "another ib_client_id" in said.text("Client id")


def test_a_running_daemon_keeps_its_client_id(tmp_path: Path) -> None:
    with desk(tmp_path) as at, Lock(tmp_path / PID_FILE), another_client(at.gateway.port, 1):
        said = at.check()
        started = [event.request.integer("clientId") for event in at.gateway.recording.requests("startApi")]
    assert started == [1, 1001]
    assert said.exit_code == 0
    assert said.rung("Client id")["found"] == f"1001, because the daemon runs (pid {os.getpid()})"


def test_a_gateway_that_greets_and_then_says_nothing_ends_the_ladder(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        at.gateway.next_fault("reqCurrentTime", "half_open")
        said = at.check(patience=HASTY)
    assert (said.exit_code, said.failed) == (1, ["Clock"])
    assert "Account summary" in said.facts["not_reached"]


@pytest.mark.parametrize(("ahead", "verdict"), [(0, "ok"), (-4, "ok"), (20, "note"), (-20, "note"), (120, "FAILED")])
def test_the_clock_is_measured_against_the_brokers(tmp_path: Path, ahead: int, verdict: str) -> None:
    with desk(tmp_path, ahead=ahead) as at:
        said = at.check()
    assert said.rung("Clock")["verdict"] == verdict
    assert said.exit_code == (1 if verdict == "FAILED" else 0)
    if verdict != "ok":
        seconds = int(said.rung("Clock")["found"].split(" is ")[1].split()[0])
        assert abs(seconds - abs(ahead)) <= 1
        assert ("behind" if ahead > 0 else "ahead of") in said.rung("Clock")["found"]


def test_a_time_zone_that_is_not_new_york_is_a_note(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        at.gateway.time_zone_text = "Central European Standard Time"
        said = at.check()
    assert (said.exit_code, said.notes) == (0, ["Time zone", "Precautions"])
    assert "Central European Standard Time" in said.text("Time zone")


# The account


def test_several_accounts_want_one_named(tmp_path: Path) -> None:
    with desk(tmp_path, margin_account("DU1"), margin_account("DU2")) as at:
        said = at.check()
        named = at.check(ib_account="DU2")
        wrong = at.check(ib_account="DU3")
    assert (said.exit_code, said.failed) == (1, ["Account"])
    assert "name the one to trade in ib_account" in said.text("Account")
    assert (named.exit_code, named.facts["account"]) == (0, "DU2")
    assert (wrong.exit_code, wrong.failed) == (1, ["Account"])
    assert "ib_account is DU3" in wrong.text("Account")


def test_a_live_account_behind_a_paper_port_is_not_what_it_seems(tmp_path: Path) -> None:
    with desk_at(tmp_path, (7497, 4002), margin_account("U1234567")) as at:
        said = at.check("--what-if", allow_live=True)
        assert at.gateway.recording.requests("placeOrder") == []
    assert (said.exit_code, said.failed) == (1, ["Paper or live"])
    assert "usual port of a paper account" in said.text("Paper or live")
    assert "was not sent" in said.text("Precautions")


def test_a_paper_account_behind_a_live_port_is_not_what_it_seems(tmp_path: Path) -> None:
    with desk_at(tmp_path, (7496, 4001), margin_account()) as at:
        said = at.check()
    assert (said.exit_code, said.failed) == (1, ["Paper or live"])
    assert "usual port of a live account" in said.text("Paper or live")


def test_real_money_needs_its_key_and_is_named(tmp_path: Path) -> None:
    with desk(tmp_path, margin_account("U1234567")) as at:
        without = at.check()
        with_key = at.check(allow_live=True)
    assert (without.exit_code, without.failed) == (1, ["Keys"])
    assert "allow_live" in without.text("Keys")
    assert with_key.exit_code == 0
    assert with_key.facts["conclusion"] == "The bot could trade U1234567, REAL MONEY."


def test_a_read_only_gateway_is_told_and_the_rest_is_looked_at_as_well(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        at.gateway.read_only = True
        said = at.check("--what-if")
        assert at.gateway.recording.requests("placeOrder") == []
    assert (said.exit_code, said.failed, said.facts["not_reached"]) == (1, ["Read-only API"], ["Open orders"])
    assert said.rung("Read-only API")["found"].startswith("on: 321: ")
    assert "untick 'Read-Only API'" in said.rung("Read-only API")["fix"]
    assert said.rung("Account summary")["verdict"] == "ok"


def test_an_account_in_another_currency_is_not_reckoned(tmp_path: Path) -> None:
    with desk(tmp_path, Account(ACCOUNT, currency="EUR", leverage=Decimal(4))) as at:
        said = at.check()
    assert (said.exit_code, said.failed) == (1, ["Account summary"])
    assert "kept in EUR" in said.text("Account summary")
    assert "base currency" in said.text("Account summary")


def test_an_empty_account_could_trade_nothing_and_a_small_one_little(tmp_path: Path) -> None:
    with desk(tmp_path, margin_account(cash=0)) as at:
        empty = at.check()
    with desk(tmp_path, margin_account(cash=60_000)) as at:
        small = at.check()
    assert (empty.exit_code, empty.failed) == (1, ["Account summary"])
    assert (small.exit_code, small.notes) == (0, ["Account summary", "Precautions"])
    assert "less than total_capital (100,000.00)" in small.text("Account summary")


@pytest.mark.parametrize(
    ("request_kind", "name"),
    [
        ("reqAllOpenOrders", "Read-only API"),
        ("reqAccountSummary", "Account summary"),
        ("reqPositions", "Positions"),
        ("reqContractDetails", "Contracts"),
    ],
)
def test_an_answer_without_its_end_is_no_answer(tmp_path: Path, request_kind: str, name: str) -> None:
    with desk(tmp_path) as at:
        at.gateway.next_fault(request_kind, "swallow")
        said = at.check(patience=HASTY)
    assert (said.exit_code, said.failed) == (1, [name])
    assert "no complete answer came in time" in said.text(name)


def test_a_connection_that_breaks_on_the_way_fails_every_later_question(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        at.gateway.next_fault("reqPositions", "drop_before")
        said = at.check(patience=HASTY)
    assert said.exit_code == 1
    assert "Positions" in said.failed
    assert "the gateway closed the connection" in said.text("Positions")


def test_only_whole_shares_of_the_two_are_counted(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        at.gateway.hold("QQQ", "10.75")
        at.gateway.hold("QQQ", 5, contract=QQQ_PUT)
        said = at.check()
    assert (said.exit_code, said.notes) == (0, ["Positions", "Precautions"])
    assert said.rung("Positions")["found"] == "10 QQQ, 0 TQQQ; 1 other position ignored (QQQ OPT)"
    assert "0.75 QQQ beyond whole shares: left alone" in said.text("Positions")


def test_a_short_position_halts_the_bot(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        at.gateway.hold("TQQQ", -3)
        said = at.check()
    assert (said.exit_code, said.failed) == (1, ["Positions"])
    assert "sold short" in said.text("Positions")


def test_orders_are_told_apart_by_whose_they_are(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        at.gateway.foreign_order("QQQ", 10, limit=1)
        foreign = at.check()
        at.gateway.foreign_order("QQQ", 10, limit=1, order_ref="qqqbot-20261124-01")
        ours = at.check()
    assert (foreign.exit_code, foreign.notes) == (0, ["Open orders", "Precautions"])
    assert foreign.rung("Open orders")["found"] == "0 of the bot's, 1 of others"
    assert ours.rung("Open orders")["found"] == "1 of the bot's, 1 of others"
    assert "qqqbot-20261124-01" in ours.text("Open orders")


def test_orders_of_another_account_are_not_looked_at(tmp_path: Path) -> None:
    with desk(tmp_path, margin_account("DU1"), margin_account("DU2")) as at:
        at.gateway.foreign_order("QQQ", 10, limit=1, account="DU1")
        said = at.check(ib_account="DU2")
    assert said.rung("Open orders")["found"] == "0 of the bot's, 0 of others"


# Contracts, prices, precautions


def test_a_share_that_the_broker_does_not_know_cannot_be_ordered(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        del at.gateway.instruments._known[TQQQ.con_id]
        said = at.check()
    assert (said.exit_code, said.failed) == (1, ["Contracts"])
    assert "TQQQ: 200: the broker finds no such contract" in said.text("Contracts")


def test_two_shares_that_fit_one_description_are_one_too_many(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        at.gateway.instruments.add(Contract(1, "QQQ"))
        said = at.check()
    assert (said.exit_code, said.failed) == (1, ["Contracts"])
    assert "QQQ: 2 shares fit the description, expected one" in said.text("Contracts")


@pytest.mark.parametrize(("market_data", "code"), [("none", "354"), ("delayed", "354"), ("competing", "10197")])
def test_quotes_that_are_not_to_be_had_are_a_note(tmp_path: Path, market_data: str, code: str) -> None:
    with desk(tmp_path) as at:
        at.gateway.market_data = market_data
        said = at.check()
    assert (said.exit_code, said.notes) == (0, ["Quotes", "Precautions"])
    assert said.rung("Quotes")["found"].startswith(f"{code}: ")
    assert "trades on its own prices" in said.text("Quotes")


@pytest.mark.parametrize(("code", "sentence"), [(10168, "delayed prices are not enabled"), (10167, "only delayed")])
def test_delayed_quotes_and_a_refusal_of_them_are_notes(tmp_path: Path, code: int, sentence: str) -> None:
    with desk(tmp_path) as at:
        at.gateway.next_fault("reqMktData", "error", times=2, code=code, text="not subscribed")
        said = at.check()
    assert (said.exit_code, said.notes) == (0, ["Quotes", "Precautions"])
    assert sentence in said.rung("Quotes")["found"]


def test_quotes_that_do_not_come_are_a_note(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        at.gateway.next_fault("reqMktData", "swallow", times=2)
        said = at.check(patience=HASTY)
    assert (said.exit_code, said.notes) == (0, ["Quotes", "Precautions"])
    assert "no live price came in time" in said.text("Quotes")


def test_the_line_between_gateway_and_broker_is_looked_at(tmp_path: Path) -> None:
    with desk(tmp_path) as at, another_thread_loses_the_line(at.gateway):
        at.gateway.next_fault("reqMktData", "swallow", times=2)  # so that there is time for it
        said = at.check(patience=Patience(quotes=1))
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
    with desk(tmp_path) as at:
        at.gateway.next_fault("placeOrder", "error", code=203, text="The security is not available or allowed")
        said = at.check("--what-if")
    assert (said.exit_code, said.failed) == (1, ["Precautions"])
    assert "203: the account may not trade this security" in said.text("Precautions")
    assert "leveraged exchange traded funds" in said.rung("Precautions")["fix"]


def test_a_what_if_without_an_answer_may_be_held_by_a_dialog(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        at.gateway.next_fault("placeOrder", "swallow")
        said = at.check("--what-if", patience=HASTY)
    assert (said.exit_code, said.failed) == (1, ["Precautions"])
    assert "Bypass Order Precautions" in said.rung("Precautions")["fix"]


def test_a_notice_about_a_what_if_is_no_refusal(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        at.gateway.next_fault("placeOrder", "swallow")

        def remark() -> None:
            at.gateway.wait_for(lambda: at.gateway.recording.requests("placeOrder"))
            about = at.gateway.recording.requests("placeOrder")[0].request.integer("orderId")
            at.gateway.notify(399, "will not be placed until the open", about)

        thread = threading.Thread(target=remark, daemon=True)
        thread.start()
        said = at.check("--what-if", patience=Patience(what_if=1))
        thread.join(5)
    assert "no complete answer came in time" in said.rung("Precautions")["found"]


# The command


def test_a_configuration_that_cannot_be_used_is_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(tmp_path, {"ib_prot": 4002}, clock=MovedClock(), patience=HASTY)
    assert (code, out) == (2, "")
    assert "did you mean ib_port?" in capsys.readouterr().err


def test_a_gateway_that_answers_nothing_costs_less_than_half_a_minute() -> None:
    patience = Patience()
    asked = (patience.connect, patience.time, patience.orders, patience.look, patience.quotes, patience.what_if)
    assert sum(asked) < 30


def command(folder: Path, gateway: IBGateway, python: str, *flags: str, **environment: str) -> tuple[int, str]:
    """The real process."""
    path = folder / "config.json"
    path.write_text(json.dumps({**PAPER, "ib_port": gateway.port}))
    done = subprocess.run(
        [python, SCRIPT, "--config", path, "--logs", folder, *flags],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("python", PYTHONS, ids=lambda path: Path(path).parent.parent.name)
def test_every_client_package_climbs_the_ladder(tmp_path: Path, python: str) -> None:
    with IBGateway(cap=226, accounts=[margin_account()]) as gateway:
        code, out = command(tmp_path, gateway, python, "--what-if")
        assert (gateway.orders, gateway.ledger) == ([], [])
    assert code == 0, out
    assert out.splitlines()[-1] == "The bot could trade DU***567, no real money."
    assert "Traceback" not in out


def test_further_client_packages_were_tried() -> None:
    if len(PYTHONS) == 1:
        pytest.skip("QQQBOT_IB_PYTHONS names no other environments: only the project's own ibapi was tried")


def bare_python(folder: Path) -> str:
    """This Python without the packages of its environment."""
    made = folder / "bare-python"
    made.write_text(f'#!/bin/sh\nexec "{getattr(sys, "_base_executable", sys.executable)}" -I -S "$@"\n')
    made.chmod(0o755)
    return str(made)


def test_a_python_without_the_packages_starts_the_projects_own(tmp_path: Path) -> None:
    own = tmp_path / "environment" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    own.chmod(0o755)
    with IBGateway(accounts=[margin_account()]) as gateway:
        environment = {"QQQBOT_VENV": str(tmp_path / "environment")}
        code, out = command(tmp_path, gateway, bare_python(tmp_path), **environment)
    assert code == 0, out
    assert "could trade" in out


def test_where_nothing_is_set_up_it_says_how_to(tmp_path: Path) -> None:
    with IBGateway() as gateway:
        code, out = command(tmp_path, gateway, bare_python(tmp_path), QQQBOT_VENV=str(tmp_path / "nothing"))
    assert code == 1
    assert "pydantic, ibapi is missing" in out
    assert "./bot_control.sh start" in out


def test_a_client_package_that_cannot_be_loaded_is_the_first_rung(tmp_path: Path) -> None:
    broken = tmp_path / "packages" / "ibapi"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError(\"No module named 'google'\")\n")
    with IBGateway() as gateway:
        code, out = command(tmp_path, gateway, sys.executable, PYTHONPATH=str(broken.parent))
        assert gateway.recording.connections == 0
    assert code == 1
    assert out.splitlines()[2].startswith("FAILED  API package      the package ibapi cannot be loaded")
    assert "Not reached: Host and port, Handshake" in out


def test_it_is_no_test_of_pytest() -> None:
    assert [name for name in vars(test_ib_connection) if name.startswith("test")] == []
