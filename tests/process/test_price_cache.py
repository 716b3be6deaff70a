"""The backtest's prices as Yahoo's own client brings them, from a stand-in over TLS."""

from datetime import date
from pathlib import Path

import pytest

from qqqbot.adapters.yahoo.asking import new_session
from qqqbot.adapters.yahoo.child import whole_history
from qqqbot.backtest.prices.cache import cached_prices
from standins.yahoo import Exchange, StandIn, market_series, with_event
from tests.support.builders import new_york
from tests.support.symbols import SYMBOLS
from tests.support.yahoo_world import PATIENT_SECONDS


def test_the_real_client_brings_splits_and_dividends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A TQQQ split and a QQQ dividend, kept and read back."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = market_series(seed=7, first=date(2025, 1, 2), last=date(2026, 12, 31))
    split, paid = date(2026, 3, 2), date(2026, 6, 1)
    exchange = Exchange(
        {"QQQ": with_event(made["QQQ"], paid, dividend=2.0), "TQQQ": with_event(made["TQQQ"], split, split=2.0)}
    )
    now = new_york(date(2026, 11, 24), 18)
    with StandIn(exchange, now=lambda: now) as stand_in:
        session = new_session(timeout_seconds=PATIENT_SECONDS, **stand_in.session_options)
        found = cached_prices(tmp_path / "prices", SYMBOLS, now, lambda symbol: whole_history(symbol, session))
    assert (str(found.dates[0]), str(found.dates[-1])) == ("2025-01-02", "2026-11-24")
    printed = {series.symbol: (series.close * series.factor).tolist() for series in (found.signal, found.fund)}
    before_split = found.dates.astype(str).tolist().index("2026-02-27")
    assert printed["TQQQ"][before_split] == pytest.approx(made["TQQQ"][before_split].close, rel=1e-5)
    assert printed["TQQQ"][-1] == pytest.approx(made["TQQQ"][len(found) - 1].close / 2, rel=1e-5)
    before_payment = found.dates.astype(str).tolist().index("2026-05-29")
    assert found.signal.factor[before_payment] == pytest.approx(
        1 / (1 - 2.0 / made["QQQ"][before_payment].close), rel=1e-4
    )
    assert found.signal.factor[-1] == 1.0
