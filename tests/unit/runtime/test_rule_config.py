"""The key `rule`: presets, rules spelled out, and every problem of one in words."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qqqbot.model.errors import ConfigError
from qqqbot.model.family import PRESETS, PRICE, Average, Comparison, Rule, name_of
from qqqbot.model.values import Holding, Rules
from qqqbot.runtime.config import Config, load
from qqqbot.runtime.rule_config import rule_of

BAND = {"slow": "sma200", "enter_pct": 5, "exit_pct": 3, "strong": "TQQQ"}


@pytest.mark.parametrize("name", ["30/120", "qqq-200", "qqq-200-band", "ema-5-200"])
def test_a_preset_by_its_name(name: str) -> None:
    assert rule_of(name) == (PRESETS[name], [])


def test_rules_spelled_out() -> None:
    assert rule_of(BAND) == (PRESETS["qqq-200-band"], [])
    whole = {
        "signal": "QQQ",
        "fast": "ema5",
        "slow": "sma100",
        "confirm_closes": 2,
        "exit_pct": 1.5,
        "strength": "sma50",
        "strength_band_pct": 0.5,
        "strong": "TQQQ",
        "up": "QQQ",
        "down": "CASH",
    }
    trend = Comparison(Average(5, exponential=True), Average(100), 0.0, 0.015, 2)
    strength = Comparison(PRICE, Average(50), 0.005, 0.005)
    assert rule_of(whole) == (Rule(Holding.QQQ, trend, strength, Holding.TQQQ, Holding.QQQ), [])


def test_keys_that_start_with_an_underscore_are_comments_in_a_rule_too() -> None:
    assert rule_of({"_why": "r/LETFs", **BAND}) == (PRESETS["qqq-200-band"], [])


def test_a_config_carries_its_rule() -> None:
    assert Config(rule="qqq-200").rules == Rules(rule=PRESETS["qqq-200"])
    assert Config(rule=BAND).rules.form == PRESETS["qqq-200-band"]
    assert Config().rules.form == PRESETS["30/120"]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("qqq-20", 'unknown preset "qqq-20"; did you mean qqq-200?'),
        ("QQQ-200", 'unknown preset "QQQ-200"; did you mean qqq-200?'),
        ("golden", 'unknown preset "golden"; the presets are 30/120, qqq-200, qqq-200-band, spy-200-upro, ema-5-200'),
        (7, "must be a preset's name or an object, was 7"),
        ({**BAND, "enter": 5}, "enter: unknown key; did you mean enter_pct?"),
        ({**BAND, "STRENGTH": "sma50"}, "STRENGTH: unknown key; did you mean strength?"),
        ({"strong": "TQQQ"}, "slow is missing"),
        ({**BAND, "slow": "sma1"}, 'slow: must be "price", or like "sma200" or "ema50" (2 to 1000 closes), was "sma1"'),
        ({**BAND, "slow": 200}, 'slow: must be "price", or like "sma200" or "ema50" (2 to 1000 closes), was 200'),
        ({**BAND, "exit_pct": -1}, "exit_pct: must be a number from 0 to 20, was -1"),
        ({**BAND, "enter_pct": True}, "enter_pct: must be a number from 0 to 20, was true"),
        ({**BAND, "confirm_closes": 1.5}, "confirm_closes: must be a whole number from 1 to 10, was 1.5"),
        ({**BAND, "fast": "sma199"}, "fast must follow the price clearly faster than slow"),
        ({**BAND, "signal": "TQQQ"}, "signal: must be an index fund, was TQQQ"),
        ({**BAND, "down": "TQQQ"}, "strong, up and down must differ, and strong must be a fund"),
        ({**BAND, "up": "QQQ"}, "strength and up belong together"),
        ({**BAND, "strength": "sma50"}, "strength and up belong together"),
        ({**BAND, "slow": "ema200"}, "it needs 2,565 closes, ten years of Yahoo hold 2,480: shorten the EMA"),
        (
            {**BAND, "strong": "SGOV"},
            "strong, up: SGOV is a Treasury-bill fund, in which only the money of down is parked",
        ),
        ({**BAND, "strength": "sma50", "up": "BIL"}, "strong, up: BIL is a Treasury-bill fund"),
        ({**BAND, "signal": "SGOV"}, "signal: must be an index fund, was SGOV"),
        ({**BAND, "slow": ""}, 'slow: must be "price", or like "sma200" or "ema50" (2 to 1000 closes), was ""'),
        ({**BAND, "down": ""}, "down: must be one of TQQQ, QQQ, CASH"),
        ({**BAND, "strength_band_pct": 1}, "strength_band_pct needs strength"),
        ({**BAND, "strength_band_pct": "1"}, 'strength_band_pct: must be a number from 0 to 20, was "1"'),
        ({**BAND, "a\nb": 1}, '"a\\nb": unknown key'),
    ],
)
def test_what_is_wrong_is_said(value: Any, problem: str) -> None:
    _rule, problems = rule_of(value)
    assert [p for p in problems if problem in p], problems
    assert len(problems) == 1


@pytest.mark.parametrize("name", [None, "qqq-200-band"])
@pytest.mark.parametrize("fund", [Holding.SGOV, Holding.BIL])
def test_parking_is_the_down_shelf_alone(name: str | None, fund: Holding) -> None:
    form = PRESETS[name or "30/120"]
    assert Config(rule=name, park=fund.value).rules.form == replace(form, down=fund)
    assert name_of(replace(form, down=fund)) == f"{name or '30/120'}, parked in {fund}"


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"park": "QQQ"}, 'park: must be null or one of SGOV, BIL, was "QQQ"'),
        ({"park": "CASH"}, "park: must be null or one of SGOV, BIL"),
        ({"park": ["SGOV"]}, "park: must be null or one of SGOV, BIL"),
        ({"park": True}, "park: must be null or one of SGOV, BIL, was true"),
        (
            {"park": "BIL", "rule": "ema-5-200"},
            "park: without an uptrend this rule holds QQQ, so there is no cash to park",
        ),
        ({"park": "BIL", "rule": "qqq-20"}, 'rule: unknown preset "qqq-20"; did you mean qqq-200?'),
    ],
)
def test_what_cannot_be_parked_is_said(tmp_path: Path, values: dict[str, Any], problem: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps(values))
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "config.json")
    (told,) = caught.value.problems
    assert told.startswith(f"config.json: {problem}")


def test_every_problem_is_told_at_once() -> None:
    _rule, problems = rule_of({"slow": "x", "strong": 3, "exit_pct": "3", "fsat": "price"})
    assert [problem.split(":")[0] for problem in problems] == ["fsat", "slow", "exit_pct", "strong"]


def test_what_makes_no_rule_is_told_with_what_is_wrong_in_itself_but_no_key_twice() -> None:
    _rule, problems = rule_of({"signal": "TQQQ", "slow": "sma2", "fast": "ema9", "strong": "BIL", "down": 5})
    assert [problem.split(" ")[0] for problem in problems] == ["down:", "fast", "signal:", "strong,"]


def test_a_file_with_a_wrong_rule_is_refused_with_all_its_problems(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"rule": {"slow": "sma200", "strong": "SOXL", "enter_pct": 30}, "short_ma_period": 20}))
    with pytest.raises(ConfigError) as refused:
        load(path)
    assert [problem.split(",")[0] for problem in refused.value.problems] == [
        "config.json: rule: enter_pct: must be a number from 0 to 20",
        "config.json: rule: strong: must be one of TQQQ",
        "config.json: rule replaces these keys: remove short_ma_period",
    ]
    for wrong in ("7", "[]", '"spy-200"'):
        path.write_text(f'{{"rule": {wrong}}}')
        with pytest.raises(ConfigError, match=r"^config.json: rule: [^\n]+$"):
            load(path)


@pytest.mark.parametrize(
    ("key", "value", "meant"),
    [
        ("slow", "SMA200", "sma200"),
        ("slow", "ema 50", "ema50"),
        ("fast", "Price", "price"),
        ("strong", "tqqq", "TQQQ"),
        ("down", " sgov", "SGOV"),
    ],
)
def test_a_near_miss_is_answered_with_what_was_meant(key: str, value: str, meant: str) -> None:
    problems = rule_of({"slow": "sma200", "strong": "TQQQ", key: value})[1]
    assert [problem.endswith(f'was "{value}"; did you mean {meant}?') for problem in problems] == [True]


@pytest.mark.parametrize(("key", "value"), [("slow", "SMA1001"), ("slow", "200"), ("slow", None), ("signal", "GLD")])
def test_nothing_is_suggested_that_would_be_refused_too_or_is_another_fund(key: str, value: object) -> None:
    (problem,) = rule_of({"slow": "sma200", "strong": "TQQQ", key: value})[1]
    assert "did you mean" not in problem
