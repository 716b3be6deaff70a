"""The watch over a real engine with a virtual clock: a fortnight of troubles, and the messages that come of it."""

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from qqqbot.model.errors import PricesUnavailable
from qqqbot.model.new_york import NEW_YORK
from qqqbot.model.reasons import AlertKind
from qqqbot.model.values import Holding, Mode
from qqqbot.runtime.clock import VirtualClock
from qqqbot.strategy.rule import flip_prices
from tests.support.builders import ACCOUNT, NOW, PRICE, RULES, closes, new_york, table
from tests.support.fakes import World, is_rejected
from tests.support.notified_life import WHO, Life, settled

FRIDAY = date(2026, 12, 4)


@pytest.fixture
def life(tmp_path: Path) -> Life:
    return Life(World(tmp_path))


def test_the_first_trade_of_an_account_is_reported_as_such_and_later_ones_together(life: Life) -> None:
    life.check()
    assert life.new() == [f"{WHO}: First trade of this account and mode"]
    assert "BUY 211 QQQ at 450.0000" in life.bodies[0]
    life.world.prices.target = Holding.TQQQ
    assert life.at(NOW + timedelta(minutes=15), check=True) == [f"{WHO}: Traded"]
    assert life.bodies[0].count("Traded: ") == 2, "both legs in one message"


def test_no_account_id_is_shown_anywhere(life: Life) -> None:
    settled(life)
    life.world.broker.mode = Mode.LIVE
    life.world.broker.positions["QQQ"] = 0
    life.start()
    life.engine.records.switch.halt(f"account {ACCOUNT} looks wrong")
    life.check()
    assert life.new() == ["qqqbot LIVE DU***567: Trading is halted"]
    assert ACCOUNT not in life.bodies[0]
    assert ACCOUNT not in life.notifier.status_line("running")


def test_a_halt_is_reported_once_over_a_crash_loop_and_its_end_by_another_process(life: Life) -> None:
    settled(life)
    life.engine.records.switch.halt("by hand")
    life.check()
    assert life.new() == [f"{WHO}: Trading is halted"]
    for _ in range(5):
        life.start()
        life.look()
        life.check()
    assert life.new() == []
    (life.world.logs / "HALT").unlink()
    life.start()
    life.look()
    assert life.new() == [], "before its first check a new process knows nothing"
    life.check()
    assert life.new() == [f"{WHO}: Over: trading is halted"]


def test_a_mismatch_is_reported_as_well_as_a_halt(life: Life) -> None:
    settled(life)
    life.engine.records.switch.halt("by hand")
    life.check()
    life.new()
    life.world.broker.positions["TQQQ"] += 5
    life.engine.step()  # told after a second look
    life.check()
    assert life.new() == [f"{WHO}: Account and book differ"]
    assert "adopt" in life.bodies[0]


def test_a_failed_check_after_a_restart_does_not_end_a_halt(life: Life) -> None:
    settled(life)
    life.engine.records.switch.halt("by hand")
    life.check()
    life.new()
    life.start()
    life.world.broker.silent = True
    life.check()
    assert life.new() == []


def test_failing_checks_are_reported_after_three_and_when_they_are_over(life: Life) -> None:
    settled(life)
    life.world.prices.trouble = PricesUnavailable("429")
    for _ in range(2):
        life.check()
    assert life.new() == []
    life.check()
    assert life.new() == [f"{WHO}: Checks are failing"]
    life.world.prices.trouble = None
    life.check()
    assert life.new() == [f"{WHO}: Over: checks are failing"]


def test_a_refused_order_is_reported(life: Life) -> None:
    life.world.broker.behaviours = [is_rejected]
    life.check()
    assert life.new() == [f"{WHO}: An order was refused"]
    assert "not enough buying power" in life.bodies[0]


