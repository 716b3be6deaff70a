"""What screens have in common: which account this is, whether the prices are real, and the time in each holding."""

from qqqbot.display.masking import masked
from qqqbot.display.terminal import Block, Field, Line, Screen, Tone
from qqqbot.model.new_york import new_york_date
from qqqbot.monitoring.performance import TimeIn
from qqqbot.records.folder import Identity

SIMULATED = "SIMULATED PRICES"
MODES = {
    "dry_run": ("DRY RUN", "simulated account, no order can reach a broker", Tone.TITLE),
    "paper": ("PAPER", "Interactive Brokers paper trading, no real money", Tone.TITLE),
    "live": ("LIVE", "orders are for real money", Tone.BAD),
}
"""mode -> its name, what it means, and how it looks"""


def framed(who: Identity, *blocks: Block) -> Screen:
    """`blocks` under the line that names the account; simulated prices are named first and last."""
    first = mode_line(who.mode, who.account)
    if not who.simulated_prices:
        return (first, *blocks)
    return (Line(f"{SIMULATED}. {first.text}", Tone.WARNING), *blocks, Line(SIMULATED, Tone.WARNING))


def mode_line(mode: str | None, account: str | None) -> Line:
    if mode is None:
        return Line("Nothing recorded here yet", Tone.TITLE)
    name, meaning, tone = MODES.get(mode, (mode, "", Tone.TITLE))
    named = "" if mode == "dry_run" else f"account {masked(account)}" if account else "account not known yet"
    return Line(f"{name}: {'; '.join(filter(None, (meaning, named)))}", tone)


def time_in_fields(time_in: TimeIn | None) -> list[Field]:
    if time_in is None:
        return []
    parts = [f"{name} {spent.days:,.1f} d ({spent.pct:.0f} %)" for name, spent in time_in.holdings.items()]
    start = "" if time_in.whole else f" (newest trades only, since {new_york_date(time_in.since)})"
    return [Field("Time in", ", ".join(parts) + start)]
