"""What can go wrong, in scenes: what happens, what the owner sees, and what is proved at the end.

Each scene begins on Tuesday, 24 November 2026 (the scene of the half-day on the Friday after). Unless a scene is about
something else, the bot holds the rule's strong fund (TQQQ) and the index falls (QQQ by 2.5 %), so that a rotation is
due while something is wrong.
"""

import os
import re
import resource
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TextIO

from drill.market import TUESDAY, WEDNESDAY
from drill.stage import LIVE_ACCOUNT, PAPER_ACCOUNT, Stage, stage
from standins.owner_channels import OwnerChannels, owner_channels
from standins.receiver import receiving

HALF_DAY, MONDAY = date(2026, 11, 27), date(2026, 11, 30)
NO_LIMITS = "" if hasattr(resource, "prlimit") else "only Linux can make the disk full for a single process"


@dataclass(frozen=True, slots=True)
class Scene:
    title: str
    play: Callable[[Stage], None]
    gateway: bool = False
    split: bool = False
    impossible: str = ""
    """why the scene cannot be played on this system"""

    def run(self, folder: Path, out: TextIO, settings: Mapping[str, object]) -> Stage:
        """Play the scene in `folder`, which is created. Raises ConfigError, or AssertionError if it cannot go on."""
        with stage(folder, out, settings, self.split, self.gateway) as made:
            self.play(made)
            made.owner("stop")
        return made


def dead_gateway(on: Stage) -> None:
    holding_strong(on)
    on.narrate(f"The gateway dies. {on.falls}: a rotation is due, and there is nothing to send it to.")
    on.gateway.go_down(roll_back_ids=3)
    on.later("11:00", move=on.market.fall, checked=False)
    on.wait_for(lambda: on.last_check().get("error") == "BrokerUnavailable", "a check without a gateway")
    on.wait_for_heartbeat("11:00")
    on.later("11:15")
    on.status()
    on.prove("the owner was notified", on.message("broker cannot be reached"))
    on.prove("nothing was sent, and a missing answer did not count as an empty account", on.orders() == 1)
    on.narrate("The gateway comes back with its order numbers reset, as after its nightly restart.")
    on.gateway.come_up()
    on.wait_for(on.account_answers, "the bot to connect again")
    on.later("11:30")
    on.status("Holdings", "Broker", "Problems")
    on.prove("the owner was notified that it was over", on.message("Over: "))
    prove_one_rotation(on, "the rotation was made, once")


def yahoo_down(on: Stage) -> None:
    holding_strong(on)
    on.narrate(f"Yahoo refuses every request (429), as it did on 29 April 2025. {on.falls}.")
    on.yahoo.fault("429", on="any")
    for at in ("11:00", "11:30", "12:00"):
        on.later(at, move=on.market.fall)
    on.status()
    on.prove("the owner was notified after the third check", on.message("Checks are failing"))
    on.prove("nothing was traded on the morning's prices", on.orders() == 1)
    on.narrate("Yahoo answers again.")
    on.yahoo.clear()
    on.later("12:30")
    on.status("Holdings", "Problems", "Last check")
    on.prove("the owner was notified that it was over", on.message("Over: "))
    prove_one_rotation(on, "the rotation was made at the next check")


