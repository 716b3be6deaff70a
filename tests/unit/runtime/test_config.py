"""config.json: every key, both ends of every range, and every problem of a file in one message."""

import json
import os
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from qqqbot.model.errors import ConfigError
from qqqbot.model.values import Decide, OrderType, Rules
from qqqbot.runtime.config import Config, load, write_defaults

PROJECT = Path(__file__).resolve().parents[3]

DEFAULTS: dict[str, Any] = {
    "short_ma_period": 30,
    "long_ma_period": 120,
    "check_interval_minutes": 15,
    "trading_hours_only": True,
    "decide": "every_check",
    "decide_minutes_before_close": 15,
    "band_pct": 0,
    "rule": None,
    "park": None,
    "park_min_benefit_usd": 10,
    "dry_run": True,
    "use_interactive_brokers": False,
    "ib_host": "127.0.0.1",
    "ib_port": 7497,
    "ib_client_id": 1,
    "ib_account": "",
    "total_capital": 100000,
    "position_size_pct": 95,
    "order_type": "MKT",
    "limit_collar_bps": 20,
    "order_timeout_seconds": 60,
    "max_orders_per_session": 12,
    "no_trade_minutes_after_open": 5,
    "max_quote_age_minutes": 20,
    "max_daily_move_pct": 20,
    "paper_slippage_bps": 1,
    "log_keep_days": 90,
    "evening_letter": "off",
    "ask_first_minutes": 0,
    "ask_first_silence": "trade",
    "allow_live": False,
    "closed_on": (),
}

# key: (smallest that is allowed, largest, one below, one above)
RANGES: dict[str, tuple[Any, Any, Any, Any]] = {
    "short_ma_period": (1, 119, 0, 1001),
    "long_ma_period": (31, 1000, 1, 1001),
    "check_interval_minutes": (1, 390, 0, 391),
    "decide_minutes_before_close": (2, 180, 1, 181),
    "band_pct": (0, 20, -0.01, 20.01),
    "ib_port": (1, 65535, 0, 65536),
    "ib_client_id": (1, 2_147_483_647, 0, 2_147_483_648),
    "total_capital": (0.01, 1e12, 0, 1.1e12),
    "position_size_pct": (0.01, 100, 0, 100.01),
    "limit_collar_bps": (0.01, 500, 0, 500.1),
    "order_timeout_seconds": (5, 600, 4, 601),
    "max_orders_per_session": (1, 100, 0, 101),
    "no_trade_minutes_after_open": (0, 180, -1, 181),
    "max_quote_age_minutes": (1, 120, 0, 121),
    "max_daily_move_pct": (0.01, 100, 0, 100.01),
    "paper_slippage_bps": (0, 100, -0.01, 100.01),
    "log_keep_days": (1, 36500, 0, 36501),
    "ask_first_minutes": (0, 60, -1, 61),
    "park_min_benefit_usd": (0, 1e6, -0.01, 1.1e6),
}
WHOLE = [key for key, field in Config.model_fields.items() if field.annotation is int]
FLAGS = [k for k, v in DEFAULTS.items() if isinstance(v, bool)]
CHOICES = {
    "decide": ["every_check", "before_close"],
    "order_type": ["MKT", "LMT"],
    "evening_letter": ["off", "on_change", "near_flip", "daily"],
    "ask_first_silence": ["trade", "wait"],
}
# What makes a changed key valid on its own, if two keys belong together.
COMPANIONS = {"dry_run": {"use_interactive_brokers": True}}


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "config.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def loaded(folder: Path, values: Any) -> Config:
    return load(written(folder, json.dumps(values)))


def problems(folder: Path, text: Any) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load(written(folder, text if isinstance(text, str | bytes) else json.dumps(text)))
    return caught.value.problems


def test_the_defaults_are_the_table_of_the_manual() -> None:
    assert Config().model_dump() == DEFAULTS


def test_the_shipped_file_holds_every_default() -> None:
    values = json.loads((PROJECT / "config.json").read_text())
    assert {k for k in values if not k.startswith("_")} == set(DEFAULTS)
    assert load(PROJECT / "config.json") == Config()


def test_the_default_rules_are_the_models() -> None:
    assert Config().rules == Rules()
    assert Config().capital == 100_000


def test_an_empty_object_means_all_defaults(tmp_path: Path) -> None:
    assert loaded(tmp_path, {}) == Config()