def test_the_gateways_night_is_silent_and_a_morning_without_it_is_not(life: Life) -> None:
    settled(life)
    monday = date(2026, 11, 30)
    life.problem = "the gateway's restart"
    assert life.at(new_york(date(2026, 11, 24), 23, 45)) == []
    life.problem = None
    assert life.at(new_york(date(2026, 11, 25), 0, 15)) == []
    assert life.at(new_york(date(2026, 11, 27), 17)) == [f"{WHO}: The week"]
    life.problem = "awaiting the second factor"
    assert life.at(new_york(date(2026, 11, 29), 1)) == []
    assert life.at(new_york(date(2026, 11, 29), 12)) == [], "no decision is near on a Sunday"
    assert life.at(new_york(date(2026, 11, 29), 18, 1)) == [f"{WHO}: The gateway needs your login"]
    assert life.at(new_york(date(2026, 11, 29), 19)) == []
    assert life.at(new_york(monday, 7, 59)) == []
    assert life.at(new_york(monday, 8, 29)) == []
    assert life.at(new_york(monday, 8, 30)) == [f"{WHO}: The broker cannot be reached"]
    assert life.at(new_york(monday, 9)) == []
    life.problem = None
    assert life.at(new_york(monday, 9, 1)) == [f"{WHO}: Over: the broker cannot be reached"]


def test_a_wrong_account_is_reported_at_once_even_after_a_lost_gateway_was(life: Life) -> None:
    settled(life)
    life.problem = "the gateway closed the connection"
    life.at(NOW + timedelta(minutes=1))
    assert life.at(NOW + timedelta(minutes=5)) == [f"{WHO}: The broker cannot be reached"]
    life.problem = life.refused = "U***321 is a live account, but allow_live is false"
    titles = life.at(NOW + timedelta(minutes=6))
    assert titles == [
        f"{WHO}: The gateway is logged in to the wrong account",
        f"{WHO}: Over: the broker cannot be reached",
    ]
    assert "U***321 is a live account" in life.bodies[0]
    assert life.at(NOW + timedelta(hours=2)) == []
    life.problem = life.refused = None
    assert life.at(NOW + timedelta(hours=2, minutes=1)) == [
        f"{WHO}: Over: the gateway is logged in to the wrong account"
    ]


def test_news_of_the_night_waits_for_the_morning(life: Life) -> None:
    settled(life)
    life.at(new_york(date(2026, 11, 24), 22))
    life.notifier.notify(AlertKind.TORN_RECORD, "trades.jsonl: an incomplete last line")
    assert life.at(new_york(date(2026, 11, 25), 3)) == []
    assert life.at(new_york(date(2026, 11, 25), 8)) == [f"{WHO}: An incomplete line was set aside"]
    assert "Tue 2026-11-24 22:00 ET" in life.bodies[0]


def test_a_problem_that_came_and_went_overnight_is_not_reported(life: Life) -> None:
    settled(life)
    life.at(new_york(date(2026, 11, 24), 22))
    life.engine.records.switch.halt("by hand, at night")
    life.check()
    (life.world.logs / "HALT").unlink()
    life.check()
    assert life.at(new_york(date(2026, 11, 25), 8, 1)) == []


def test_a_daemon_that_waits_for_its_account_says_so_before_the_open(life: Life) -> None:
    settled(life)
    life.start(engine=False)
    life.problem = "no gateway"
    assert life.at(new_york(date(2026, 11, 25), 8, 30)) == []
    assert life.at(new_york(date(2026, 11, 25), 9)) == ["qqqbot: The broker cannot be reached"]
    life.problem = None
    life.engine = life.world.start()
    life.notifier.engine = life.engine
    assert life.at(new_york(date(2026, 11, 25), 9, 35), check=True) == [f"{WHO}: Over: the broker cannot be reached"]


def test_the_week_is_summarized_once_after_its_last_session(life: Life) -> None:
    settled(life)
    friday = date(2026, 11, 27)  # a half-day, closing at 13:00
    assert life.at(new_york(friday, 12, 45), check=True) == []
    assert life.at(new_york(friday, 13, 5)) == []
    assert life.at(new_york(friday, 13, 10)) == [f"{WHO}: The week"]
    body = life.bodies[0]
    assert "to 2026-11-27" in body
    assert "Value: 99,999.00 USD, +0.00% since the last weekly message, -1.00 USD (-0.00%) since the start." in body
    assert "Held: 211 QQQ + 5,049.00 USD cash." in body
    assert "Trades since the last weekly message: 0." in body
    flips = flip_prices([*closes(Holding.QQQ), PRICE], RULES)
    assert f"At {flips.enter_strong:,.2f} " in body, "of the session that comes, as the status page has it"
    assert "on Mon 2026-11-30 the rule would want TQQQ." in body
    assert "No problems." in body
    life.start()
    assert life.at(new_york(friday, 14), check=True) == []
    assert life.at(new_york(date(2026, 12, 3), 15), check=True) == []
    life.engine.records.switch.halt("by hand")
    life.check()
    life.new()
    assert life.at(new_york(FRIDAY, 16, 10)) == [f"{WHO}: The week"]
    assert "Problems: " in life.bodies[0]
    assert "by hand" in life.bodies[0]


