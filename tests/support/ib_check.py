"""The connection check, run over real sockets against the gateway stand-in, for the tests of it."""

import io
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import ib_broker
import test_ib_connection
from qqqbot.adapters.ib.connection import Timing
from qqqbot.adapters.ib.doctor.checkup import Patience
from qqqbot.model.ports import Clock
from standins.ib_gateway import Account, IBGateway
from tests.support.ib_bench import CAP, MovedClock, margin_account

# Deadlines that a busy machine keeps. A test shortens the one of the answer that it withholds.
PATIENT = Patience(connect=10, time=10, orders=10, day=10, account=10, quotes=10, what_if=10)
PAPER = {"dry_run": False, "use_interactive_brokers": True}


@dataclass(frozen=True)
class Said:
    """What one run found: exit code and the facts of --json."""

    exit_code: int
    facts: dict[str, Any]

    @property
    def failed(self) -> list[str]:
        return [result["name"] for result in self.facts["rungs"] if result["verdict"] == "FAILED"]

    @property
    def notes(self) -> list[str]:
        return [result["name"] for result in self.facts["rungs"] if result["verdict"] == "note"]

    def result(self, name: str) -> dict[str, str]:
        return next(result for result in self.facts["rungs"] if result["name"] == name)

    def text(self, name: str) -> str:
        result = self.result(name)
        return " | ".join((result["found"], result["meaning"], result["fix"]))


class Bench:
    """A gateway, its clock, and the check run against it; each run makes sure that nothing was ordered."""

    def __init__(self, gateway: IBGateway, clock: MovedClock, folder: Path) -> None:
        self.gateway = gateway
        self.clock = clock
        self.folder = folder

    def print(self, *flags: str, patience: Patience = PATIENT, **config: Any) -> tuple[int, str]:
        settings = {**PAPER, "ib_port": self.gateway.port, **config}
        before = len(self.gateway.orders)
        done = run(self.folder, settings, *flags, clock=self.clock, patience=patience)
        sent = self.gateway.recording.requests("placeOrder")
        assert all(request.request.flag("order.whatIf") for request in sent)
        assert (len(self.gateway.orders), self.gateway.ledger) == (before, [])
        return done

    def check(self, *flags: str, patience: Patience = PATIENT, **config: Any) -> Said:
        code, out = self.print("--json", *flags, patience=patience, **config)
        return Said(code, json.loads(out))


def run(folder: Path, settings: dict[str, Any], *flags: str, clock: Clock, patience: Patience) -> tuple[int, str]:
    path, out = folder / "config.json", io.StringIO()
    path.write_text(json.dumps(settings))
    arguments = ["--config", str(path), "--logs", str(folder), *flags]
    return test_ib_connection.main(arguments, clock, out, patience), out.getvalue()


@contextmanager
def bench(
    folder: Path, *accounts: Account, ahead: float = 0, port: int = 0, clock: MovedClock | None = None
) -> Iterator[Bench]:
    """A gateway, without its quirk about fractions, whose clock is `ahead` of the machine's by so many seconds."""
    clock = clock or MovedClock()
    given = accounts or (margin_account(),)
    with IBGateway(lambda: clock.now() + timedelta(seconds=ahead), CAP, given, port) as gateway:
        gateway.fractional_size_rules = False
        yield Bench(gateway, clock, folder)


def bench_at(folder: Path, ports: tuple[int, ...], account: Account) -> Any:
    """At one of these ports, which mean something; skips where others have them all."""
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return bench(folder, account, port=port)
    pytest.skip(f"ports {ports} are in use on this machine")


def at_port(folder: Path, port: int, patience: Patience = PATIENT) -> Said:
    """The check without a gateway."""
    code, out = run(folder, {**PAPER, "ib_port": port}, "--json", clock=MovedClock(), patience=patience)
    return Said(code, json.loads(out))


@contextmanager
def listener(backlog: int = 5) -> Iterator[socket.socket]:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        made.listen(backlog)
        yield made


@contextmanager
def another_client(port: int, client_id: int) -> Iterator[None]:
    """A client that stays connected during the block."""
    other = ib_broker.IBGateway(MovedClock(), Timing(), lambda _: None)
    other.open("127.0.0.1", port, client_id)
    yield
    other.shut("done")