def three_days_without_prices(on: Stage) -> None:
    on.configure(evening_letter="daily")
    holding_strong(on)
    on.later("15:45")
    on.narrate("The exchange closes. The owner has asked for a letter each evening.")
    on.later("16:10", checked=False)
    on.prove("a letter says what is held, and tomorrow's flip price", on.message("The evening", "on Wed 2026-11-25"))
    on.narrate(f"From Wednesday on Yahoo refuses every request. {on.falls}, and {on.market.strong} is held.")
    on.yahoo.fault("429", on="any")
    for at in ("10:00", "10:15", "10:30"):
        on.later(at, WEDNESDAY, move=on.market.fall)
    on.prove(
        "the owner was notified: what is held, which price was known last, and what to try",
        on.message("Checks are failing", f"{on.market.strong} + ", "bot_control.sh update"),
    )
    failing = on.status("Running", "Problems", "Last check")
    on.prove("status is failing, with exit code 5", failing.returncode == 5)
    on.later("16:10", checked=False)
    on.prove("the lost session was reported", on.message("ended without a decision", "session of 2026-11-25"))
    on.prove("and no letter gave a flip price that is not known", on.message("The evening", "price is not known"))
    on.wait_for(on.all_is_told, "the phone to accept them")
    on.narrate("Thursday is Thanksgiving. On Friday, a half-day, Yahoo is still silent.")
    on.later("09:00", HALF_DAY, checked=False)
    again = on.happens(lambda: on.times("Checks are failing") == 2)
    on.prove("it was reported again before the day's first decision", again)
    on.later("12:45")
    on.later("13:10", checked=False)
    on.prove("so was the second lost session", on.message("session of 2026-11-27 ended without a decision"))
    on.prove(
        "the week gives neither a value nor a flip price from Tuesday's prices",
        on.message("The week", "price is not known", "Value: not known"),
    )
    on.wait_for(on.all_is_told, "the phone to accept them")
    on.narrate("On Monday Yahoo answers again.")
    on.later("08:45", MONDAY, checked=False)
    on.yahoo.clear()
    on.later("10:00")
    on.status("Holdings", "Problems", "Last check")
    on.prove("the owner was notified that it was over", on.message("Over: checks are failing"))
    prove_one_rotation(on, "nothing was traded blindly, and the rotation was made at the first good check")


def refusing_channel(on: Stage) -> None:
    with receiving() as chat:
        chat.judge = lambda _: 401
        on.add_channel(chat.json_url())
        on.narrate("The owner has two channels. The token of the first was revoked long ago, and nobody knows.")
        holding_strong(on)
        on.prove("the first trade arrived through the other", on.message("First trade"))
        on.later("10:15")
        on.prove("which also says that the first one fails", on.message("channel does not accept", "channel 1 (json)"))
        on.status("Running", "Problems", "Channels")
        on.owner("halt", "something is wrong")
        on.later("10:30")
        on.prove("an alarm arrives all the same", on.message("Trading is halted", "something is wrong"))
        said = [message["message"] for message in chat.messages]
        on.prove("and nothing was sent twice to the channel that refuses it", len(said) == len(set(said)))
        on.narrate("The owner makes a new token, and tries it.")
        chat.judge = lambda _: 200
        on.owner("notify-test")
        mended = on.status("Problems", "Channels")
        on.prove("status knows at once", "Problems     none" in mended.stdout)
        on.owner("resume")
        on.later("10:45")
        on.later("11:00")
        on.prove("and both channels report that it is over", on.message("Over: a notification channel"))
        on.prove_that_nothing_was_lost()


def asked_first(on: Stage) -> None:
    with owner_channels() as topic:
        on.add_channel(topic.ntfy_url)
        holding_strong(on)
        on.narrate(f"The owner wants to be asked before a rotation is made. {on.falls}.")
        on.configure(ask_first_minutes=10)
        on.owner("restart", lines=("Running", "Holdings"))
        on.later("11:00", move=on.market.fall)
        code = announced(on, topic, 1)
        on.prove("nothing is sent while there is time to answer", on.orders() == 1)
        topic.publish(f"veto {code}")
        on.wait_for(lambda: "veto" in on.announcement(), "the veto to be read")
        on.later("11:30")
        on.status("Running", "Holdings", "Problems", "Last check")
        on.prove("a veto in time: no order, however long it waits", on.orders() == 1)
        on.prove("and the owner learns that the veto holds", on.message("You vetoed a rotation"))
        wanted = on.market.after.symbol or "cash"
        on.narrate(f"The veto ends with the session. On Wednesday the rule still wants {wanted}, and nobody answers.")
        on.wait_for(on.all_is_told, "the phone to accept them")
        on.later("10:00", WEDNESDAY)
        code = announced(on, topic, 2)
        on.later("10:12", checked=False)
        on.wait_for(
            lambda: len(on.trades()) == (3 if on.market.after.symbol else 2),
            "the rotation, after ten minutes of silence",
        )
        topic.publish(f"veto {code}")
        on.prove("a veto that comes too late is answered", on.message("came too late"))
        prove_one_rotation(on, "the rotation was made once, after the time to answer")


