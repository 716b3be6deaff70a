"""Ask first: whether a rotation that was announced to the owner may be made now. Pure.

An announcement is for one rotation in one session, from what is held to what the rule wants. The owner counts as silent
only if the channels were read after the time to answer and held no reply; a channel that cannot be read is not silence.
A veto holds until the rule's answer changes or the session ends. A rotation that has begun is completed without asking.
"""

from datetime import timedelta

from qqqbot.model.new_york import new_york_text
from qqqbot.model.reasons import Reason
from qqqbot.model.values import Answer, Asked, Gate, Holding, Rules, Snapshot
from qqqbot.strategy.gates import BOTH_LEGS_SECONDS, LAST_SAFE_SECONDS

NAME = "asked"
# Delivering an announcement and reading its replies for the last time take seconds, or longer on a slow channel.
LATE_SECONDS = 180
# Seconds that a session must have left, besides the time to answer, for an announcement to make sense.
NEEDED_SECONDS = LAST_SAFE_SECONDS + BOTH_LEGS_SECONDS + 120


def standing(snapshot: Snapshot, target: Holding) -> Asked | None:
    """The announcement that covers a rotation to `target` made now; None if there is none.

    A halt by reply ends an announcement too: after `resume` the owner is asked again.
    """
    asked = snapshot.asked
    if asked is None or asked.ended or Answer.HALT in asked.answers:
        return None
    wanted = snapshot.session.date, snapshot.portfolio.holding, target
    return asked if (asked.session, asked.held, asked.target) == wanted else None


def ask_first(snapshot: Snapshot, target: Holding, rules: Rules) -> tuple[Gate, bool]:
    """Whether the owner has had a say, and whether the rotation is to be announced now."""
    if snapshot.half_made is target:
        return Gate(NAME, True, "begun", "the rotation has begun"), False
    asked = standing(snapshot, target)
    minutes = f"{rules.ask_first_seconds // 60} minutes"
    if asked is None:
        left = (snapshot.session.close - snapshot.now).total_seconds()
        if snapshot.exchange_open and left < rules.ask_first_seconds + NEEDED_SECONDS:
            sentence = f"{left / 60:.0f} min before the close: too late to ask you {minutes} before a rotation"
            return Gate(NAME, False, "too late", sentence), False
        return Gate(NAME, False, "announced now", f"the rotation is announced {minutes} before it is made"), True
    if Answer.VETO in asked.answers:
        at = new_york_text(asked.announced_at)
        sentence = f"you vetoed a rotation: announced {at}; the veto holds until the answer changes or the close"
        return Gate(NAME, False, "vetoed", sentence, Reason.VETOED), False
    if released(asked, rules):
        found = "go" if rules.ask_first_waits else "no veto"
        return Gate(NAME, True, found, f"announced {new_york_text(asked.announced_at)}: {found}"), False
    return _waiting(asked, rules), False


def released(asked: Asked, rules: Rules) -> bool:
    """Whether only a veto or a halt can still prevent the rotation."""
    if rules.ask_first_waits:
        return Answer.GO in asked.answers
    waited = asked.waited_seconds
    return asked.silent and waited is not None and waited >= rules.ask_first_seconds


def _waiting(asked: Asked, rules: Rules) -> Gate:
    """The failed gate while the owner can still answer; an error once that lasts longer than the owner was promised."""
    overdue = asked.age_seconds > rules.ask_first_seconds + LATE_SECONDS
    if asked.problem:
        found = asked.problem
    elif asked.waited_seconds is None:
        found = "not delivered yet"
    else:
        found = 'no "go"' if rules.ask_first_waits else "time to answer"
    due = new_york_text(asked.announced_at + timedelta(seconds=rules.ask_first_seconds))
    then = f"made after {due} unless you veto it" if not rules.ask_first_waits else 'made after your "go"'
    sentence = f"a rotation to {asked.target} was announced {new_york_text(asked.announced_at)}: {then} ({found})"
    return Gate(NAME, False, found, sentence, Reason.NOT_ANSWERED if overdue else None)