@pytest.mark.parametrize("key", sorted(DEFAULTS))
def test_a_missing_key_has_its_default(tmp_path: Path, key: str) -> None:
    values = {k: v for k, v in DEFAULTS.items() if k != key}
    assert loaded(tmp_path, values).model_dump()[key] == DEFAULTS[key]


@pytest.mark.parametrize("key", sorted(RANGES))
def test_both_ends_of_a_range_are_inside(tmp_path: Path, key: str) -> None:
    for value in RANGES[key][:2]:
        assert getattr(loaded(tmp_path, {key: value}), key) == value


@pytest.mark.parametrize("key", sorted(RANGES))
def test_beyond_either_end_is_refused_with_the_bound_and_the_value(tmp_path: Path, key: str) -> None:
    for value in RANGES[key][2:]:
        (problem,) = [p for p in problems(tmp_path, {key: value}) if "must be below" not in p]
        assert problem.startswith(f"config.json: {key}: must be ")
        assert problem.endswith(f", was {json.dumps(value)}")


def test_the_message_in_the_manual_is_the_one_sent(tmp_path: Path) -> None:
    assert problems(tmp_path, {"check_interval_minutes": 0}) == (
        "config.json: check_interval_minutes: must be at least 1, was 0",
    )


@pytest.mark.parametrize("key", sorted({*DEFAULTS} - {"rule", "park"}))
@pytest.mark.parametrize("value", [None, {}, {"a": 1}, [[]], "x" * 5])
def test_a_value_of_another_type_is_refused(tmp_path: Path, key: str, value: Any) -> None:
    if key in {"ib_host", "ib_account"} and isinstance(value, str):
        pytest.skip("any text is a host or an account")
    found = problems(tmp_path, {key: value})
    assert found[0].startswith(f"config.json: {key}")
    assert len([p for p in found if f": {key}" in p]) == 1


@pytest.mark.parametrize("key", sorted(WHOLE))
@pytest.mark.parametrize("value", [1.5, True, "30", "1"])
def test_only_a_whole_number_is_a_whole_number(tmp_path: Path, key: str, value: Any) -> None:
    assert problems(tmp_path, {key: value})[0].startswith(f"config.json: {key}: must be a whole number, was ")


@pytest.mark.parametrize("key", ["total_capital", "position_size_pct", "band_pct", "paper_slippage_bps"])
@pytest.mark.parametrize("value", [True, "1"])
def test_a_flag_or_a_text_is_not_a_number(tmp_path: Path, key: str, value: Any) -> None:
    assert problems(tmp_path, {key: value})[0].startswith(f"config.json: {key}: must be a number, was ")


@pytest.mark.parametrize("key", sorted(FLAGS))
@pytest.mark.parametrize("value", [0, 1, "true", "yes"])
def test_a_flag_is_true_or_false(tmp_path: Path, key: str, value: Any) -> None:
    assert problems(tmp_path, {key: value})[0].startswith(f"config.json: {key}: must be true or false, was ")


@pytest.mark.parametrize("key", sorted(FLAGS))
def test_a_flag_may_be_either(tmp_path: Path, key: str) -> None:
    for value in (True, False):
        assert getattr(loaded(tmp_path, {key: value, **COMPANIONS.get(key, {})}), key) is value


@pytest.mark.parametrize("key", sorted(CHOICES))
def test_a_choice_is_one_of_the_allowed_words(tmp_path: Path, key: str) -> None:
    for word in CHOICES[key]:
        assert getattr(loaded(tmp_path, {key: word}), key) == word
        assert problems(tmp_path, {key: word.swapcase()})[0].startswith(f"config.json: {key}: must be '")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
@pytest.mark.parametrize("key", ["total_capital", "band_pct", "position_size_pct"])
def test_nan_and_infinity_are_refused(tmp_path: Path, key: str, number: str) -> None:
    assert problems(tmp_path, f'{{"{key}": {number}}}')[0].startswith(f"config.json: {key}: must be ")


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("short_ma_perod", "short_ma_period"),
        ("dryrun", "dry_run"),
        ("ib_clientid", "ib_client_id"),
        ("Total_Capital", "total_capital"),
        ("checkIntervalMinutes", "check_interval_minutes"),
        ("DRY_RUN", "dry_run"),
    ],
)
def test_an_unknown_key_comes_with_a_suggestion(tmp_path: Path, wrong: str, meant: str) -> None:
    assert problems(tmp_path, {wrong: 1}) == (f"config.json: {wrong}: unknown key; did you mean {meant}?",)