def announced(on: Stage, topic: OwnerChannels, number: int) -> str:
    """Wait for the announcement with this number in the topic; returns its code."""
    codes: list[str] = []

    def is_there() -> bool:
        codes[:] = [found[1] for text in topic.announced() if (found := re.search(r'"veto (\d{6})"', text))]
        return len(dict.fromkeys(codes)) >= number

    on.wait_for(is_there, "the announcement")
    on.wait_for(lambda: "delivered" in on.announcement(), "the time to answer to begin")
    on.show("in the owner's topic:", [text for text in topic.announced() if codes[-1] in text][-1])
    return codes[-1]


def stale_prices(on: Stage) -> None:
    holding_strong(on)
    fallen = on.falls.replace("falls", "has fallen")
    on.narrate(f"Yahoo answers, but with a price that is 40 minutes old. It says that {fallen}.")
    on.yahoo.fault("old")
    on.later("12:00", move=on.market.fall)
    on.status()
    on.prove(
        "the old price was recognized as old, and not traded on",
        on.last_check()["error"] == "StalePrices",
        on.orders() == 1,
    )
    on.narrate("Then the price is fresh, but yesterday's session is missing from the history. The bot has kept it.")
    on.yahoo.clear()
    on.yahoo.fault("missing")
    on.owner("restart", lines=("restarted", "stopped"))
    on.later("12:15")
    on.status("Prices", "Problems", "Last check")
    on.prove(
        "the missing day was filled from what the bot had kept",
        "the bot's own memory" in str(on.last_check().get("prices_from")),
    )
    on.yahoo.clear()
    on.later("12:45")
    prove_one_rotation(on, "the rotation was made")


def split(on: Stage) -> None:
    holding_strong(on)
    before = shares(on)[on.market.strong]
    on.narrate(f"Overnight {on.market.strong} is split 2:1; its price is half of what it was yesterday.")
    on.later("10:00", WEDNESDAY)
    on.status("Holdings", "Broker", "Problems", "Notices", "Last check")
    on.prove(
        f"{before:,} shares became {2 * before:,}, and none were traded",
        shares(on)[on.market.strong] == 2 * before,
        on.orders() == 1,
    )
    on.prove("the owner was notified", on.message("was split 2:1"))
    on.prove_that_nothing_was_lost()


def half_day(on: Stage) -> None:
    on.begin(HALF_DAY, "12:30")
    start(on)
    on.prove(f"it bought {on.market.strong} while the exchange was open", shares(on)[on.market.strong] > 0)
    on.later("12:45")
    on.narrate(f"The exchange closes at 13:00 today. {on.falls} after that.")
    on.later("13:30", move=on.market.fall, checked=False)
    on.wait_for_heartbeat("13:30")
    on.later("15:45", checked=False)
    on.wait_for_heartbeat("15:45")
    on.status("Running", "Holdings", "Problems", "Last check", "Next")
    on.prove("after the early close there was no check and no order", not on.checked_since("13:00"), on.orders() == 1)
    on.narrate("The machine sleeps from Friday to Monday, before the open, and wakes up.")
    on.later("08:00", MONDAY, checked=False)
    on.wait_for_heartbeat("08:00")
    on.status("Running", "Holdings", "Next")
    on.prove("nothing was caught up on before the open", not on.checked_since("00:00"), on.orders() == 1)
    on.later("09:45")
    prove_one_rotation(on, "Monday's first check decided on Monday's price")


