"""The live terminal's screen: the status, then as many decisions, trades and lines of the log as there is room for."""

from collections.abc import Mapping, Sequence
from typing import Any

from qqqbot.display.formatting import NONE, column_time, usd
from qqqbot.display.terminal import Block, Line, Screen, Tone
from qqqbot.model.new_york import NEW_YORK
from qqqbot.monitoring.screens import status as status_screen
from qqqbot.monitoring.screens import trades as screens
from qqqbot.records.coerce import moment, number, text, without_accounts

# Lines that a status takes on 80 columns, its long sentences wrapped.
STATUS_LINES = 22
SHORTEST_LIST = 3

Facts = Mapping[str, Any]


def live(facts: Facts, height: int) -> Screen:
    """Of at most `height` lines where the status allows it; what comes first matters most."""
    blocks = [*status_screen.status(facts["status"])]
    room = height - STATUS_LINES
    for title, rows, block in _lists(facts):
        shown = min(len(rows), room - 2)
        if shown >= min(SHORTEST_LIST, len(rows)) and shown > 0:
            blocks += [Line(""), Line(title, Tone.TITLE), *block(rows[-shown:])]
            room -= shown + 3
    now = facts["status"]["now"]
    return [*blocks, Line(f"{now.astimezone(NEW_YORK):%H:%M:%S} ET; q quits", Tone.FAINT)]


def _lists(facts: Facts) -> list[tuple[str, Sequence[Any], Any]]:
    return [
        ("Decisions, newest last", facts["decisions"], _decisions),
        ("Trades, newest last", facts["trades"]["trades"], lambda rows: [screens.trade_table(rows)]),
        ("Log", facts["log"]["lines"], lambda lines: [_one_line(screens.log_line(line)) for line in lines]),
    ]


def _decisions(rows: Sequence[Facts]) -> list[Block]:
    return [_one_line(_decision(row)) for row in rows]


def _decision(row: Facts) -> Line:
    """Of the sentence its end, which says what follows from it."""
    sentence = without_accounts(text(row.get("sentence")) or "no sentence").rpartition("; ")[2]
    at, action = column_time(moment(row.get("timestamp"))), text(row.get("action")) or NONE
    told = f"{at} {action:<6} {text(row.get('target')) or NONE:<4} QQQ {usd(number(row.get('price'))):>8}  {sentence}"
    return Line(told, status_screen.ACTION_TONES.get(action, Tone.PLAIN))


def _one_line(line: Line, width: int = 79) -> Line:
    """What is longer is cut: a list keeps its lines."""
    return line if len(line.text) <= width else Line(f"{line.text[: width - 3]}...", line.tone)
