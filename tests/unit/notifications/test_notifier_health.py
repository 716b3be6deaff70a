"""Whatever shows how the bot stands, and the dead man's switch, say the same in each state that lasts."""

import io
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

import monitor
from qqqbot.model.errors import PricesUnavailable
from qqqbot.model.reasons import AlertKind, Reason
from qqqbot.monitoring.facts.dashboard import dashboard
from qqqbot.monitoring.facts.status import status
from qqqbot.monitoring.web import metrics, page
from qqqbot.notifications.dead_man_switch import DeadManSwitch
from qqqbot.records.folder import Folder
from qqqbot.records.verdict import KEEPS_FROM_TRADING
from qqqbot.trading.engine import ALERTS_OF_GATES, Check
from qqqbot.trading.heartbeat import Heartbeat
from tests.support.builders import DAY, NOW, new_york
from tests.support.fakes import World
from tests.support.monitor_samples import blocked
from tests.support.notified_life import Calls, Life, settled

WITH_FILE = (Reason.TRADING_HALTED, Reason.DID_NOT_SETTLE, Reason.ORDER_UNANSWERED, Reason.ORDER_OVERRUN)


@pytest.fixture
def life(tmp_path: Path) -> Life:
    return Life(World(tmp_path))


def test_the_dead_man_says_what_status_says_over_the_night_after_a_day_without_decisions(life: Life) -> None:
    """The exit code was 0 from the close on, and so it was after a restart in the night."""
    settled(life)
    life.world.prices.trouble = PricesUnavailable("429")
    for hour, minute in ((14, 0), (15, 0), (15, 30), (15, 45)):
        life.at(new_york(DAY, hour, minute), check=True)
    fed = life.calls.count
    for hour in (16, 18, 20, 22):
        life.at(new_york(DAY, hour))
        agree(life)
    life.start()
    life.at(new_york(DAY, 23), check=True)
    life.engine.look_back()
    life.look()
    agree(life)
    assert life.calls.count == fed
    assert life.calls.rung[-1].startswith("exit code 5: ")
    assert "ended without a decision" in life.calls.rung[-1]
    life.world.prices.trouble = None
    life.at(new_york(DAY + timedelta(days=1), 10), check=True)
    agree(life)
    assert life.calls.count == fed + 1


def test_a_halt_that_no_check_has_found_yet_rings_with_its_reason_and_ends_with_its_file(life: Life) -> None:
    settled(life)
    life.engine.records.switch.halt("vacation")
    assert agree(life) == 4
    life.look()
    assert life.calls.rung == ["exit code 4: trading is halted: vacation; ./bot_control.sh resume ends it"]
    life.check()
    assert len(life.calls.rung) == 1
    (life.world.logs / "HALT").unlink()
    assert status(Folder(life.world.logs, lambda _: os.getpid()), life.world.clock.now()).exit_code == 0


def test_a_bot_that_dies_again_rings_with_that_and_not_with_the_account_that_it_has_not_reached_yet(life: Life) -> None:
    dies(life, 1)
    life.start(engine=False)
    life.died_again = life.notifier.died("last seen a minute ago")
    life.problem = "not connected to the gateway yet"
    life.look()
    assert life.calls.rung == ["exit code 5: the bot died twice within the hour: last seen a minute ago"]


def agree(life: Life, state: str = "running", fed: bool = True) -> int:
    """Whatever shows how it stands says the same, and a switch that was never called yet too: the exit code.

    `fed`: the last check was good, so that the switch is called if all is well.
    """
    now, calls, known_switch, notifier = life.world.clock.now(), Calls(), life.notifier.dead_man, life.notifier
    beats = Heartbeat(life.world.logs / "status.json", life.world.clock, {}, notifier.log_notifier, notifier.engine)
    beats.outage, beats.died_again = life.outage, life.died_again
    beats.beat(state)
    notifier.dead_man, notifier.unwritten = DeadManSwitch(calls), beats.unwritten
    life.look()
    notifier.dead_man = known_switch
    folder = Folder(life.world.logs, lambda _: os.getpid())
    found, seen = status(folder, now), dashboard(folder, now)
    code, word = found.exit_code, str(found.health)
    out = io.StringIO()
    assert monitor.main(["--logs-dir", str(folder.path)], life.world.clock, out, lambda _: os.getpid()) == code
    assert (f"yes, {word}" if code else "yes: pid") in out.getvalue()
    assert found.problems or found.halted_by_owner or code == 0, "what is not well says why"
    assert metrics.health(found)[0][:3] == ("503" if code else "200")
    assert f"qqqbot_exit_code {float(code)}\n" in metrics.text(found)
    assert f'id="health" class="health {"bad" if code else "good"}">{word.upper()}<' in page.parts(seen)["banner"]
    rung = [told[:11] for told in calls.rung]
    assert (calls.count, rung) == ((0, [f"exit code {code}"]) if code else (int(fed), [])), f"{found.problems}"
    return code


def begins(kind: AlertKind) -> Callable[[Life], None]:
    """Trouble of that kind, which has lasted for as long as it may without a person."""
    return lambda life: life.engine.alerts.begin(kind, "it lasts", NOW - timedelta(minutes=10))