def test_an_unrecognizable_key_points_to_the_manual(tmp_path: Path) -> None:
    assert problems(tmp_path, {"zzz": 1}) == ("config.json: zzz: unknown key; see docs/configuration.md",)


def test_a_key_that_is_no_word_is_shown_in_quotes(tmp_path: Path) -> None:
    assert problems(tmp_path, {"": 1, "a\x1b[2J": 1}) == (
        'config.json: "": unknown key; see docs/configuration.md',
        'config.json: "a\\u001b[2J": unknown key; see docs/configuration.md',
    )


@pytest.mark.parametrize("value", [{"x" * 10_000_000: 1}, {"ib_host": "x " * 5_000_000}, {"rule": ["x"] * 1_000_000}])
def test_a_message_quotes_no_page_of_the_file(tmp_path: Path, value: Any) -> None:
    (problem,) = problems(tmp_path, value)
    assert len(problem) < 400
    assert "x" in problem


@pytest.mark.parametrize("key", ["ib_host", "ib_account"])
@pytest.mark.parametrize("control", ["\0", "\x1b[2J", "\u202e", "\n"])
def test_a_control_character_is_no_part_of_a_name(tmp_path: Path, key: str, control: str) -> None:
    """With the first the daemon ended at each connection; the next two manipulate the terminal that shows them."""
    assert problems(tmp_path, {key: f"DU1{control}"})[0].startswith(f"config.json: {key}: must be a")


def test_half_a_character_is_refused_in_our_words(tmp_path: Path) -> None:
    assert problems(tmp_path, '{"ib_host": "\\ud800"}') == (
        'config.json: ib_host: must be a text of whole characters, was "\\ud800"',
    )


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("total_capital", 1e13, "must be at most 1,000,000,000,000"),
        ("ib_client_id", 2**31, "must be at most 2,147,483,647"),
        ("ib_host", "", "must be a name or an address without spaces"),
        ("ib_host", "127.0.0.1 ", "must be a name or an address without spaces"),
        ("ib_account", "DU1234567 ", "must be an account id without spaces, or empty"),
        ("closed_on", "2026-12-09", 'must be a list, like [], of entries like "2025-01-09" (closed)'),
    ],
)
def test_what_was_expected_is_said_in_plain_words(tmp_path: Path, key: str, value: Any, expected: str) -> None:
    assert problems(tmp_path, {key: value})[0].startswith(f"config.json: {key}: {expected}")


def test_every_problem_is_in_one_message(tmp_path: Path) -> None:
    values = {
        "short_ma_period": 0,
        "decide": "sometimes",
        "ib_port": "7497",
        "dry_run": False,
        "bnad_pct": 1,
        "total_capital": -1,
        "closed_on": ["2026-02-30"],
    }
    found = problems(tmp_path, values)
    assert len(found) == len(values)
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, values)
    for key in values:
        assert key in str(caught.value)


@pytest.mark.parametrize(("short", "long"), [(30, 30), (120, 30), (31, 30)])
def test_the_short_average_is_shorter(tmp_path: Path, short: int, long: int) -> None:
    assert problems(tmp_path, {"short_ma_period": short, "long_ma_period": long}) == (
        f"config.json: short_ma_period must be below long_ma_period, was {short} and {long}",
    )


def test_the_default_counts_if_only_one_period_is_given(tmp_path: Path) -> None:
    assert problems(tmp_path, {"long_ma_period": 30})[0].endswith("was 30 and 30")
    assert loaded(tmp_path, {"short_ma_period": 119}).short_ma_period == 119


def test_without_dry_run_there_must_be_a_broker(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, {"dry_run": False})
    assert "there is no account to trade" in problem
    assert loaded(tmp_path, {"dry_run": False, "use_interactive_brokers": True}).dry_run is False


def test_dry_run_and_a_broker_together_are_allowed(tmp_path: Path) -> None:
    assert loaded(tmp_path, {"dry_run": True, "use_interactive_brokers": True}).dry_run is True


@pytest.mark.parametrize("days", [["2026-01-09", "2027-02-28"], []])
def test_closures_are_dates(tmp_path: Path, days: list[str]) -> None:
    assert loaded(tmp_path, {"closed_on": days}).closures == {date.fromisoformat(d): None for d in days}


