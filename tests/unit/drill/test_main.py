"""Which rule the drill plays, and what it says at its end."""

import pytest

from drill.__main__ import counted, settings_of
from qqqbot.model.errors import ConfigError
from qqqbot.runtime.config import Config


@pytest.mark.parametrize(("number", "said"), [(1, "1 scene"), (0, "0 scenes"), (11, "11 scenes")])
def test_singular_and_plural_are_distinguished(number: int, said: str) -> None:
    assert counted(number, "scene") == said


def test_a_rule_is_played_by_its_name_or_spelled_out_and_otherwise_that_of_config() -> None:
    assert settings_of("qqq-200") == {"rule": "qqq-200"}
    assert settings_of('{"slow": "sma50", "strong": "QLD"}') == {"rule": {"slow": "sma50", "strong": "QLD"}}
    assert Config.model_validate(settings_of(None)).rules == Config().rules


@pytest.mark.parametrize("rule", ["qqq200", '{"slow": "sma50"}', '{"slow'])
def test_what_is_wrong_with_a_rule_is_said_before_anything_is_played(rule: str) -> None:
    with pytest.raises(ConfigError, match="--rule"):
        settings_of(rule)
