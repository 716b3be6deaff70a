"""The stand-in as a process: python -m standins.yahoo --help"""

import argparse
import signal
import sys
import threading
from datetime import date
from pathlib import Path
from types import FrameType

from standins.yahoo.exchange import Exchange
from standins.yahoo.series import Series, market_series, read_daily_csv
from standins.yahoo.server import StandIn


def main() -> None:
    args = _arguments()
    stop = threading.Event()

    def ask_to_stop(number: int, frame: FrameType | None) -> None:
        stop.set()

    def stop_at_eof() -> None:
        sys.stdin.read()
        stop.set()

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    with StandIn(Exchange(_series(args)), control=args.control, log=args.log) as yahoo:
        for name, value in yahoo.environment.items():
            print(f"{name}={value}")
        print("READY", flush=True)
        if args.until_eof:
            threading.Thread(target=stop_at_eof, daemon=True).start()
        while not stop.wait(0.2):
            pass


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m standins.yahoo", description=__doc__)
    parser.add_argument("--control", type=Path, help="file with the present moment and the faults")
    parser.add_argument("--log", type=Path, help="file that gets one JSON line for each request")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=date.fromisoformat, default=date(2023, 1, 3))
    parser.add_argument("--last", type=date.fromisoformat, default=date(2030, 12, 31))
    parser.add_argument("--start", type=float, default=450.0, help="QQQ's first close")
    parser.add_argument("--drift", type=float, default=0.0004, help="mean of QQQ's daily logarithmic return")
    parser.add_argument("--deviation", type=float, default=0.012, help="its standard deviation")
    parser.add_argument("--qqq", type=Path, help="CSV of real daily rows; needs --tqqq too")
    parser.add_argument("--tqqq", type=Path)
    parser.add_argument("--until-eof", action="store_true", help="end when standard input does")
    return parser.parse_args()


def _series(args: argparse.Namespace) -> Series:
    if args.qqq is None:
        return market_series(args.seed, args.first, args.last, args.start, args.drift, args.deviation)
    return {"QQQ": read_daily_csv(args.qqq), "TQQQ": read_daily_csv(args.tqqq)}


if __name__ == "__main__":
    main()
