"""`python -m standins.ib_gateway --port 0 --state FILE`: a gateway in a process of its own, with a control channel."""

import argparse
import json
import signal
import threading
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from standins.ib_gateway import state
from standins.ib_gateway.accounts import Account
from standins.ib_gateway.clocks import MovableClock
from standins.ib_gateway.control import ControlServer
from standins.ib_gateway.gateway import IBGateway

ENDING = (signal.SIGTERM, signal.SIGINT)


def _account(text: str) -> Account:
    name, *rest = text.split(":")
    cash, leverage = [*rest, *("100000", "1")[len(rest) :]]
    return Account(name, Decimal(cash), Decimal(leverage))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="ib_gateway", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--control-port", type=int, default=0)
    parser.add_argument("--state", type=Path, help="accounts, orders, executions and ids survive in this file")
    parser.add_argument("--cap", type=int, default=200, help="newest server version to speak")
    parser.add_argument("--account", type=_account, action="append", default=[], metavar="ID[:CASH[:LEVERAGE]]")
    parser.add_argument(
        "--now", type=datetime.fromisoformat, help="stop the clock at this moment instead of following the system's"
    )
    parser.add_argument("--rate", type=float, default=0.0, help="seconds that pass per second from --now on")
    return parser.parse_args()


def main() -> None:
    arguments = _arguments()
    # Signals are blocked here and waited for below: a handler that sets an Event could hang on the Event's own lock.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    book = state.load(arguments.state) if arguments.state else None
    gateway = IBGateway(
        MovableClock(arguments.now, arguments.rate), arguments.cap, arguments.account, arguments.port, book
    )
    if arguments.state:
        gateway.on_change = lambda: state.save(arguments.state, gateway.book)
    with gateway, ControlServer(gateway, arguments.control_port) as control:
        threading.Thread(target=control.serve_forever, daemon=True).start()
        print(json.dumps({"port": gateway.port, "control": control.port}), flush=True)
        signal.sigwait(ENDING)
        control.shutdown()


if __name__ == "__main__":
    main()
