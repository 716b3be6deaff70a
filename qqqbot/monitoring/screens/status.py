"""The status screen: what `report.status` found, in words, for 80 columns."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from qqqbot.display.formatting import clock_time, count, day_and_time, percent, span, time_near, until, usd, words
from qqqbot.display.terminal import Field, Fields, Screen, Tone
from qqqbot.model.new_york import new_york_date
from qqqbot.monitoring.screens.frame import framed, time_in_fields
from qqqbot.records.coerce import without_accounts

HOW_TO_START = "./bot_control.sh start"
HOW_TO_STOP = "./bot_control.sh stop (safe at any moment; what is held stays held)"
HOW_TO_HALT = "./bot_control.sh halt (stays on and watches, but trades nothing until resume)"
NOTICES_SHOWN = 3
# QQQ's largest move in a day since 2010 was 12 %.
OUT_OF_REACH_PCT = 15
# A flip price older than this may rest on another window than the coming check's.
SEEN_LATELY = timedelta(hours=2)

_HEALTH_TONES = {
    "healthy": Tone.GOOD,
    "starting": Tone.GOOD,
    "halted": Tone.WARNING,
    "stopped": Tone.WARNING,
    "failing": Tone.BAD,
}
ACTION_TONES = {"ROTATE": Tone.GOOD, "WAIT": Tone.WARNING, "FAILED": Tone.WARNING}

Facts = Mapping[str, Any]


def status(facts: Facts) -> Screen:
    """One screen that answers: alive? what do I own? anything wrong? what next? how do I stop it?"""
    if facts["health"] == "never started":
        return framed(
            facts,
            Fields(
                (
                    Field("Alive", f"no: it was never started with {facts['logs_dir']}", Tone.WARNING),
                    Field("Start it", HOW_TO_START),
                    Field("", "It begins in dry run: real prices, a simulated account, nothing to lose."),
                    Field("Try it", "./bot_control.sh demo (takes seconds; no network, simulated prices)"),
                    *_problem_fields(facts),
                )
            ),
        )
    return framed(
        facts,
        Fields(
            (
                *_alive_fields(facts),
                *_own_fields(facts),
                *time_in_fields(facts["time_in"]),
                *_problem_fields(facts),
                *_notice_fields(facts),
                *_signal_fields(facts),
                *_next_fields(facts),
                *_stop_fields(facts),
            )
        ),
    )


def _alive_fields(facts: Facts) -> list[Field]:
    process, health, now = facts["process"], facts["health"], facts["now"]
    tone = _HEALTH_TONES.get(health, Tone.BAD)
    beat = process["heartbeat_at"]
    if health in ("stopped", "dead"):
        since = f", last heartbeat {day_and_time(beat)} ({until(beat, now)})" if beat else ""
        return [Field("Alive", f"no: {health}{since}", tone)]
    parts = ["yes" if health == "healthy" else f"yes, {health}" if health != "stale" else "it is silent"]
    parts[0] += f": pid {process['pid']}"
    if process["uptime_seconds"] is not None and process["started_at"]:
        parts.append(f"up {span(now - process['started_at'])}")
    if beat:
        parts.append(f"heartbeat {until(beat, now)}")
    return [Field("Alive", ", ".join(parts), tone), *_version_fields(process)]


def _version_fields(process: Facts) -> list[Field]:
    config = process["config"]
    told = [f"version {process['version']}"] if process["version"] else []
    told += [f"config {process['config_hash']}"] if process["config_hash"] else []
    if config.get("short_ma_period") and config.get("long_ma_period"):
        told.append(f"averages of {config['short_ma_period']} and {config['long_ma_period']} days")
    told += [f"decides {str(config['decide']).replace('_', ' ')}"] if config.get("decide") else []
    return [Field("", ", ".join(told), Tone.FAINT)] if told else []


def _own_fields(facts: Facts) -> list[Field]:
    own, now = facts["own"], facts["now"]
    if own is None:
        return [Field("Owned", "not known: the daemon has not told its portfolio yet", Tone.FAINT)]
    held = [f"{count(n)} {symbol}" for symbol, n in sorted(own["shares"].items(), reverse=True) if n]
    fields = [Field("Owned", " + ".join([*held, f"{usd(own['cash'])} USD cash"]))]
    if own["moving_to"] and own["holding"] and own["moving_to"] != own["holding"]:
        fields.append(Field("", f"on the way from {own['holding']} to {own['moving_to']}", Tone.WARNING))
    if left := [f"{count(n)} {symbol}" for symbol, n in own["foreign"].items() if n]:
        fields.append(Field("", f"not counted: {', '.join(left)} in the account that are yours", Tone.FAINT))
    for order in own["open_orders"]:
        told = f"{order['side']} {order['quantity']} {order['symbol']}, {order['order_ref']}"
        fields.append(Field("", f"order not done yet: {told}", Tone.WARNING))
    return [*fields, _broker_field(facts, own, now), *_value_fields(own)]


def _broker_field(facts: Facts, own: Facts, now: datetime) -> Field:
    broker = own["broker"]
    who = "the simulated account" if facts["mode"] == "dry_run" else "the broker"
    if broker is None or own["agrees"] is None:
        return Field("Broker", f"{who} has not been asked yet", Tone.FAINT)
    asked = f"asked {time_near(broker['taken_at'], now)}" if broker["taken_at"] else "time not told"
    if own["agrees"]:
        if facts["health"] in ("stopped", "dead"):
            return Field("Broker", f"{who} agreed when last asked ({asked})", Tone.GOOD)
        if not own["answers"]:
            return Field("Broker", f"{who} does not answer now; it agreed when last asked ({asked})", Tone.WARNING)
        return Field("Broker", f"{who} agrees ({asked})", Tone.GOOD)
    says = ", ".join(f"{count(n)} {symbol}" for symbol, n in sorted(broker["positions"].items(), reverse=True))
    return Field("Broker", f"{who} DISAGREES: it says {says or 'no shares'} ({asked})", Tone.BAD)


def _value_fields(own: Facts) -> list[Field]:
    if own["equity"] is None:
        return [Field("Value", f"not known before the first prices; {usd(own['total_capital'])} USD were put in")]
    since = f" since {new_york_date(own['since']):%a %Y-%m-%d}" if own["since"] else ""
    change = f", {usd(own['change'], sign=True)} USD ({percent(own['change_pct'], sign=True)}){since}"
    tone = Tone.GOOD if (own["change"] or 0) > 0 else Tone.PLAIN
    return [Field("Value", f"{usd(own['equity'])} USD{change if own['change'] is not None else ''}", tone)]


def _problem_fields(facts: Facts) -> list[Field]:
    if not facts["problems"]:
        return [Field("Wrong", "nothing", Tone.GOOD)]
    fields: list[Field] = []
    for problem in facts["problems"]:
        fields.append(Field("" if fields else "Wrong", words(without_accounts(problem["text"])), Tone.BAD))
        if problem["advice"] and "./bot_control.sh" not in problem["text"]:
            fields.append(Field("", f"-> {problem['advice']}"))
    return fields


def _notice_fields(facts: Facts) -> list[Field]:
    fields: list[Field] = []
    for notice in facts["notices"][-NOTICES_SHOWN:]:
        told = f"{time_near(notice['at'], facts['now'])} {without_accounts(notice['text'] or '')}"
        fields.append(Field("" if fields else "Told", told, Tone.FAINT))
    return fields


def _signal_fields(facts: Facts) -> list[Field]:
    check, signal, now = facts["last_check"], facts["last_signal"], facts["now"]
    if check is None and signal is None:
        return [Field("Checked", "not yet", Tone.FAINT)]
    fields = []
    if check is not None:
        told_above = any(check["sentence"] and check["sentence"] in problem["text"] for problem in facts["problems"])
        text = (
            f"{time_near(check['at'], now)} {check['action']}, see above" if told_above else _decision_text(check, now)
        )
        fields.append(Field("Checked", text, ACTION_TONES.get(check["action"], Tone.PLAIN)))
    if signal is not None and (check is None or signal["at"] != check["at"]):
        fields.append(Field("Signal", _decision_text(signal, now)))
    return fields


def _decision_text(decision: Facts, now: datetime) -> str:
    sentence = without_accounts(decision["sentence"] or "no sentence")
    return f"{time_near(decision['at'], now)} {decision['action'] or ''}: {sentence}"


def _next_fields(facts: Facts) -> list[Field]:
    coming, now = facts["next"], facts["now"]
    opens, check = coming["opens_at"], coming["check_at"]
    parts = ["nothing until it is started"] if facts["health"] in ("stopped", "dead") else []
    if coming["closes_at"]:
        parts += [f"check {time_near(check, now)} ({until(check, now)})"] if check else []
        parts.append(f"exchange open until {time_near(coming['closes_at'], now)}")
    elif opens:
        parts.append(f"exchange closed; opens {day_and_time(opens)} ({until(opens, now)})")
        parts += [f"check {time_near(check, now)} ({until(check, now)})"] if check and check < opens else []
    elif check:
        parts.append(f"check {time_near(check, now)} ({until(check, now)})")
    fields = [Field("Next", "; ".join(parts) or "not known yet")]
    if half := coming["half_day_closes_at"]:
        told = f"{new_york_date(half):%a %Y-%m-%d} is a half-day (closes {clock_time(half)})"
        fields.append(Field("", told, Tone.WARNING))
    return [*fields, *_flip_fields(coming["flip"], facts, now)]


def _flip_fields(flip: Facts | None, facts: Facts, now: datetime) -> list[Field]:
    if flip is None and facts["last_signal"] is None:
        return []
    if flip is None:
        return [Field("Flip", "no price of QQQ would change the answer", Tone.FAINT)]
    fields = [Field("Flip", flip_text(flip, facts["next"]["decides_near_close"]))]
    if flip["coming"]:
        told = f"in the coming session, {day_and_time(flip['seen_at'])}'s price taken for that day's close"
        fields.append(Field("", told, Tone.FAINT))
    elif flip["seen_at"] and now - flip["seen_at"] > SEEN_LATELY:
        fields.append(Field("", f"as of {day_and_time(flip['seen_at'])}; each close moves it a little", Tone.FAINT))
    return fields


def flip_text(flip: Facts, decides_near_close: bool) -> str:
    """'QQQ 612.40. Below 606.10 (-1.0 %) at a check: sell 1,053 TQQQ, buy 198 QQQ'."""
    side = "Below" if flip["distance_pct"] < 0 else "Above"
    when = "at the decision before the close" if decides_near_close else "at a check"
    reach = "; out of a day's reach" if abs(flip["distance_pct"]) > OUT_OF_REACH_PCT else ""
    where = f"{side} {usd(flip['price'])} ({percent(flip['distance_pct'], sign=True, digits=1)}) {when}"
    return f"QQQ {usd(flip['seen_price'])}. {where}: {_orders_text(flip)}{reach}"


def _orders_text(flip: Facts) -> str:
    orders = [f"{o['side'].lower()} {count(o['quantity'])} {o['symbol']}" for o in flip["orders"] or ()]
    if orders:
        return ", ".join(orders)
    return f"the answer is {flip['target']}" + ("" if flip["orders"] is None else ", no order needed")


def _stop_fields(facts: Facts) -> list[Field]:
    if facts["health"] in ("stopped", "dead"):
        what = " (with real prices; this was a demonstration)" if facts["simulated_prices"] else ""
        return [Field("Start it", HOW_TO_START + what)]
    return [Field("Stop it", HOW_TO_STOP), Field("", HOW_TO_HALT)]
