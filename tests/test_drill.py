"""The fire drill, scene by scene as its owner runs it; and that a scene fails where the bot is at fault."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import ROOT

from tests.drill.scenes import SCENES
from tests.drill.stage import stage


@pytest.mark.parametrize("name", SCENES)
def test_a_scene_goes_as_it_must(name: str, tmp_path: Path) -> None:
    scene, out = SCENES[name], io.StringIO()
    if scene.impossible:
        pytest.skip(scene.impossible)
    played = scene.run(tmp_path / name, out)
    assert played.failures == [], out.getvalue()
    assert played.proofs >= 3
    assert "$ ./bot_control.sh " in out.getvalue()


def test_a_bot_that_trades_on_stale_prices_fails_its_drill(tmp_path: Path) -> None:
    scene, out = SCENES["stale"], io.StringIO()
    with stage(tmp_path / "bot", out) as made:
        gates = made.bot.folder / "qqqbot" / "gates.py"
        sound = gates.read_text()
        gates.write_text(sound.replace('Gate("quote_age", age <= limit', 'Gate("quote_age", True'))
        assert gates.read_text() != sound
        scene.play(made)
    assert "an old price is called old, and not traded on" in made.failures
    assert "FAILED: an old price" in out.getvalue()


def test_it_sums_up_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.drill", "half-day"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "All 1 scenes went as they must; 5 things were proved of them." in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_scene_that_does_not_exist_is_told_with_those_that_do() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.drill", "earthquake"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "there is no scene earthquake; there are: gateway, yahoo, stale" in done.stderr