def double_start(on: Stage) -> None:
    holding_strong(on)
    pid = on.bot.daemon()
    on.narrate("Somebody starts it a second time.")
    again = on.owner("start")
    on.prove(
        "the second start found the first daemon", f"already running (pid {pid})" in again.stdout, again.returncode == 0
    )
    on.narrate("Somebody starts a second daemon in the foreground.")
    beside = on.owner("run")
    on.prove("it refuses to run", beside.returncode == 1, "another daemon" in beside.stderr)
    on.narrate(
        "The first daemon hangs. Somebody deletes its lock file and starts a second one; then the first wakes up."
    )
    os.kill(pid, signal.SIGSTOP)
    (on.bot.logs / "bot.pid").unlink()
    on.owner("start", lines=("DRY RUN", "Holdings"))
    second = on.bot.daemon()
    os.kill(pid, signal.SIGCONT)
    on.prove("the first one ended on its own", on.happens(lambda: not on.lives(pid)), second != pid)
    on.owner("logs", "--lines", "3")
    on.later("11:00", move=on.market.fall)
    on.owner("trades")
    prove_one_rotation(on, "one daemon made the rotation, once")


def killed_in_mid_rotation(on: Stage) -> None:
    holding_strong(on)
    on.gateway.next_order(slices=(40, 60), delay=0.3, slice_delay=1.5)
    parts = f"The sale of {on.market.strong} is filled in two parts"
    on.narrate(f"{on.falls}. {parts}; between them the daemon is killed (kill -9),")
    on.later("11:00", move=on.market.fall, checked=False)
    on.wait_for(lambda: len(on.gateway.executions) == 2, "the first part of the sale")
    on.kill()
    on.narrate("and the last line of orders.jsonl is torn, as it would be by a power cut.")
    with (on.bot.logs / "orders.jsonl").open("a") as torn:
        torn.write('{"timestamp": "2026-11-24T16:00:0')
    dead = on.status("Running", "Holdings", "Problems", "To start")
    on.prove("status says that it is dead", dead.returncode == 1)
    on.narrate("The rest of the sale is filled while nothing is listening. Then the bot is started again.")
    on.wait_for(lambda: not on.gateway.open_orders, "the second part of the sale")
    on.owner("start")
    on.owner("trades")
    prove_one_rotation(on, "the whole sale is in the book exactly once, and the purchase was made once")


def full_disk(on: Stage) -> None:
    holding_strong(on)
    on.narrate(f"The disk is full. {on.falls}.")
    on.fill_disk()
    on.later("11:00", move=on.market.fall, checked=False)
    on.prove("the owner was notified", on.message("The disk is full or cannot be written"))
    on.wait_for_touch("11:00")
    silent = on.status()
    on.prove("status says what is wrong, with exit code 1", silent.returncode == 1, "write its status" in silent.stdout)
    on.prove("nothing was sent that could not be written down first", on.orders() == 1)
    on.narrate("There is room again.")
    on.empty_disk()
    on.later("11:30")
    on.status("Running", "Holdings", "Problems")
    on.prove("the owner was notified that it was over", on.message("Over: the disk"))
    prove_one_rotation(on, "the rotation was made")


def halt_and_resume(on: Stage) -> None:
    holding_strong(on)
    on.narrate(f"The owner wants no trades today. {on.falls}.")
    on.owner("halt", "earnings week, I want to look first")
    on.later("11:00", move=on.market.fall)
    halted = on.status()
    on.prove("status says so, with exit code 4", halted.returncode == 4, "earnings week" in halted.stdout)
    on.prove("and a notification says so too", on.message("Trading is halted", "earnings week"))
    on.owner("restart", lines=("restarted", "stopped"))
    on.later("11:30")
    on.prove("a restart changed nothing: still nothing was sent", on.orders() == 1)
    on.owner("resume")
    on.later("12:00")
    on.status("Holdings", "Problems", "Last check")
    prove_one_rotation(on, "after resume, the rotation was made")


