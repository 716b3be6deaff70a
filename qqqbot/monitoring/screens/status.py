"""The status screen in words, for 80 columns."""

from datetime import datetime, timedelta

from qqqbot.display.formatting import (
    NONE,
    clock_time,
    count,
    day_and_time,
    order_text,
    percent,
    span,
    time_near,
    until,
    usd,
    words,
)
from qqqbot.display.masking import without_accounts, without_detail
from qqqbot.display.terminal import Field, Fields, Screen, Tone, under
from qqqbot.model.new_york import NEW_YORK, new_york_date
from qqqbot.model.program import COMMAND
from qqqbot.monitoring.facts.status import Decision, Forecast, NearestFlip, Own, Process, Status
from qqqbot.monitoring.screens.frame import framed, time_in_fields
from qqqbot.records.risk_line import risk_words
from qqqbot.records.verdict import Health
from qqqbot.strategy.crossing import forecast

NOTICES_SHOWN = 3
DECIDES = {"every_check": "decides at every check", "before_close": "decides before the close"}

HEALTH_TONES = {
    Health.HEALTHY: Tone.GOOD,
    Health.STARTING: Tone.GOOD,
    Health.HALTED: Tone.WARNING,
    Health.STOPPED: Tone.WARNING,
}
ACTION_TONES = {"ROTATE": Tone.GOOD, "WAIT": Tone.WARNING, "FAILED": Tone.WARNING}


def status(facts: Status) -> Screen:
    """One screen that answers: is it running, what do I hold, is anything wrong, what is next, how do I stop it?"""
    return framed(facts.who, Fields((*fields(facts),)))


def fields(facts: Status) -> list[Field]:
    if facts.health is Health.NEVER_STARTED:
        return [
            Field("Running", f"no: it was never started with {facts.logs_dir}", Tone.WARNING),
            *stop_fields(facts),
            Field("", "It begins with a dry run: real prices, a simulated account, nothing to lose."),
            Field("To try", f"{COMMAND} demo (takes seconds; no network, simulated prices)"),
            *_halt_fields(facts),
            *_problem_fields(facts),
        ]
    return [
        *_running_fields(facts),
        *_halt_fields(facts),
        *_own_fields(facts),
        *_prices_fields(facts),
        *time_in_fields(facts.time_in),
        *_problem_fields(facts),
        *_notice_fields(facts),
        *_channel_fields(facts),
        *_check_fields(facts),
        *_next_fields(facts),
        *stop_fields(facts),
    ]


def _running_fields(facts: Status) -> list[Field]:
    process, health, now = facts.process, facts.health, facts.now
    tone, beat = HEALTH_TONES.get(health, Tone.BAD), facts.process.heartbeat_at
    if health in (Health.STOPPED, Health.DEAD):
        since = f", last heartbeat {day_and_time(beat)} ({until(beat, now)})" if beat else ""
        return [Field("Running", f"no: {health}{since}", tone)]
    state = {Health.HEALTHY: "yes", Health.STALE: "yes, but silent"}.get(health, f"yes, {health}")
    parts = [f"{state}: pid {process.pid}"]
    if process.uptime_seconds is not None and process.started_at:
        parts.append(f"up {span(now - process.started_at)}")
    if beat:
        parts.append(f"heartbeat {until(beat, now)}")
    return [Field("Running", ", ".join(parts), tone), *_version_fields(process)]


def _version_fields(process: Process) -> list[Field]:
    config = process.config
    parts = [f"version {process.version}"] if process.version else []
    parts += [f"config {process.config_hash}"] if process.config_hash else []
    if config.get("rule"):
        parts.append(f"rule {config['rule']}")
    elif config.get("short_ma_period") and config.get("long_ma_period"):
        parts.append(f"averages of {config['short_ma_period']} and {config['long_ma_period']} days")
    parts += [DECIDES.get(str(config["decide"]), f"decides {config['decide']}")] if config.get("decide") else []
    return [Field("", ", ".join(parts), Tone.FAINT)] if parts else []


def _halt_fields(facts: Status) -> list[Field]:
    """A halt by the owner. It is no problem; a halt by the bot itself is listed among the problems."""
    if facts.halted_by_owner is None:
        return []
    return [Field("Halted", f"by you: {without_accounts(facts.halted_by_owner)}", Tone.WARNING)]


def _own_fields(facts: Status) -> list[Field]:
    own = facts.own
    if own is None:
        return [Field("Holdings", "not known yet", Tone.FAINT)]
    fields = [Field("Holdings", " + ".join([*held(own), f"{usd(own.cash)} USD cash"]))]
    if own.moving_to and own.holding and own.moving_to != own.holding:
        fields.append(Field("", f"on the way from {own.holding} to {own.moving_to}", Tone.WARNING))
    if left := [f"{count(n)} {symbol}" for symbol, n in own.foreign.items() if n]:
        fields.append(Field("", f"not counted: {', '.join(left)} in the account that are yours", Tone.FAINT))
    if own.missing:
        text = f"without {usd(own.missing)} USD of the book's cash, which the account does not have"
        fields.append(Field("", text, Tone.BAD))
    elif own.not_counted >= 1 and facts.who.mode != "dry_run":
        fields.append(Field("", f"not counted: {usd(own.not_counted)} USD in the account that are yours", Tone.FAINT))
    for order in own.open_orders:
        text = order_text(order.side, order.quantity, order.symbol)
        fields.append(Field("", f"order still open: {text}, {order.order_ref or NONE}", Tone.WARNING))
    return [*fields, broker_field(facts, own), *_value_fields(facts, own)]


