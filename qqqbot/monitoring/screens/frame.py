"""What screens have in common: the account, whether its prices are real, and the time in each holding."""

from collections.abc import Iterable

from qqqbot.display.masking import masked
from qqqbot.display.terminal import Block, Field, Line, Screen, Tone
from qqqbot.model.new_york import new_york_date
from qqqbot.monitoring.performance import TimeIn
from qqqbot.records.folder import Identity

SIMULATED = "SIMULATED PRICES"
_MODES = {
    "dry_run": ("DRY RUN", "simulated account, no order can reach a broker", Tone.TITLE),
    "paper": ("PAPER", "Interactive Brokers paper trading, no real money", Tone.TITLE),
    "live": ("LIVE", "orders are for real money", Tone.BAD),
}
"""mode -> its name, its meaning, and the tone of its line"""


def framed(who: Identity, *blocks: Block, notes: Iterable[str] = ()) -> Screen:
    """`blocks` below the line that names the account, and above `notes`; simulated prices are named first and last."""
    name, told, tone = mode_words(who.mode, who.account)
    first = f"{name}: {told}"
    noted = (*blocks, *(Line(note, Tone.WARNING) for note in notes))
    if not who.simulated_prices:
        return (Line(first, tone), *noted)
    return (Line(f"{SIMULATED}. {first}", Tone.WARNING), *noted, Line(SIMULATED, Tone.WARNING))


def mode_words(mode: str | None, account: str | None) -> tuple[str, str, Tone]:
    """The mode's name in capitals, its meaning, and its tone."""
    if mode is None:
        return "NOTHING YET", "nothing is recorded here", Tone.TITLE
    name, meaning, tone = _MODES.get(mode, (mode, "", Tone.TITLE))
    named = "" if mode == "dry_run" else f"account {masked(account)}" if account else "account not known yet"
    return name, "; ".join(filter(None, (meaning, named))), tone


def time_in_fields(time_in: TimeIn | None) -> list[Field]:
    """The time in each holding; nothing until there is a whole day."""
    if time_in is None or sum(spent.days for spent in time_in.holdings.values()) < 1:
        return []
    parts = [f"{name} {spent.days:,.1f} d ({spent.pct:.0f} %)" for name, spent in time_in.holdings.items()]
    start = "" if time_in.whole else f" (newest trades only, since {new_york_date(time_in.since)})"
    return [Field("Time in", ", ".join(parts) + start)]
