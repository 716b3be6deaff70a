"""test_ib_connection.py over real sockets against the gateway stand-in: connection, command and screen."""

import json
import os
import socket
import subprocess
import sys
import threading
from dataclasses import astuple, replace
from decimal import Decimal
from pathlib import Path

import pytest

import test_ib_connection
from qqqbot.adapters.ib.doctor.checkup import Patience
from qqqbot.adapters.ib.doctor.result import Check
from qqqbot.runtime.lock import PID_FILE, Lock
from standins.ib_gateway import Account, IBGateway
from tests.support.builders import ACCOUNT
from tests.support.ib_bench import MovedClock, StillClock, margin_account
from tests.support.ib_check import (
    PAPER,
    PATIENT,
    Said,
    another_client,
    at_port,
    bench,
    listener,
    run,
)

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "test_ib_connection.py"
PYTHONS = [sys.executable, *filter(None, os.environ.get("QQQBOT_IB_PYTHONS", "").split(":"))]


# Everything in order


def test_a_margin_account_on_paper_could_be_traded(tmp_path: Path) -> None:
    with bench(tmp_path) as at:
        said = at.check()
    assert said.exit_code == 0
    assert (said.facts["could_trade"], said.facts["account"], said.facts["not_reached"]) == (True, ACCOUNT, [])
    assert tuple(result["name"] for result in said.facts["rungs"]) == tuple(Check)
    assert (said.failed, said.notes) == ([], ["Precautions"])
    assert said.facts["conclusion"] == f"The bot could trade {ACCOUNT}, no real money."
    assert "a margin account" in said.text("Account summary")
    assert "live: QQQ 450.00, TQQQ 60.00" in said.text("Quotes")
    assert "regular hours today 09:30-16:00 US/Eastern" in said.text("Contracts")


def test_a_cash_account_could_be_traded_and_will_wait_for_settlement(tmp_path: Path) -> None:
    with bench(tmp_path, Account(ACCOUNT, cash=Decimal(100_000))) as at:
        said = at.check()
    assert (said.exit_code, said.notes) == (0, ["Account summary", "Precautions"])
    assert "a cash account" in said.text("Account summary")
    assert "settle on the next business day" in said.text("Account summary")


def test_a_dry_run_is_checked_all_the_same_and_mentioned(tmp_path: Path) -> None:
    with bench(tmp_path) as at:
        said = at.check(dry_run=True, use_interactive_brokers=False)
    assert (said.exit_code, said.notes) == (0, ["Keys", "Precautions"])
    assert said.facts["conclusion"].endswith("It does not yet: dry_run is true.")
    assert "set dry_run to false" in said.text("Keys")


def test_a_what_if_reports_margin_and_commission_and_places_nothing(tmp_path: Path) -> None:
    with bench(tmp_path) as at:
        said = at.check("--what-if")
        sent = at.gateway.recording.requests("placeOrder")
    assert (said.exit_code, said.notes, len(sent)) == (0, [], 1)
    # 95 % of 100,000 at 60.00
    assert "for 1,583 TQQQ: margin 23,748.96 USD, commission 7.92 USD; nothing was placed" in said.text("Precautions")
    assert sent[0].request.text("order.totalQuantity") == "1583"


def test_a_what_if_without_quotes_has_the_size_of_the_bots_own_newest_price(tmp_path: Path) -> None:
    (tmp_path / "decisions.jsonl").write_text('{"tqqq_price": 95.0}\n')
    with bench(tmp_path) as at:
        at.gateway.fractional_size_rules = True
        at.gateway.market_data = "none"
        said = at.check("--what-if", total_capital=50_000)
    assert "for 500 TQQQ" in said.text("Precautions")


def test_without_the_flag_not_even_a_what_if_is_sent(tmp_path: Path) -> None:
    with bench(tmp_path) as at:
        at.check()
        assert at.gateway.recording.requests("placeOrder") == []


def test_the_screen_has_80_columns_no_colours_in_a_pipe_and_no_whole_account_id(tmp_path: Path) -> None:
    with bench(tmp_path, margin_account("DU1234567"), margin_account("F7654321")) as at:
        code, out = at.print("--what-if", ib_account="DU1234567")
    assert code == 0
    assert max(len(line) for line in out.splitlines()) <= 80
    assert "\x1b" not in out
    assert "DU***567" in out
    assert "1234567" not in out
    assert out.splitlines()[-1] == "The bot could trade DU***567, no real money."