def sold_by_hand(on: Stage) -> None:
    holding_strong(on)
    bought = shares(on)[on.market.strong]
    on.narrate(f"The owner sells 100 {on.market.strong} in TWS, by hand. {on.falls}.")
    on.gateway.manual_trade(on.market.strong, -100)
    on.later("11:00", move=on.market.fall)
    on.status("Problems")
    on.later("11:15")  # positions may be late: the bot looks twice at a difference before it asks the owner
    halted = on.status()
    on.prove("nothing was traded while the account contradicted the book", halted.returncode == 4, on.orders() == 1)
    on.prove("the owner was asked", on.message("Account and book differ", "adopt"))
    on.narrate("The owner answers that the account is right.")
    on.owner("adopt", lines=(on.market.strong, "started"))
    on.later("11:30")
    on.status("Holdings", "Broker", "Problems")
    rest = f"SELL {bought - 100:,} {on.market.strong}"
    on.prove("the remaining shares were sold, and nothing else", on.trades()[1:2] == [rest])
    on.prove(
        "the account holds exactly the shares that the book says",
        {s: on.gateway.position(s) for s in shares(on)} == shares(on),
    )


def wrong_account(on: Stage) -> None:
    holding_strong(on)
    on.narrate(f"The gateway is restarted and logged in to the real-money account by mistake. {on.falls}.")
    on.gateway.go_down()
    on.log_in(LIVE_ACCOUNT)
    on.gateway.come_up()
    on.wait_for(lambda: on.gateway.recording.connections > 1, "the bot to connect again")
    on.later("11:00", move=on.market.fall)
    on.later("11:15")
    on.status()
    on.prove("the owner was notified", on.message("logged in to the wrong account", "is a live account"))
    on.prove("nothing was sent to that account", {order.account for order in on.gateway.orders} == {PAPER_ACCOUNT})
    on.narrate(
        "The owner logs in to the paper account again, and restarts the bot rather than wait a minute for its next try."
    )
    on.gateway.go_down()
    on.log_in(PAPER_ACCOUNT)
    on.gateway.come_up()
    on.owner("restart", lines=("PAPER", "Holdings", "Broker"))
    prove_one_rotation(on, "the rotation was made, once")


SCENES: Mapping[str, Scene] = {
    "gateway": Scene("The gateway dies", dead_gateway, gateway=True),
    "yahoo": Scene("Yahoo is down", yahoo_down),
    "outage": Scene("Three days without prices", three_days_without_prices),
    "channel": Scene("A channel that refuses", refusing_channel),
    "ask": Scene("A veto in time, and one too late", asked_first),
    "stale": Scene("Stale prices, missing days", stale_prices),
    "split": Scene("The fund is split", split, split=True),
    "half-day": Scene("A half-day", half_day),
    "double-start": Scene("Started twice", double_start),
    "kill": Scene("Killed in mid-rotation", killed_in_mid_rotation, gateway=True),
    "by-hand": Scene("A sale by hand", sold_by_hand, gateway=True),
    "wrong-account": Scene("The wrong account", wrong_account, gateway=True),
    "disk": Scene("The disk is full", full_disk, gateway=True, impossible=NO_LIMITS),
    "halt": Scene("Halt and resume", halt_and_resume),
}


def start(on: Stage) -> None:
    started = on.owner("start", lines=("DRY RUN", "PAPER", "Holdings", "Last check"))
    assert started.returncode == 0, started.stderr


def holding_strong(on: Stage) -> None:
    on.begin(TUESDAY, "10:00")
    on.narrate(f"The bot is started, and buys {on.market.strong}.")
    start(on)
    assert shares(on)[on.market.strong] > 0


def shares(on: Stage) -> Mapping[str, int]:
    return on.account().shares


def prove_one_rotation(on: Stage, sentence: str) -> None:
    """Prove that all was sold, once, that what the rule then wants was bought, once, and that the records add up."""
    bought, after = on.trades()[0].removeprefix("BUY "), on.market.after.symbol
    then = [f"BUY {shares(on)[after]:,} {after}"] if after else []
    on.prove(sentence, on.trades()[1:] == [f"SELL {bought}", *then], not after or shares(on)[after] > 0)
    on.prove_that_nothing_was_lost()