def held(own: Own) -> list[str]:
    return [f"{count(n)} {symbol}" for symbol, n in sorted(own.shares.items(), reverse=True) if n]


def broker_field(facts: Status, own: Own) -> Field:
    broker = own.broker
    who = "the simulated account" if facts.who.mode == "dry_run" else "the broker"
    if broker is None or own.agrees is None:
        return Field("Broker", f"{who} has not been asked yet", Tone.FAINT)
    at = time_near(broker.taken_at, facts.now) if broker.taken_at else "at an unknown time"
    if own.agrees:
        if facts.health in (Health.STOPPED, Health.DEAD):
            return Field("Broker", f"{who} agreed when last asked, {at}", Tone.GOOD)
        if not own.answers:
            return Field("Broker", f"{who} does not answer now; it agreed when last asked, {at}", Tone.WARNING)
        return Field("Broker", f"{who} agrees (asked {at})", Tone.GOOD)
    says = ", ".join(f"{count(n)} {symbol}" for symbol, n in sorted(broker.positions.items(), reverse=True))
    return Field("Broker", f"{who} DISAGREES: it says {says or 'no shares'} (asked {at})", Tone.BAD)


def _value_fields(facts: Status, own: Own) -> list[Field]:
    if own.equity is None:
        capital = f"; {usd(own.total_capital)} USD were put in" if own.total_capital is not None else ""
        return [Field("Value", f"not known before the first prices{capital}")]
    since = f" since {new_york_date(own.since):%a %Y-%m-%d}" if own.since else ""
    change = f", {usd(own.change, sign=True)} USD ({percent(own.change_pct, sign=True)}){since}"
    tone = Tone.GOOD if (own.change or 0) > 0 else Tone.PLAIN
    fields = [Field("Value", f"{usd(own.equity)} USD{change if own.change is not None else ''}", tone)]
    if own.rests_on_prices and not facts.is_of_now(own.valued_at):
        fields.append(Field("", f"as of {day_and_time(own.valued_at) if own.valued_at else 'an unknown time'}"))
    return fields + [Field(name, text) for name, text in (risk_words(facts.risk) if facts.risk else [])]


def _prices_fields(facts: Status) -> list[Field]:
    """Where prices come from, if not all of them are Yahoo's own; without a daemon they come from nowhere."""
    since, others = facts.prices
    if facts.health in (Health.STOPPED, Health.DEAD):
        return []
    parts = [f"Yahoo silent since {_weekday(since, facts.now)}"] if since else []
    parts += [others or "nothing is decided without it"] if since or others else []
    return [Field("Prices", "; ".join(parts), Tone.WARNING)] if parts else []


def _weekday(moment: datetime, now: datetime) -> str:
    """'Tue 14:02', with the date once it is six days ago."""
    near = now - moment < timedelta(days=6)
    return f"{moment.astimezone(NEW_YORK):{'%a %H:%M' if near else '%a %Y-%m-%d %H:%M'}}"


def _problem_fields(facts: Status) -> list[Field]:
    if not facts.problems:
        return [Field("Problems", "none", Tone.GOOD)]
    fields: list[Field] = []
    for problem in facts.problems:
        fields.append(
            Field("" if fields else "Problems", words(without_accounts(without_detail(problem.text))), Tone.BAD)
        )
        if problem.advice and f"{COMMAND}" not in problem.text:
            fields.append(Field("", f"-> {problem.advice}"))
    return fields


def _notice_fields(facts: Status) -> list[Field]:
    newest = facts.notices[-NOTICES_SHOWN:]
    texts = (f"{time_near(notice.at, facts.now)} {without_accounts(notice.text or '')}" for notice in newest)
    return under("Notices", texts, Tone.FAINT)


def _channel_fields(facts: Status) -> list[Field]:
    """When each channel last accepted a message; a channel that refused is among the problems."""
    fields: list[Field] = []
    for one in facts.channels:
        at = one.delivered_at
        said = f"last accepted {time_near(at, facts.now)} ({until(at, facts.now)})" if at else "nothing accepted yet"
        tone = Tone.WARNING if one.fails else Tone.FAINT
        fields.append(Field("" if fields else "Channels", f"{one.name}: {said}", tone))
    return fields


