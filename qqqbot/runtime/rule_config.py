"""The key `rule` of config.json: a preset's name, or a rule spelled out; every problem is put into words.

"rule": "qqq-200-band"
"rule": {"signal": "QQQ", "fast": "price", "slow": "sma200", "enter_pct": 5, "exit_pct": 3, "strong": "TQQQ"}
"""

import difflib
import json
import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import replace
from typing import Any

from qqqbot.model.errors import ConfigError
from qqqbot.model.family import DEFAULT_SYMBOLS, PRESETS, PRICE, Average, Comparison, Rule
from qqqbot.model.instruments import Holding, Kind

KEYS: Mapping[str, Any] = {
    "signal": DEFAULT_SYMBOLS[0],
    "fast": "price",
    "slow": "",
    "enter_pct": 0,
    "exit_pct": 0,
    "confirm_closes": 1,
    "strength": None,
    "strength_band_pct": 0,
    "strong": "",
    "up": None,
    "down": "CASH",
}
"""key -> default; "slow" and "strong" have none"""
AVERAGE = re.compile(r"(sma|ema)([1-9]\d{0,3})")
LONGEST, LARGEST_BAND, MOST_CLOSES = 1000, 20, 10
# Yahoo's ten years hold about 2,513 sessions.
MOST_HISTORY = 2_480
LONGEST_QUOTE = 200


