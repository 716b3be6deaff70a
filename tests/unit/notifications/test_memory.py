"""What was reported is remembered across processes; what no channel accepted is sent again."""

import json
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from qqqbot.model.reasons import AlertKind
from qqqbot.model.values import Holding
from qqqbot.notifications.channels import GIVEN_UP_AFTER, MOST_CHARACTERS
from qqqbot.notifications.memory import MOST_WAITING
from tests.support.builders import NOW, new_york
from tests.support.fakes import World
from tests.support.notified_life import WHO, Life, open_troubles, settled


@pytest.fixture
def life(tmp_path: Path) -> Life:
    return Life(World(tmp_path))


def test_the_memory_is_private_to_the_owner_and_starts_empty_for_another_account(life: Life) -> None:
    settled(life)
    file = life.world.logs / "notices.json"
    assert file.stat().st_mode & 0o777 == 0o600
    life.engine.records.switch.halt("by hand")
    life.check()
    assert len(life.new()) == 1
    life.world.broker.account = "DU7654321"
    life.world.broker.positions["QQQ"], life.world.broker.cash = 0, Decimal(100_000)
    life.start()
    life.check()
    assert life.new() == ["qqqbot PAPER DU***321: Trading is halted"]


DAMAGES = [
    "",
    "{",
    "[]",
    '{"whose": "x"}',
    '{"told": {"halt": 5}}',
    '{"told": {}, "digest": 1, "login": 1}',
    "[" * 99999,
]


@pytest.mark.parametrize("text", DAMAGES)
def test_a_damaged_memory_stops_nothing(life: Life, text: str) -> None:
    settled(life)
    (life.world.logs / "notices.json").write_text(text)
    life.start()
    life.engine.records.switch.halt("by hand")
    life.check()
    assert life.new() == [f"{WHO}: Trading is halted"]
    assert json.loads((life.world.logs / "notices.json").read_text())["told"]["halt"]["open"]


def test_a_memory_that_cannot_be_written_stops_nothing(life: Life) -> None:
    settled(life)
    (life.world.logs / "notices.json.new").mkdir()
    life.engine.records.switch.halt("by hand")
    life.check()
    assert life.new() == [f"{WHO}: Trading is halted"]


TOLD_IN_VAIN = [f"{WHO}: Trading is halted"]


def halted_in_vain(life: Life) -> Life:
    """Trading is halted at NOW, and no channel took the message of it."""
    settled(life)
    life.post.works = False
    life.engine.records.switch.halt("by hand")
    life.check()
    assert life.new() == TOLD_IN_VAIN
    assert open_troubles(life) == []
    return life


def test_a_message_no_channel_accepted_is_sent_again_an_hour_later_and_not_before(life: Life) -> None:
    halted_in_vain(life)
    life.post.works = True
    assert life.at(NOW + timedelta(minutes=59)) == []
    assert life.at(NOW + timedelta(minutes=60)) == TOLD_IN_VAIN
    assert open_troubles(life) == ["halt"]
    assert life.at(NOW + timedelta(minutes=180)) == []


def test_a_day_without_a_working_channel_means_one_attempt_an_hour(life: Life) -> None:
    halted_in_vain(life)
    tries = [len(life.at(NOW + timedelta(minutes=minute))) for minute in range(1, 8 * 60)]
    assert sum(tries) == 7


def test_a_trouble_is_told_at_once_while_the_channels_still_try_to_deliver_another(life: Life) -> None:
    halted_in_vain(life)
    life.post.works = True
    life.world.broker.positions["TQQQ"] += 5
    life.engine.step()  # told after a second look
    life.check()
    assert life.new() == [f"{WHO}: Account and book differ"]
    assert life.at(NOW + GIVEN_UP_AFTER) == []
    assert life.at(NOW + timedelta(hours=2)) == TOLD_IN_VAIN


def test_a_problem_no_channel_accepted_is_not_sent_once_it_is_over(life: Life) -> None:
    halted_in_vain(life)
    life.post.works = True
    (life.world.logs / "HALT").unlink()
    life.check()
    assert life.at(NOW + timedelta(hours=1)) == []


def test_the_end_of_a_problem_is_sent_again_too(life: Life) -> None:
    settled(life)
    life.engine.records.switch.halt("by hand")
    life.check()
    life.post.works = False
    (life.world.logs / "HALT").unlink()
    life.check()
    life.new()
    life.post.works = True
    assert life.at(NOW + timedelta(hours=1)) == [f"{WHO}: Over: trading is halted"]
    assert life.at(NOW + timedelta(hours=2)) == []


