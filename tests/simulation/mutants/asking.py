"""Mistakes in asking first: an order against a veto, or without the time that the owner was promised."""

from tests.support.mutants import Mutant

ASKING = "unit/trading/test_asking.py::"

MUTANTS = (
    Mutant(
        "the last check before an order does not look for a veto",
        "strategy/risk.py::_unasked",
        'if {"veto", "halt"} & {answer.value for answer in asked.answers}:',
        "if False:",
        ("unit/strategy/test_asking.py::test_the_last_check_before_an_order_agrees",),
    ),
    Mutant(
        "a channel that cannot be read is silent",
        "strategy/asking.py::released",
        "return asked.silent and waited is not None and waited >= rules.ask_first_seconds",
        "return waited is not None and waited >= rules.ask_first_seconds",
        (ASKING + "test_a_channel_that_is_away_is_no_silence_and_is_told_of",),
    ),
    Mutant(
        "a veto outlives the session",
        "strategy/asking.py::standing",
        "wanted = snapshot.session.date, snapshot.portfolio.holding, target",
        "wanted = asked.session, snapshot.portfolio.holding, target",
        (ASKING + "test_a_veto_ends_with_the_session_and_then_it_is_asked_again",),
    ),
    Mutant(
        "what has begun is asked about",
        "strategy/asking.py::ask_first",
        "if snapshot.half_made is target:",
        "if False:",
        ("unit/strategy/test_asking.py::test_what_has_begun_is_completed_whatever_was_answered",),
    ),
    Mutant(
        "the time to answer is counted by the wall clock alone",
        "trading/asking.py::Asking._waited",
        "min(by_clock, self._clock.monotonic() - asked.delivered_monotonic)",
        "by_clock",
        (ASKING + "test_a_clock_that_is_set_takes_no_time_from_the_owner",),
    ),
    Mutant(
        "a halt by reply is written down before it halts",
        "trading/asking.py::Asking._take",
        "if answer is Answer.HALT:",
        "self._journal.answered(asked, answer, self._clock.now())\n    if answer is Answer.HALT:",
        (ASKING + "test_killed_at_any_row_it_asks_once_and_obeys",),
    ),
    Mutant(
        "an update without a number ends the reading with a traceback",
        "notifications/listen.py::_is_update",
        'type(value.get("update_id")) is int',
        '"update_id" in value',
        ("process/test_owner_channels.py",),
    ),
)