def test_a_first_start_on_a_weekend_sends_no_summary_of_the_week_before_it(tmp_path: Path) -> None:
    world = World(tmp_path, clock=VirtualClock(new_york(date(2026, 11, 28), 12)))
    life = Life(world)
    life.check()
    life.check()
    assert not any("week" in title for title in life.new())
    assert life.at(new_york(FRIDAY, 16, 10), check=True) != []


def test_a_channel_that_fails_is_shown_in_the_status_once(life: Life) -> None:
    settled(life)
    life.post.trouble = "channel 1 (json) cannot be reached"
    for _ in range(3):
        life.look()
    life.post.trouble = None
    life.look()
    told = [event.text for event in life.notifier.log_notifier.recent if event.kind == "notifications"]
    assert told == ["channel 1 (json) cannot be reached", "delivered again"]


def test_the_dead_man_switch_is_pinged_for_good_checks_even_without_channels(life: Life) -> None:
    life.notifier.channels = None
    life.check()
    assert life.calls.count == 1
    life.engine.records.switch.halt("by hand")
    life.world.pass_time(minutes=15)
    life.check()
    assert life.calls.count == 1, "a halted bot decides nothing"


def test_when_the_exchange_is_closed_it_is_pinged_every_half_hour(life: Life) -> None:
    settled(life)
    life.at(new_york(date(2026, 11, 24), 15, 45), check=True)
    before = life.calls.count
    for minute in range(180):
        life.at(new_york(date(2026, 11, 24), 16) + timedelta(minutes=minute))
    assert life.calls.count - before == 6
    assert not table().open_session(life.world.clock.now())


def calls_in(life: Life, *moments: datetime) -> int:
    before = life.calls.count
    for moment in moments:
        life.at(moment)
    return life.calls.count - before


def test_while_trading_is_halted_it_is_not_pinged_when_the_exchange_is_closed_either(life: Life) -> None:
    settled(life)
    day = date(2026, 11, 24)
    life.at(new_york(day, 15, 45), check=True)
    assert calls_in(life, new_york(day, 16, 20)) == 1
    life.engine.records.switch.halt("at night")
    assert calls_in(life, *(new_york(day, 17 + hour) for hour in range(6))) == 0
    (life.world.logs / "HALT").unlink()
    assert calls_in(life, new_york(day, 23)) == 1


@pytest.mark.parametrize("channels", [True, False])
def test_the_accounts_nightly_pause_raises_no_alarm_and_a_lost_account_does_before_the_open(
    life: Life, channels: bool
) -> None:
    settled(life)
    if not channels:
        life.notifier.channels = None
    friday, saturday = date(2026, 11, 27), date(2026, 11, 28)
    life.at(new_york(friday, 12, 45), check=True)
    life.at(new_york(friday, 22, 59))
    life.problem = "the servers are reset"
    night = [new_york(friday, 23) + timedelta(minutes=minute) for minute in range(0, 4 * 60 + 1, 10)]
    assert calls_in(life, *night) == 8, "every half hour until 03:00"
    weekend = [new_york(saturday, 3, 30) + timedelta(minutes=30 * n) for n in range(2 * 38)]
    assert calls_in(life, *weekend) == len(weekend), "a login that is missing on Sunday morning is not missed yet"
    sunday = date(2026, 11, 29)
    evening = [new_york(sunday, 17, 40) + timedelta(minutes=10 * n) for n in range(6 * 6)]
    assert calls_in(life, *evening) == 0
    life.problem = None
    assert calls_in(life, new_york(date(2026, 11, 30), 3)) == 1