def test_a_message_interrupted_by_a_crash_is_sent_by_the_next_process(life: Life) -> None:
    settled(life)
    life.post.works = None
    life.engine.records.switch.halt("by hand")
    life.check()
    life.look()
    assert life.new() == TOLD_IN_VAIN, "once, though it has not arrived yet"
    life.post.works = True
    life.start()
    life.check()
    assert life.new() == TOLD_IN_VAIN
    life.start()
    life.check()
    assert life.new() == []


def test_a_message_that_arrives_is_remembered_at_once_and_without_another_look(life: Life) -> None:
    settled(life)
    life.post.works = None
    life.engine.records.switch.halt("by hand")
    life.check()
    life.post.flying.pop()()
    assert open_troubles(life) == ["halt"]
    life.post.works = True
    life.new()
    life.start()
    life.check()
    assert life.new() == [], "killed before it looked again, and still nothing is repeated"


def test_trades_no_channel_accepted_are_sent_in_one_message_with_the_next(life: Life) -> None:
    settled(life)
    life.post.works = False
    life.world.prices.target = Holding.TQQQ
    assert life.at(NOW + timedelta(minutes=15), check=True) == [f"{WHO}: Traded"]
    life.post.works = True
    life.start()
    life.world.prices.target = Holding.QQQ
    assert life.at(NOW + timedelta(minutes=30), check=True) == [f"{WHO}: Traded"]
    assert life.bodies[0].count("Traded: ") == 4, "both legs of both, over a restart"
    assert life.at(NOW + timedelta(hours=3)) == []


def test_news_is_saved_the_moment_it_happens(life: Life) -> None:
    settled(life)
    life.notifier.notify(AlertKind.SPLIT, "QQQ 2:1")
    life.start()
    life.check()
    assert life.new() == [f"{WHO}: A split was recorded"]
    life.start()
    life.check()
    assert life.new() == []


def test_the_newest_fifty_waiting_news_are_kept_and_as_many_told_as_a_message_takes(life: Life) -> None:
    settled(life)
    for number in range(MOST_WAITING + 5):
        life.notifier.notify(AlertKind.SPLIT, f"number {number}.")
    assert len(life.at(NOW + timedelta(minutes=1))) == 1
    newest = life.bodies[0].count("A split was recorded: ")
    assert [f"number {n}." in life.bodies[0] for n in (MOST_WAITING + 4, MOST_WAITING + 5 - newest)] == [True, True]
    assert life.bodies[0].endswith(f"and {MOST_WAITING - newest} more pieces of news, see ./bot_control.sh logs")
    assert life.at(NOW + timedelta(hours=3)) == [], "what was counted has been told"


def test_news_of_another_account_is_not_reported_as_this_ones(life: Life) -> None:
    settled(life)
    life.notifier.notify(AlertKind.SPLIT, "QQQ 2:1")
    life.world.broker.account = "DU7654321"
    life.world.broker.positions["QQQ"], life.world.broker.cash = 0, Decimal(100_000)
    life.start()
    life.check()
    assert life.new() == ["qqqbot PAPER DU***321: First trade of this account and mode"]


def test_a_weekly_summary_no_channel_accepted_is_sent_again_with_the_same_beginning(life: Life) -> None:
    settled(life)
    friday = date(2026, 11, 27)
    life.at(new_york(friday, 12, 45), check=True)
    life.post.works = False
    assert life.at(new_york(friday, 13, 10)) == [f"{WHO}: The week"]
    first = life.bodies[0]
    life.post.works = True
    life.start()
    assert life.at(new_york(friday, 14), check=True) == [f"{WHO}: The week"]
    assert life.bodies[0].partition("\n")[0] == first.partition("\n")[0]
    assert "since the last weekly message" in life.bodies[0]
    assert life.at(new_york(friday, 16)) == []


def test_a_first_week_is_summarized_although_no_channel_worked_in_it(tmp_path: Path) -> None:
    life = Life(World(tmp_path))
    life.post.works = False
    life.check()
    life.at(new_york(date(2026, 11, 27), 12, 45), check=True)
    life.new()
    life.post.works = True
    titles = [f"{WHO}: The week", f"{WHO}: First trade of this account and mode"]
    assert life.at(new_york(date(2026, 11, 27), 13, 10)) == titles, "a channel works again: no hour is waited"