# Nothing listens, or something else


def test_a_refused_connection_ends_the_check_and_says_what_to_start(tmp_path: Path) -> None:
    with listener() as gone:
        port = gone.getsockname()[1]
    said = at_port(tmp_path, port)
    assert (said.exit_code, said.failed) == (1, ["Host and port"])
    assert "connection refused" in said.text("Host and port")
    assert "start TWS or IB Gateway and log in" in said.text("Host and port")
    assert said.facts["not_reached"] == list(Check)[2:]
    assert said.facts["conclusion"].startswith("The bot could NOT trade: Host and port.")


def test_a_dropped_packet_is_not_a_refusal(tmp_path: Path) -> None:
    with listener(0) as full:
        fillers = [socket.socket() for _ in range(8)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        said = at_port(tmp_path, full.getsockname()[1], replace(PATIENT, connect=0.4))
        for filler in fillers:
            filler.close()
    if said.result("Host and port")["verdict"] == "ok":
        pytest.skip("this kernel accepts connections beyond a listener's backlog")
    assert (said.exit_code, said.failed) == (1, ["Host and port"])
    assert "no answer to the first packet" in said.text("Host and port")
    assert "firewall" in said.text("Host and port")


def test_an_unknown_host_is_named(tmp_path: Path) -> None:
    settings = {**PAPER, "ib_host": "no-such-host.invalid"}
    code, out = run(tmp_path, settings, "--json", clock=MovedClock(), patience=PATIENT)
    assert (code, Said(code, json.loads(out)).failed) == (1, ["Host and port"])
    assert "no-such-host.invalid" in out


def test_a_mute_gateway_is_recognized_by_its_silence(tmp_path: Path) -> None:
    with bench(tmp_path) as at:
        at.gateway.mute()
        said = at.check(patience=replace(PATIENT, connect=0.4))
    assert (said.exit_code, said.failed) == (1, ["Handshake"])
    assert said.result("Host and port")["verdict"] == "ok"
    assert "a login or update dialog is open" in said.text("Handshake")


def test_a_gateway_that_greets_and_names_no_account_has_not_logged_in(tmp_path: Path) -> None:
    with bench(tmp_path) as at:
        at.gateway.next_fault("startApi", "swallow")
        said = at.check(patience=replace(PATIENT, connect=1))
    assert (said.exit_code, said.failed) == (1, ["Handshake"])
    assert "finish the login" in said.text("Handshake")


def test_a_gateway_that_closes_at_once_is_not_logged_in_or_does_not_trust_this_computer(tmp_path: Path) -> None:
    with listener() as server:
        threading.Thread(target=lambda: server.accept()[0].close(), daemon=True).start()
        said = at_port(tmp_path, server.getsockname()[1])
    assert (said.exit_code, said.failed) == (1, ["Handshake"])
    fix = said.result("Handshake")["fix"]
    assert "not logged in or not up" in said.text("Handshake")
    assert fix.index("second factor") < fix.index("Trusted IPs")


def test_another_program_on_the_port_is_reported_with_what_it_sent(tmp_path: Path) -> None:
    def answer(server: socket.socket) -> None:
        with server.accept()[0] as client:
            client.sendall(b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n")
            client.recv(100)

    with listener() as server:
        threading.Thread(target=answer, args=(server,), daemon=True).start()
        said = at_port(tmp_path, server.getsockname()[1])
    assert (said.exit_code, said.failed) == (1, ["Handshake"])
    assert "is not a gateway" in said.text("Handshake")
    assert "HTTP/1.1 400" in said.text("Handshake")
    assert said.result("Handshake")["fix"] == "check ib_port"


# The session


def test_a_client_id_in_use_is_explained(tmp_path: Path) -> None:
    with bench(tmp_path) as at, another_client(at.gateway.port, 1):
        said = at.check()
    assert (said.exit_code, said.failed) == (1, ["Client id"])
    assert "326" in said.text("Client id")
    assert "change ib_client_id" in said.text("Client id")


def test_a_running_daemon_keeps_its_client_id(tmp_path: Path) -> None:
    with bench(tmp_path) as at, Lock(tmp_path / PID_FILE), another_client(at.gateway.port, 1):
        said = at.check()
        started = [event.request.integer("clientId") for event in at.gateway.recording.requests("startApi")]
    assert started == [1, 1001]
    assert said.exit_code == 0
    assert said.result("Client id")["found"] == f"1001, because the daemon is running (pid {os.getpid()})"


def test_a_gateway_that_greets_and_then_says_nothing_ends_the_check(tmp_path: Path) -> None:
    with bench(tmp_path) as at:
        at.gateway.next_fault("reqCurrentTime", "half_open")
        said = at.check(patience=replace(PATIENT, time=0.4))
    assert (said.exit_code, said.failed) == (1, ["Clock"])
    assert "Account summary" in said.facts["not_reached"]


@pytest.mark.parametrize(("ahead", "verdict"), [(0, "ok"), (-4, "ok"), (20, "note"), (-20, "note"), (120, "FAILED")])
def test_the_clock_is_measured_against_the_brokers(tmp_path: Path, ahead: int, verdict: str) -> None:
    with bench(tmp_path, ahead=ahead, clock=StillClock()) as at:
        said = at.check()
    assert said.result("Clock")["verdict"] == verdict
    assert said.exit_code == (1 if verdict == "FAILED" else 0)
    if verdict != "ok":
        seconds = int(said.result("Clock")["found"].split(" is ")[1].split()[0])
        assert abs(seconds - abs(ahead)) <= 1
        assert ("behind" if ahead > 0 else "ahead of") in said.result("Clock")["found"]


def test_a_time_zone_that_is_not_new_york_is_a_note(tmp_path: Path) -> None:
    with bench(tmp_path) as at:
        at.gateway.time_zone_text = "Central European Standard Time"
        said = at.check()
    assert (said.exit_code, said.notes) == (0, ["Time zone", "Precautions"])
    assert "Central European Standard Time" in said.text("Time zone")


# The command


def test_an_unusable_configuration_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(tmp_path, {"ib_prot": 4002}, clock=MovedClock(), patience=PATIENT)
    assert (code, out) == (2, "")
    assert "did you mean ib_port?" in capsys.readouterr().err


def test_a_gateway_that_answers_nothing_costs_less_than_half_a_minute() -> None:
    assert sum(astuple(Patience())) < 30


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
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("python", PYTHONS, ids=lambda path: Path(path).parent.parent.name)
def test_every_client_package_makes_every_check(tmp_path: Path, python: str) -> None:
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
    made.write_text(f'#!/bin/sh\nexec "{getattr(sys, "_base_executable", sys.executable)}" -E -s -S "$@"\n')
    made.chmod(0o755)
    return str(made)


def test_a_python_without_the_packages_starts_the_one_of_the_project(tmp_path: Path) -> None:
    own = tmp_path / "environment" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    own.chmod(0o755)
    with IBGateway(accounts=[margin_account()]) as gateway:
        environment = {"QQQBOT_VENV": str(tmp_path / "environment")}
        code, out = command(tmp_path, gateway, bare_python(tmp_path), **environment)
    assert code == 0, out
    assert "could trade" in out


def test_without_an_environment_it_says_how_to_create_one(tmp_path: Path) -> None:
    with IBGateway() as gateway:
        code, out = command(tmp_path, gateway, bare_python(tmp_path), QQQBOT_VENV=str(tmp_path / "nothing"))
    assert code == 1
    assert "pydantic, ibapi is missing" in out
    assert "./bot_control.sh start" in out


def test_a_client_package_that_cannot_be_loaded_fails_the_first_check(tmp_path: Path) -> None:
    broken = tmp_path / "packages" / "ibapi"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError(\"No module named 'google'\")\n")
    with IBGateway() as gateway:
        code, out = command(tmp_path, gateway, sys.executable, PYTHONPATH=str(broken.parent))
        assert gateway.recording.connections == 0
    assert code == 1
    assert out.splitlines()[2].startswith("FAILED  API package      the package ibapi cannot be loaded")
    assert "Not reached: Host and port, Handshake" in out


def test_pytest_does_not_collect_it() -> None:
    assert [name for name in vars(test_ib_connection) if name.startswith("test")] == []