def rule_of(value: Any) -> tuple[Rule | None, list[str]]:
    """The rule that `value` names or spells out, or every problem of it."""
    if isinstance(value, str):
        near = difflib.get_close_matches(value.lower(), PRESETS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"the presets are {', '.join(PRESETS)}"
        rule = PRESETS.get(value)
        return rule, ([f"unknown preset {as_written(value)}; {hint}"] if rule is None else [])
    if not isinstance(value, Mapping):
        return None, [f"must be a preset's name or an object, was {as_written(value)}"]
    spelled = {key: one for key, one in value.items() if not key.startswith("_")}
    problems = [unknown_key(key, KEYS, f"the keys are {', '.join(KEYS)}") for key in spelled if key not in KEYS]
    problems += [f"{key} is missing" for key in ("slow", "strong") if key not in spelled]
    given = {**KEYS, **spelled}
    found = _Reader(given, spelled, problems)
    trend = Comparison(
        found.average("fast"),
        found.average("slow"),
        found.percent("enter_pct"),
        found.percent("exit_pct"),
        found.closes("confirm_closes"),
    )
    strength, band = None, found.percent("strength_band_pct")
    if given["strength"] is not None:
        strength = Comparison(PRICE, found.average("strength"), band, band)
    elif band:
        problems.append("strength_band_pct needs strength: the band is around that average")
    if (given["strength"] is None) != (given["up"] is None):
        problems.append("strength and up belong together: below the average of strength, an uptrend holds up")
        found.wrong.add("up")
    strong, down, signal = found.fund("strong"), found.fund("down"), found.fund("signal")
    up = strong if given["up"] is None else found.fund("up")
    rule = Rule(signal, trend, strength, strong, up, down)
    problems += _senseless(rule, found.wrong)
    return (None if problems else rule), problems


def rule_named(text: str) -> tuple[Rule, Any]:
    """The rule of a command line, and the value of the key: a preset's name, or an object. Raises ConfigError."""
    try:
        value = json.loads(text, object_pairs_hook=no_duplicates) if text.lstrip().startswith("{") else text
    except DuplicateKey as duplicate:
        raise ConfigError([f"--rule: {duplicate}"]) from None
    except (ValueError, RecursionError) as error:
        raise ConfigError([f"--rule {text}: not valid JSON: {error}"]) from None
    rule, problems = rule_of(value)
    if rule is None:
        raise ConfigError([f"--rule: {problem}" for problem in problems])
    return rule, value


class DuplicateKey(ValueError):
    """A key that a JSON object has twice: which of the two was meant?"""


def no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of `pairs`, for json.loads. Raises DuplicateKey; comments may be repeated."""
    seen: dict[str, Any] = {}
    for key, value in pairs:
        if key in seen and not key.startswith("_"):
            raise DuplicateKey(f"{key} appears twice; keep one")
        seen[key] = value
    return seen


def parked(rule: Rule, park: Any) -> tuple[Rule, list[str]]:
    """`rule` with its cash in the Treasury-bill fund of the key `park`, and what is wrong with that."""
    funds = [fund for fund in Holding if fund.kind is Kind.BILLS]
    if park not in funds:
        return rule, [f"must be null or one of {', '.join(funds)}, was {as_written(park)}"]
    if rule.down is not Holding.CASH:
        return rule, [f"without an uptrend this rule holds {rule.down}, so there is no cash to park; leave park out"]
    return replace(rule, down=Holding(park)), []


class _Reader:
    """Reads one value after another. It adds what is wrong with a value to `problems` and returns a valid one instead.

    `given` has the default of each key that is not `spelled` out; a required key among these is reported as missing.
    """

    def __init__(self, given: Mapping[str, Any], spelled: Container[str], problems: list[str]) -> None:
        self._given, self._spelled = given, spelled
        self._problems = problems
        self.wrong: set[str] = set()

    def average(self, key: str) -> Average:
        value = self._given[key]
        if found := _average(value):
            return found
        plain = re.sub(r"[^a-z0-9]", "", value.lower()) if isinstance(value, str) else ""
        expected = f'must be "price", or like "sma200" or "ema50" (2 to {LONGEST} closes)'
        self._wrong(key, expected, plain if _average(plain) else "")
        return Average(LONGEST)

    def percent(self, key: str) -> float:
        value = self._given[key]
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= LARGEST_BAND:
            return value / 100
        self._wrong(key, f"must be a number from 0 to {LARGEST_BAND}")
        return 0.0

    def closes(self, key: str) -> int:
        value = self._given[key]
        if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_CLOSES:
            return value
        self._wrong(key, f"must be a whole number from 1 to {MOST_CLOSES}")
        return 1

    def fund(self, key: str) -> Holding:
        value = self._given[key]
        if value in tuple(Holding):
            return Holding(value)
        plain = value.strip().upper() if isinstance(value, str) else ""  # no closer guess: GLD is another fund than QLD
        self._wrong(key, f"must be one of {', '.join(Holding)}", plain if plain in tuple(Holding) else "")
        return Holding.CASH

    def _wrong(self, key: str, expected: str, meant: str = "") -> None:
        self.wrong.add(key)
        if key in self._spelled:
            hint = f"; did you mean {meant}?" if meant else ""
            self._problems.append(f"{key}: {expected}, was {as_written(self._given[key])}{hint}")


def _average(value: Any) -> Average | None:
    """The average that `value` names, None if it names none."""
    if value == "price":
        return PRICE
    match = AVERAGE.fullmatch(value) if isinstance(value, str) else None
    if match is None or not 2 <= int(match[2]) <= LONGEST:
        return None
    return Average(int(match[2]), match[1] == "ema")


def unknown_key(key: str, known: Iterable[str], otherwise: str) -> str:
    """That `key` is none of `known`, with the one that was meant, else with `otherwise`."""
    near = difflib.get_close_matches(key.lower()[:LONGEST_QUOTE], known, n=1)
    shown = key if key.isidentifier() and len(key) <= LONGEST_QUOTE else as_written(key)
    return f"{shown}: unknown key; {f'did you mean {near[0]}?' if near else otherwise}"


def as_written(value: Any) -> str:
    """`value` as it is in config.json, but not a whole page of it."""
    text = json.dumps(value, default=str)
    return text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}..."


def _senseless(rule: Rule, wrong: Container[str]) -> list[str]:
    """Problems of values that are valid one by one but make no rule; keys that are `wrong` already are left out."""
    trend, strength, funds = rule.trend, rule.strength, (rule.strong, rule.up)
    bills = next((shelf for shelf in funds if shelf.kind is Kind.BILLS), None)
    alike = rule.strong in (rule.down, Holding.CASH) or (strength is not None and rule.up in (rule.strong, rule.down))
    found = (
        (
            ("fast", "slow", "enter_pct"),
            trend.slow.divisor <= trend.fast.divisor * (1 + trend.enter),
            "fast must follow the price clearly faster than slow, the more so the larger enter_pct is",
        ),
        (
            ("strength", "strength_band_pct"),
            strength is not None and strength.slow.divisor <= 1 + strength.enter,
            "strength must be an average of more closes",
        ),
        (("signal",), rule.signal.kind is not Kind.INDEX, f"signal: must be an index fund, was {rule.signal}"),
        (
            ("strong", "up"),
            bills is not None,
            f"strong, up: {bills} is a Treasury-bill fund, in which only the money of down is parked",
        ),
        (("strong", "up", "down"), alike, "strong, up and down must differ, and strong must be a fund"),
        (
            ("fast", "slow", "strength"),
            rule.history > MOST_HISTORY,
            f"it needs {rule.history:,} closes, ten years of Yahoo hold {MOST_HISTORY:,}: shorten the EMA",
        ),
    )
    return [problem for keys, bad, problem in found if bad and not any(key in wrong for key in keys)]
