"""The fire drill, scene by scene as the owner runs it; and a scene fails if the bot makes a mistake."""

import io
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from drill.checkout import ROOT
from drill.scenes import SCENES
from drill.stage import stage
from tests.support.mutants import Mutant


@pytest.mark.parametrize("name", SCENES)
def test_every_claim_of_a_scene_holds(name: str, tmp_path: Path) -> None:
    scene, out = SCENES[name], io.StringIO()
    if scene.impossible:
        pytest.skip(scene.impossible)
    played = scene.run(tmp_path / name, out, {})
    assert played.failures == [], out.getvalue()
    assert played.proofs >= 3
    assert "$ ./bot_control.sh " in out.getvalue()


OTHERS: dict[str, object] = {
    "split": "qqq-200-band",
    "half-day": "ema-5-200",
    "by-hand": "spy-200-upro",
    "kill": {"slow": "sma200", "strong": "QLD", "down": "SGOV"},
}
"""scene -> another rule that it is played with"""


@pytest.mark.parametrize("name", OTHERS)
def test_a_scene_is_played_with_another_rule(name: str, tmp_path: Path) -> None:
    out = io.StringIO()
    played = SCENES[name].run(tmp_path / name, out, {"rule": OTHERS[name]})
    assert played.failures == [], out.getvalue()
    assert played.market.strong in out.getvalue()


FAULTS = {
    "stale": Mutant(
        "the old price was recognized as old, and not traded on",
        "strategy/gates.py::quote_age",
        'Gate("quote_age", age <= limit',
        'Gate("quote_age", True',
    ),
    "half-day": Mutant(
        "after the early close there was no check and no order",
        "model/sessions.py::session_rows",
        "s.close.isoformat()",
        "(s.open + timedelta(hours=6.5)).isoformat()",
    ),
    "disk": Mutant(
        "nothing was sent that could not be written down first",
        "records/jsonl.py::AppendOnlyFile.append_all",
        'append(self._descriptor, self.path, b"".join(lines), synced=True)',
        'with __import__("contextlib").suppress(OSError): append(self._descriptor, self.path, b"".join(lines))',
    ),
}
"""scene -> a mistake in the bot, with the claim of the drill that must then fail for its name"""


@pytest.mark.parametrize("name", FAULTS)
def test_the_mistakes_can_be_made(name: str) -> None:
    assert FAULTS[name].applied((ROOT / "qqqbot" / FAULTS[name].file).read_text(encoding="utf-8"))


class Expected(list[str]):
    """Failures of a scene that ends at the expected one, because the rest of it may be unable to go on."""

    def __init__(self, claim: str) -> None:
        self.claim = claim

    def append(self, claim: str) -> None:
        super().append(claim)
        assert claim != self.claim


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_bot_fails_its_drill(name: str, tmp_path: Path) -> None:
    scene, out, fault = SCENES[name], io.StringIO(), FAULTS[name]
    if scene.impossible:
        pytest.skip(scene.impossible)
    with stage(tmp_path / "bot", out, {}, gateway=scene.gateway) as made:
        fault.apply(made.bot.folder / "qqqbot")
        made.failures = Expected(fault.name)
        with suppress(AssertionError):
            scene.play(made)
    assert fault.name in made.failures, out.getvalue()


def test_it_prints_a_summary_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "drill", "half-day"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 scene passed; 5 claims proved." in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_scene_is_refused_and_the_known_ones_are_listed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "drill", "earthquake"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "unknown scene: earthquake; the scenes are: gateway, yahoo, outage" in done.stderr
