"""python -m qqqbot.backtest: what the rule would have earned, without look-ahead.

Prices come from Yahoo and are kept in .cache/prices, or come from files (--prices). Bad prices or dates end the program
with one sentence and status 2.
"""

import argparse
import json
import logging
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TextIO

import numpy as np

from qqqbot.backtest.prices.csv_files import load_intraday, load_prices
from qqqbot.backtest.prices.table import BadPrices, Bars, Prices, adjusted_to
from qqqbot.backtest.study import Question, Study, in_common, study
from qqqbot.backtest.tables import as_json, screen
from qqqbot.backtest.vectorized import BASIS_POINT, CommissionPlan, FillAt, Terms
from qqqbot.display.terminal import show
from qqqbot.model.errors import BotError, ConfigError
from qqqbot.model.family import DEFAULT, PRESETS, Rule
from qqqbot.model.program import COMMAND
from qqqbot.model.values import Decide, Holding, Rules
from qqqbot.records.folder import Folder
from qqqbot.runtime import place
from qqqbot.runtime.clock import SystemClock
from qqqbot.runtime.config import Config, load
from qqqbot.runtime.rule_config import parked, rule_named

HOME = place.home(os.environ)
CACHE = HOME / ".cache" / "prices"
BAD_INPUT = 2


def parser() -> argparse.ArgumentParser:
    """Every option, with its default in the help."""
    p = argparse.ArgumentParser(
        prog=f"{COMMAND} backtest", description="What the rule would have earned, without look-ahead."
    )
    p.add_argument(
        "--rule",
        action="append",
        metavar="RULE",
        help=f"another rule than config's: {', '.join(PRESETS)}, one spelled out as in config.json, another such file, "
        "or config for its own; repeat it to compare several",
    )
    p.add_argument("--park", metavar="FUND", help="hold this Treasury-bill fund in place of cash (config's park)")
    p.add_argument(
        "--prices",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="CSV files instead of Yahoo: the index's, its leveraged fund's (qqq.csv tqqq.csv); for rules on several "
        "indexes SYMBOL=FILE each",
    )
    p.add_argument("--bars", nargs=2, type=Path, metavar=("INDEX", "FUND"), help="CSV files of intraday bars")
    p.add_argument("--bars-from-yahoo", action="store_true", help="the last 60 days of 15-minute bars, from Yahoo")
    p.add_argument("--start", type=_day, help="first session, like 2020-06-24")
    p.add_argument("--end", type=_day, help="last session; prices are then adjusted to that day")
    p.add_argument(
        "--fill", choices=list(FillAt), default=FillAt.CLOSE, type=FillAt, help="when a decision is filled (close)"
    )
    p.add_argument("--slippage-bps", type=_bps, metavar="BPS", help="slippage a leg (config's paper_slippage_bps)")
    p.add_argument("--commission", choices=list(CommissionPlan), default=CommissionPlan.IB_FIXED, type=CommissionPlan)
    p.add_argument("--cash-yield", type=_percent, default=0.0, metavar="PCT", help="what cash earns, %% a year (0)")
    p.add_argument("--risk-free", type=_percent, default=0.0, metavar="PCT", help="rate in the Sharpe ratio, %% (0)")
    p.add_argument("--short", type=_period, metavar="DAYS", help="short average (config's)")
    p.add_argument("--long", type=_period, metavar="DAYS", help="long average (config's)")
    p.add_argument("--band", type=_percent, metavar="PCT", help="band around the short average, %% (config's)")
    p.add_argument("--decide", choices=list(Decide), type=Decide, help="with --fill intraday (config's)")
    p.add_argument("--capital", type=_capital, metavar="USD", help="capital at the start (config's total_capital)")
    p.add_argument("--look-ahead", action="store_true", help="show the popular, wrong arithmetic next to the right one")
    p.add_argument("--json", action="store_true", help="print numbers instead of tables")
    p.add_argument("--out", type=Path, metavar="FILE", help="write the report, a single HTML page")
    p.add_argument("--config", type=Path, default=HOME / "config.json", help=argparse.SUPPRESS)
    return p


def main(arguments: Sequence[str] | None = None, out: TextIO = sys.stdout, err: TextIO = sys.stderr) -> int:
    """Returns the exit status: 0, or 2 for anything that cannot be examined."""
    args = parser().parse_args(arguments)
    logging.getLogger("yfinance").setLevel(logging.CRITICAL)  # we report its failures in our own words
    try:
        config = load(args.config)
        asked = [(question, *_prices(args, question, err)) for question in _questions(args, config)]
        if len(asked) > 1:
            asked = in_common(asked)
        results = [study(prices, question, bars) for question, prices, bars in asked]
        if args.out is not None:
            _write_report(args.out, results)
    except BotError as error:
        print(error, file=err)
        return BAD_INPUT
    try:
        _print(results, args, out)
        out.flush()
    except BrokenPipeError:  # after `backtest | head`; the interpreter must not flush into the closed pipe again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _questions(args: argparse.Namespace, config: Config) -> list[Question]:
    """One question for each rule."""
    pair = [name for name in ("--short", "--long", "--band") if getattr(args, name[2:]) is not None]
    if args.rule and pair:
        raise ConfigError([f"{', '.join(pair)}: these are for the rule of two averages; leave them out with --rule"])
    asked = [_named(text, config) for text in args.rule] if args.rule else [_pair(args, config)]
    return [_question(args, config, rules if args.park is None else _parked(rules, args.park)) for rules in asked]