def test_a_closure_with_a_time_is_an_early_close_in_new_york(tmp_path: Path) -> None:
    entries = ["2026-07-01 13:00", "2026-12-09 13:00", "2026-12-10"]
    assert loaded(tmp_path, {"closed_on": entries}).closures == {
        date(2026, 7, 1): datetime(2026, 7, 1, 17, tzinfo=UTC),
        date(2026, 12, 9): datetime(2026, 12, 9, 18, tzinfo=UTC),
        date(2026, 12, 10): None,
    }


@pytest.mark.parametrize("day", ["2026-02-30", "9 January", "20260109", "2026-1-9", 20260109, "2026-01-09T00:00"])
def test_an_invalid_date_is_one_problem(tmp_path: Path, day: Any) -> None:
    (problem,) = problems(tmp_path, {"closed_on": ["2026-01-09", day]})
    assert "closed_on" in problem
    assert json.dumps(day) in problem


@pytest.mark.parametrize(
    "time", ["9:45", "13", "13:0", "13:00:00", "25:00", "24:00", "12:60", "00:00", "09:30", "16:00", "1 pm", ""]
)
def test_an_invalid_early_close_is_one_problem(tmp_path: Path, time: str) -> None:
    (problem,) = problems(tmp_path, {"closed_on": ["2026-01-09", f"2026-12-09 {time}"]})
    assert problem.startswith("config.json: closed_on")
    assert f'"2026-12-09 {time}"' in problem


@pytest.mark.parametrize("entries", [["2026-12-09", "2026-12-09 13:00"], ["2026-12-09 13:00", "2026-12-09 12:00"]])
def test_two_closures_of_one_day_are_one_problem(tmp_path: Path, entries: list[str]) -> None:
    (problem,) = problems(tmp_path, {"closed_on": entries})
    assert problem == f'config.json: closed_on: "{entries[0]}" and "{entries[1]}" are about the same day; keep one'


class TestFiles:
    def test_a_missing_file_does_not_silently_mean_defaults(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"nowhere\.json: there is no such file; \./bot_control\.sh init"):
            load(tmp_path / "nowhere.json")

    def test_a_new_file_holds_every_key_at_its_default_and_replaces_none(self, tmp_path: Path) -> None:
        write_defaults(tmp_path / "config.json")
        assert load(tmp_path / "config.json") == Config()
        assert set(json.loads((tmp_path / "config.json").read_text())) == {"_comment", *Config.model_fields}
        with pytest.raises(FileExistsError):
            write_defaults(tmp_path / "config.json")

    def test_a_folder_is_not_a_file(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="cannot be read"):
            load(tmp_path)

    def test_a_path_below_a_file_is_refused(self, tmp_path: Path) -> None:
        written(tmp_path, "{}")
        with pytest.raises(ConfigError, match="cannot be read"):
            load(tmp_path / "config.json" / "config.json")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
    def test_an_unreadable_file_is_refused(self, tmp_path: Path) -> None:
        path = written(tmp_path, "{}")
        path.chmod(0)
        with pytest.raises(ConfigError, match="cannot be read"):
            load(path)

    @pytest.mark.parametrize(
        "text", ["", " ", "{", '{"a": }', "dry_run: true", "{'dry_run': true}", '{"dry_run": true,}']
    )
    def test_invalid_json_is_refused_with_its_position(self, tmp_path: Path, text: str) -> None:
        (problem,) = problems(tmp_path, text)
        assert "config.json: not valid JSON at line 1, column " in problem
        assert problem.endswith("no comma follows the last key, and a comment is a key that starts with _")

    def test_the_place_of_the_error_is_named(self, tmp_path: Path) -> None:
        assert "line 3, column 3" in problems(tmp_path, '{\n  "dry_run": true\n  "band_pct": 0\n}')[0]

    @pytest.mark.parametrize("value", [[], "x", 1, None, True, [{}]])
    def test_anything_but_an_object_is_refused(self, tmp_path: Path, value: Any) -> None:
        assert "expected an object" in problems(tmp_path, json.dumps(value))[0]

    @pytest.mark.parametrize("text", [b"\xff\xfe{}", b'{"ib_host": "\xe9"}', "{}".encode("utf-16")])
    def test_another_encoding_is_refused(self, tmp_path: Path, text: bytes) -> None:
        assert "cannot be read: it is not UTF-8 text; save it as UTF-8" in problems(tmp_path, text)[0]

    def test_a_byte_order_mark_is_accepted(self, tmp_path: Path) -> None:
        assert load(written(tmp_path, b"\xef\xbb\xbf" + b'{"band_pct": 1}')).band_pct == 1

    def test_a_key_that_appears_twice_is_refused(self, tmp_path: Path) -> None:
        (problem,) = problems(tmp_path, '{"dry_run": true, "band_pct": 1, "dry_run": false}')
        assert problem.endswith("dry_run appears twice; keep one")

    def test_comments_are_ignored_even_if_they_appear_twice(self, tmp_path: Path) -> None:
        text = '{"_": 1, "_": {"dry_run": false}, "_band_pct": "x", "band_pct": 1}'
        assert load(written(tmp_path, text)) == Config(band_pct=1)

    @pytest.mark.parametrize("text", ['{"ib_port": ' + "9" * 5000 + "}", "[" * 100_000, '{"a":' * 100_000])
    def test_monstrous_files_are_refused_too(self, tmp_path: Path, text: str) -> None:
        assert problems(tmp_path, text)

    def test_a_large_number_is_out_of_range(self, tmp_path: Path) -> None:
        for key in ("total_capital", "ib_port"):
            assert problems(tmp_path, f'{{"{key}": 1{"0" * 400}}}')[0].startswith(f"config.json: {key}: ")