def test_an_account_still_silent_after_a_weeknight_raises_an_alarm_before_the_open(life: Life) -> None:
    settled(life)
    tuesday, wednesday = date(2026, 11, 24), date(2026, 11, 25)
    life.at(new_york(tuesday, 15, 45), check=True)
    life.at(new_york(tuesday, 23))
    life.problem = "the gateway's restart has failed"
    restart = [new_york(tuesday, 23, 30) + timedelta(minutes=30 * n) for n in range(9)]
    assert calls_in(life, *restart) == len(restart)
    morning = [new_york(wednesday, 3, 40) + timedelta(minutes=10 * n) for n in range(30)]
    assert calls_in(life, *morning) == 0


def test_a_channel_that_fails_is_told_of_through_another_and_its_end_too(life: Life) -> None:
    settled(life)
    life.post.trouble = "channel 1 (json) refused it with HTTP status 401"
    life.post.all_out = True
    assert life.at(NOW + timedelta(minutes=1)) == [], "there is no other"
    life.post.all_out = False
    assert life.at(NOW + timedelta(minutes=2)) == [f"{WHO}: A notification channel does not accept messages"]
    assert "channel 1 (json) refused it with HTTP status 401" in life.bodies[0]
    life.post.trouble = None
    over = [f"{WHO}: Over: a notification channel does not accept messages"]
    assert life.at(NOW + timedelta(minutes=3), check=True) == over


def test_a_trouble_that_lasts_over_a_weekend_is_told_again_with_what_is_held_and_what_to_try(life: Life) -> None:
    settled(life)
    life.at(new_york(date(2026, 11, 27), 10), check=True)
    life.new()
    life.world.prices.trouble = PricesUnavailable("429")
    told = []
    for minutes in range(5, 24 * 60 * 4, 15):
        now = new_york(date(2026, 11, 27), 10) + timedelta(minutes=minutes)
        for title in life.at(now, check=True):
            told.append((f"{now.astimezone(NEW_YORK):%a %H:%M}", title))
            if "Checks" in title:
                body = life.bodies[-1]
                assert "Held: 211 QQQ + 5,049.00 USD cash." in body
                assert "QQQ 450.00 (Fri 2026-11-27 10:00 ET)" in body
                assert ("The flip price is not known" in body) is (now.date() > date(2026, 11, 27))
            if "week" in title:
                assert "Value: not known now; at the last valid prices, " in life.bodies[-1]
                assert "./bot_control.sh update" in body
    failing = f"{WHO}: Checks are failing"
    assert told == [
        *(("Fri 10:35", failing), ("Fri 13:20", f"{WHO}: The week")),
        *(("Mon 08:35", failing), ("Tue 08:35", failing)),
    ]


def test_the_second_death_within_an_hour_is_news_and_the_dead_man_is_not_fed_meanwhile(life: Life) -> None:
    settled(life)
    life.notifier.died("last seen at 11:59")
    life.check()
    assert life.new() == [], "one is a line in the log"
    assert "last seen at 11:59" in life.notifier.log_notifier.recent[-1].text
    fed = life.calls.count
    life.start(engine=False)
    life.at(NOW + timedelta(minutes=50))
    life.notifier.died("last seen at 12:49")
    assert life.at(NOW + timedelta(minutes=51)) == ["qqqbot: The bot died twice within the hour"]
    life.start()
    life.at(NOW + timedelta(minutes=55))
    life.notifier.died("last seen at 12:54")
    life.at(NOW + timedelta(minutes=60), check=True)
    assert (life.calls.count, life.calls.rung[-1][:41]) == (fed, "exit code 5: the bot died twice within th")
    life.at(NOW + timedelta(minutes=116), check=True)
    assert life.calls.count == fed + 1


def test_the_dead_man_rings_with_the_reason_of_a_trouble_that_is_told(life: Life) -> None:
    settled(life)
    life.engine.records.switch.halt("by hand")
    life.at(NOW + timedelta(minutes=15), check=True)
    life.look()
    assert len(life.calls.rung) == 1
    assert life.calls.rung[0].startswith("exit code 4: trading is halted: ")
    (life.world.logs / "HALT").unlink()
    life.at(NOW + timedelta(minutes=20), check=True)
    life.world.prices.trouble = PricesUnavailable("429")
    for minutes in (30, 45, 60):
        life.at(NOW + timedelta(minutes=minutes), check=True)
    assert life.calls.rung[1].startswith("exit code 5: checks are failing: 3 checks in a row")