def dies(life: Life, minutes: int) -> None:
    life.start()
    life.died_again = life.notifier.died(f"last seen {minutes} minutes ago")
    life.check()


def dies_again(life: Life) -> None:
    for _ in range(2):
        dies(life, 1)


def fails(life: Life) -> None:
    life.world.prices.trouble = PricesUnavailable("429")
    for _ in range(3):
        life.check()


def halts(life: Life) -> None:
    life.engine.records.switch.halt("too many rounds")
    life.check()


def differs(life: Life) -> None:
    life.world.broker.positions["TQQQ"] += 5
    life.engine.step()
    life.check()


def is_away(life: Life) -> None:
    life.problem = "the gateway is away"
    life.at(NOW + timedelta(minutes=1))
    life.at(NOW + timedelta(minutes=10))


def refuses(life: Life) -> None:
    life.post.trouble = "channel 2 (tgram) refused it: 401"
    life.look()


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (lambda _: None, 0),
        *((begins(AlertKind(kind)), 5) for kind in KEEPS_FROM_TRADING),
        (lambda life: dies(life, 1), 0),
        (dies_again, 5),
        (fails, 5),
        (halts, 4),
        (differs, 4),
        (is_away, 5),
        (refuses, 0),
    ],
)
def test_whatever_shows_how_it_stands_agrees_in_each_lasting_state(
    life: Life, trouble: Callable[[Life], None], code: int
) -> None:
    settled(life)
    trouble(life)
    assert agree(life) == code


def finds(life: Life, reason: Reason) -> None:
    """A check that could not trade for that reason, with the alert that the engine begins; it has just lasted long."""
    now, engine = life.world.clock.now(), life.engine
    sentence = f"the sentence of {reason}"
    row = {**blocked("gate", sentence, reason), "timestamp": now.isoformat()}
    engine.state.last_check = Check(now, "WAIT", sentence, reason, row, complete=True)
    if reason.alert in ALERTS_OF_GATES:
        engine.alerts.begin(reason.alert, sentence, now)
    if reason.alert is AlertKind.MISMATCH:
        engine.state.agrees = False
    if reason in WITH_FILE:
        engine.records.switch.halt(sentence)
    life.at(now + timedelta(minutes=6))


def exit_code(reason: Reason) -> int:
    return 4 if reason.halts else 5 if reason.alert in KEEPS_FROM_TRADING and reason.alert in ALERTS_OF_GATES else 0


def worst(life: Life) -> tuple[str, str]:
    """The first problem of the status, and what /healthz tells."""
    found = status(Folder(life.world.logs, lambda _: os.getpid()), life.world.clock.now())
    return found.problems[0].text, metrics.health(found)[1]


@pytest.mark.parametrize("reason", list(Reason))
def test_each_reason_shows_alike_everywhere_also_after_a_check_that_did_not_get_so_far(
    life: Life, reason: Reason
) -> None:
    """A check that failed on prices made a mismatch HEALTHY and hid an open order behind "ends on its own"."""
    settled(life)
    finds(life, reason)
    code = exit_code(reason)
    assert agree(life, fed=False) == code
    assert f"the sentence of {reason}" in worst(life)[0]
    life.world.prices.trouble = PricesUnavailable("429")
    life.check()
    assert agree(life, fed=False) == (0 if reason is Reason.CALENDAR_ENDED else code)
    if agree(life, fed=False):
        assert all(f"he sentence of {reason}" in told for told in worst(life))


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason.alert in ALERTS_OF_GATES])
def test_a_message_has_the_advice_that_status_has(life: Life, reason: Reason) -> None:
    """A short position was reported with `adopt` or `leave`, and a sale that settles tomorrow with total_capital."""
    settled(life)
    finds(life, reason)
    (body,) = (body for body in life.bodies if f"the sentence of {reason}" in body)
    assert reason.advice in body
    assert body.count("\n") == 3, "what it is, what to do, and two lines on how it stands"


def test_a_bot_that_dies_again_and_again_is_not_well_until_it_has_lived_for_an_hour(life: Life) -> None:
    settled(life)
    dies_again(life)
    life.at(NOW + timedelta(minutes=59), check=True)
    assert agree(life) == 5
    assert agree(life, "waiting") == 5
    life.at(NOW + timedelta(minutes=61), check=True)
    assert agree(life) == 0
    life.start()
    assert life.died_again is None, "its owner restarted it"


def test_a_status_that_cannot_be_written_is_told_and_rings(life: Life) -> None:
    settled(life)
    path = life.world.logs / "status.json"
    path.unlink(missing_ok=True)
    (path / "in the way").mkdir(parents=True)
    beats = Heartbeat(path, life.world.clock, {}, life.notifier.log_notifier, life.engine)
    fed = life.calls.count
    for minutes in (1, 5):
        beats.beat("running")
        life.notifier.unwritten = beats.unwritten
        life.at(NOW + timedelta(minutes=minutes), check=True)
    assert life.calls.count == fed + 1
    assert life.calls.rung[-1].startswith("exit code 1: the disk is full or cannot be written: status.json cannot be")
