"""Mistakes in the notifications: alarms that do not arrive, arrive late, or say the wrong thing."""

from tests.support.mutants import Mutant

CHANNELS = "unit/notifications/test_channels.py"
MEMORY = ("unit/notifications/test_memory.py",)
LETTERS = ("unit/notifications/test_notifier_letters.py",)
NOTIFIER = ("unit/notifications/test_notifier.py",)
HEALTH = ("unit/notifications/test_notifier_health.py",)

MUTANTS = (
    Mutant(
        "the dead man's switch is fed while status is red",
        "notifications/notifier.py::OwnerNotifier._tell_the_dead_man",
        "if health.exit_code:",
        "if again:",
        HEALTH,
    ),
    Mutant(
        "a session without its decision is over with its close",
        "records/verdict.py::_decides_nothing",
        'mapping(status.get("undecided")) or ',
        "",
    ),
    Mutant(
        "a session without its decision is forgotten with the next check, sound or not",
        "trading/missed.py::Missed._catch_up",
        'sound and row.get("error") is None and row.get("target") == row.get("held")',
        "True",
    ),
    Mutant(
        "a trouble waits behind old news",
        "notifications/outbox.py::Outbox._take",
        "next((waiting for waiting in due if waiting.urgent), due[0])",
        "due[0]",
    ),
    Mutant(
        "an item that waits for its next try holds up the others",
        "notifications/outbox.py::Outbox._take",
        "due = [waiting for waiting in self._items if waiting.due <= now]",
        "due = [] if any(waiting.due > now for waiting in self._items) else list(self._items)",
    ),
    Mutant(
        "what is refused for good is tried again",
        "notifications/outbox.py::Outbox._run",
        "failure is not None and not failure.final and tries_left",
        "failure is not None and tries_left",
    ),
    Mutant(
        "the beginning of a trouble arrives after its end",
        "notifications/outbox.py::Outbox.put",
        "self._items = [waiting for waiting in self._items if waiting.subject != subject]",
        "pass",
    ),
    Mutant(
        "a trouble is dropped for news",
        "notifications/outbox.py::Outbox.put",
        "next((w for w in self._items if not w.urgent), self._items[0])",
        "self._items[0]",
    ),
    Mutant(
        "news is told before its account is known",
        "notifications/notifier.py::OwnerNotifier._send_due",
        "self.engine is not None or notice.kind in URGENT",
        "True",
        MEMORY,
    ),
    Mutant(
        "a message is as long as its news",
        "notifications/notifier.py::shown",
        "len(paragraph) > MOST_NEWS",
        "len(paragraph) > 99 * MOST_NEWS",
        MEMORY,
    ),
    Mutant(
        "the text of a trouble pushes its advice out",
        "notifications/policy.py::Notice.paragraph",
        "clipped(self.text, MOST_TEXT)",
        "self.text",
        MEMORY,
    ),
    Mutant(
        "a trouble that lasts is told once",
        "notifications/policy.py::_is_due",
        "near and not of_channels and new_york_date(now) > new_york_date(known.at)",
        "False",
    ),
    Mutant(
        "a trouble that lasts is told again at every look",
        "notifications/policy.py::_is_due",
        "near and not of_channels and new_york_date(now) > new_york_date(known.at)",
        "near and not of_channels",
    ),
    Mutant(
        "a revoked channel is reported every day",
        "notifications/policy.py::_is_due",
        "near and not of_channels and",
        "near and",
        (f"{CHANNELS}::test_a_channel_that_fails_for_weeks_is_told_once_and_then_in_the_weekly_letter",),
    ),
    Mutant(
        "a channel that works every other hour is reported every time",
        "notifications/policy.py::_is_due",
        "CHANNELS_AGAIN_AFTER if of_channels else AGAIN_AFTER",
        "AGAIN_AFTER",
        (f"{CHANNELS}::test_a_channel_that_fails_for_weeks_is_told_once_and_then_in_the_weekly_letter",),
    ),
    Mutant(
        "a channel's late answer undoes a newer message",
        "notifications/notifier.py::OwnerNotifier._accepted",
        "if self._sent.get(notice.subject) is sent",
        "if True",
        MEMORY,
    ),
    Mutant(
        "a failing channel is told of though there is no other",
        "notifications/notifier.py::OwnerNotifier._troubles",
        "not channels.all_fail",
        "True",
        (f"{CHANNELS}::test_that_a_channel_fails_is_not_over_while_all_of_them_fail", *NOTIFIER),
    ),
    Mutant(
        "a bot that dies again and again is healthy",
        "records/verdict.py::verdict",
        "dies_again(status, now) or",
        "",
        HEALTH,
    ),
    Mutant(
        "a bot that dies again and again is starting",
        "monitoring/health.py::judge",
        "is_starting and not _dies_again(evidence, now)",
        "is_starting",
    ),
    Mutant(
        "the dead man is fed while nobody can see the status",
        "notifications/notifier.py::OwnerNotifier._verdict",
        "return Health.STALE",
        "pass",
        HEALTH,
    ),
    Mutant(
        "one death is news",
        "notifications/notifier.py::OwnerNotifier.died",
        "before is not None and timedelta(0) <= now - before < DYING",
        "True or before",
        NOTIFIER,
    ),
    Mutant(
        "the dead man's address rings at every look",
        "notifications/dead_man_switch.py::DeadManSwitch.ring",
        "what != self._rung",
        "True",
    ),
    Mutant(
        "a week is compared with a value of old prices",
        "notifications/notifier.py::OwnerNotifier._digest",
        '{"equity": equity} if known else {}',
        '{"equity": equity}',
        LETTERS,
    ),
    Mutant(
        "a restart mends a channel",
        "notifications/channels.py::Channels.__init__",
        "if health.fails",
        "if False",
    ),
    Mutant(
        "a supervisor that starts the bot again and again sends a message each time",
        "records/last_run.py::ended",
        'known.get("why") != end.why',
        "True",
    ),
    Mutant(
        "a call that is refused for good is repeated",
        "notifications/dead_man_switch.py::Ping.deliver",
        "refusal.final",
        "False",
        ("process/test_dead_man_switch.py",),
    ),
    Mutant(
        "the daemon forgets what notify-test found",
        "records/channel_health.py::ChannelRecord.all",
        "channels_in(self._logs)",
        "()",
    ),
    Mutant(
        "a letter is sent again by each process",
        "notifications/notifier.py::OwnerNotifier._evening",
        '{"evening": day, "evening_held"',
        '{"evening_held"',
        LETTERS,
    ),
    Mutant(
        "a letter of yesterday is sent",
        "notifications/evening.py::evening",
        "now - session.close >= LATEST",
        "False",
    ),
    Mutant(
        "the last session of a week has two letters",
        "notifications/evening.py::evening",
        " or ended_week(table, now) is not None",
        "",
    ),
    Mutant(
        "a letter gives tomorrow's flip price from an old price",
        "trading/standing.py::is_known",
        "<= FRESH",
        "<= 99 * FRESH",
    ),
    Mutant(
        "a flip price is told of a session that is over",
        "trading/standing.py::is_known",
        "flips.closes_at == close and",
        "",
    ),
    Mutant(
        "a flip price that is not known is not near",
        "notifications/evening.py::is_wanted",
        "not is_known(flips, table, now) or",
        "",
    ),
    Mutant(
        "a stop is a death",
        "records/last_run.py::died",
        'or found.get("state") in SAYS_SO',
        "",
    ),
    Mutant(
        "who ends with an error again and again is well in between",
        "records/last_run.py::died",
        'if found.get("state") == "running" else None',
        "if False else None",
    ),
    Mutant(
        "what refused an earlier start is told of a later one",
        "records/last_run.py::last_end",
        " or (beat is not None and beat > at)",
        "",
    ),
    Mutant(
        "a refused start looks like a stop",
        "monitoring/health.py::judge",
        "evidence.end is not None",
        "False",
    ),
    Mutant(
        "a channel that failed once fails for ever",
        "records/channel_health.py::ChannelHealth.fails",
        "and (self.delivered_at is None or self.refused_at > self.delivered_at)",
        "",
    ),
)