def test_a_login_request_no_channel_accepted_is_sent_again(life: Life) -> None:
    settled(life)
    sunday = date(2026, 11, 29)
    life.at(new_york(date(2026, 11, 27), 17))
    life.problem = "awaiting the second factor"
    life.post.works = False
    assert life.at(new_york(sunday, 18, 1)) == [f"{WHO}: The gateway needs your login"]
    life.post.works = True
    life.new()
    assert life.at(new_york(sunday, 18, 59)) == []
    assert life.at(new_york(sunday, 19, 1)) == [f"{WHO}: The gateway needs your login"]
    assert life.at(new_york(sunday, 19, 30)) == []


def test_a_problem_that_ends_while_its_message_is_being_sent_is_reported_as_over_afterwards(life: Life) -> None:
    settled(life)
    life.post.works = None
    life.engine.records.switch.halt("by hand")
    life.check()
    assert life.new() == TOLD_IN_VAIN
    (life.world.logs / "HALT").unlink()
    life.check()
    assert life.new() == []
    life.post.works = True
    life.post.flying.pop()()
    life.look()
    assert life.new() == [f"{WHO}: Over: trading is halted"]
    life.start()
    life.check()
    assert life.new() == []


def test_events_while_a_message_is_being_sent_do_not_wait_for_it(life: Life) -> None:
    settled(life)
    life.post.works = None
    life.engine.records.switch.halt("by hand")
    life.check()
    life.world.broker.positions["TQQQ"] += 5
    life.engine.step()  # told after a second look
    life.notifier.notify(AlertKind.SPLIT, "QQQ 2:1")
    life.check()
    assert life.new() == [*TOLD_IN_VAIN, f"{WHO}: Account and book differ", f"{WHO}: A split was recorded"]
    for accepted in life.post.flying:
        accepted()
    assert life.at(NOW + timedelta(hours=2)) == []


def test_a_message_that_arrives_after_a_newer_one_on_its_subject_changes_nothing(life: Life) -> None:
    settled(life)
    life.post.works = None
    life.engine.records.switch.halt("by hand")
    life.check()
    assert life.new() == TOLD_IN_VAIN
    assert life.at(NOW + timedelta(hours=1)) == TOLD_IN_VAIN
    late, newer = life.post.flying
    late()
    assert open_troubles(life) == []
    newer()
    newer()
    assert open_troubles(life) == ["halt"], "a second channel that accepts it adds nothing"
    (life.world.logs / "HALT").unlink()
    life.check()
    assert life.new() == [f"{WHO}: Over: trading is halted"]
    life.post.flying[-1]()
    newer()
    assert open_troubles(life) == [], "the other channel took the beginning after the first had taken the end"


def test_a_clock_set_back_delays_no_message(life: Life) -> None:
    halted_in_vain(life)
    life.post.works = True
    assert life.at(NOW - timedelta(hours=1)) == TOLD_IN_VAIN


@pytest.mark.parametrize("start", [{"engine": False}, {}], ids=["before the account is known", "as another account"])
def test_news_that_waits_is_told_to_nobody_but_its_own_account(life: Life, start: dict[str, bool]) -> None:
    settled(life)
    life.notifier.notify(AlertKind.SPLIT, "QQQ 2:1")
    life.world.broker.account = "DU7654321"
    life.world.broker.positions["QQQ"], life.world.broker.cash = 0, Decimal(100_000)
    life.start(**start)
    life.look()
    assert life.new() == []


def test_news_waits_until_its_account_is_known_again(life: Life) -> None:
    settled(life)
    life.notifier.notify(AlertKind.SPLIT, "QQQ 2:1")
    life.start(engine=False)
    life.problem = "no gateway"
    life.at(NOW + timedelta(minutes=1))
    assert life.at(NOW + timedelta(minutes=5)) == ["qqqbot: The broker cannot be reached"]
    life.problem = None
    life.start()
    assert f"{WHO}: A split was recorded" in life.at(NOW + timedelta(minutes=6), check=True)


def test_a_halt_is_a_message_of_its_own_and_goes_before_the_news(life: Life) -> None:
    settled(life)
    life.post.works = None
    for number in range(20):
        life.notifier.notify(AlertKind.TRADE, f"SELL {number} QQQ at 450.0000, moving to CASH " + "x" * 80)
    life.engine.records.switch.halt("by hand " + "!" * 900)
    life.check()
    halt, news = life.post.sent
    assert (halt.title, halt.urgent, halt.subject) == (f"{WHO}: Trading is halted", True, "halt")
    assert AlertKind.HALT.advice in halt.body
    assert "Held: 211 QQQ" in halt.body
    assert (news.title, news.urgent) == (f"{WHO}: First trade of this account and mode", False)
    assert "more trades, see ./bot_control.sh trades" in news.body
    assert max(len(halt.body), len(news.body)) <= MOST_CHARACTERS