def _parked(rules: Rules, fund: str) -> Rules:
    """`rules` with their cash in `fund`. Raises ConfigError for an unknown fund, or a rule that holds no cash."""
    rule, problems = parked(rules.form, fund)
    if problems:
        raise ConfigError([f"--park: {problem}" for problem in problems])
    return replace(rules, rule=rule)


def _named(text: str, config: Config) -> Rules:
    """The rule that `text` names: a preset, a JSON object, config.json or another such file. Raises ConfigError."""
    if text == "config":
        return config.rules
    if text not in PRESETS and os.path.isfile(text):
        own = load(Path(text)).rules
        short, long = own.short_period, own.long_period
        return replace(config.rules, short_period=short, long_period=long, band=own.band, rule=own.rule)
    return _with(config.rules, rule_named(text)[0])


def _with(rules: Rules, rule: Rule) -> Rules:
    """`rules` with `rule`. The default rule goes into its own keys: then its neighbours are all pairs of averages."""
    if rule == PRESETS[DEFAULT]:
        return replace(
            rules, short_period=rule.trend.fast.length, long_period=rule.trend.slow.length, band=0.0, rule=None
        )
    return replace(rules, rule=rule)


def _pair(args: argparse.Namespace, config: Config) -> Rules:
    if args.short is None and args.long is None and args.band is None:
        return config.rules
    short = args.short or config.short_ma_period
    long = args.long or config.long_ma_period
    if short >= long:
        raise ConfigError([f"--short must be below --long, was {short} and {long}"])
    band = config.rules.band if args.band is None else args.band
    return replace(config.rules, short_period=short, long_period=long, band=band, rule=None)


def _question(args: argparse.Namespace, config: Config, rules: Rules) -> Question:
    terms = Terms(
        rules=rules if args.decide is None else replace(rules, decide=args.decide),
        capital=args.capital or config.capital,
        fill=args.fill,
        slippage=config.paper_slippage_bps * BASIS_POINT if args.slippage_bps is None else args.slippage_bps,
        commission=args.commission,
        cash_yield=args.cash_yield,
    )
    return Question(terms, args.start, args.end, args.risk_free, args.look_ahead)


def _prices(args: argparse.Namespace, question: Question, err: TextIO) -> tuple[Prices, tuple[Bars, Bars] | None]:
    bars = (load_intraday(args.bars[0]), load_intraday(args.bars[1])) if args.bars else None
    symbols = question.terms.rules.form.symbols
    if args.prices:
        prices = load_prices(_files(args.prices, symbols))
    else:
        from qqqbot.backtest.prices.cache import cached_prices, recent_bars  # price files do not need it

        now = SystemClock().now()
        prices = cached_prices(CACHE, symbols, now, say=lambda text: print(text, file=err))
        if bars is None and (args.fill is FillAt.INTRADAY or args.bars_from_yahoo):
            bars = recent_bars(symbols[:2], now, say=lambda text: print(text, file=err))
    if args.end is not None and prices.dates[prices.first] <= args.end < prices.dates[-1]:
        prices = adjusted_to(prices, args.end)
    return prices, bars


def _files(given: Sequence[Path], symbols: Sequence[str]) -> dict[str, Path]:
    """Symbol -> file. Raises BadPrices if one is missing, or is named after a fund that the rule does not use."""
    named = {symbol.upper(): Path(path) for symbol, path in (str(p).split("=", 1) for p in given if "=" in str(p))}
    bare = dict(zip(symbols, [path for path in given if "=" not in str(path)], strict=False))
    found = {**bare, **named}
    if missing := [symbol for symbol in symbols if symbol not in found]:
        more = " ".join(f"{symbol}={symbol.lower()}.csv" for symbol in missing)
        raise BadPrices(
            f"--prices: this rule needs a file of {', '.join(symbols)}; {', '.join(missing)} is missing: add {more}"
        )
    for symbol, path in bare.items():
        told = {*re.split(r"[^A-Z]+", path.stem.upper())} & {*Holding}
        if told and not told & {*symbols} and symbol not in named:
            raise BadPrices(
                f"--prices: this rule needs {', '.join(symbols)}; is {path.name} really {symbol}? Then say so: "
                f"{symbol}={path}"
            )
    return {symbol: found[symbol] for symbol in symbols}


def _write_report(path: Path, results: Sequence[Study]) -> None:
    from qqqbot.backtest.holding import lived
    from qqqbot.backtest.report import write

    try:
        write(path, results, lived(Folder(place.named(place.LOGS, "logs", os.environ), lambda _: None)))
    except OSError as error:
        raise BadPrices(f"--out {path}: the report cannot be written: {error.strerror}") from None


def _print(results: Sequence[Study], args: argparse.Namespace, out: TextIO) -> None:
    if args.json:
        documents = [as_json(result) for result in results]
        json.dump(documents[0] if len(documents) == 1 else documents, out, indent=1, allow_nan=False)
        out.write("\n")
        return
    show(screen(results), out)
    if args.out is not None:
        out.write(f"\nreport: {args.out}\n")


def _day(text: str) -> np.datetime64:
    try:
        return np.datetime64(text, "D")
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date; expected one like 2020-06-24") from None


def _number(text: str, low: float, high: float) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"must be from {low:g} to {high:g}, was {text}")
    return value


def _percent(text: str) -> float:
    return _number(text, 0, 20) / 100


def _bps(text: str) -> float:
    return _number(text, 0, 1000) * BASIS_POINT


def _period(text: str) -> int:
    value = _number(text, 1, 1000)
    if value != int(value):
        raise argparse.ArgumentTypeError(f"must be a whole number of days, was {text}")
    return int(value)


def _capital(text: str) -> Decimal:
    return Decimal(str(_number(text, 1, 1e12)))


if __name__ == "__main__":
    sys.exit(main())
