"""No value that JSON can hold, wherever in the files it stands, ends a view with a traceback."""

import copy
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import monitor
from qqqbot.model.values import Holding
from qqqbot.monitoring.facts.dashboard import charts, dashboard
from qqqbot.monitoring.web import metrics, page
from qqqbot.records.codec import packed, to_plain, unpacked
from qqqbot.records.decisions import decision_values
from qqqbot.records.folder import Folder
from qqqbot.records.inputs import InputLog
from qqqbot.runtime.clock import VirtualClock
from qqqbot.strategy.planning import decide
from qqqbot.trading.engine import flips
from tests.support.builders import NOW, RULES, account, portfolio, snapshot
from tests.support.monitor_samples import IDENTITY, PID, LogsFolder, as_json, book, status_values

VIEWS = ("--status", "--status --json", "--trades", "--performance", "--why", "--why 2026-11-24", "--replay", "--logs")
TIMES = ("0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00", "2026-01-01T00:00:00", "2026-11-24T17:00:00+00:00")
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, -1, 1e308, 10**400, 3.5, "", "x", "1e999", "-Infinity", "\ud800<script>", *TIMES]),
    st.recursive(
        st.sampled_from([None, 1, "x", TIMES[0]]),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["QQQ", "a"]), inner, max_size=2),
        max_leaves=4,
    ),
)
Place = tuple[str | int, ...]


class Files:
    """status.json and the last rows of the records, each as a value that can be put back."""

    def __init__(self, path: Path) -> None:
        self.logs = LogsFolder(path)
        seen = snapshot(Holding.TQQQ, now=NOW, portfolio=portfolio(qqq=200), account=account(portfolio(qqq=200)))
        row = as_json({"timestamp": NOW.isoformat(), **IDENTITY, **decision_values(seen, decide(seen, RULES))})
        InputLog(self.logs.folder.inputs).record(seen, RULES, {"timestamp": NOW.isoformat(), **IDENTITY})
        order = {**IDENTITY, "timestamp": NOW.isoformat(), "event": "intended", "order_ref": "a", "side": "SELL"}
        self.logs.rows("decisions.jsonl", [row])
        self.logs.rows("trades.jsonl", book())
        self.logs.rows("orders.jsonl", [{**order, "symbol": "QQQ", "quantity": 200}])
        self.logs.status(**status_values(NOW, last_check=row, last_signal=row, flip=to_plain(flips(seen, RULES))))
        self.whole = {path.name: path.read_text() for path in sorted(self.logs.path.iterdir())}

    def value(self, name: str) -> Any:
        """The last row of the file; of inputs.jsonl the base, unpacked."""
        lines = self.whole[name].splitlines()
        if name != "inputs.jsonl":
            return json.loads(lines[-1])
        return unpacked(json.loads(lines[0])["packed"])

    def put(self, name: str, value: Any) -> None:
        lines = self.whole[name].splitlines()
        if name == "inputs.jsonl":
            lines[0] = json.dumps({**json.loads(lines[0]), "packed": packed(value)})
        else:
            lines[-1] = json.dumps(value)
        self.logs.text(name, "\n".join(lines) + "\n")

    def restore(self, name: str) -> None:
        self.logs.text(name, self.whole[name])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("odd") / "logs")


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    yield at
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, (*at, key))


def changed(value: Any, at: Place, odd: Any) -> Any:
    if not at:
        return odd
    found = inner = copy.deepcopy(value)
    for key in at[:-1]:
        inner = inner[key]
    inner[at[-1]] = odd
    return found


def look(files: Files) -> None:
    """At everything that there is to see."""
    folder, clock = Folder(files.logs.path, lambda _: PID), VirtualClock(NOW)
    facts = dashboard(folder, NOW)
    assert page.document(page.parts(facts), "")
    assert json.dumps(charts(folder, NOW).columns(), allow_nan=False)
    assert metrics.text(facts.status)
    assert metrics.health(facts.status)
    for view in VIEWS:
        arguments = [*view.split(), "--logs-dir", str(folder.path)]
        code = monitor.main(arguments, clock, io.StringIO(), lock_holder=lambda _: PID)
        assert code in (0, 1, 3, 4, 5), view


NAMES = ("status.json", "decisions.jsonl", "trades.jsonl", "orders.jsonl", "inputs.jsonl")


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_an_odd_value_anywhere_breaks_no_view(files: Files, name: str, data: st.DataObject) -> None:
    whole = files.value(name)
    at = data.draw(st.sampled_from([*places(whole)]))
    odd = data.draw(ODD)
    try:
        files.put(name, changed(whole, at, odd))
        look(files)
    finally:
        files.restore(name)
