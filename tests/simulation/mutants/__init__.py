"""Mistakes that the tests must notice. To add one, add an entry to the file of its room; `Mutant` describes it."""

from tests.simulation.mutants import (
    asking,
    bookkeeping,
    commands,
    elsewhere,
    notifications,
    outcomes,
    page,
    records,
    shares,
    strategy,
    trading,
    witnesses,
)

MUTANTS = (
    *strategy.MUTANTS,
    *shares.MUTANTS,
    *witnesses.MUTANTS,
    *records.MUTANTS,
    *trading.MUTANTS,
    *outcomes.MUTANTS,
    *asking.MUTANTS,
    *bookkeeping.MUTANTS,
    *commands.MUTANTS,
    *notifications.MUTANTS,
    *elsewhere.MUTANTS,
    *page.MUTANTS,
)