def _check_fields(facts: Status) -> list[Field]:
    check, signal, now = facts.last_check, facts.last_signal, facts.now
    if check is None and signal is None:
        return [Field("Last check", "none yet", Tone.FAINT)]
    fields = []
    if check is not None:
        shown_above = any(check.sentence and check.sentence in problem.text for problem in facts.problems)
        text = (
            f"{time_near(check.at, now)} {check.action or NONE}, see above"
            if shown_above
            else _decision_text(check, now)
        )
        fields.append(Field("Last check", text, ACTION_TONES.get(check.action or "", Tone.PLAIN)))
    if signal is not None and (check is None or signal.at != check.at):
        fields.append(Field("Signal", _decision_text(signal, now)))
    return fields


def _decision_text(decision: Decision, now: datetime) -> str:
    sentence = without_accounts(without_detail(decision.sentence or "no sentence"))
    return f"{time_near(decision.at, now)} {decision.action or ''}: {sentence}"


def _next_fields(facts: Status) -> list[Field]:
    coming, now = facts.next, facts.now
    opens, check = coming.opens_at, coming.check_at
    parts = ["nothing until it is started"] if facts.health in (Health.STOPPED, Health.DEAD) else []
    if coming.closes_at:
        parts += [f"check {time_near(check, now)} ({until(check, now)})"] if check else []
        if (first := coming.decides_from) is not None:
            parts.append(f"decides from {time_near(first, now)} ({until(first, now)})")
        parts.append(f"exchange open until {time_near(coming.closes_at, now)}")
    elif opens:
        parts.append(f"exchange closed; opens {day_and_time(opens)} ({until(opens, now)})")
        parts += [f"check {time_near(check, now)} ({until(check, now)})"] if check and check < opens else []
    elif check:
        parts.append(f"check {time_near(check, now)} ({until(check, now)})")
    fields = [Field("Next", "; ".join(parts) or "not known yet")]
    if half := coming.half_day_closes_at:
        text = f"{new_york_date(half):%a %Y-%m-%d} is a half-day (closes {clock_time(half)})"
        fields.append(Field("", text, Tone.WARNING))
    return [*fields, *flip_fields(facts)]


def flip_fields(facts: Status) -> list[Field]:
    flip, crossing = facts.next.flip, facts.next.forecast
    if crossing is not None:
        return [Field("Flip", _forecast_text(crossing)), *_seen_fields(facts, crossing.seen_at)]
    if flip is None:
        return [Field("Flip", "Not known before the next check that sees prices.", Tone.FAINT)]
    field = Field("Flip", _flip_text(flip, facts.next.decides_near_close))
    if flip.coming and flip.seen_at and not flip.outdated:
        text = f"Assumes that {flip.symbol} closes {new_york_date(flip.seen_at):%A} at {usd(flip.seen_price)}."
        return [field, Field("", text, Tone.FAINT)]
    return [field, *_seen_fields(facts, flip.seen_at)]


def _seen_fields(facts: Status, seen_at: datetime | None) -> list[Field]:
    """The time of a flip price or forecast, if it is not current."""
    if facts.is_of_now(seen_at):
        return []
    return [Field("", f"as of {day_and_time(seen_at)}; each close moves it a little", Tone.FAINT)]


def _forecast_text(found: Forecast) -> str:
    if found.outdated:
        return f"Not known: there have been no prices since {day_and_time(found.seen_at)}."
    return forecast(found.symbol, found.price, found.sessions, found.target)


def _flip_text(flip: NearestFlip, decides_near_close: bool) -> str:
    """'QQQ is at 612.40. A check that finds it below 606.10 (-1.0 %) sells 1,053 TQQQ and buys 198 QQQ.'"""
    side = "below" if flip.distance_pct < 0 else "above"
    if flip.outdated:
        seen = f"{flip.symbol} was at {usd(flip.seen_price)} {day_and_time(flip.seen_at)}"
        return f"Not known now. {seen}, and {side} {usd(flip.price)} the rule would have wanted {flip.target}."
    check = "decision before the close" if decides_near_close else "check"
    when = f"In the next session, a {check}" if flip.coming else f"A {check}"
    where = f"{side} {usd(flip.price)} ({percent(flip.distance_pct, sign=True, digits=1)})"
    return f"{flip.symbol} is at {usd(flip.seen_price)}. {when} that finds it {where} {_orders_text(flip)}."


def _orders_text(flip: NearestFlip) -> str:
    orders = [f"{o.side.value.lower()}s {count(o.quantity)} {o.symbol}" for o in flip.orders or ()]
    if orders:
        return " and ".join(orders)
    return f"moves to {flip.target}" if flip.orders is None else f"wants {flip.target}, which needs no order"


def stop_fields(facts: Status) -> list[Field]:
    """How the owner starts, stops or halts the daemon."""
    if facts.health in (Health.STOPPED, Health.DEAD, Health.NEVER_STARTED):
        what = " (with real prices; this was a demonstration)" if facts.who.simulated_prices else ""
        return [Field("To start", f"{COMMAND} start{what}")]
    stop = Field("To stop", f"{COMMAND} stop (safe at any moment; the bot keeps what it holds)")
    if facts.health is Health.HALTED:
        return [Field("To resume", f"{COMMAND} resume (ends the halt)"), stop]
    return [stop, Field("", f"{COMMAND} halt (keeps running and watching, but trades nothing until resume)")]
