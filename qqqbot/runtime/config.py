"""config.json: every key with its type, range and default; all problems of a file are reported in one message.

Keys that start with `_` are comments. Any other key that is unknown, mistyped or out of range is an error, and so is a
missing file: there are no silent defaults. Secrets do not belong in this file.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from qqqbot.model.errors import ConfigError
from qqqbot.model.family import DEFAULT, PRESETS, Rule, two_averages
from qqqbot.model.new_york import NEW_YORK
from qqqbot.model.program import COMMAND
from qqqbot.model.sessions import Closures
from qqqbot.model.values import SHORTEST_WINDOW_MINUTES, Decide, OrderType, Rules
from qqqbot.regular_file import content
from qqqbot.runtime.rule_config import DuplicateKey, as_written, no_duplicates, parked, rule_of, unknown_key

PositivePercent = Annotated[float, Field(gt=0, le=100)]
COMMENT = "Every key is explained in docs/configuration.md. Keys that start with _ are comments."
JSON_HAS = "texts are in double quotes, no comma follows the last key, and a comment is a key that starts with _"
OF_THE_DEFAULT_FORM = ("short_ma_period", "long_ma_period", "band_pct")
CLOSURE_PATTERN = r"^\d{4}-\d{2}-\d{2}( \d{2}:\d{2})?$"
CLOSURE_EXAMPLES = '"2025-01-09" (closed) or "2026-12-09 13:00" (closed early, at that time in New York)'
OPENS, CLOSES = time(9, 30), time(16)
# Besides the time to answer, a window needs time for two orders, delivery, the last replies, and one failed check.
MINUTES_BESIDES_ASKING = 8
# pydantic's kind of error -> what was expected, with the limits that the error names
EXPECTED = {
    "greater_than_equal": "must be at least {ge:,.0f}",
    "less_than_equal": "must be at most {le:,.0f}",
    "greater_than": "must be above {gt:,.0f}",
    "literal_error": "must be {expected}",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "string_type": "must be a text in quotes",
    "string_unicode": "must be a text of whole characters",
    "tuple_type": f"must be a list, like [], of entries like {CLOSURE_EXAMPLES}",
}
# \p{C}: a control character would reach the gateway, and the terminal that shows it.
ONE_WORD, WORD_OR_NONE = r"^[^\s\p{C}]+$", r"^[^\s\p{C}]*$"
PATTERNS = {
    CLOSURE_PATTERN: f"must be like {CLOSURE_EXAMPLES}",
    ONE_WORD: "must be a name or an address without spaces",
    WORD_OR_NONE: "must be an account id without spaces, or empty",
}


class Config(BaseModel):
    """One value for each key of config.json, as written there."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    short_ma_period: int = Field(30, ge=1, le=1000)
    long_ma_period: int = Field(120, ge=2, le=1000)
    check_interval_minutes: int = Field(15, ge=1, le=390)
    trading_hours_only: bool = True
    decide: Literal["every_check", "before_close"] = "every_check"
    decide_minutes_before_close: int = Field(15, ge=2, le=180)
    band_pct: float = Field(0, ge=0, le=20)
    rule: Any = None
    park: Any = None
    park_min_benefit_usd: float = Field(10, ge=0, le=1e6)
    dry_run: bool = True
    use_interactive_brokers: bool = False
    ib_host: str = Field("127.0.0.1", pattern=ONE_WORD)
    ib_port: int = Field(7497, ge=1, le=65535)
    ib_client_id: int = Field(1, ge=1, le=2_147_483_647)
    ib_account: str = Field("", pattern=WORD_OR_NONE)
    allow_live: bool = False
    total_capital: float = Field(100_000, gt=0, le=1e12)
    position_size_pct: PositivePercent = 95
    order_type: Literal["MKT", "LMT"] = "MKT"
    limit_collar_bps: float = Field(20, gt=0, le=500)
    order_timeout_seconds: int = Field(60, ge=5, le=600)
    max_orders_per_session: int = Field(12, ge=1, le=100)
    no_trade_minutes_after_open: int = Field(5, ge=0, le=180)
    max_quote_age_minutes: int = Field(20, ge=1, le=120)
    max_daily_move_pct: PositivePercent = 20
    paper_slippage_bps: float = Field(1, ge=0, le=100)
    log_keep_days: int = Field(90, ge=1, le=36500)
    evening_letter: Literal["off", "on_change", "near_flip", "daily"] = "off"
    ask_first_minutes: int = Field(0, ge=0, le=60)
    ask_first_silence: Literal["trade", "wait"] = "trade"
    closed_on: tuple[Annotated[str, Field(pattern=CLOSURE_PATTERN)], ...] = Field((), strict=False)

    @property
    def capital(self) -> Decimal:
        return Decimal(str(self.total_capital))

    @property
    def closures(self) -> Closures:
        """The closures that the owner knows of and the calendar library does not."""
        return dict(_closure(entry) for entry in self.closed_on)

    @property
    def rules(self) -> Rules:
        return Rules(
            short_period=self.short_ma_period,
            long_period=self.long_ma_period,
            band=self.band_pct / 100,
            rule=self._rule,
            park_benefit=Decimal(str(self.park_min_benefit_usd)),
            decide=Decide(self.decide),
            decide_seconds_before_close=max(self.decide_minutes_before_close, SHORTEST_WINDOW_MINUTES) * 60,
            trading_hours_only=self.trading_hours_only,
            position_size=_hundredth(self.position_size_pct),
            order_type=OrderType(self.order_type),
            limit_collar=_hundredth(self.limit_collar_bps) / 100,
            max_orders_per_session=self.max_orders_per_session,
            no_trade_seconds_after_open=self.no_trade_minutes_after_open * 60,
            max_quote_age_seconds=self.max_quote_age_minutes * 60,
            max_daily_move=self.max_daily_move_pct / 100,
            ask_first_seconds=self.ask_first_minutes * 60,
            ask_first_waits=self.ask_first_silence == "wait",
        )

    @property
    def _rule(self) -> Rule | None:
        """The rule that the keys `rule` and `park` describe; None if the keys of the two averages say it all."""
        rule = None if self.rule is None else rule_of(self.rule)[0]
        if self.park is None:
            return rule
        pair = two_averages(self.short_ma_period, self.long_ma_period, self.band_pct / 100)
        return parked(rule or pair, self.park)[0]

    @property
    def fingerprint(self) -> str:
        """Eight characters that differ between configurations."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:8]


def load(path: Path) -> Config:
    """The configuration in `path`. Raises ConfigError with every problem of the file."""
    values = _read(path)
    try:
        config = Config(**values)
    except ValidationError as invalid:
        raise _unusable(path, (*map(_sentence, invalid.errors()), *_contradictions(values))) from None
    if problems := [*_contradictions(config.model_dump())]:
        raise _unusable(path, problems)
    return config


def write_defaults(path: Path) -> None:
    """Write a new file with every key at its default. Raises FileExistsError, OSError."""
    values = {"_comment": COMMENT, **json.loads(Config().model_dump_json())}
    with open(path, "x", encoding="utf-8") as file:
        file.write(json.dumps(values, indent=2) + "\n")


def _read(path: Path) -> dict[str, Any]:
    try:
        text = content(path).decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(
            [f"{path}: there is no such file; {COMMAND} init writes one with every key at its default"]
        ) from None
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise ConfigError([f"{path}: cannot be read: it is not UTF-8 text; save it as UTF-8"]) from None
    try:
        values = json.loads(text, object_pairs_hook=no_duplicates)
    except DuplicateKey as duplicate:
        raise ConfigError([f"{path}: {duplicate}"]) from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise ConfigError([f"{path}: not valid JSON at {place}: {error.msg}; {JSON_HAS}"]) from None
    except (ValueError, RecursionError) as error:  # thousands of digits, or of nested brackets
        raise ConfigError([f"{path}: cannot be read: {error}"]) from None
    if not isinstance(values, dict):
        raise ConfigError([f"{path}: expected an object {{...}} of keys and values, found {type(values).__name__}"])
    return {key: value for key, value in values.items() if not key.startswith("_")}


def _unusable(path: Path, problems: Iterable[str]) -> ConfigError:
    return ConfigError([f"{path.name}: {problem}" for problem in dict.fromkeys(problems)])


def _sentence(error: Any) -> str:
    """'check_interval_minutes: must be at least 1, was 0'."""
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return unknown_key(key, Config.model_fields, "see docs/configuration.md")
    known = EXPECTED.get(error["type"]) or PATTERNS.get(error.get("ctx", {}).get("pattern"))
    expected = known.format(**error.get("ctx", {})) if known else error["msg"]
    return f"{key}: {expected}, was {as_written(error['input'])}"


def _contradictions(values: dict[str, Any]) -> Iterator[str]:
    """A problem for each set of keys that are valid one by one but not together; wrong types are reported elsewhere."""
    defaults = {name: field.default for name, field in Config.model_fields.items()}
    value = {**defaults, **values}
    short, long = value["short_ma_period"], value["long_ma_period"]
    if isinstance(short, int) and isinstance(long, int) and short >= long:
        yield f"short_ma_period must be below long_ma_period, was {short} and {long}"
    if value["rule"] is not None:
        yield from (f"rule: {problem}" for problem in rule_of(value["rule"])[1])
        if besides := [key for key in OF_THE_DEFAULT_FORM if value[key] != defaults[key]]:
            yield f"rule replaces these keys: remove {', '.join(besides)}, or rule"
    if value["park"] is not None:
        rule = PRESETS[DEFAULT] if value["rule"] is None else rule_of(value["rule"])[0]
        yield from (f"park: {problem}" for problem in (parked(rule, value["park"])[1] if rule else ()))
    if value["dry_run"] is False and value["use_interactive_brokers"] is False:
        both = "dry_run is false and use_interactive_brokers is false"
        yield f"{both}: there is no account to trade; set one of them to true"
    if isinstance(value["closed_on"], list | tuple):
        yield from (f"closed_on: {problem}" for problem in _closure_problems(value["closed_on"]))
    ask, window = value["ask_first_minutes"], value["decide_minutes_before_close"]
    in_window = value["decide"] == "before_close" and isinstance(ask, int) and isinstance(window, int)
    if in_window and 0 < ask <= 60 and window < ask + MINUTES_BESIDES_ASKING:
        least = f"must be at least ask_first_minutes + {MINUTES_BESIDES_ASKING}, was {window} for {ask}"
        yield f"decide_minutes_before_close {least}: you could not be asked in time"


def _closure_problems(entries: Iterable[Any]) -> Iterator[str]:
    """What is wrong with entries of the right form; entries of a wrong form are reported elsewhere."""
    known: dict[date, str] = {}
    for entry in entries:
        if not isinstance(entry, str) or not re.match(CLOSURE_PATTERN, entry):
            continue
        try:
            day, close = _closure(entry)
        except ValueError:
            yield f"must hold entries like {CLOSURE_EXAMPLES}, was {json.dumps(entry)}"
            continue
        if close is not None and not OPENS < close.astimezone(NEW_YORK).time() < CLOSES:
            yield f"an early close is between 09:30 and 16:00 in New York, was {json.dumps(entry)}"
        if known.setdefault(day, entry) != entry:
            yield f"{json.dumps(known[day])} and {json.dumps(entry)} are about the same day; keep one"


def _closure(entry: str) -> tuple[date, datetime | None]:
    """The day and, for an early close, its moment. Raises ValueError if either is not one."""
    moment = datetime.fromisoformat(entry)
    return moment.date(), moment.replace(tzinfo=NEW_YORK).astimezone(UTC) if " " in entry else None


def _hundredth(percent: float) -> Decimal:
    return Decimal(str(percent)) / 100
