"""What every screen begins and ends with."""

from qqqbot.display.terminal import Line, plain
from qqqbot.monitoring.screens.frame import framed
from qqqbot.records.folder import Identity


def test_simulated_prices_frame_the_screen() -> None:
    who = Identity("dry_run", "simulated", simulated_prices=True)
    text = plain(framed(who, Line("between"))).splitlines()
    assert text[0].startswith("SIMULATED PRICES. DRY RUN")
    assert text[1:] == ["between", "SIMULATED PRICES"]


def test_real_prices_are_not_called_anything() -> None:
    assert len(framed(Identity("paper", "DU1234567"), Line("x"))) == 2


def test_a_mode_of_another_version_is_shown_as_it_is() -> None:
    assert plain(framed(Identity("replay", "DU1234567"))) == "replay: account DU***567\n"
    assert plain(framed(Identity("live", None))) == "LIVE: orders are for real money; account not known yet\n"
    assert plain(framed(Identity(None, None))) == "NOTHING YET: nothing is recorded here\n"