@pytest.mark.parametrize(("window", "refused"), [(17, True), (18, False)])
def test_a_decision_window_too_short_to_ask_in_is_refused_with_all_else(
    tmp_path: Path, window: int, refused: bool
) -> None:
    keys = {"decide": "before_close", "decide_minutes_before_close": window, "ask_first_minutes": 10}
    found = problems(tmp_path, json.dumps({**keys, "ib_prot": 1}))
    told = "config.json: decide_minutes_before_close must be at least ask_first_minutes + 8, was 17 for 10: "
    assert [problem.startswith(told) for problem in found] == [False, True][: 1 + refused]


class TestRules:
    # key, value, field of the rules, its value there
    CARRIED: list[tuple[str, Any, str, Any]] = [
        ("short_ma_period", 10, "short_period", 10),
        ("long_ma_period", 200, "long_period", 200),
        ("band_pct", 0.5, "band", 0.005),
        ("decide", "before_close", "decide", Decide.BEFORE_CLOSE),
        ("decide_minutes_before_close", 10, "decide_seconds_before_close", 600),
        ("trading_hours_only", False, "trading_hours_only", False),
        ("position_size_pct", 33.3, "position_size", Decimal("0.333")),
        ("order_type", "LMT", "order_type", OrderType.LIMIT),
        ("limit_collar_bps", 12.5, "limit_collar", Decimal("0.00125")),
        ("max_orders_per_session", 4, "max_orders_per_session", 4),
        ("no_trade_minutes_after_open", 0, "no_trade_seconds_after_open", 0),
        ("max_quote_age_minutes", 1, "max_quote_age_seconds", 60),
        ("max_daily_move_pct", 15, "max_daily_move", 0.15),
        ("park_min_benefit_usd", 2.5, "park_benefit", Decimal("2.5")),
        ("ask_first_minutes", 10, "ask_first_seconds", 600),
        ("ask_first_silence", "wait", "ask_first_waits", True),
    ]

    @pytest.mark.parametrize(("key", "value", "name", "wanted"), CARRIED)
    def test_a_key_reaches_its_rule_and_no_other(
        self, tmp_path: Path, key: str, value: Any, name: str, wanted: Any
    ) -> None:
        assert loaded(tmp_path, {key: value}).rules == replace(Rules(), **{name: wanted})

    def test_every_rule_comes_from_a_key(self) -> None:
        its_own = {"rule"}  # see test_rule_config
        assert {f.name for f in fields(Rules)} - its_own == {name for _, _, name, _ in self.CARRIED}


def test_capital_is_exact_money(tmp_path: Path) -> None:
    assert loaded(tmp_path, {"total_capital": 100000.1}).capital == Decimal("100000.1")


def test_fingerprints_distinguish_configurations(tmp_path: Path) -> None:
    changed = loaded(tmp_path, {"band_pct": 0.5})
    assert changed.fingerprint != Config().fingerprint
    assert changed.fingerprint == Config(band_pct=0.5).fingerprint
    assert len(changed.fingerprint) == 8
